"""What is due when. A tick costs what falls due in it, whatever the number of environments."""

import heapq
from collections.abc import Iterator

Item = tuple[int, int, str, str, int, int]  # due, order of adding, what, whom, generation, value


class Agenda:
    """A heap of things to come. Interrupting an environment voids what was planned for it."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.generations: dict[str, int] = {}
        self.added = 0

    def add(self, due: int, what: str, whom: str = "", value: int = 0) -> None:
        """Let `what` (a key of world._HANDLERS) happen to `whom` at an instant."""
        self.added += 1
        heapq.heappush(self.items, (due, self.added, what, whom, self.generations.get(whom, 0), value))

    def due(self, until: int) -> Iterator[Item]:
        """What is due up to and including an instant, in order, including what is added meanwhile."""
        while self.items and self.items[0][0] <= until:
            item = heapq.heappop(self.items)
            if item[4] == self.generations.get(item[3], 0):
                yield item

    def interrupt(self, environment_id: str) -> None:
        """Void everything planned for an environment."""
        self.generations[environment_id] = self.generations.get(environment_id, 0) + 1
