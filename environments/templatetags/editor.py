"""Parts of an environment's page: links to the specification editor, and marks beside names: {% load editor %}."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode
from uuid import UUID

from django import template
from django.urls import reverse
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString

from environments.actions.specification import ACTIONS

register = template.Library()
EDITS = {action.slug.removeprefix("edit/"): action for action in ACTIONS if action.slug}


@register.simple_tag
def standing_mark(standing: Mapping[UUID, str], identity: UUID | None, kind: str) -> SafeString:
    """That the owner left, the project was deleted …, leading to all environments alike."""
    word = standing.get(identity) if standing and identity else None
    if not word:
        return SafeString("")
    url = f"{reverse('environments:list')}?{urlencode({'q': f'{kind}:{word}'})}"
    return format_html(' <a class="list-standing" href="{}">{}</a>', url, word)


@register.inclusion_tag("environments/actions/edit/_link.html", takes_context=True)
def edit_link(context: template.Context, slug: str, label: str = "Edit") -> dict[str, Any]:
    """A link to the form of the part `slug` of context's `environment`, disabled with a reason if not available."""
    action, environment, user = EDITS[slug], context["environment"], context["request"].user
    return {
        "label": label,
        "title": action.title or action.label,
        "url": reverse(f"environments:edit-{slug}", args=[environment.pk]),
        "why_not": action.obstacle(user, environment, None, timezone.now()),  # no policy forbids editing as such
    }
