"""Parts of an environment's page: links to the specification editor: {% load editor %}."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse
from django.utils import timezone

from environments.actions.specification import ACTIONS

register = template.Library()
EDITS = {action.slug.removeprefix("edit/"): action for action in ACTIONS if action.slug}


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
