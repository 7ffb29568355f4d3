"""The rate limit of requests to Ona, shared by all threads of a client; Ona can pause it."""

from collections.abc import Callable
from threading import Lock


class Paused(Exception):
    """Ona requested a longer pause than the caller accepts; `seconds` of it are left."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        super().__init__(f"paused for another {seconds:.0f} s")


class Budget:
    """Spaces requests evenly, `per_second`; none is sent during a pause."""

    def __init__(self, per_second: float, *, clock: Callable[[], float], sleep: Callable[[float], None]) -> None:
        if not per_second > 0:
            raise ValueError("requests_per_second must be above 0")
        self._spacing = 1.0 / per_second
        self._clock = clock
        self._sleep = sleep
        self._lock = Lock()
        self._free_at = clock()
        self._paused_until = clock()

    def pause(self, seconds: float) -> None:
        """Send no request for `seconds` from now; a shorter pause does not end a longer one."""
        with self._lock:
            self._paused_until = max(self._paused_until, self._clock() + seconds)

    def wait(self, longest_pause: float) -> None:
        """Wait until a request may be sent; Paused if a pause has more than `longest_pause` seconds left."""
        while (seconds := self._reserve(longest_pause)) > 0:
            self._sleep(seconds)
            if not self._is_paused():
                return

    def _is_paused(self) -> bool:
        with self._lock:
            return self._paused_until > self._clock()

    def _reserve(self, longest_pause: float) -> float:
        """Reserve the next free time; return the seconds until then."""
        with self._lock:
            now = self._clock()
            if self._paused_until - now > longest_pause:
                raise Paused(self._paused_until - now)
            moment = max(now, self._free_at, self._paused_until)
            self._free_at = moment + self._spacing
            return moment - now
