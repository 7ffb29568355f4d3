"""The /admin/ site: users, roles and the cached tables, for superusers only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils.decorators import method_decorator

from portal.web.confirming import asks_again
from portal.web.permissions import to_sign_in

AdminView = TypeVar("AdminView", bound=Callable[..., HttpResponseBase])


class PortalAdminSite(AdminSite):
    """Closed to staff who are not superusers: whoever edits users could promote themselves."""

    site_header = "Environment Portal: users and roles"
    site_title = "Environment Portal"
    index_title = "Users, roles and cached tables"
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the user may open any page of the site."""
        return request.user.is_active and request.user.is_superuser

    def admin_view(self, view: AdminView, cacheable: bool = False) -> AdminView:
        """Whoever gives roles here confirms who they are."""
        return asks_again("POST")(super().admin_view(view, cacheable))

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Use the portal's sign-in page, with its throttle."""
        if request.user.is_authenticated:
            raise PermissionDenied("Users and roles are managed by superusers of the portal.")
        return to_sign_in(request)
