"""What is offered for many environments at once: it leads to the plan of a batch."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from environments.actions.registry import ACTIONS, NOT_ALLOWED, Action, Actor
from environments.sync.connection import why_blocked
from portal.web.navigation import url_of

START_TASK = "task.start"  # of an app that this one does not know


@dataclass(frozen=True, slots=True)
class Offer:
    """An action by its name; `why_not` reports why it is disabled, or is empty."""

    action: str
    label: str
    why_not: str


@dataclass(frozen=True, slots=True)
class Selection:
    """The bar of a list in which environments are selected: what is offered, and where it is planned.

    `all_query` is the query of all that match, empty where they are too many to name.
    """

    offers: list[Offer]
    url: str
    all_query: str = ""
    reference: str = ""  # of the task or service that the list is about
    blocked: str = ""  # why nothing can be changed at Ona now

    def __bool__(self) -> bool:
        return bool(self.offers and self.url)

    @property
    def first(self) -> str:
        """The first action that this person may do; empty while none can be done."""
        return next((offer.action for offer in self.offers if not offer.why_not), "")


def on_environments() -> list[Action]:
    """Everything that can be done to many environments themselves."""
    return [action for action in ACTIONS.values() if action.many and action.subject == "environment"]


def selection(actions: Iterable[Action], user: Actor | None, all_query: str) -> Selection:
    """These actions, and running a task; nothing if nobody acts or nothing is allowed."""
    if user is None:
        return Selection([], "")
    named = [(action, action.many.words) for action in actions if action.many]
    return _selection([*named, (ACTIONS[START_TASK], "Run a task")], user, all_query, "")


def selection_of(reference: str, actions: Iterable[tuple[str, str]], user: Actor, all_query: str) -> Selection:
    """These actions, by name and words, on the task or service of `reference` in the environments selected."""
    return _selection([(ACTIONS[name], words) for name, words in actions], user, all_query, reference)


def _selection(actions: Iterable[tuple[Action, str]], user: Actor, all_query: str, reference: str) -> Selection:
    offers = [
        Offer(action.name, label, "" if user.has_perm(action.permission) else NOT_ALLOWED) for action, label in actions
    ]
    if all(offer.why_not for offer in offers):
        return Selection([], "")
    if blocked := why_blocked(user):
        offers = [replace(offer, why_not=offer.why_not or blocked) for offer in offers]
    return Selection(offers, url_of("automations:batch-new"), all_query, reference, blocked)
