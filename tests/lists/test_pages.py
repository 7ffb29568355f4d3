from __future__ import annotations

import base64
import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from django.db.models import F, QuerySet
from django.db.models.functions import Upper
from hypothesis import given
from hypothesis import strategies as st

from environments.models import Environment
from portal.lists.keyset import LAST, BadCursor, Cursor, Order, Page, Sort, page, read_order
from portal.lists.news import News, keep
from tests.support import factories
from tests.support.databases import SharedRows

NAME = Sort("name", "Name", Upper("name"), "")
LOCKDOWN = Sort("lockdown", "Lockdown", F("lockdown_at"), None)
SORTS = {"name": NAME, "lockdown": LOCKDOWN}
ORDERS = [Order(sort, descending) for sort in SORTS.values() for descending in (False, True)]
START = datetime(2026, 5, 1, tzinfo=UTC)


def _twenty_three() -> list[Environment]:
    return [
        factories.environment(
            name=["", "b", "B", "a", "ß"][number % 5],
            lockdown_at=None if number % 3 else START + timedelta(hours=number % 4),
        )
        for number in range(23)
    ]


_ROWS = SharedRows(_twenty_three, "environments_")


@pytest.fixture
def rows(db: None) -> list[Environment]:
    """23 rows with many ties and many without a value."""
    return _ROWS.put()


def at(order: Order, cursor: str | None, size: int = 4) -> Page[Environment]:
    place = Cursor.decode(cursor, order) if cursor else None
    return page(Environment.objects.all(), order, size, place, lambda found: found)


def walk(order: Order, size: int = 4) -> list[Page[Environment]]:
    pages = [at(order, None, size)]
    while pages[-1].next:
        pages.append(at(order, pages[-1].next, size))
    return pages


def ids(pages: list[Page[Environment]]) -> list[uuid.UUID]:
    return [row.pk for one in pages for row in one.rows]


def expected(order: Order) -> list[uuid.UUID]:
    """The whole table in order, by Python: rows without a value last, ties by id."""

    def key(row: Environment) -> tuple[str | float, uuid.UUID]:
        if order.sort is NAME:
            return upper[row.pk], row.pk
        assert row.lockdown_at
        return row.lockdown_at.timestamp(), row.pk

    everything: QuerySet[Environment] = Environment.objects.all()
    upper = dict(everything.values_list("pk", Upper("name")))
    without = [row for row in everything if not (row.name if order.sort is NAME else row.lockdown_at)]
    with_value = [row for row in everything if row not in without]
    return [row.pk for row in sorted(with_value, key=key, reverse=order.descending)] + sorted(
        (row.pk for row in without), reverse=order.descending
    )


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("size", [1, 4, 22, 23, 50])
def test_walking_forward_gives_each_row_once_in_order(rows: list[Environment], order: Order, size: int) -> None:
    pages = walk(order, size)
    assert ids(pages) == expected(order)
    assert pages[0].previous is None
    last = at(order, LAST, size)
    assert (ids([last]), last.next) == (expected(order)[-size:], None)
    assert (
        not last.previous
        or ids([at(order, last.previous, size)]) == expected(order)[-2 * size : -size][:size]
        or (len(rows) < 2 * size)
    )


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("size", [1, 4, 22])
def test_walking_back_from_the_end_gives_each_row_once_in_order(
    rows: list[Environment], order: Order, size: int
) -> None:
    pages = [walk(order, size)[-1]]
    while pages[0].previous:
        pages.insert(0, at(order, pages[0].previous, size))
    whole = ids(pages[1:]) if len(pages) > 1 and set(ids(pages[:1])) & set(ids(pages[1:2])) else ids(pages)
    assert list(dict.fromkeys([*ids(pages[:1]), *whole])) == expected(order)
    assert pages[0].previous is None


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_rows_that_come_while_walking_neither_repeat_nor_hide_others(rows: list[Environment], order: Order) -> None:
    before = expected(order)
    pages = [at(order, None)]
    while pages[-1].next:
        factories.environment(name="", lockdown_at=None)
        factories.environment(name="aa", lockdown_at=START)
        factories.environment(name="z", lockdown_at=START + timedelta(days=1))
        pages.append(at(order, pages[-1].next))
        assert len(pages) < 100
    walked = ids(pages)
    assert [pk for pk in walked if pk in set(before)] == before
    assert len(walked) == len(set(walked))


@pytest.mark.parametrize("order", ORDERS, ids=str)
def test_the_row_that_the_cursor_stands_on_may_go(rows: list[Environment], order: Order) -> None:
    first = at(order, None)
    rest = expected(order)[4:]
    Environment.objects.filter(pk=first.rows[-1].pk).delete()
    assert ids([at(order, first.next, 50)]) == rest


def test_going_back_to_a_shrunken_start_shows_a_whole_first_page(rows: list[Environment]) -> None:
    order = Order(NAME)
    second = at(order, at(order, None).next)
    Environment.objects.filter(pk=expected(order)[0]).delete()
    assert ids([at(order, second.previous)]) == expected(order)[:4]


def test_an_empty_table_is_one_empty_page(db: None) -> None:
    assert at(Order(NAME), None) == Page([], None, None)


def test_one_page_is_two_queries(rows: list[Environment], django_assert_num_queries) -> None:
    for order in ORDERS:
        with django_assert_num_queries(2):
            second = at(order, None).next
        with django_assert_num_queries(2):
            third = at(order, second).next
        with django_assert_num_queries(2):
            at(order, third)


def test_only_known_columns_sort() -> None:
    assert str(read_order("-name", SORTS)) == "-name"
    for text in ("", "-", "id", "--name", "name;drop table", "name__x", "\0"):
        with pytest.raises(KeyError):
            read_order(text, SORTS)


def test_a_cursor_is_good_for_its_own_order_only() -> None:
    cursor = Cursor("name", "after", "A", uuid.uuid4())
    assert Cursor.decode(cursor.encode(), Order(NAME)) == cursor
    with pytest.raises(BadCursor):
        Cursor.decode(cursor.encode(), Order(NAME, descending=True))


ID = str(uuid.UUID(int=7))


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "x",
        "é",
        "\0",
        "a" * 5000,
        encoded({}),
        encoded([]),
        encoded(["lockdown", "after", None]),
        encoded(["lockdown", "after", "yesterday", ID]),
        encoded(["lockdown", "after", "2026-01-01", ID]),
        encoded(["lockdown", "after", "", ID]),
        encoded(["lockdown", "after", 7, ID]),
        encoded(["lockdown", "beside", None, ID]),
        encoded(["lockdown", "after", None, "not an id"]),
        encoded(["lockdown", "after", None, 5]),
        base64.urlsafe_b64encode(b"[" * 3000).decode(),
    ],
)
def test_a_hand_made_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        Cursor.decode(text, Order(LOCKDOWN))


@pytest.mark.parametrize("key", ["a\0b", "\ud800", None])
def test_a_cursor_with_a_key_that_the_database_refuses_is_refused(key: str | None) -> None:
    with pytest.raises(BadCursor):
        Cursor.decode(encoded(["name", "after", key, ID]), Order(NAME))


def test_a_cursor_holds_an_id_of_its_models_kind() -> None:
    numbered = Cursor("name", "after", "A", 7)
    assert Cursor.decode(numbered.encode(), Order(NAME), int) == numbered
    for read_pk, pk in ((uuid.UUID, "7"), (int, ID), (int, "x"), (int, None), (int, [])):
        with pytest.raises(BadCursor):
            Cursor.decode(encoded(["name", "after", "A", pk]), Order(NAME), read_pk)


@given(st.text(max_size=80))
def test_no_text_breaks_the_reading_of_cursors(text: str) -> None:
    with pytest.raises(BadCursor):
        Cursor.decode(text, Order(NAME))


def test_an_open_page_keeps_its_rows_and_tells_what_it_does_not_show() -> None:
    cases = {
        "nothing": ("abc", "abc", "abc", News()),
        "new above": ("abc", "xabc", "abc", News(1)),
        "new between, and one of the next page": ("ac", "axcd", "acd", News(1)),
        "a full page": ("abcd", "xyab", "abcd", News(2)),
        "one left the list": ("abd", "abde", "abde", News()),
        "another order": ("abc", "cab", "abc", News(is_reordered=True)),
        "nothing of it is left on the page": ("abcd", "wxyz", "abcd", News(4)),
        "none there before": ("", "ab", "ab", News()),
        "none there any more": ("", "", "", News()),
    }
    for case, (shown, now, rows, news) in cases.items():
        assert keep(shown, now, 4) == (list(rows), news), case
