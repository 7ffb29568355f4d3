"""The words of the operations' search box, and what each asks of the table."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Q

from portal.ledger.labels import ACTIONS
from portal.ledger.models import Origin, Outcome
from portal.lists import readers
from portal.lists.completion import MOST, among
from portal.lists.folding import contains, folded
from portal.lists.period import Period
from portal.lists.search import Key, OneOf, Search, keys, listed, same

OUTCOMES: dict[str, Q] = {"open": Q(closed_at=None)} | {value: Q(outcome=value) for value in Outcome.values}
ORIGINS: dict[str, Q] = {value: Q(origin=value) for value in Origin.values}
REQUESTED = Period("asked_at")


def target(text: str) -> Q:
    """What was changed: by a part of its name, or by its id or that of its environment."""
    try:
        identity = UUID(text)
    except ValueError:
        return contains(text) & Q(target_name__says=text)
    # no index is on target_id: the text index narrows it
    return Q(environment_id=identity) | contains(str(identity)) & Q(target_id=identity)


def _action(text: str) -> Q:
    """An action by its name, else all whose name or words contain the text."""
    if text in ACTIONS:
        return Q(action=text)
    known = [name for name, words in ACTIONS.items() if folded(text) in folded(words)]
    return contains(text) & Q(action__says=text) | Q(action__in=known)


def _part_of(column: str) -> Callable[[str], Q]:
    """A part of a column; the text index narrows."""
    return lambda text: contains(text) & Q(**{f"{column}__says": text})


def _actions(text: str) -> Iterable[str]:
    return among(*ACTIONS)(text)  # those that are registered by then


def _actors(text: str) -> Iterable[str]:
    """Names of those who sign in here."""
    found = User.objects.filter(username__icontains=text).order_by("username")
    return found.values_list("username", flat=True)[:MOST]


def _reason(text: str) -> Q:
    return Q(reason="") if text.lower() == "none" else _part_of("reason")(text)


def _token(text: str) -> Q:
    """Requested with a token whose name or prefix contains the text; none: with no token."""
    return Q(token="") if text.lower() == "none" else ~Q(token="") & Q(token__says=text)


SEARCH = Search(
    keys(
        Key("actor", "a part of the requester's name", "actor:ann", _part_of("actor_name"), _actors),
        Key("action", "an action, or a part of its words", "action:environment.stop", _action, _actions),
        Key("target", "a part of the name of what was changed, or an id", "target:otter", target),
        Key("outcome", listed(OUTCOMES), "outcome:failed,unknown", OneOf(OUTCOMES), among(*OUTCOMES), same("outcome")),
        *REQUESTED.keys(),
        Key("reason", "a part of the reason, or none", "reason:cost", _reason),
        Key("origin", listed(ORIGINS), "origin:api", OneOf(ORIGINS), among(*ORIGINS), same("origin")),
        Key("token", "a part of an API token's name or prefix, or none", "token:nightly", _token, among("none")),
        Key("id", "an operation's id or its beginning", "id:018f3c", readers.beginning_of_id("an operation")),
    ),
    contains,
    places="targets, names of people, actions, reasons, Ona's messages and ids",
    placeholder="Words, or actor:ann outcome:failed since:7d",
)
