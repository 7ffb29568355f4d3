"""Connections to Postgres that give up: on a server that does not answer, and on statements that take too long."""

from __future__ import annotations

from typing import Any, ClassVar, Never, Self

import psycopg
from psycopg.pq import TransactionStatus
from psycopg_pool import ConnectionPool

CHECK_SECONDS = 2.0  # for the pool's look at a connection before it gives it out
CANCEL_SECONDS = 1.0
CONNECTING = "no answer yet"


def fill(pool: ConnectionPool[Any], connections: int) -> None:
    """Make so many connections at once, and keep as many: a pool that grows as requests wait for it makes one after the
    other, and on a busy machine some wait for too long.
    """
    pool.open()
    pool.resize(min(connections, pool.max_size), pool.max_size)


class Overdue(psycopg.OperationalError):
    """A statement took longer than PORTAL_STATEMENT_SECONDS and was canceled."""


class Silent(psycopg.OperationalError):
    """The server did not answer, not even a request to cancel."""


class Connection(psycopg.Connection[Any]):
    """A connection of the pool.

    A server that is stopped (SIGSTOP, a hung machine) keeps its connections open: neither TCP nor a limit of its own
    ends a statement then, only we can.
    """

    # Seconds for a statement; None for processes in which nobody waits for a page.
    patience: ClassVar[float | None] = None
    # Why the newest connection could not be made; "" if it could.
    failure: ClassVar[str] = ""
    _limit: float | None = None

    @classmethod
    def connect(cls, conninfo: str = "", **kwargs: Any) -> Self:
        """Connect, and remember why it failed: the pool says only that it has no connection."""
        Connection.failure = Connection.failure or CONNECTING
        try:
            made = super().connect(conninfo, **kwargs)
        except psycopg.Error as error:
            Connection.failure = str(error)
            raise
        Connection.failure = ""
        return made

    def execute(self, *args: Any, **kwargs: Any) -> psycopg.Cursor[Any]:
        """The pool's own look at a connection: Django executes through cursors."""
        self._limit = CHECK_SECONDS
        try:
            return super().execute(*args, **kwargs)
        except Silent as error:
            Connection.failure = str(error)
            raise
        finally:
            self._limit = None

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for an answer; Overdue or Silent after the limit, and the connection is closed."""
        try:
            return super().wait(gen, interval, timeout or self._limit or self.patience)
        except psycopg.OperationalError:
            if timeout or self.pgconn.transaction_status != TransactionStatus.ACTIVE:
                raise
        return self._give_up()

    def _give_up(self) -> Never:
        try:
            self.cancel_safe(timeout=CANCEL_SECONDS)
        except psycopg.Error:
            raise Silent("The database does not answer.") from None
        finally:
            self.close()
        raise Overdue("The database took too long.")
