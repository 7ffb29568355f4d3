"""Cycles in the dependencies of tasks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

MAX_SHOWN = 12


def find_cycles(needs: Mapping[str, Sequence[str]]) -> Iterator[list[str]]:
    """One cycle per dependency that closes one, with the first task repeated at the end. `needs` has every task."""
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


def format_cycle(cycle: Sequence[str]) -> str:
    """ "build → test → build"; long cycles are shortened."""
    if len(cycle) > MAX_SHOWN:
        half = MAX_SHOWN // 2
        cycle = [*cycle[:half], "…", *cycle[-half:]]
    return " → ".join(cycle)
