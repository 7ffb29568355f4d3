"""Our rules held against the vendor's own: what passes one passes the other."""

from __future__ import annotations

import logging
from typing import Any

import protovalidate
import yaml
from gitpod.v1 import environment_automation_pb2 as pb
from google.protobuf import json_format
from hypothesis import given, settings
from hypothesis import strategies as st

from automations.file_format import rules
from automations.file_format.read import read
from automations.file_format.rules import ROLES, TRIGGERS
from tests.support.profiles import examples

for _name in ("Environment", "Evaluator", "NameContainer", "Transpiler", "celtypes", "evaluation"):
    logging.getLogger(_name).setLevel(logging.WARNING)
VALIDATOR = protovalidate.Validator()


def vendor_takes(message: dict[str, Any]) -> bool:
    """Whether the vendor's message can be made of it, without unknown fields, and none of its rules is broken."""
    try:
        parsed = json_format.ParseDict(message, pb.AutomationsFile())
    except json_format.ParseError:
        return False
    return not VALIDATOR.collect_violations(parsed)


def mostly(good: st.SearchStrategy[Any], bad: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(*[good] * 5, bad)


NAMES = mostly(st.sampled_from(["Build", "x", "Größe"]), st.sampled_from(["", 7, ["x"], True]))
REFERENCES = mostly(
    st.sampled_from(["a", "b-1", "C_2", "x" * 128]), st.sampled_from(["", "a b", "x" * 129, "ä", "a.b"])
)
TEXTS = mostly(st.sampled_from(["", "make", "a\nb\n"]), st.sampled_from([1, {}, False]))
RUNS_ON = mostly(
    st.sampled_from(
        [{}, {"machine": {}}, {"docker": {"image": "x"}}, {"docker": {"image": "x", "environment": ["A=b"]}}]
    ),
    st.sampled_from(
        [{"docker": {}}, {"docker": {"image": ""}}, {"docker": {"image": "x"}, "machine": {}}, {"vm": {}}, "x"]
    ),
)
DURATIONS = mostly(
    st.sampled_from(["0s", "1s", "86400s", "1.5s", "0.000000001s", "86400.000s"]),
    st.sampled_from(["86401s", "-1s", "86400.000000001s", "5m", "s", "1h", 300, "1.s", ""]),
)
COMMANDS = mostly(
    st.fixed_dictionaries({"start": st.just("run")}, optional={"ready": TEXTS, "stop": TEXTS}),
    st.sampled_from([{}, {"start": ""}, {"stop": "x"}, {"run": "x"}, []]),
)
COMMON = {
    "description": TEXTS,
    "runsOn": RUNS_ON,
    "triggeredBy": st.lists(mostly(st.sampled_from(TRIGGERS), st.sampled_from(["", "beforeSnapshot", 1])), max_size=3),
}
SERVICE = st.fixed_dictionaries(
    {"name": NAMES},
    optional={
        **COMMON,
        "role": mostly(st.sampled_from(ROLES), st.sampled_from(["security-agent", "EDITOR", 1])),
        "readinessTimeout": DURATIONS,
        "commands": COMMANDS,
    },
)
TASK = st.fixed_dictionaries(
    {"name": NAMES, "command": mostly(st.just("make"), st.sampled_from(["", 1, {}]))},
    optional={**COMMON, "prebuildRequiresSuccess": mostly(st.booleans(), st.sampled_from(["true", 1]))},
)
FILE = st.fixed_dictionaries(
    {}, optional={"services": st.dictionaries(REFERENCES, SERVICE, max_size=2),
                  "tasks": st.dictionaries(REFERENCES, TASK, max_size=2)},
)  # fmt: skip


@settings(max_examples=examples(400), deadline=None)
@given(FILE)
def test_what_the_vendors_rules_take_the_check_takes_and_nothing_else(file: dict[str, Any]) -> None:
    text = yaml.safe_dump(file, allow_unicode=True)
    assert bool(read(text).problems) == (not vendor_takes(file)), (read(text).problems, text)


@settings(max_examples=examples(200), deadline=None)
@given(FILE)
def test_the_message_of_a_good_file_is_the_vendors_own_json_of_it(file: dict[str, Any]) -> None:
    reading = read(yaml.safe_dump(file, allow_unicode=True))
    if not reading.problems:
        parsed = json_format.ParseDict(file, pb.AutomationsFile())
        assert reading.message == json_format.MessageToDict(parsed)


def test_every_field_of_the_contract_is_known() -> None:
    for name, known in {"Service": rules.SERVICE, "Task": rules.TASK}.items():
        contract = pb.AutomationsFile.DESCRIPTOR.nested_types_by_name[name]
        assert {field.json_name for field in contract.fields} == set(known)
