"""Reading a whole table, in order and in little memory, as it was at one moment."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from typing import Any, TypeVar

from django.db import connection, transaction
from django.db.models import QuerySet

T = TypeVar("T")
AT_ONCE = 2_000  # rows that are in memory together
# A reader may be slow, but does not keep the transaction, and with it every old row, for as long as it likes. All rows
# are wanted, not the first ones soon; and they are sorted.
BEGIN = """
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;
SET LOCAL statement_timeout = '120s';
SET LOCAL idle_in_transaction_session_timeout = '120s';
SET LOCAL cursor_tuple_fraction = 1;
SET LOCAL work_mem = '64MB';
SET LOCAL jit = off
"""


@contextmanager
def snapshot() -> Iterator[None]:
    """Everything read within is as it was when it began; nothing can be written. In a transaction it is that one's."""
    if connection.in_atomic_block:
        yield
        return
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(BEGIN)
        yield


def read_within(
    rows: Callable[[], Iterable[T]], scope: Callable[[], AbstractContextManager[None]] = nullcontext
) -> Iterator[list[T]]:
    """The rows in pieces; the query is made, and the first piece read, within `scope`."""
    with scope():
        iterator = iter(rows())
        piece = list(islice(iterator, AT_ONCE))
    while piece:
        yield piece
        piece = list(islice(iterator, AT_ONCE)) if len(piece) == AT_ONCE else []


def streamed(rows: QuerySet[Any, T]) -> Iterator[T]:
    """The rows by a cursor on the server; in a transaction only, such as `snapshot`."""
    return rows.iterator(chunk_size=AT_ONCE)
