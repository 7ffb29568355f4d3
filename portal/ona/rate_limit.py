"""The rate limit of requests to Ona, shared by all threads of a client; Ona can pause it."""

from collections.abc import Callable
from threading import Lock
from typing import Protocol


class Paused(Exception):
    """Ona requested a longer pause than the caller accepts; `seconds` of it are left."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"paused for another {seconds:.0f} s")


class Pause(Protocol):
    """A time during which no request is sent. Several clients may share one, also of other processes."""

    def left(self) -> float:
        """The seconds that are left of it; 0 if there is none."""

    def extend(self, seconds: float) -> None:
        """Send no request for `seconds` from now; a shorter pause does not end a longer one."""


class LocalPause:
    """A pause of the clients of one process."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = Lock()
        self._until = clock()

    def left(self) -> float:
        """The seconds that are left."""
        return max(0.0, self._until - self._clock())

    def extend(self, seconds: float) -> None:
        """Lengthen it to `seconds` from now."""
        with self._lock:
            self._until = max(self._until, self._clock() + seconds)


class Budget:
    """Spaces requests evenly, `per_second`; none is sent during a pause."""

    def __init__(
        self,
        per_second: float,
        *,
        clock: Callable[[], float],
        sleep: Callable[[float], None],
        pause: Pause | None = None,
    ) -> None:
        if not per_second > 0:
            raise ValueError("requests_per_second must be above 0")
        self._spacing = 1.0 / per_second
        self._clock = clock
        self._sleep = sleep
        self._pause = pause or LocalPause(clock)
        self._lock = Lock()
        self._free_at = clock()

    def pause(self, seconds: float) -> None:
        """Send no request for `seconds` from now; a shorter pause does not end a longer one."""
        self._pause.extend(seconds)

    def wait(self, longest_pause: float) -> None:
        """Wait until a request may be sent; Paused if a pause has more than `longest_pause` seconds left."""
        while (seconds := self._reserve(longest_pause)) > 0:
            self._sleep(seconds)
            if not self._pause.left():
                return

    def _reserve(self, longest_pause: float) -> float:
        """Reserve the next free time; return the seconds until then."""
        left = self._pause.left()  # before the lock: a shared one may be slow to answer
        if left > longest_pause:
            raise Paused(left)
        with self._lock:
            now = self._clock()
            moment = max(now + left, self._free_at)
            self._free_at = moment + self._spacing
            return moment - now
