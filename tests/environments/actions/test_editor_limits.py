"""The forms' limits beside the vendor's rules, which are read from the vendor's own descriptors."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import protovalidate
import pytest
from buf.validate import validate_pb2
from gitpod.v1 import environment_pb2
from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor
from hypothesis import given
from hypothesis import strategies as st

from environments.actions.forms import limits
from environments.actions.forms.editing import SALT
from environments.actions.forms.ports import LEVELS, PROTOCOLS, PortForm
from environments.actions.forms.specification import DevcontainerForm, KernelControlsForm, TimeoutForm
from environments.models import Environment
from tests.support import factories

Update = environment_pb2.UpdateEnvironmentRequest
validator = protovalidate.Validator()


def rules(message: Descriptor, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every rule of a message's fields, by their names."""
    for field in message.fields:
        name = f"{path}{field.json_name}"
        options = field.GetOptions()
        if options.HasExtension(validate_pb2.field):
            yield name, options.Extensions[validate_pb2.field]
        if field.message_type and field.message_type.full_name.startswith("gitpod."):
            yield from rules(field.message_type, f"{name}.")


RULES = dict(rules(Update.Spec.DESCRIPTOR))


def test_no_field_of_an_update_has_a_rule_that_the_forms_do_not_know() -> None:
    never_sent = {"content.initializer.specs.contextUrl.url"}
    assert set(RULES) - never_sent == {
        "ports.port",
        "ports.name",
        "timeout.disconnected",
        "devcontainer.devcontainerFilePath",
        "automationsFile.automationsFilePath",
    }


def test_ports_and_their_names_have_the_vendors_limits() -> None:
    assert (RULES["ports.port"].int32.gte, RULES["ports.port"].int32.lte) == (limits.LOWEST_PORT, limits.HIGHEST_PORT)
    name = RULES["ports.name"].string
    assert (name.min_len, name.max_len) == (limits.SHORTEST_PORT_NAME, limits.LONGEST_PORT_NAME)


@pytest.mark.parametrize("field", ["devcontainer.devcontainerFilePath", "automationsFile.automationsFilePath"])
def test_paths_have_the_vendors_pattern(field: str) -> None:
    (rule,) = RULES[field].cel
    assert rule.expression == f"this.matches('{limits.RELATIVE_PATH.pattern}')"


def test_the_timeout_has_the_vendors_minimum_and_never() -> None:
    (rule,) = RULES["timeout.disconnected"].cel
    shortest = f"{limits.SHORTEST_TIMEOUT.total_seconds():.0f}s"
    assert rule.expression == f"this == duration('0s') || this >= duration('{shortest}')"


def test_choices_are_all_that_the_vendor_names() -> None:
    spec = environment_pb2.EnvironmentSpec
    assert set(PROTOCOLS) == set(spec.EnvironmentPort.Protocol.keys()) - {"PROTOCOL_UNSPECIFIED"}
    assert set(LEVELS) == set(environment_pb2.AdmissionLevel.keys()) - {"ADMISSION_LEVEL_UNSPECIFIED"}
    actions = set(environment_pb2.KernelControlsAction.keys()) - {"KERNEL_CONTROLS_ACTION_UNSPECIFIED"}
    assert set(KernelControlsForm.ACTIONS) == actions


def accepted(spec: dict[str, Any]) -> bool:
    """Whether the vendor's rules take an update with this specification."""
    message = json_format.ParseDict({"environmentId": "018f3c5a-0000-4000-8000-000000000001", "spec": spec}, Update())
    return not validator.collect_violations(message)


@given(st.integers(-5, 70_000), st.text("ab ☂", max_size=102))
def test_a_row_is_taken_where_the_vendor_takes_it(number: int, name: str) -> None:
    row = PortForm({"port": str(number), "name": name, "protocol": PROTOCOLS[0], "admission": LEVELS[0]})
    if row.is_valid():
        assert accepted({"ports": [row.as_port().values()]})
    elif name.strip():
        assert not accepted({"ports": [{"port": number, "name": name.strip()}]}) or len(name) > 100


def form(kind: Any, **data: str) -> Any:
    environment = Environment(pk=factories.ORGANIZATION, spec={}, spec_version=1)
    unbound = kind(environment=environment)
    hidden = {name: str(unbound.initial[name]) for name in ("operation_id", "seen_spec_version", "seen_values")}
    return kind({**hidden, "reason": "", **data}, environment=environment)


@given(st.text("/.a\\ ☂", max_size=6))
def test_a_path_is_taken_where_the_vendor_takes_it(path: str) -> None:
    filled = form(DevcontainerForm, path=path)
    filled.full_clean()
    assert ("path" not in filled.errors) == accepted({"devcontainer": {"devcontainerFilePath": path.strip()}})


@given(st.one_of(st.integers(0, 4000), st.integers(1799, 1801)))
def test_a_timeout_is_taken_where_the_vendor_takes_it(seconds: int) -> None:
    filled = form(TimeoutForm, choice="exact", exact=f"{seconds}s")
    assert filled.is_valid() == accepted({"timeout": {"disconnected": f"{seconds}s"}})
    if filled.is_valid():
        assert filled.mine() == {"disconnected": timedelta(seconds=seconds)}


def test_the_values_that_a_form_carries_are_signed_for_its_part_and_environment() -> None:
    carried = form(DevcontainerForm, path="a")
    assert carried.is_readable
    assert carried._salt().startswith(SALT)
    assert form(DevcontainerForm, seen_values=form(TimeoutForm).data["seen_values"]).is_readable is False
