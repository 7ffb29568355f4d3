"""What the OpenAPI document says of endpoints, derived from the declarations of lists."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import FieldDoesNotExist
from django.db import models
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse
from rest_framework import serializers

from portal.api.parameters import MAX_SIZE, names_of
from portal.api.schema_components import NAME
from portal.lists.declaration import List, Table
from portal.lists.search import OneOf
from portal.web.addresses import AnyText
from portal.web.problems import CONTENT_TYPE, KINDS, type_of

AT = "2026-11-28T09:30:00Z"
ID = "0199c5a0-5d5b-7c5e-9d6b-3b1f0c2a4e11"
TYPES: tuple[tuple[type[models.Field[Any, Any]], Mapping[str, Any], Any], ...] = (
    (models.UUIDField, {"type": ["string", "null"], "format": "uuid"}, ID),
    (models.DateTimeField, {"type": ["string", "null"], "format": "date-time"}, AT),
    (models.DurationField, {"type": ["number", "null"], "description": "Seconds."}, 1800),
    (models.BooleanField, {"type": ["boolean", "null"]}, False),
    (models.IntegerField, {"type": ["integer", "null"]}, 3),
    (models.FloatField, {"type": ["number", "null"]}, 0.5),
    (models.DecimalField, {"type": ["number", "null"]}, 12),
    (models.TextField, {"type": ["string", "null"]}, "text"),
    (models.GenericIPAddressField, {"type": ["string", "null"]}, "192.0.2.1"),
    (models.CharField, {"type": ["string", "null"]}, "text"),
    (ArrayField, {"type": ["array", "null"]}, []),
    (models.JSONField, {"type": ["object", "array", "null"]}, {}),
    (models.Field, {"type": ["string", "integer", "null"]}, ID),  # ids of different things
)
MEANINGS = {
    400: "Parameters that make no sense or do not exist.",
    401: "No session and no token, or one that is not valid.",
    403: "Your roles do not permit it.",
    404: "There is nothing at this address.",
    405: "Another method.",
    406: "Only JSON is sent.",
    409: "It cannot be done now, Ona refused it, or the idempotency key belongs to another request.",
    412: "Somebody else changed this: before, theirs and mine.",
    413: "The body is larger than is read.",
    415: "The body is not JSON.",
    422: "Fields that are missing, unknown or not valid, each by its JSON pointer.",
    428: "If-Match is required.",
    429: "Too many requests: Retry-After says when to try again.",
    502: "Ona or the source of a log cannot be read.",
    503: "The database or Ona is away, or the portal is busy: Retry-After says when to try again.",
}
ALWAYS = (401, 403, 406, 429, 503)
KIND_OF = {
    400: "invalid-parameters", 401: "not-signed-in", 403: "not-permitted", 404: "not-found",
    405: "method-not-allowed", 406: "not-acceptable", 409: "not-possible", 412: "changed-meanwhile",
    413: "too-large", 415: "unsupported-media-type", 422: "invalid-body", 428: "version-required",
    429: "too-many-requests", 502: "ona-unavailable", 503: "unavailable",
}  # fmt: skip


class ErrorSerializer(serializers.Serializer[Any]):
    """What is wrong with one parameter or field."""

    detail = serializers.CharField()
    parameter = serializers.CharField(required=False)
    pointer = serializers.CharField(required=False, help_text="JSON pointer into the body, such as #/reason.")


class ProblemSerializer(serializers.Serializer[Any]):
    """RFC 9457. `type` never changes; members that do not apply are left out."""

    type = serializers.CharField()
    title = serializers.CharField()
    status = serializers.IntegerField()
    detail = serializers.CharField()
    errors = ErrorSerializer(many=True, required=False)  # type: ignore[assignment]  # serializers have such a property
    code = serializers.CharField(required=False, help_text="Ona's code, if Ona refused.")
    request_id = serializers.CharField(required=False, help_text="Ona's id of the request, for its support.")
    operation = serializers.JSONField(required=False, help_text="The operation in the ledger that failed.")
    before = serializers.JSONField(required=False)
    theirs = serializers.JSONField(required=False)
    mine = serializers.JSONField(required=False)


def problems(*statuses: int) -> dict[Any, Any]:
    """The errors of an endpoint: these, and those that every one has."""
    return {(status, CONTENT_TYPE): _problem(status) for status in sorted({*statuses, *ALWAYS})}


def _problem(status: int) -> OpenApiResponse:
    kind = KIND_OF[status]
    value = {"type": type_of(kind), "title": KINDS[kind], "status": status, "detail": MEANINGS[status]}
    return OpenApiResponse(ProblemSerializer, MEANINGS[status], [OpenApiExample(kind, value)])


def success(description: str, schema: Mapping[str, Any], example: Any) -> OpenApiResponse:
    """An answer with JSON of this schema."""
    return OpenApiResponse(dict(schema), description, [OpenApiExample("answer", example)])


def of_rows(listing: List) -> dict[str, Any]:
    """The operation that reads a list."""
    row = row_schema(listing)
    answer = {
        "type": "object",
        "required": ["results", "next"],
        "properties": {
            "results": {"type": "array", "items": row},
            "next": {"type": ["string", "null"], "description": "The next page; null on the last one."},
            **({"as_of": {"type": ["string", "null"], "format": "date-time"}} if listing.has_past else {}),
            "count": {"type": "integer", "description": "With count=true."},
            "count_is_exact": {"type": "boolean", "description": "False if there are more than were counted."},
        },
    }
    example: dict[str, Any] = {"results": [_example(listing)], "next": None}
    example |= {"as_of": None} if listing.has_past else {}
    return {
        "operation_id": f"{_id(listing)}_list",
        "summary": listing.title,
        "description": f"The rows of the list “{listing.title}”, with the filters of its page by the same names. A "
        "parameter that does not exist, or a value that makes no sense, is an error.",
        "tags": [_tag(listing)],
        "parameters": [*of_path(listing), *map(_parameter(listing), names_of(listing))],
        "responses": {200: success("One page of rows.", answer, example), **problems(400, 404)},
    }


def of_row(listing: List) -> dict[str, Any]:
    """The operation that reads one row."""
    schema = row_schema(listing)
    return {
        "operation_id": f"{_id(listing)}_read",
        "summary": f"One {listing.one}",
        "description": f"One {listing.one} by its id, in the list or not, with its details.",
        "tags": [_tag(listing)],
        "parameters": of_path(listing),
        "responses": {200: success(f"The {listing.one}.", schema, _example(listing)), **problems(400, 404)},
    }


def row_schema(listing: List) -> dict[str, Any]:
    """The fields of a row, with what is known of their types; its own address may tell more."""
    properties = {name: dict(_type(listing, name, column)[0]) for name, column in _columns(listing.table)}
    name = "".join(part.capitalize() for part in re.split(r"\W", listing.page_url.replace(":", "_").replace("_", "-")))
    return {"type": "object", "properties": properties, NAME: f"{name}Row"}


def of_path(listing: List) -> list[OpenApiParameter]:
    """The texts in its address; ids are known from their converters."""
    return [
        OpenApiParameter(
            name,
            {"type": "string", "pattern": f"^(?:{AnyText.regex})$"},
            OpenApiParameter.PATH,
            required=True,
            description="Letters, digits, - and _ stand for themselves; ~ and two hexadecimal digits for other bytes.",
        )
        for name in re.findall(r"<any:(\w+)>", listing.api or "")
    ]


def _columns(table: Table | None) -> list[tuple[str, str]]:
    return [*table.columns.items(), *((name, "") for name in table.more)] if table else []


def _type(listing: List, name: str, column: str) -> tuple[Mapping[str, Any], Any]:
    """What is known of a cell: as its table declares it, else by its column."""
    declared = listing.table and listing.table.types.get(name)
    kind = declared or _kind(listing.model, column or name)
    return next(((schema, example) for cls, schema, example in TYPES if issubclass(kind, cls)), ({}, None))


def _kind(model: type[models.Model], column: str) -> type[Any]:
    """The kind of the model's column, or of a model that it leads to; that of nothing for what is made of others."""
    first, _, rest = column.partition("__")
    try:
        field: Any = next(
            (each for each in model._meta.concrete_fields if each.attname == first), None
        ) or model._meta.get_field(first)
    except FieldDoesNotExist:
        return type(None)
    if rest:
        return _kind(field.related_model, rest)
    field = field.target_field if isinstance(field, models.ForeignKey) else field
    return type(field.output_field if isinstance(field, models.GeneratedField) else field)


def _example(listing: List) -> dict[str, Any]:
    return {name: _type(listing, name, column)[1] for name, column in _columns(listing.table)}


def _parameter(listing: List) -> Any:
    def parameter(name: str) -> OpenApiParameter:
        each = listing.by_name.get(name)
        if each is not None:
            values = "one value" if each.single else "any of these values"
            text = f"{each.label or 'Words'}: {values}, as in the page's address."
            known = list(each.read.words) if isinstance(each.read, OneOf) else None
            return OpenApiParameter(name, str, many=not each.single, enum=known, description=text)
        return OpenApiParameter(name, _own_type(listing, name), description=_meaning(listing, name))

    return parameter


def _own_type(listing: List, name: str) -> dict[str, Any]:
    """What a parameter takes that the API has beside the page's filters."""
    sorts = [f"{sign}{sort}" for sort in listing.by_sort for sign in ("", "-")]
    known: dict[str, dict[str, Any]] = {
        "sort": {"enum": sorts},
        "page_size": {"type": "integer", "minimum": 1, "maximum": MAX_SIZE},
        "count": {"enum": ["true", "false"]},
    }
    return {"type": "string"} | known.get(name, {})


def _meaning(listing: List, name: str) -> str:
    columns = ", ".join(column for column, _ in _columns(listing.table))
    sorts = ", ".join(listing.by_sort)
    words = ", ".join(f"{key}:" for key in listing.search.keys) if listing.search else ""
    return {
        "q": f"The search language of the page: plain words, and {words}",
        "as_of": "A past time in UTC, such as 2026-10-31T23:59Z: the rows as recorded then.",
        "sort": f"One of {sorts}; with - before it, descending. Without it: {listing.default_order}.",
        "cursor": "Where the page begins: from `next` or the Link header of the page before.",
        "page_size": "How many rows a page has: 1 to 1000; 100 unless said otherwise.",
        "fields": f"The fields to send, separated by commas: {columns}." if columns else "The fields to send.",
        "count": "true: how many rows there are in all, counted up to a limit.",
    }.get(name, "As in the page's address.")


def _id(listing: List) -> str:
    return listing.page_url.replace(":", "_").replace("-", "_")


def _tag(listing: List) -> str:
    return (listing.api or listing.name).partition("/")[0]
