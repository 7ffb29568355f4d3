"""What tasks wait for, as a picture: left to right by levels. Pure: places and lines, no drawing."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

WIDTH, HEIGHT, BETWEEN, BENEATH, MARGIN = 168, 32, 56, 12, 4  # pixels
LONGEST_LABEL = 20  # characters that fit


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
        """Where its text begins."""
        return self.x + 12

    @property
    def text_y(self) -> int:
        """The line its text stands on."""
        return self.y + HEIGHT // 2 + 4


@dataclass(frozen=True, slots=True)
class Line:
    """From what is needed to what needs it; `path` is that of SVG."""

    path: str


@dataclass(frozen=True, slots=True)
class Graph:
    nodes: list[Node]
    lines: list[Line]
    width: int
    height: int


def levels(needs: Mapping[Hashable, Sequence[Hashable]]) -> dict[Hashable, int]:
    """How many others have to come first, one after the other, at least; what lies on a circle counts as ready."""
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
    for key, level in levels({key: known.get(key, ()) for key in labels if key in joined}).items():
        columns.setdefault(level, []).append(key)
    nodes = _placed(labels, known, columns)
    lines = [Line(_path(nodes[each], nodes[key])) for key in nodes for each in dict.fromkeys(known.get(key, ()))]
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
    """Column by column; in each, those beside what they need come first, so that fewer lines cross."""
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
    """A curve from the right side of one box to the left side of the other."""
    x, y = source.x + WIDTH, source.y + HEIGHT // 2
    end_x, end_y = target.x - 3, target.y + HEIGHT // 2
    middle = (x + end_x) // 2
    return f"M{x} {y}C{middle} {y} {middle} {end_y} {end_x} {end_y}"


def _short(text: str) -> str:
    """What fits into a box, without line breaks and other control characters."""
    line = " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())
    return line if len(line) <= LONGEST_LABEL else f"{line[: LONGEST_LABEL - 1]}…"
