"""The message of an automations file as YAML: stable order, commands of several lines as they are typed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from automations.file import rules
from automations.file.yaml_nodes import reads_as

ENDLESS = 1 << 20  # so that no line is folded
# Several lines that a block scalar holds as they are: nothing that YAML would escape or take for another line's end.
_BLOCK = re.compile("(?![ \n\t])[\t\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*")
_BREAKS = set("\n\r\x85\u2028\u2029")
_UNFIT_FOR_COMMENT = re.compile("[^ -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]+")


class _Dumper(yaml.SafeDumper):
    """Indents lists, and lets commands with tabs or trailing spaces be block scalars, which PyYAML does not."""

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)

    def analyze_scalar(self, scalar: str) -> Any:
        analysis = super().analyze_scalar(scalar)
        analysis.allow_block = _is_block(scalar)
        return analysis


def _text(dumper: _Dumper, text: str) -> yaml.ScalarNode:
    style = "|" if _is_block(text) else '"' if reads_as(text) or _BREAKS & set(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def _is_block(text: str) -> bool:
    return "\n" in text and _BLOCK.fullmatch(text) is not None


def write(message: Mapping[str, Mapping[str, Any]], notes: Iterable[str] = ()) -> str:
    """YAML that reads as `message` again, beneath `notes` as comments."""
    comments = "".join(f"# {_UNFIT_FOR_COMMENT.sub(' ', note)}\n" for note in notes)
    file = {kind: _in_order(message[kind], fields) for kind, fields in _FIELDS.items() if message.get(kind)}
    if not file:
        return f"{comments}services: {{}}\ntasks: {{}}\n"
    # one blank line between entries would be kinder, but a dumper knows none
    return comments + yaml.dump(
        file, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=ENDLESS, indent=2
    )


_FIELDS: dict[str, Mapping[str, Any]] = {"services": rules.SERVICE, "tasks": rules.TASK}


def _in_order(entries: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """By reference, and the fields of each as the rules list them."""
    ordered = {}
    for reference in sorted(entries):
        entry = {name: entries[reference][name] for name in fields if name in entries[reference]}
        if "commands" in entry:
            entry["commands"] = {name: entry["commands"][name] for name in rules.COMMANDS if name in entry["commands"]}
        ordered[reference] = entry
    return ordered
