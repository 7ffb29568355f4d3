"""The dependencies of tasks as a graph, left to right by levels. Pure: positions and paths."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, BETWEEN, BENEATH, MARGIN = 168, 32, 56, 12, 4  # pixels
LONGEST_LABEL = 20  # characters that fit into a box


@dataclass(frozen=True, slots=True)
class Node:
    """A box; `key` is the task's."""

    key: Hashable
    x: int
    y: int
    label: str
    full: str

    width: int = WIDTH
    height: int = HEIGHT

    @property
    def text_x(self) -> int:
        """The left end of its text."""
        return self.x + 12

    @property
    def text_y(self) -> int:
        """The baseline of its text."""
        return self.y + HEIGHT // 2 + 4


@dataclass(frozen=True, slots=True)
class Edge:
    """An edge from a dependency to what depends on it; `path` is that of SVG."""

    path: str


@dataclass(frozen=True, slots=True)
class Graph:
    nodes: list[Node]
    lines: list[Edge]
    width: int
    height: int


def node_levels(needs: Mapping[Hashable, Sequence[Hashable]]) -> dict[Hashable, int]:
    """The length of the longest chain of dependencies of each; those on a cycle count as ready."""
    found: dict[Hashable, int] = {}
    waiting = dict(needs)
    level = 0
    while waiting:
        ready = [key for key, needed in waiting.items() if not any(each in waiting for each in needed)]
        for key in ready or list(waiting):
            found[key] = level
            del waiting[key]
        level += 1
    return found


def draw(labels: Mapping[Hashable, str], needs: Mapping[Hashable, Sequence[Hashable]]) -> Graph | None:
    """Those that need something or are needed, None where nothing is; `labels` has every key, in order."""
    known = {key: [each for each in needed if each in labels] for key, needed in needs.items() if key in labels}
    joined = {each for key, needed in known.items() if needed for each in (key, *needed)}
    if not joined:
        return None
    columns: dict[int, list[Hashable]] = {}
    for key, level in node_levels({key: known.get(key, ()) for key in labels if key in joined}).items():
        columns.setdefault(level, []).append(key)
    nodes = _placed(labels, known, columns)
    lines = [Edge(_path(nodes[each], nodes[key])) for key in nodes for each in dict.fromkeys(known.get(key, ()))]
    tallest = max(map(len, columns.values()))
    return Graph(
        list(nodes.values()),
        lines,
        2 * MARGIN + len(columns) * (WIDTH + BETWEEN) - BETWEEN,
        2 * MARGIN + tallest * (HEIGHT + BENEATH) - BENEATH,
    )


def _placed(
    labels: Mapping[Hashable, str],
    needs: Mapping[Hashable, Sequence[Hashable]],
    columns: Mapping[int, Sequence[Hashable]],
) -> dict[Hashable, Node]:
    """Column by column; within one, next to their dependencies, so that fewer edges cross."""
    nodes: dict[Hashable, Node] = {}
    for level in sorted(columns):

        def height(key: Hashable) -> float:
            needed = [nodes[each].y for each in needs.get(key, ()) if each in nodes]
            return sum(needed) / len(needed) if needed else 0.0

        for row, key in enumerate(sorted(columns[level], key=height)):
            x, y = MARGIN + level * (WIDTH + BETWEEN), MARGIN + row * (HEIGHT + BENEATH)
            nodes[key] = Node(key, x, y, _short(labels[key]), labels[key])
    return nodes


def _path(source: Node, target: Node) -> str:
    """A curve from the right side of one box to the left side of another."""
    x, y = source.x + WIDTH, source.y + HEIGHT // 2
    end_x, end_y = target.x - 3, target.y + HEIGHT // 2
    middle = (x + end_x) // 2
    return f"M{x} {y}C{middle} {y} {middle} {end_y} {end_x} {end_y}"


def _short(text: str) -> str:
    """The part of a label that fits, without control characters."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= LONGEST_LABEL else f"{line[: LONGEST_LABEL - 1]}…"
