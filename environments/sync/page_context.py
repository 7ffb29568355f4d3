"""Context of every full page's frame: the organization, and as of when its data is."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest

from environments.sync.connection import connection, newest_listing, own_token_of
from portal.directory.models import Organization
from portal.web import clock
from portal.web.htmx import is_fragment


def frame(request: HttpRequest) -> dict[str, Any]:
    """Context processor: `organization`, `connection`, `own_token` and `freshness` on full pages of those who may see
    environments; four queries.

    Others, error pages included, are told nothing of the organization.
    """
    user = getattr(request, "user", None)
    if user is None or is_fragment(request) or not user.has_perm("environments.view_environment"):
        return {}
    environments = newest_listing(user)
    organization = Organization.objects.present().order_by("id").first()
    context = {
        "organization": organization,
        "connection": connection(user, environments),
        "own_token": own_token_of(user),
    }
    # beside the time of a page of the past, "as of" the last sync would be a second one
    return context if clock.is_past() else context | {"freshness": environments}
