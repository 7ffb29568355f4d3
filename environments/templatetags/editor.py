"""Links to the specification editor: {% load editor %}."""

from __future__ import annotations

from typing import Any

from django import template
from django.urls import reverse

from environments.actions.views.specification import EDITORS, why_not

register = template.Library()


@register.inclusion_tag("environments/actions/edit/_link.html", takes_context=True)
def edit_link(context: template.Context, slug: str, label: str = "Edit") -> dict[str, Any]:
    """A link to the form of the part `slug` of context's `environment`, disabled with a reason if not available."""
    editor, environment, request = EDITORS[slug], context["environment"], context["request"]
    return {
        "label": label,
        "title": editor.title,
        "url": reverse(f"environments:edit-{slug}", args=[environment.pk]),
        "why_not": why_not(editor, environment, request.user),
    }
