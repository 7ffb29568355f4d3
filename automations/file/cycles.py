"""Tasks that wait for themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

LONGEST_TOLD = 12


def find(needs: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """A circle for each dependency that closes one, its first task named again at its end. `needs` has every task."""
    done: set[str] = set()
    for start in needs:
        way: dict[str, Iterator[str]] = {} if start in done else {start: iter(needs[start])}
        while way:
            here = next(reversed(way))
            following = next(way[here], None)
            if following is None:
                done.add(here)
                del way[here]
            elif following in way:
                names = list(way)
                yield [*names[names.index(following) :], following]
            elif following not in done:
                way[following] = iter(needs[following])


def told(circle: Sequence[str]) -> str:
    """build → test → build; of a long one the ends."""
    if len(circle) > LONGEST_TOLD:
        half = LONGEST_TOLD // 2
        circle = [*circle[:half], "…", *circle[-half:]]
    return " → ".join(circle)
