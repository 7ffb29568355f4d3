"""What the OpenAPI document says of actions, derived from their declarations and forms."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django import forms
from drf_spectacular.utils import OpenApiExample, OpenApiParameter, OpenApiResponse

from environments.actions.api.form_body import is_typed
from environments.actions.forms.base import ActionForm, quietly
from environments.actions.forms.editing import EditForm
from environments.actions.forms.tokens import TokenForm
from environments.actions.registry import Action, Danger
from portal.api.schema import problems, row_schema
from portal.ledger.list import OPERATIONS

REASON = "Ending disks that nobody uses"
KEY = OpenApiParameter(
    "Idempotency-Key", {"type": "string", "pattern": "^[!-~]{1,255}$"}, OpenApiParameter.HEADER,
    description="The same key with the same body gets the same answer for 24 hours; with another body it is refused.",
)  # fmt: skip
VERSION = OpenApiParameter(
    "If-Match", {"type": "string", "pattern": "^[!-~]+$"}, OpenApiParameter.HEADER, required=True,
    description="The version of the specification that you changed: the ETag of the environment.",
)  # fmt: skip
SHOWN_ONCE = " The answer has it as environment_token, this once."
# forms whose rows are fields of the body, by the name of their rows
ROWS = {"PortsForm": "ports", "ServiceForm": "variables", "TaskForm": "variables"}


def of_action(action: Action, operation_id: str) -> dict[str, Any]:
    """The operation that does it."""
    is_edit, is_token = issubclass(action.form, EditForm), issubclass(action.form, TokenForm)
    told = f" It needs a reason{', and the name typed' if action.danger is Danger.TYPED_NAME else ''}."
    return of_post(
        operation_id,
        action.label,
        f"{action.explanation or action.label}{told if action.needs_reason else ''}{SHOWN_ONCE if is_token else ''}",
        f"{action.name.partition('.')[0]}s",
        body_schema(
            action.form,
            needs_reason=action.needs_reason,
            types_name=action.danger is Danger.TYPED_NAME,
            tells_owner=action.tells_owner,
        ),
        [KEY, VERSION] if is_edit else [KEY],
    )


def of_post(
    operation_id: str,
    label: str,
    description: str,
    tag: str,
    body: Mapping[str, Any],
    parameters: Iterable[OpenApiParameter] = (KEY,),
) -> dict[str, Any]:
    """An operation that is answered with an operation of the ledger."""
    row = row_schema(OPERATIONS)
    example = {name: _example(schema) for name, schema in body["properties"].items() if name in body["required"]}
    done = {"id": "0199c5a0-5d5b-7c5e-9d6b-3b1f0c2a4e11", "action": operation_id, "outcome": "succeeded"}
    return {
        "operation_id": operation_id,
        "summary": label,
        "description": description,
        "tags": [tag],
        "parameters": list(parameters),
        "request": {"application/json": dict(body)},
        "responses": {
            200: OpenApiResponse(row, "The operation, closed.", [OpenApiExample("done", done)]),
            202: OpenApiResponse(
                row, "Ona's answer is not known yet: follow the operation at Location.",
                [OpenApiExample("open", done | {"outcome": "unknown"})],
            ),
            **problems(400, 404, 409, 412, 413, 415, 422, *([428] if VERSION in parameters else [])),
        },
        "examples": [OpenApiExample("body", example or {"reason": REASON}, request_only=True)],
    }  # fmt: skip


def body_schema(
    form: type[ActionForm], *, needs_reason: bool, types_name: bool = False, tells_owner: bool = False
) -> dict[str, Any]:
    """The fields that a person fills in on the page; an edit keeps those that are left out."""
    is_edit = issubclass(form, EditForm)
    fields = {name: field for name, field in form.base_fields.items() if is_typed(field)}
    properties = {name: _schema(field) for name, field in fields.items()}
    required = [name for name, field in fields.items() if field.required and not is_edit and name != "reason"]
    if types_name:
        properties["typed_name"] = {"type": "string", "description": "The environment's name: it cannot be undone."}
        required.append("typed_name")
    if tells_owner:
        properties["quietly"] = _schema(quietly())
    if rows := ROWS.get(form.__name__):
        properties[rows] = {"type": "array", "items": {"type": "object"}, "description": "All of them."}
    if needs_reason:
        required.append("reason")
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _schema(field: forms.Field) -> dict[str, Any]:
    described = {"description": str(field.help_text or field.label)} if field.help_text or field.label else {}
    match field:
        case forms.BooleanField():
            return {"type": "boolean", **described}
        case forms.IntegerField():
            return {"type": ["integer", "null"], **described}
        case forms.DateTimeField():
            return {"type": ["string", "null"], "format": "date-time", **described}
        case forms.MultipleChoiceField():
            return {"type": "array", "items": {"type": "string"}, **described}
    return {"type": ["string", "null"], **described}


def _example(schema: Mapping[str, Any]) -> Any:
    kind = schema["type"] if isinstance(schema["type"], str) else schema["type"][0]
    return {"string": REASON, "boolean": True, "integer": 1, "array": []}[kind]
