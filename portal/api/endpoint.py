"""What every endpoint shares: who may use it, one method, JSON alone, and its entry in the schema."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.core.exceptions import PermissionDenied
from django.http import HttpResponseBase
from drf_spectacular.utils import extend_schema
from rest_framework import exceptions
from rest_framework.decorators import api_view, permission_classes, renderer_classes
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from portal.api.body import AnyRenderer, JSONRenderer
from portal.web.permissions import explain_roles

Endpoint = Callable[..., HttpResponseBase]


def endpoint(method: str, *permissions: str, is_file: bool = False, **schema: Any) -> Callable[[Endpoint], Endpoint]:
    """Make an endpoint of a function; `schema` are the arguments of drf-spectacular's `extend_schema`.

    The permissions are those of its page, and can be read as `view.permissions`; in the schema they are
    `x-permissions`. What is a file is sent whatever the request accepts.
    """
    renderers = [JSONRenderer, AnyRenderer] if is_file else [JSONRenderer]

    def decorate(view: Endpoint) -> Endpoint:
        schema.setdefault("extensions", {})["x-permissions"] = list(permissions)
        guarded = renderer_classes(renderers)(permission_classes([_needs(permissions)])(view))
        made: Endpoint = login_not_required(extend_schema(**schema)(api_view([method])(guarded)))  # 401, no redirect
        made.permissions = permissions  # type: ignore[attr-defined]
        return made

    return decorate


def _needs(permissions: tuple[str, ...]) -> type[BasePermission]:
    class Needs(BasePermission):
        """The roles that the page needs; the refusal says which, and who can give them."""

        def has_permission(self, request: Request, view: object) -> bool:
            if not request.user.is_authenticated:
                raise exceptions.NotAuthenticated
            if not request.user.has_perms(permissions):
                raise PermissionDenied(explain_roles(request.user, permissions, "This address"))
            return True

    return Needs
