from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from portal.lists.search import LONGEST, Key, OneOf, Problem, Query, Term, parse, render, without

KEYS = {
    "phase": Key("phase", "running or stopped", "phase:running", OneOf({"running": 1, "stopped": 2})),
    "owner": Key("owner", "a part of a name", "owner:ann"),
    "port": Key("port", "a number", "port:8080", int),
}
PIECES = st.lists(
    st.sampled_from(
        ["phase:", "owner:", "running", "-", '"', " ", ",", ":", "\\", "a", "fase:x", "\n", "://", "é", "\0"]
    ),
    max_size=25,
).map("".join)
ANYTHING = st.text(max_size=60) | PIECES


def terms(text: str) -> tuple[Term, ...]:
    query = parse(text, KEYS)
    assert query.problems == ()
    return query.terms


def problem(text: str) -> str:
    (found,) = parse(text, KEYS).problems
    return found.message


@given(ANYTHING)
@example('"')
@example('owner:"a\\"')
@example("-" * 50)
def test_any_text_is_parsed_without_an_error(text: str) -> None:
    assert isinstance(parse(text, KEYS), Query)


@given(ANYTHING)
@example('owner:"a\\\\"')
@example('"-owner:ann"')
@example('"owner:ann"')
@example("a\\b")
def test_what_was_understood_can_be_written_and_read_again(text: str) -> None:
    understood = parse(text, KEYS).terms
    again = parse(render(understood), KEYS)
    if len(render(understood)) <= LONGEST:
        assert again == Query(understood)


@given(
    st.lists(
        st.builds(Term, st.just("owner"), st.tuples(st.text(min_size=1).filter(str.strip)), st.booleans()), max_size=4
    )
)
def test_any_values_survive_being_written(wanted: list[Term]) -> None:
    wanted = [t for t in dict.fromkeys(wanted) if "\0" not in t.values[0]]
    if len(render(wanted)) <= LONGEST:
        assert parse(render(wanted), KEYS) == Query(tuple(wanted))


def test_words_keys_lists_and_negations_are_told_apart() -> None:
    assert terms('phase:running,stopped -owner:ann "my words" fix -draft') == (
        Term("phase", ("running", "stopped")),
        Term("owner", ("ann",), True),
        Term("", ("my words",)),
        Term("", ("fix",)),
        Term("", ("draft",), True),
    )


def test_quotes_keep_blanks_commas_and_colons_together() -> None:
    assert terms('owner:"Lee, Ann",bo') == (Term("owner", ("Lee, Ann", "bo")),)
    assert terms('"phase:running"') == (Term("", ("phase:running",)),)
    assert terms(r'owner:"say \"hi\""') == (Term("owner", ('say "hi"',)),)


def test_addresses_are_plain_words() -> None:
    assert terms("https://github.com/acme/x") == (Term("", ("https://github.com/acme/x",)),)


def test_keys_and_named_values_may_be_written_in_any_case() -> None:
    assert terms("PHASE:Running") == (Term("phase", ("Running",)),)


def test_a_term_said_twice_counts_once() -> None:
    assert terms("a a owner:x owner:x") == (Term("", ("a",)), Term("owner", ("x",)))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("fase:running", "unknown word fase:. Did you mean phase:?"),
        ("zzz:1", "unknown word zzz:. To search for it as it stands, put it in quotes"),
        ("phase:runing", "phase: takes running or stopped. Did you mean running?"),
        ("phase:", "phase: takes running or stopped"),
        ('owner:"ann', "the quotation mark is never closed"),
    ],
)
def test_what_is_not_understood_is_explained(text: str, message: str) -> None:
    assert problem(text) == message


def test_a_word_that_is_near_is_offered_in_the_whole_text() -> None:
    text = "otter -fase:running -phase:stopped,RUNING words"
    fase, runing = parse(text, KEYS).problems
    assert fase.meant == (("q", "otter -phase:running -phase:stopped,RUNING words"),)
    assert fase.rest == (("q", "otter -phase:stopped,RUNING words"),)
    assert runing.meant == (("q", "otter -fase:running -phase:stopped,running words"),)
    assert parse("port:x", KEYS).problems[0].meant == ()


def test_the_rest_of_a_broken_query_is_kept() -> None:
    query = parse("fase:x owner:ann", KEYS)
    assert query.terms == (Term("owner", ("ann",)),)
    assert query.problems[0].typed == "fase:x"


def test_an_endless_query_is_cut_and_said_so() -> None:
    query = parse("a " * LONGEST, KEYS)
    assert isinstance(query.problems[0], Problem)


def test_a_term_can_be_taken_off() -> None:
    found = terms("a owner:ann -b")
    assert without(found, found[1]) == "a -b"
