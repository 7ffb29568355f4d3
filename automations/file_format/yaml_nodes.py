"""YAML as nodes with their places. Built from the parser's events, so tags never create objects."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

import yaml
from yaml import events

from automations.file_format import syntax_errors
from automations.file_format.problems import Problem, Unreadable, shortened

MOST_NODES = 10_000
DEEPEST = 20
MOST_TEXT = 1 << 20  # characters, with aliases expanded
PARSER: Final = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
ORDINARY_TAGS = (None, "!", *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq")))
TOO_MUCH = "The file, with its aliases written out, has more than {} up to here: that is not read."
# Numbers in YAML 1.2, but not in 1.1, which the resolver below implements.
_NEWER_NUMBER = re.compile(r"0o[0-7]+|[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS = {"bool": "yes or no", "int": "a number", "float": "a number", "timestamp": "a date or time", "null": "nothing"}


@dataclass(slots=True)
class Node:
    """A node. Places count from 1; `size`, `height` and `weight` (characters) are with aliases expanded."""

    line: int
    column: int
    size: int = 1
    height: int = 1
    weight: int = 0


@dataclass(slots=True)
class Scalar(Node):
    """A scalar; plain means without quotes, so that YAML may not read it as text."""

    text: str = ""
    is_plain: bool = False

    @property
    def reads_as(self) -> str:
        """What YAML reads the value as, in words; empty for text."""
        return reads_as(self.text) if self.is_plain else ""

    @property
    def is_nothing(self) -> bool:
        return self.reads_as == _WORDS["null"]


@dataclass(slots=True)
class Sequence(Node):
    items: list[Node] = field(default_factory=list)


@dataclass(slots=True)
class Mapping(Node):
    """A mapping: `entries` by key in order, `keys` with the place of each."""

    entries: dict[str, Node] = field(default_factory=dict)
    keys: dict[str, Scalar] = field(default_factory=dict)


def reads_as(text: str) -> str:
    """What YAML (1.1 or 1.2) reads unquoted `text` as, in words; empty for text."""
    for tag, pattern in yaml.SafeLoader.yaml_implicit_resolvers.get(text[:1], []):
        if pattern.match(text):
            return _WORDS.get(tag.rpartition(":")[2], "")
    return _WORDS["int"] if _NEWER_NUMBER.fullmatch(text) else ""


def parse(text: str) -> tuple[Node | None, list[Problem]]:
    """Parse the only document of `text` (None if empty), and the problems of its tags and keys.

    Raises Unreadable if it is not YAML, has several documents, or is too large with aliases expanded.
    """
    builder = _Builder()
    for event in _events(text):
        builder.take(event)
    return builder.root, builder.problems


def _events(text: str) -> Iterator[events.Event]:
    try:
        yield from yaml.parse(text, Loader=PARSER)
    except yaml.YAMLError as error:
        raise Unreadable(syntax_errors.explain(error, text)) from error


@dataclass(slots=True)
class _Open:
    """An open list or object; an object's `key` awaits its value."""

    node: Sequence | Mapping
    anchor: str | None
    key: Scalar | None = None
    is_waiting: bool = False


class _Builder:
    """Builds nodes from events."""

    def __init__(self) -> None:
        self.root: Node | None = None
        self.problems: list[Problem] = []
        self._open: list[_Open] = []
        self._anchors: dict[str, Node] = {}
        self._documents = self._size = self._weight = 0

    def take(self, event: events.Event) -> None:
        match event:
            case events.DocumentStartEvent():
                self._documents += 1
                if self._documents > 1:
                    raise _unreadable(event, "A second document begins here: an automations file cannot contain “---”.")
            case events.AliasEvent():
                self._finish(self._alias(event), None)
            case events.ScalarEvent():
                self._finish(self._scalar(event), event.anchor)
            case events.SequenceStartEvent() | events.MappingStartEvent():
                self._begin(event)
            case events.CollectionEndEvent():
                closed = self._open.pop()
                self._finish(closed.node, closed.anchor)

    def _scalar(self, event: events.ScalarEvent) -> Scalar:
        self._check_tag(event)
        self._count(event, 1, len(event.value))
        line, column = _place(event)
        is_plain = event.style in (None, "") and event.tag is None
        return Scalar(line, column, weight=len(event.value), text=event.value, is_plain=is_plain)

    def _begin(self, event: events.SequenceStartEvent | events.MappingStartEvent) -> None:
        self._check_tag(event)
        self._count(event, 1, 0)
        if len(self._open) >= DEEPEST:
            raise _unreadable(event, f"Lists and objects are nested more than {DEEPEST} deep.")
        kind = Sequence if isinstance(event, events.SequenceStartEvent) else Mapping
        self._open.append(_Open(kind(*_place(event)), event.anchor))

    def _alias(self, event: events.AliasEvent) -> Node:
        name = event.anchor or ""
        alias = shortened(name)
        if any(each.anchor == name for each in self._open):
            raise _unreadable(event, f"The alias *{alias} refers to something that contains it, which would never end.")
        if name not in self._anchors:
            raise _unreadable(event, f"The alias *{alias} refers to nothing: there is no &{alias} before it.")
        node = self._anchors[name]
        self._count(event, node.size, node.weight)
        if len(self._open) + node.height > DEEPEST + 1:
            raise _unreadable(event, f"Lists and objects are nested more than {DEEPEST} deep.")
        return node

    def _count(self, event: events.Event, size: int, weight: int) -> None:
        self._size += size
        self._weight += weight
        if self._size > MOST_NODES:
            raise _unreadable(event, TOO_MUCH.format(f"{MOST_NODES:,} values"))
        if self._weight > MOST_TEXT:
            raise _unreadable(event, TOO_MUCH.format("a million characters"))

    def _check_tag(self, event: events.ScalarEvent | events.CollectionStartEvent) -> None:
        if event.tag not in ORDINARY_TAGS:
            tag = shortened(str(event.tag).replace("tag:yaml.org,2002:", "!!"))
            self._say(*_place(event), f"The tag {tag} is not allowed: an automations file has none.")

    def _finish(self, node: Node, anchor: str | None) -> None:
        """Complete a node: register its anchor, and add it to its parent."""
        if anchor is not None:
            self._anchors[anchor] = node
        if not self._open:
            self.root = node
            return
        parent = self._open[-1]
        if isinstance(parent.node, Sequence):
            parent.node.items.append(node)
        elif not parent.is_waiting:
            parent.key, parent.is_waiting = self._key(node), True
        else:
            self._put(parent.node, parent.key, node)
            parent.is_waiting = False
        parent.node.size += node.size
        parent.node.weight += node.weight
        parent.node.height = max(parent.node.height, node.height + 1)

    def _key(self, node: Node) -> Scalar | None:
        if not isinstance(node, Scalar):
            self._say(node.line, node.column, "A key must be text, not a list or an object.")
            return None
        if what := node.reads_as:
            reason = f"YAML reads the key {shortened(node.text)!r} as {what}, not as text: put it in quotes."
            self._say(node.line, node.column, reason)
        return node

    def _put(self, into: Mapping, key: Scalar | None, value: Node) -> None:
        if key is None:
            return
        if key.text == "<<" and key.is_plain:
            self._merge(into, key, value)
        elif (earlier := into.keys.get(key.text)) and earlier.text != "<<":
            self._say(
                key.line,
                key.column,
                f"The key {shortened(key.text)!r} is here a second time; the first is in line {earlier.line}.",
            )
        else:
            into.entries[key.text], into.keys[key.text] = value, key

    def _merge(self, into: Mapping, key: Scalar, value: Node) -> None:
        """`<<: *other`: take missing keys from there; merged keys may be overridden."""
        sources = value.items if isinstance(value, Sequence) else [value]
        for source in sources:
            if not isinstance(source, Mapping):
                self._say(key.line, key.column, "After << comes an alias of an object, or a list of them.")
                return
            for name, merged in source.entries.items():
                if name not in into.entries:
                    into.entries[name], into.keys[name] = merged, Scalar(key.line, key.column, text="<<")

    def _say(self, line: int, column: int, reason: str) -> None:
        self.problems.append(Problem(line, column, "", reason))


def _place(event: events.Event) -> tuple[int, int]:
    mark = event.start_mark
    return (mark.line + 1, mark.column + 1) if mark else (0, 0)


def _unreadable(event: events.Event, reason: str) -> Unreadable:
    return Unreadable(Problem(*_place(event), "", reason))
