"""Nothing that the API tells of an environment is left out of its page."""

from __future__ import annotations

import itertools
import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils.html import escape
from gitpod.v1.environment_pb2 import Environment as Message
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.json_format import MessageToDict, ParseDict

from environments.models import Environment
from environments.sync.observe import observe
from portal.ona.documents.environments import Observation, read_environment
from portal.web.enum_labels import TRIGGERS, enum_label
from portal.web.formatting import duration_words, phase_word
from tests.support import factories

pytestmark = pytest.mark.django_db
TABS = ("overview", "content", "access")  # documents shows nothing of the document in words
SSH_KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9 ann@laptop"


class Filler:
    """Fills a message with a value of its own in every field, and remembers what a page should say for each.

    What a page says of flags and enums is common words: of these it remembers where they are.
    """

    def __init__(self) -> None:
        self.expected: dict[str, str] = {}
        self.common: list[tuple[str | int, ...]] = []
        self.numbers = itertools.count(1)

    def message(self, descriptor: Descriptor, path: tuple[str | int, ...], variant: int = 0) -> dict[str, Any]:
        left_out = {
            field.name
            for oneof in descriptor.oneofs
            for position, field in enumerate(oneof.fields)
            if position != variant % len(oneof.fields)
        }
        fields = [field for field in descriptor.fields if field.name not in left_out]
        return {field.json_name: self.field(field, (*path, field.json_name), variant) for field in fields}

    def field(self, field: FieldDescriptor, path: tuple[str | int, ...], variant: int) -> Any:
        if field.label != FieldDescriptor.LABEL_REPEATED:
            return self.value(field, path, variant)
        if field.message_type and field.message_type.GetOptions().map_entry:
            return {"team": self.text(path, "blue")}
        count = _variants(field.message_type) if field.message_type else 1
        return [self.value(field, (*path, position), position) for position in range(count)]

    def value(self, field: FieldDescriptor, path: tuple[str | int, ...], variant: int) -> Any:
        number = next(self.numbers)
        if field.message_type:
            return self.of_message(field.message_type, path, variant, number)
        if field.enum_type:
            value = field.enum_type.values[-1].name
            self.expect(path, enum_label(value) if enum_label(value) != value else phase_word(value))
            self.common.append(path)
            return value
        if field.type == FieldDescriptor.TYPE_BOOL:
            self.common.append(path)
            return True
        if field.type == FieldDescriptor.TYPE_STRING:
            return self.string(path, number)
        return self.text(path, str(30_000 if field.name == "port" else 40_000 + number))

    def of_message(self, descriptor: Descriptor, path: tuple[str | int, ...], variant: int, number: int) -> Any:
        if descriptor.full_name == "google.protobuf.Timestamp":
            time = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(hours=number)
            self.expect(path, f"{time:%Y-%m-%d %H:%M:%S} UTC")
            return time.isoformat()
        if descriptor.full_name == "google.protobuf.Duration":
            self.expect(path, duration_words(timedelta(hours=9, minutes=7)))
            return f"{9 * 3600 + 7 * 60}s"
        return self.message(descriptor, path, variant)

    def string(self, path: tuple[str | int, ...], number: int) -> str:
        if (path[-1] == "id" and "Keys" not in str(path)) or str(path[-1]).endswith("Id"):
            return self.text(path, str(uuid.UUID(int=number)))
        if path[-3:] == ("sshPublicKeys", 0, "id"):
            return self.text(path, "the-only-key")
        if path[-1] == "value":
            self.expect(path, "AAAAC3Nz…oqKLsabgH5C9")
            return SSH_KEY
        return self.text(path, f"{path[-1]}-{number}")

    def text(self, path: tuple[str | int, ...], text: str) -> str:
        self.expect(path, text)
        return text

    def expect(self, path: tuple[str | int, ...], text: str) -> None:
        self.expected[".".join(map(str, path))] = text


def _variants(descriptor: Descriptor) -> int:
    """How many messages of this kind it takes to use every alternative of its and its parts' oneofs."""
    own = [len(oneof.fields) for oneof in descriptor.oneofs]
    parts = [_variants(f.message_type) for f in descriptor.fields if f.message_type and f.message_type != descriptor]
    return max([1, *own, *parts])


def filled() -> tuple[dict[str, Any], Filler]:
    filler = Filler()
    document = filler.message(Message.DESCRIPTOR, ())
    assert MessageToDict(ParseDict(document, Message()))["spec"].keys() == document["spec"].keys()
    return document, filler


def tabs(client: Client, document: dict[str, Any]) -> Iterator[str]:
    Environment.objects.all().delete()
    observe([Observation(datetime(2026, 3, 1, tzinfo=UTC), read_environment(json.dumps(document).encode()))])
    address = reverse("environments:detail", args=[document["id"]])
    for tab in TABS:
        text = client.get(address, {"tab": tab}).content.decode()
        yield text[text.index('<main id="main"') :]


def without(document: dict[str, Any], path: tuple[str | int, ...]) -> dict[str, Any]:
    """`document` without the field at `path`."""
    copy = json.loads(json.dumps(document))
    part = copy
    for step in path[:-1]:
        part = part[step]
    del part[path[-1]]
    return copy


def test_every_field_of_the_vendor_s_contract_is_on_the_page() -> None:
    document, filler = filled()
    text = "".join(tabs(factories.client(), document))
    missing = {path: value for path, value in filler.expected.items() if escape(value) not in text}
    assert len(filler.expected) > 130
    assert missing == {}


def test_every_flag_and_every_enum_of_the_vendor_s_contract_makes_a_difference_on_the_page() -> None:
    document, filler = filled()
    client = factories.client()
    whole = [_without_times(tab) for tab in tabs(client, document)]
    silent = [path for path in filler.common if not _differs(tabs(client, without(document, path)), whole)]
    assert len(filler.common) > 40
    assert silent == []


def _differs(tabs: Iterator[str], whole: list[str]) -> bool:
    """Of the tabs as many are rendered as it takes to see a difference."""
    return any(_without_times(tab) != before for tab, before in zip(tabs, whole, strict=True))


def _without_times(text: str) -> str:
    """Only what depends on the document: neither times of the portal's own nor tokens."""
    return "\n".join(line for line in text.splitlines() if "seen" not in line and "csrf" not in line)


def test_the_triggers_of_the_contract_have_words() -> None:
    fields = Message.DESCRIPTOR.file.pool.FindMessageTypeByName("gitpod.v1.AutomationTrigger").fields
    assert {field.json_name for field in fields} == set(TRIGGERS)


def test_the_enum_values_of_the_contract_have_words() -> None:
    values = list(_enum_values(Message.DESCRIPTOR, set()))
    raw = [v for v in values if not v.endswith("_UNSPECIFIED") and enum_label(v) == v and phase_word(v) == v]
    assert len(values) > 60
    assert raw == []


def _enum_values(descriptor: Descriptor, seen: set[str]) -> list[str]:
    if descriptor.full_name in seen:
        return []
    seen.add(descriptor.full_name)
    own = [value.name for field in descriptor.fields if field.enum_type for value in field.enum_type.values]
    parts = (_enum_values(field.message_type, seen) for field in descriptor.fields if field.message_type)
    return own + list(itertools.chain.from_iterable(parts))
