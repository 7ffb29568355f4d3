"""Refuses requests that break the vendor's buf.validate rules, which are read from the vendor's own descriptors."""

import logging
import re
import threading
from typing import ClassVar

import protovalidate
from google.protobuf.message import Message

from portal.sandbox.refusals import Refused

_REMEMBERED = 20_000
_ID = re.compile(rb"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")

# The rules' evaluator logs each of its steps at INFO: thousands of lines for a request.
for _name in ("Environment", "Evaluator", "NameContainer", "Transpiler", "celtypes", "evaluation"):
    logging.getLogger(_name).setLevel(logging.WARNING)
_validator = protovalidate.Validator()  # compiles each message's rules once
_one_at_a_time = threading.Lock()


class Validation:
    """protovalidate takes milliseconds, so a request like one before is not looked at again: of ids it only counts
    which are the same, and page tokens do not count."""

    _good: ClassVar[set[tuple[str, bytes]]] = set()  # of every sandbox in this process

    def check(self, request: Message) -> None:
        """Raise Refused (invalid_argument) naming each field that breaks a rule."""
        key = (request.DESCRIPTOR.full_name, _without_ids(_without_token(request)))
        if key in self._good:
            return
        with _one_at_a_time:
            violations = _validator.collect_violations(request)
        if violations:
            raise Refused("invalid_argument", "; ".join(_told(violation.proto) for violation in violations))
        if "value" in request.DESCRIPTOR.fields_by_name:
            return  # a secret's: not to be remembered
        if len(self._good) >= _REMEMBERED:
            self._good.clear()
        self._good.add(key)


def _without_token(request: Message) -> bytes:
    if "pagination" not in request.DESCRIPTOR.fields_by_name or not request.HasField("pagination"):
        return request.SerializeToString(deterministic=True)
    copy = type(request)()
    copy.CopyFrom(request)
    copy.pagination.ClearField("token")
    return copy.SerializeToString(deterministic=True)


def _without_ids(request: bytes) -> bytes:
    """Ids by the order in which they come first: all that the vendor's rules can tell apart."""
    seen: dict[bytes, int] = {}
    return _ID.sub(lambda found: b"<%d>" % seen.setdefault(found[0], len(seen)), request)


def _told(violation: Message) -> str:
    """Such as `spec.ports[0].port: value must be …`."""
    path = ""
    for element in violation.field.elements:
        path += f".{element.field_name}" if path else element.field_name
        which = element.WhichOneof("subscript")
        if which:
            path += f"[{getattr(element, which)!r}]" if which == "string_key" else f"[{getattr(element, which)}]"
    return f"{path}: {violation.message}"
