"""The words of the environments' search box, and what each asks of the table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import reduce
from operator import or_

from django.db.models import Q

from environments.as_of import clock, recorded
from environments.list.names import NAMED
from environments.models import SECRETS_NOT_IN_SYNC, UNACKNOWLEDGED, Phase
from environments.models.flags import FLAGS
from environments.policies import deletion, stopping
from environments.policies.lockdown import is_ahead, is_past
from environments.policies.verdict import NOT_DELETED, present
from portal.directory.standing import words_of
from portal.lists.completion import among, names_among
from portal.lists.folding import contains
from portal.lists.readers import DAY, NONE, beginning_of_id, compared
from portal.lists.search import Key, OneOf, Search, listed, same

EVER = timedelta(days=36_500)

PHASES: dict[str, str] = {phase.label: phase.value for phase in Phase} | {"unknown": ""}
ROLES = {word: f"ENVIRONMENT_ROLE_{word.upper()}" for word in ("default", "prebuild", "workflow")} | {"unknown": ""}
ARCHIVED = {"yes": Q(archived_at__isnull=False), "no": Q(archived_at__isnull=True)}
CONDITIONS = {
    "archived": ARCHIVED["yes"],
    "active": ARCHIVED["no"],
    "unacknowledged": UNACKNOWLEDGED,
    "secrets-not-in-sync": SECRETS_NOT_IN_SYNC,
}
IS = (*FLAGS, *CONDITIONS)
PORTS = {"everyone": Q(open_to_everyone=True)}
# "only" and "yes" differ in what the list starts from: see filters.EnvironmentFilters
GONE = {"yes": Q(), "only": Q(gone_at__isnull=False), "no": Q(gone_at__isnull=True)}


def flag_conditions() -> dict[str, Q]:
    """The flags by word, at the time that is asked about."""
    return {word: flag.condition(clock.at()) for word, flag in FLAGS.items()}


def _is(text: str) -> Q:
    return OneOf(flag_conditions() | CONDITIONS)(text)  # type: ignore[no-any-return]


def lockdown(word: str, now: datetime) -> Q:
    """Environments whose lockdown is past, none, or not past but within 24h or 7d; none that is deleted."""
    if word == NONE:
        return present(NOT_DELETED & Q(lockdown_at__isnull=True))
    return present(is_past(now) if word == "past" else is_ahead(now, now + LOCKDOWN[word]))


STOPS = ("never", "overdue", "unknown")
LOCKDOWN = {"past": timedelta(0), "24h": DAY, "7d": 7 * DAY, NONE: timedelta(0)}


def _deletion(text: str) -> Q:
    """Archived environments that the policy deletes by then; overdue ones, which may go at any time, are among them."""
    now = clock.at()
    after = deletion.delete_after_at(now)
    ever = present(deletion.due_before(now + EVER, after))
    if text.lower() == NONE:
        return ~ever
    try:
        less, delay = compared(text)
    except ValueError:
        raise ValueError("takes <3d, >3d or none") from None
    soon = present(deletion.due_before(now + delay, after))
    return soon if less else ever & ~soon


def idle(days: int) -> Q:
    """Environments that gave no sign of use for this many days."""
    return Q(last_used_at__lte=clock.at() - timedelta(days=days))


def _part_of(*columns: str, searched: bool = True) -> Callable[[str], Q]:
    """A part of one of the columns, or "none" where all are empty; the index narrows what `search` contains."""

    def read(text: str) -> Q:
        if text.lower() == NONE:
            return Q(**dict.fromkeys(columns, ""))
        found: Q = reduce(or_, (Q(**{f"{column}__says": text}) for column in columns))
        return contains(text) & found if searched else found

    return read


def _entry(kind: str, *columns: str, searched: bool = True) -> Callable[[str], Q]:
    """A part of a name, or a word for an entry of the directory that is not in order, such as "left"."""
    named, (_, identity, _) = _part_of(*columns, searched=searched), NAMED[kind]
    standings = words_of(kind)
    of_standing = recorded.only_now(lambda text: Q(**{f"{identity}__in": standings[text.lower()].ids}))
    return lambda text: of_standing(text) if text.lower() in standings else named(text)


def _since(column: str) -> Callable[[str], Q]:
    """ "<7d": less than seven days ago; ">7d": longer ago."""

    def read(text: str) -> Q:
        less, delay = compared(text)
        return Q(**{f"{column}__{'gt' if less else 'lte'}": clock.at() - delay})

    return read


def _lockdown(text: str) -> Q:
    now = clock.at()
    if text.lower() in LOCKDOWN:
        return lockdown(text.lower(), now)
    try:
        less, delay = compared(text)
    except ValueError:
        raise ValueError("takes <7d, >7d, past or none") from None
    return present(is_ahead(now, now + delay) if less else is_ahead(now + delay))


def _stops(text: str) -> Q:
    now = clock.at()
    if text.lower() in STOPS:
        return stopping.stops(text.lower(), now)
    try:
        less, delay = compared(text)
    except ValueError:
        raise ValueError("takes <2h (overdue too), >2h, never, overdue or unknown") from None
    return stopping.stops_before(now + delay) if less else stopping.TIMED & ~stopping.stops_before(now + delay)


def _port(text: str) -> Q:
    if text.lower() in PORTS:
        return PORTS[text.lower()]
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65_535:
        raise ValueError("takes a port number such as 8080, or everyone")
    return Q(shared_ports__contains=[int(text)])


def _phase(text: str) -> Q:
    """A phase by its word; one that is newer than this list by its name at Ona."""
    raw = text.upper()
    value = raw if raw.startswith("ENVIRONMENT_PHASE_") else OneOf(PHASES)(text)
    return Q(phase=value)


def _issue(text: str) -> tuple[str, str] | None:
    """The filter that means the same as a word of `is:`; likewise for the other keys."""
    word = text.lower()
    archived = {"archived": "yes", "active": "no"}.get(word)
    return ("flag", word) if word in FLAGS else ("archived", archived) if archived else None


def _lockdown_word(text: str) -> tuple[str, str] | None:
    word = text.lower().replace(" ", "")
    same = {"<24h": "24h", "<1d": "24h", "<7d": "7d", "<1w": "7d", "past": "past", NONE: NONE}
    return ("lockdown", same[word]) if word in same else None


def _stops_word(text: str) -> tuple[str, str] | None:
    return ("stops", text.lower()) if text.lower() in STOPS else None


def _idle_days(text: str) -> tuple[str, str] | None:
    less, delay = compared(text)
    return None if less or delay % DAY else ("idle", str(delay // DAY))


def _names(kind: str) -> Callable[[str], Iterable[str]]:
    return names_among(NAMED[kind][0], *words_of(kind), NONE)


SPANS = among("<1d", "<7d", "<30d", ">7d", ">30d", ">90d")
read_flag = recorded.only(lambda text: OneOf(flag_conditions())(text))


KEYS = {
    key.name: replace(key, read=recorded.only(key.read))
    for key in (
        Key("phase", listed(PHASES), "phase:running,starting", _phase, among(*PHASES), same("phase")),
        Key("name", "a part of the name", "name:otter", _part_of("name")),
        Key(
            "owner", "a part of the owner's name or e-mail, left, suspended or none", "owner:ann",
            _entry("owner", "owner_name", "owner_email"), _names("owner"),
        ),
        Key(
            "project", "a part of the project's name, deleted or none", 'project:"my proj"',
            _entry("project", "project_name"), _names("project"),
        ),
        Key("repo", "a part of the repository's address, or none", "repo:petclinic", _part_of("repository")),
        Key("branch", "a part of the branch's name, or none", "branch:main", _part_of("branch")),
        Key(
            "class", "a part of the class's name, or none", "class:large",
            _part_of("class_name", searched=False), _names("class"),
        ),
        Key(
            "runner", "a part of the runner's name, deleted, degraded or none", "runner:aws",
            _entry("runner", "runner_name", searched=False), _names("runner"),
        ),
        Key(
            "role", listed(ROLES), "role:prebuild",
            lambda text: Q(role=OneOf(ROLES)(text)), among(*ROLES), same("role"),
        ),
        Key("is", listed(IS), "is:failing", _is, among(*IS), _issue),
        Key(
            "lockdown", "<7d, >7d, past or none", "lockdown:<7d",
            _lockdown, among("past", "<24h", "<7d", ">7d", "none"), _lockdown_word,
        ),
        Key(
            "deletion", "<3d (overdue too), >3d or none", "deletion:<3d", _deletion,
            among("<3d", "<7d", ">3d", ">7d", "none"),
        ),
        Key(
            "stops", "of what is up: <2h (overdue too), >2h, never, overdue or unknown, unless it is used again",
            "stops:<2h", _stops, among("<2h", ">2h", *STOPS), _stops_word,
        ),
        Key("idle", "a time such as >30d or <12h", "idle:>30d", _since("last_used_at"), SPANS, _idle_days),
        Key("created", "a time such as <2d or >4w ago", "created:<2d", _since("created_at"), SPANS),
        Key(
            "port", "a shared port's number, or everyone (running or not)", "port:everyone",
            _port, among("everyone"), same("port"),
        ),
        Key("id", "an environment's id or its beginning", "id:018f3c", beginning_of_id("an environment")),
        Key("gone", "yes (too), only or no", "gone:yes", OneOf(GONE), among(*GONE), same("gone")),
    )
}  # fmt: skip
SEARCH = Search(
    KEYS,
    contains,
    places="names, repositories, branches, owners, projects, failure messages and ids",
    placeholder="Words, or phase:running owner:ann lockdown:<7d",
)
