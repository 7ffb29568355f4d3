"""Where a page lies, and what it ignores: {% load lists %}."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

from django import template

from portal.lists.parameters import ignored
from portal.lists.registry import SAVABLE
from portal.web.navigation import PLACES, is_within, url_of

register = template.Library()


@dataclass(frozen=True, slots=True)
class Crumb:
    """A page that others lie beneath, for those who have its permissions."""

    url: str
    label: str
    permissions: tuple[str, ...]


@register.inclusion_tag("lists/_breadcrumbs.html", takes_context=True)
def breadcrumbs(context: template.Context) -> dict[str, Any]:
    """The pages above the present one that its reader may open; static/js/trail.js adds the list that one came from."""
    request = context.get("request")
    user = getattr(request, "user", None)  # a request that is refused early has none
    if request is None or user is None or not user.is_authenticated:
        return {"crumbs": []}
    above = (crumb for crumb in _crumbs() if is_within(request.path, crumb.url))
    return {"crumbs": [crumb for crumb in above if user.has_perms(crumb.permissions)]}


@register.inclusion_tag("lists/_ignored.html", takes_context=True)
def ignored_parameters(context: template.Context) -> dict[str, Any]:
    """What of its address a page does not understand."""
    request = context.get("request")
    return {"problems": ignored(request) if request and getattr(request, "user", None) else []}


@cache
def _crumbs() -> list[Crumb]:
    """Every page of the navigation and every list, those above others first."""
    found = {url_of(name): Crumb(url_of(name), each.label, each.permissions) for name, each in SAVABLE.items()}
    found |= {url_of(each.url_name): Crumb(url_of(each.url_name), each.label, (each.permission,)) for each in PLACES}
    return sorted((crumb for url, crumb in found.items() if url), key=lambda crumb: crumb.url)
