"""A form of a page, filled in from a JSON body instead: its fields by their names, rows as a list of objects.

What a form carries (the values it was made from) is carried here too. The form of an edit is first as the page would
show it: fields that the body leaves out stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, TypeVar

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpRequest, QueryDict
from rest_framework.request import Request

from environments.actions.forms.base import ActionForm
from environments.actions.forms.editing import EditForm
from portal.api.errors import InvalidBody
from portal.lists.search import suggestion

F = TypeVar("F", bound=ActionForm)
Body = Mapping[str, Any]
NOT_A_TEXT = "takes a text"
NOT_TEXTS = "takes a list of texts"
NOT_A_NUMBER = "takes a number"
NOT_A_CHOICE = "takes true or false"


def fill_in(request: Request, make: Callable[[HttpRequest], F], body: Body) -> F:
    """The form that `make` makes of a request, filled in; raises InvalidBody for fields that it does not have."""
    shown = make(_request(request, "GET"))
    data = _carried(shown)
    rows = _rows(shown)
    known = fields_of(shown)
    problems = []
    for name, value in body.items():
        if name not in known:
            problems.append((f"/{_escaped(name)}", f"There is no field {name[:60]}{suggestion(name[:40], known)}"))
        elif rows is not None and name == rows.prefix:
            problems += _put_rows(data, rows, value)
        elif problem := unfit(shown.fields[name], value):
            problems.append((f"/{name}", f"{name} {problem}."))
        else:
            _put(data, shown.fields[name], shown.add_prefix(name), value)
    if problems:
        raise InvalidBody(problems)
    return make(_request(request, "POST", data))


def check(form: ActionForm) -> None:
    """Raises InvalidBody with everything that the form does not accept."""
    if form.is_valid():
        return
    found = [(_pointer(name), message) for name, messages in form.errors.items() for message in messages]
    rows = _rows(form)
    if rows is not None:
        found += [("/" + rows.prefix, message) for message in rows.non_form_errors()]
        for index, errors in enumerate(rows.errors):
            found += [
                (f"/{rows.prefix}/{index}{_pointer(name)}", message)
                for name, messages in errors.items()
                for message in messages
            ]
    raise InvalidBody([(pointer, str(message)) for pointer, message in found] or [("", "The body is not valid.")])


def fields_of(form: ActionForm) -> list[str]:
    """What a body may have: what a person types or chooses on the page."""
    typed = [name for name, field in form.fields.items() if is_typed(field)]
    rows = _rows(form)
    return [*typed, rows.prefix] if rows is not None else typed


def is_typed(field: forms.Field) -> bool:
    """Whether a person fills it in; files are sent as texts."""
    return not (field.widget.is_hidden or field.disabled or isinstance(field, forms.FileField))


def _carried(form: ActionForm) -> QueryDict:
    """The fields that a form carries; of an edit all of them, as they are shown."""
    data = QueryDict(mutable=True)
    is_edit = isinstance(form, EditForm) or getattr(form, "subject", None) is not None
    for name, field in form.fields.items():
        if field.widget.is_hidden or (is_edit and is_typed(field)):
            _put(data, field, form.add_prefix(name), form[name].value())
    rows = _rows(form)
    if rows is not None:
        _put_rows(data, rows, [_values(row) for row in rows.initial_forms] if is_edit else [])
    return data


def _rows(form: ActionForm) -> Any:
    """The rows beneath a form, a formset; None if it has none."""
    return getattr(form, "rows", None)


def _values(row: forms.Form) -> dict[str, Any]:
    return {name: row[name].value() for name in row.fields}


def unfit(field: forms.Field, value: Any) -> str:
    """What is wrong with the type of a value, if anything. A field would make something of any: true of "no"."""
    match field, value:
        case _, None:
            return ""
        case forms.BooleanField(), _:  # command lines have texts alone
            return "" if isinstance(value, bool) or value in ("true", "false") else NOT_A_CHOICE
        case forms.MultipleChoiceField(), _:
            texts = value if isinstance(value, list) else [value]
            return "" if all(isinstance(each, str) for each in texts) else NOT_TEXTS
        case forms.IntegerField(), _:
            return "" if isinstance(value, str | int | float) and not isinstance(value, bool) else NOT_A_NUMBER
    return "" if isinstance(value, str) else NOT_A_TEXT


def _put(data: QueryDict, field: forms.Field, name: str, value: Any) -> None:
    """Fill in a field as a browser would."""
    data.pop(name, None)
    match value:
        case None | False:
            pass
        case True:
            data[name] = "on"
        case list() | tuple():
            data.setlist(name, [str(each) for each in value])
        case _:
            data[name] = _moment(value) if isinstance(field, forms.DateTimeField) else str(value)


def _moment(value: object) -> str:
    """A time as the form reads it; ISO 8601 with a zone is one, too."""
    try:
        at = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    except ValueError:
        return str(value)
    return f"{at.astimezone(UTC) if at.tzinfo else at:%Y-%m-%d %H:%M:%S}"


def _put_rows(data: QueryDict, rows: Any, value: Any) -> list[tuple[str, str]]:
    """Fill in all rows; those there were are replaced."""
    here = f"/{rows.prefix}"
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        return [(here, f"{rows.prefix} takes a list of objects.")]
    for name in [name for name in data if name.startswith(f"{rows.prefix}-")]:
        del data[name]
    data.update({f"{rows.prefix}-TOTAL_FORMS": str(len(value)), f"{rows.prefix}-INITIAL_FORMS": "0"})
    return [problem for index, row in enumerate(value) for problem in _put_row(data, rows, index, row)]


def _put_row(data: QueryDict, rows: Any, index: int, row: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    fields = rows.form.base_fields
    for name, value in row.items():
        here = f"/{rows.prefix}/{index}/{_escaped(name)}"
        if name not in fields and name != "DELETE":
            yield here, f"There is no field {name[:60]}{suggestion(name[:40], fields)}"
        elif name in fields and (problem := unfit(fields[name], value)):
            yield here, f"{name} {problem}."
        elif name in fields:
            _put(data, fields[name], f"{rows.prefix}-{index}-{name}", value)


def _request(request: Request, method: str, data: QueryDict | None = None) -> HttpRequest:
    """As the page gets it."""
    made = HttpRequest()
    made.method, made.user, made.path = method, request.user, request.path
    made.POST = data if data is not None else QueryDict()  # type: ignore[assignment]
    return made


def _pointer(name: str) -> str:
    return "" if name == NON_FIELD_ERRORS else f"/{name}"


def _escaped(name: str) -> str:
    """A name in a JSON pointer."""
    return name[:60].replace("~", "~0").replace("/", "~1")
