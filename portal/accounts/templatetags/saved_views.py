"""The menu of saved views: {% load saved_views %}."""

from __future__ import annotations

from typing import Any

from django import template

from portal.accounts.saved_views.menu import menu_of_page

register = template.Library()


@register.inclusion_tag("accounts/views/_menu.html", takes_context=True)
def saved_views(context: template.Context) -> dict[str, Any]:
    """The menu on the page of a list; nothing on other pages."""
    request = context.get("request")
    return {"menu": menu_of_page(request) if request is not None else None}
