"""Saved views over the REST API: one's own and the shared ones; made, changed and deleted by their owner alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpResponseBase, QueryDict
from django.urls import path
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework.request import Request
from rest_framework.response import Response

from portal.accounts.forms import SavedViewForm, ViewForm
from portal.accounts.models import ApiToken, SavedView, Start
from portal.accounts.saved_views import changes
from portal.accounts.saved_views.changes import NotKept
from portal.accounts.saved_views.list import SAVED_VIEWS
from portal.accounts.saved_views.menu import VIEW, may_save
from portal.api.endpoint import endpoint
from portal.api.errors import InvalidBody, Problem
from portal.api.listing import one
from portal.api.parameters import refuse_all
from portal.api.schema import problems, row_schema
from portal.lists.query import read_query
from portal.lists.registry import LISTS, SAVABLE

READ_ONLY = "This token is read-only: it cannot change views."
NOT_YOURS = "There is no such view among your own."
NO_LIST = "There is no such list, or you may not see it. Views are of: {}."
TEXT, FLAG = {"type": "string"}, {"type": "boolean"}
FIELDS: dict[str, Any] = {
    "name": TEXT,
    "query": {**TEXT, "description": "Its filters, as the page's address has them: phase=running&q=…"},
    "is_shared": {**FLAG, "description": "Whether everybody who may see the list sees it."},
    "is_start": {**FLAG, "description": "Whether it is the page that you start with."},
}
OF_NEW = FIELDS | {"list": {**TEXT, "description": "The list's name, such as environments:list."}}
KINDS = {"string": (str, "a text"), "boolean": (bool, "true or false")}
OF_ONE = OpenApiParameter("view_id", int, OpenApiParameter.PATH)


def _schema(act: str, summary: str, fields: Mapping[str, Any], *required: str) -> dict[str, Any]:
    body = {"type": "object", "properties": dict(fields), "required": list(required), "additionalProperties": False}
    example = {"name": "Failing", "list": "environments:list", "query": "flag=failing"}
    told = {name: value for name, value in example.items() if name in fields}
    return {
        "operation_id": f"saved_view_{act}",
        "summary": f"{act.capitalize()} a view",
        "description": summary,
        "tags": ["saved-views"],
        "parameters": [] if required else [OF_ONE],
        "request": {"application/json": body},
        "examples": [OpenApiExample("body", told, request_only=True)],
        "responses": {
            200: OpenApiResponse(row_schema(SAVED_VIEWS), "The view.", [OpenApiExample("view", {"id": 7, **example})]),
            **problems(400, 404, 409, 413, 415, 422),
        },
    }


@endpoint(
    "POST",
    VIEW,
    **_schema("create", "Saves filters under a name; sent again, it is still one.", OF_NEW, "name", "list"),
)
def create(request: Request) -> HttpResponseBase:
    given, user = _given(request, OF_NEW), _person(request)
    url_name = str(given.get("list", ""))
    if not may_save(user, url_name):
        names = ", ".join(name for name in SAVABLE if may_save(user, name))
        raise InvalidBody([("/list", NO_LIST.format(names))])
    query = str(given.get("query", ""))
    _refuse_unclear(url_name, query)
    cleaned = _cleaned(SavedViewForm(_as_form(given)))
    return _told(_kept(lambda: changes.keep_view(owner=user, url_name=url_name, query=query, **cleaned)))


@endpoint("POST", VIEW, **_schema("change", "Changes what the body has, and nothing else.", FIELDS))
def change(request: Request, view_id: int) -> HttpResponseBase:
    given, view = _given(request, FIELDS), _own(request, view_id)
    is_start = Start.objects.filter(user=view.owner, view=view).exists()
    shown = {"name": view.name, "is_shared": view.is_shared, "is_start": is_start}
    cleaned = _cleaned(ViewForm(_as_form(shown | given)))
    if "query" in given:
        _refuse_unclear(view.url_name, given["query"])

    def write() -> SavedView:
        with transaction.atomic():
            changes.change_view(view=view, **cleaned)
            if "query" in given:
                changes.refill_view(view=view, query=given["query"])
        return view

    return _told(_kept(write))


@endpoint("POST", VIEW, **_schema("delete", "Deletes a view; the answer is what it was.", {}))
def delete(request: Request, view_id: int) -> HttpResponseBase:
    _given(request, {})
    view = _own(request, view_id)
    told = _told(view)
    changes.delete_view(view=view)
    return told


def _told(view: SavedView) -> HttpResponseBase:
    return Response(one(SAVED_VIEWS, view))


def _given(request: Request, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The body; raises InvalidBody for fields it cannot have. A read-only token gets no further."""
    refuse_all(request.query_params)
    if isinstance(request.auth, ApiToken) and request.auth.is_read_only:
        raise PermissionDenied(READ_ONLY)
    found = []
    for name, value in dict(request.data).items():
        kind, words = KINDS[fields[name]["type"]] if name in fields else (object, "")
        if name not in fields:
            found.append((f"/{name[:60]}", f"There is no field {name[:60]}."))
        elif not isinstance(value, kind):
            found.append((f"/{name}", f"{name} takes {words}."))
    if found:
        raise InvalidBody(found)
    return dict(request.data)


def _as_form(given: Mapping[str, Any]) -> QueryDict:
    """As a browser sends it: what is not ticked is left out."""
    data = QueryDict(mutable=True)
    data.update({name: "on" if value is True else value for name, value in given.items() if value is not False})
    return data


def _cleaned(form: ViewForm) -> dict[str, Any]:
    if not form.is_valid():
        raise InvalidBody([(f"/{name}", str(each)) for name, found in form.errors.items() for each in found])
    return {name: form.cleaned_data[name] for name in ("name", "is_shared", "is_start")}


def _refuse_unclear(url_name: str, query: str) -> None:
    """What the list does not understand must not be dropped from a view unseen."""
    if (listing := LISTS.get(url_name)) and (found := read_query(listing, QueryDict(query)).problems):
        raise InvalidBody([("/query", str(each)) for each in found])


def _kept(write: Callable[[], SavedView]) -> SavedView:
    try:
        return write()
    except NotKept as reason:
        if reason.field:
            raise InvalidBody([(f"/{reason.field}", str(reason))]) from None
        raise Problem("not-possible", 409, str(reason)) from None


def _person(request: Request) -> User:
    if not isinstance(request.user, User):
        raise PermissionDenied(READ_ONLY)
    return request.user


def _own(request: Request, view_id: int) -> SavedView:
    found = SavedView.objects.select_related("owner").filter(pk=view_id, owner_id=request.user.pk).first()
    if found is None:
        raise Http404(NOT_YOURS)
    return found


urlpatterns = [
    path("saved-views/actions/create/", create, name="create-saved-view"),
    path("saved-views/<int:view_id>/actions/change/", change, name="change-saved-view"),
    path("saved-views/<int:view_id>/actions/delete/", delete, name="delete-saved-view"),
]
