"""The words of the environments' search box, and what each asks of the table."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from functools import reduce
from operator import or_
from uuid import UUID

from django.db.models import DateTimeField, DurationField, ExpressionWrapper, F, Q, Subquery, Value
from django.db.models.functions import Coalesce, NullIf, Upper

from environments.as_of import clock
from environments.models import Phase
from portal.directory.models import Organization, PolicyVersion
from portal.lists.search import Key, Term, listed, one_of

DAY = timedelta(days=1)
UNITS = {"m": timedelta(minutes=1), "min": timedelta(minutes=1), "h": timedelta(hours=1), "d": DAY, "w": 7 * DAY}
EVER = timedelta(days=36_500)
LONG_AGO = datetime(1, 1, 2, tzinfo=UTC)
NONE = "none"
_DURATION = re.compile(r"([<>])(\d{1,5})(min|m|h|d|w)")
_ID = re.compile(r"[0-9a-f]{1,32}")

PHASES: dict[str, str] = {phase.label: phase.value for phase in Phase} | {"unknown": ""}
ROLES = {word: f"ENVIRONMENT_ROLE_{word.upper()}" for word in ("default", "prebuild", "workflow")} | {"unknown": ""}
FLAGS: dict[str, Q] = {
    "failing": Q(failing=True),
    "unpushed": Q(unpushed_work=True),
    "open": Q(open_to_everyone=True),
    "never-stops": Q(never_stops=True),
    "not-in-sync": Q(not_in_sync=True),
}
ARCHIVED = {"yes": Q(archived_at__isnull=False), "no": Q(archived_at__isnull=True)}
# The runner has not confirmed the specification it shall work by; what is stopped and stays so has nothing to confirm.
UNACKNOWLEDGED = Q(runner_spec_version__lt=F("spec_version"), archived_at__isnull=True) & (
    ~Q(phase__in=("", Phase.STOPPED, Phase.DELETED)) | Q(desired_phase=Phase.RUNNING)
)
SECRETS_NOT_IN_SYNC = Q(phase=Phase.RUNNING, secrets_in_sync=False)
IS = FLAGS | {
    "archived": ARCHIVED["yes"],
    "active": ARCHIVED["no"],
    "unacknowledged": UNACKNOWLEDGED,
    "secrets-not-in-sync": SECRETS_NOT_IN_SYNC,
}
# What git and runners tell is kept as of now alone, so that these cannot be asked about a past moment.
OF_NOW = ("unpushed", "not-in-sync", "unacknowledged")
# what plain words are looked for in: the columns that `search` is made of, and the id
SEARCHED = (
    "name", "git_repository", "spec_repository", "context_url", "git_branch", "spec_branch", "owner_name",
    "owner_email", "project_name", "failure", "id",
)  # fmt: skip
# "only" and "yes" differ in what the list starts from: see filters.EnvironmentFilters
GONE = {"yes": Q(), "only": Q(gone_at__isnull=False), "no": Q(gone_at__isnull=True)}


def lockdown(word: str, now: datetime) -> Q:
    """Environments whose lockdown is past, none, or not past but within 24h or 7d."""
    if word == NONE:
        return Q(lockdown_at__isnull=True)
    if word == "past":
        return Q(lockdown_at__lte=now)
    return Q(lockdown_at__gt=now, lockdown_at__lte=now + LOCKDOWN[word])


LOCKDOWN = {"past": timedelta(0), "24h": DAY, "7d": 7 * DAY, NONE: timedelta(0)}


def _delete_after() -> Subquery:
    """The organization's policy of now, or as known at the past moment that is asked about, looked up once in the query
    itself; zero and unset both mean "never"."""
    after = NullIf("delete_archived_environments_after", Value(timedelta(0), output_field=DurationField()))
    first = Organization.objects.present().order_by("id")
    if not clock.is_rebuilt():
        return Subquery(first.values(after=after)[:1])
    known = PolicyVersion.objects.filter(organization=Subquery(first.values("id")[:1]), seen_at__lte=clock.now())
    return Subquery(known.order_by("-seen_at", "-id").values(after=after)[:1])


def to_be_deleted(by: datetime) -> Q:
    """Archived environments that the organization's policy deletes by this time; none where it deletes none.

    Those whose time has passed are among them: they may go at any moment.
    """
    archived_by = ExpressionWrapper(Value(by) - _delete_after(), output_field=DateTimeField())
    return Q(archived_at__isnull=False, archived_at__lte=Coalesce(archived_by, Value(LONG_AGO)))


def _deletion(text: str) -> Q:
    if text.lower() == NONE:
        return ~to_be_deleted(clock.now() + EVER)
    try:
        less, delay = _delay(text)
    except ValueError:
        raise ValueError("takes <3d, >3d or none") from None
    now = clock.now()
    return to_be_deleted(now + delay) if less else to_be_deleted(now + EVER) & ~to_be_deleted(now + delay)


def idle(days: int) -> Q:
    """Environments that gave no sign of use for this many days."""
    return Q(last_used_at__lte=clock.now() - timedelta(days=days))


def contains(text: str) -> Q:
    """Environments of which a searched column contains the text, in any case; the trigram index finds them. It has the
    failures of now: of a past moment the columns are read, among them the failures of then."""
    if not clock.is_rebuilt():
        return Q(search__contains=Upper(Value(text)))
    return reduce(or_, (Q(**{f"{column}__icontains": text}) for column in SEARCHED))


def asks(term: Term) -> Q:
    """What a term of a parsed query asks for."""
    read = KEYS[term.key].read if term.key else contains
    condition: Q = reduce(or_, (read(value) for value in term.values))
    return ~condition if term.negated else condition


def _part_of(*columns: str, searched: bool = True) -> Callable[[str], Q]:
    """A part of one of the columns, or "none" where all are empty; the index narrows what `search` contains."""

    def read(text: str) -> Q:
        if text.lower() == NONE:
            return Q(**dict.fromkeys(columns, ""))
        found: Q = reduce(or_, (Q(**{f"{column}__icontains": text}) for column in columns))
        return contains(text) & found if searched and not clock.is_rebuilt() else found

    return read


def _delay(text: str) -> tuple[bool, timedelta]:
    """ "<7d" → (True, 7 days); raises ValueError."""
    match = _DURATION.fullmatch(text.lower())
    if not match:
        raise ValueError(f"takes a time such as <7d or >12h, not {text}")
    return match[1] == "<", int(match[2]) * UNITS[match[3]]


def _since(column: str) -> Callable[[str], Q]:
    """ "<7d": less than seven days ago; ">7d": longer ago."""

    def read(text: str) -> Q:
        less, delay = _delay(text)
        return Q(**{f"{column}__{'gt' if less else 'lte'}": clock.now() - delay})

    return read


def _lockdown(text: str) -> Q:
    now = clock.now()
    if text.lower() in LOCKDOWN:
        return lockdown(text.lower(), now)
    try:
        less, delay = _delay(text)
    except ValueError:
        raise ValueError("takes <7d, >7d, past or none") from None
    return Q(lockdown_at__gt=now, lockdown_at__lte=now + delay) if less else Q(lockdown_at__gt=now + delay)


def _port(text: str) -> Q:
    if text.lower() == "everyone":
        return FLAGS["open"]
    if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) > 65_535:
        raise ValueError("takes a port number such as 8080, or everyone")
    if clock.is_rebuilt():
        raise ValueError("of a past moment only everyone can be told; other ports are known as of now")
    return Q(shared_ports__contains=[int(text)])


def _phase(text: str) -> Q:
    """A phase by its word; one that is newer than this list by its name at Ona."""
    raw = text.upper()
    value = raw if raw.startswith("ENVIRONMENT_PHASE_") else one_of(PHASES)(text)
    return Q(phase=value)


def _id(text: str) -> Q:
    """An id or its beginning: ids that begin alike lie side by side in the primary key."""
    digits = text.lower().replace("-", "")
    if not _ID.fullmatch(digits):
        raise ValueError("takes an environment's id or its beginning")
    return Q(id__gte=UUID(digits.ljust(32, "0")), id__lte=UUID(digits.ljust(32, "f")))


def _q(words: dict[str, Q]) -> Callable[[str], Q]:
    return one_of(words)


def _told(words: dict[str, Q]) -> Callable[[str], Q]:
    """One of these words, unless a past moment is asked about of which it cannot be told."""

    def read(text: str) -> Q:
        found: Q = one_of(words)(text)
        if text.lower() not in answerable(words):
            raise ValueError(f"{text.lower()} cannot be told of a past moment; it is known as of now")
        return found

    return read


def answerable(words: Mapping[str, Q]) -> dict[str, Q]:
    """Those of the words that can be told of the moment that is asked about."""
    return {word: asked for word, asked in words.items() if not (clock.is_rebuilt() and word in OF_NOW)}


read_flag = _told(FLAGS)


KEYS = {
    key.name: key
    for key in (
        Key("phase", listed(PHASES), "phase:running,starting", _phase),
        Key("name", "a part of the name", "name:otter", _part_of("name")),
        Key(
            "owner", "a part of the owner's name or e-mail, or none", "owner:ann", _part_of("owner_name", "owner_email")
        ),
        Key("project", "a part of the project's name, or none", 'project:"my proj"', _part_of("project_name")),
        Key("repo", "a part of the repository's address, or none", "repo:petclinic", _part_of("repository")),
        Key("branch", "a part of the branch's name, or none", "branch:main", _part_of("branch")),
        Key("class", "a part of the class's name, or none", "class:large", _part_of("class_name", searched=False)),
        Key("runner", "a part of the runner's name, or none", "runner:aws", _part_of("runner_name", searched=False)),
        Key("role", listed(ROLES), "role:prebuild", lambda text: Q(role=one_of(ROLES)(text))),
        Key("is", listed(IS), "is:failing", _told(IS)),
        Key("lockdown", "<7d, >7d, past or none", "lockdown:<7d", _lockdown),
        Key("deletion", "<3d (overdue too), >3d or none", "deletion:<3d", _deletion),
        Key("idle", "a time such as >30d or <12h", "idle:>30d", _since("last_used_at")),
        Key("created", "a time such as <2d or >4w ago", "created:<2d", _since("created_at")),
        Key("port", "a port number, or everyone", "port:everyone", _port),
        Key("id", "an environment's id or its beginning", "id:018f3c", _id),
        Key("gone", "yes (too), only or no", "gone:yes", _q(GONE)),
    )
}
