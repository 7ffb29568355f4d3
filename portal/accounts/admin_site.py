"""The /admin/ site: users, roles and the cached tables, for superusers only."""

from __future__ import annotations

from typing import Any

from django.contrib.admin import AdminSite
from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.utils.decorators import method_decorator

from portal.web.permissions import to_sign_in


class PortalAdminSite(AdminSite):
    """Closed to staff who are not superusers: whoever edits users could promote themselves."""

    site_header = "Environment Portal: users and roles"
    site_title = "Environment Portal"
    index_title = "Users, roles and cached tables"
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        """Whether the user may open any page of the site."""
        return request.user.is_active and request.user.is_superuser

    @method_decorator(login_not_required)
    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Use the portal's sign-in page, with its throttle."""
        if request.user.is_authenticated:
            raise PermissionDenied("Users and roles are managed by superusers of the portal.")
        return to_sign_in(request)
