"""Write the message of an automations file as YAML: in stable order, with multi-line commands as typed."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from automations.file_format import rules
from automations.file_format.yaml_nodes import reads_as

NO_FOLDING = 1 << 20  # so that lines are never folded
# Multi-line texts that a block scalar represents exactly: nothing that YAML escapes or treats as a line break.
_BLOCK = re.compile("(?![ \n\t])[\t\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*")
_BREAKS = set("\n\r\x85\u2028\u2029")
_UNFIT_FOR_COMMENT = re.compile("[^ -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]+")


class _Dumper(yaml.SafeDumper):
    """Indents lists, and allows block scalars for commands with tabs or trailing spaces, unlike PyYAML."""

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
    """Write `message` as YAML, with `notes` as comments above."""
    comments = "".join(f"# {_UNFIT_FOR_COMMENT.sub(' ', note)}\n" for note in notes)
    file = {kind: _in_order(message[kind], fields) for kind, fields in _FIELDS.items() if message.get(kind)}
    if not file:
        return f"{comments}services: {{}}\ntasks: {{}}\n"
    # PyYAML cannot write blank lines between entries
    return comments + yaml.dump(
        file, Dumper=_Dumper, sort_keys=False, allow_unicode=True, default_flow_style=False, width=NO_FOLDING, indent=2
    )


_FIELDS: dict[str, Mapping[str, Any]] = {"services": rules.SERVICE, "tasks": rules.TASK}


def _in_order(entries: Mapping[str, Any], fields: Mapping[str, Any]) -> dict[str, Any]:
    """Sort entries by reference, and the fields of each as in the rules."""
    ordered = {}
    for reference in sorted(entries):
        entry = {name: entries[reference][name] for name in fields if name in entries[reference]}
        if "commands" in entry:
            entry["commands"] = {name: entry["commands"][name] for name in rules.COMMANDS if name in entry["commands"]}
        ordered[reference] = entry
    return ordered
