"""The versions of an environment's specification: what each changed, who made it and why, as far as that is known."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import zip_longest
from typing import Any, Final

from django.db.models import Max, Min, Q
from django.urls import reverse
from django.utils.http import urlencode

from environments.activity import attribution
from environments.documents.json_part import as_number
from environments.models import Environment, SpecificationVersion
from environments.timeline.lanes import Mark, Period
from environments.timeline.query import View
from environments.timeline.source import Chosen, Entry, Place, Slice, Source, Story, at_most, differences, number
from portal.ledger.diff import Change, moved
from portal.ledger.labels import action_words
from portal.ledger.models import Operation, Outcome
from portal.ledger.rows import rows

LETTER: Final = "v"
LANE: Final = "specification"
LABELS = {LANE: "Specification"}
MOST_MARKS = 2000
MOST_OPERATIONS = 2000
ITS_OWN_NUMBER = "specVersion"
LARGEST = 2**64 - 1

OUTSIDE = "outside the portal"
FIRST = "before the portal first saw it"
PERHAPS = "perhaps through the portal: {} had been asked for, but its answer does not prove it"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who made a version. `operation` is what was asked for through the portal, None where nothing is known of it; the
    words then name whom Ona's audit log names, if any."""

    words: str
    operation: Operation | None = None

    @property
    def who(self) -> str:
        return self.operation.actor_name if self.operation else ""

    @property
    def why(self) -> str:
        return self.operation.reason if self.operation else ""

    @property
    def url(self) -> str:
        return reverse("operations:detail", args=[self.operation.pk]) if self.operation else ""


@dataclass(frozen=True, slots=True)
class Version:
    """A version as pages show it. `previous` is the highest below it that was seen, `skipped` how many lie between,
    `changes` what became different since; all of them unknown for the first."""

    row: SpecificationVersion
    previous: SpecificationVersion | None
    origin: Origin
    changes: list[Change]

    @property
    def number(self) -> int:
        return int(self.row.spec_version)

    @property
    def skipped(self) -> int:
        return self.number - int(self.previous.spec_version) - 1 if self.previous else 0


def diff(before: SpecificationVersion, after: SpecificationVersion) -> list[Change]:
    """What `after` has otherwise, field by field; the version's own number is not among it."""
    return moved(differences(_without_number(before.spec), _without_number(after.spec)))


def _without_number(spec: Any) -> dict[str, Any]:
    fields = spec if isinstance(spec, dict) else {"specification": spec}
    return {name: value for name, value in fields.items() if name != ITS_OWN_NUMBER}


def page(environment: Environment, size: int, below: int | None = None) -> tuple[list[Version], int | None]:
    """The highest versions, or those below one, and the number to go on below; None at the end. Two queries."""
    own = SpecificationVersion.objects.of(environment)
    if below is not None:
        own = own.filter(spec_version__lt=below)
    found = list(own[: size + 1])
    origins_of = origins(environment, found)
    pairs = zip_longest(found[:size], found[1 : size + 1])
    shown = [_version(row, previous, origins_of) for row, previous in pairs]
    return shown, int(found[size - 1].spec_version) if len(found) > size else None


def numbered(environment: Environment, versions: Iterable[int]) -> dict[int, SpecificationVersion]:
    """Those of these numbers that were seen."""
    wanted = SpecificationVersion.objects.of(environment).filter(spec_version__in=list(versions))
    return {int(row.spec_version): row for row in wanted}


def seen_between(environment: Environment) -> str:
    """Which numbers were seen, in words; empty where none was."""
    ends = SpecificationVersion.objects.filter(environment=environment).aggregate(
        Min("spec_version"), Max("spec_version")
    )
    low, high = ends.values()
    return "" if low is None else f" Those that it has seen lie between {low} and {high}."


def version_number(text: str) -> int | None:
    """A version as a hand-edited address may hold it; None for what can be none."""
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None
    return value if value is not None and value <= LARGEST else None


def _version(row: SpecificationVersion, previous: SpecificationVersion | None, found: Mapping[int, Origin]) -> Version:
    return Version(row, previous, found[row.pk], diff(previous, row) if previous else [])


def origins(environment: Environment, versions: Sequence[SpecificationVersion]) -> dict[int, Origin]:
    """By primary key; one query over the ledger, and two over Ona's audit log where versions are from outside."""
    if not versions:
        return {}
    from_ = min(row.old_seen_at or row.seen_at for row in versions)
    to = max(row.seen_at for row in versions)
    sent = Operation.objects.of_environment(environment.pk).filter(sent_at__lte=to).exclude(outcome=Outcome.FAILED)
    near = sent.filter(Q(closed_at=None) | Q(closed_at__gte=from_)).filter(target_type="environment").newest_first()
    known = list(near.defer("request", "search", "message")[:MOST_OPERATIONS])
    found = {row.pk: origin(row, known) for row in versions}
    return found | _named(environment, [row for row in versions if found[row.pk].words == OUTSIDE])


def _named(environment: Environment, versions: Sequence[SpecificationVersion]) -> dict[int, Origin]:
    """Those made outside the portal by somebody whom Ona's audit log names, as a guess."""
    between = {row.pk: (row.old_seen_at, row.seen_at) for row in versions if row.old_seen_at}
    if not between:
        return {}
    log = attribution.Outside(
        [environment.pk], min(a for a, _ in between.values()), max(b for _, b in between.values())
    )
    by = {pk: log.by(environment.pk, *ends, attribution.changes_specification) for pk, ends in between.items()}
    return {pk: Origin(f"{OUTSIDE}, {words} ({attribution.SOURCE})") for pk, words in by.items() if words}


def origin(version: SpecificationVersion, operations: Iterable[Operation]) -> Origin:
    """Who made `version`: the operation that was sent before it was seen, from the version below, and read it back.

    One whose answer was never read, or that read back a version further on, may have made it. Pure.
    """
    perhaps = None
    for operation in operations:
        if operation.sent_at is None or operation.sent_at > version.seen_at:
            continue
        what = action_words(operation.action)
        if _made(version, operation):
            return Origin(f"through the portal: {what}", operation)
        if perhaps is None and _may_have_made(version, operation):
            perhaps = Origin(PERHAPS.format(what), operation)
    return perhaps or Origin(FIRST if version.old_seen_at is None else OUTSIDE)


def _made(version: SpecificationVersion, operation: Operation) -> bool:
    if operation.outcome != Outcome.SUCCEEDED:
        return False
    if operation.action.startswith("environment.create"):
        return version.old_seen_at is None and _was_under_way(version, operation)
    before, after = (as_number(values.get(ITS_OWN_NUMBER)) for values in (operation.before, operation.after))
    return before is not None and after == version.spec_version == before + 1


def _may_have_made(version: SpecificationVersion, operation: Operation) -> bool:
    """Whether it changes specifications, began below this version, and had not read back an older one."""
    before, after = (as_number(values.get(ITS_OWN_NUMBER)) for values in (operation.before, operation.after))
    if version.old_seen_at is None or before is None or before >= version.spec_version:
        return False
    if after is not None:
        return after == version.spec_version
    return before + 1 == version.spec_version


def _was_under_way(version: SpecificationVersion, operation: Operation) -> bool:
    return operation.closed_at is None or version.seen_at <= operation.closed_at


def story(environment: Environment, period: Period) -> Story:
    """A mark for each version that came in the period."""
    own = SpecificationVersion.objects.of(environment).filter(seen_at__gte=period.start, seen_at__lte=period.end)
    seen = list(own.values_list("pk", "spec_version", "old_seen_at", "seen_at")[: MOST_MARKS + 1])
    found, left_out = at_most(MOST_MARKS, seen, f"highest {MOST_MARKS:,} versions of the period")
    marks = [
        Mark(LANE, "specification", seen_at, f"Specification version {version}", old_seen_at, f"{LETTER}{pk}")
        for pk, version, old_seen_at, seen_at in found
    ]
    return Story(LABELS, marks=marks, left_out=left_out)


def entries(environment: Environment, part: Slice) -> list[Entry]:
    """Versions without what they changed; two queries."""
    own = SpecificationVersion.objects.filter(environment=environment).filter(part.query(LETTER, "seen_at"))
    found = list(own.defer("spec").order_by("-seen_at", "-id")[: part.limit])
    origins_of = origins(environment, found)
    return [_entry(row, origins_of[row.pk]) for row in found]


def _entry(row: SpecificationVersion, made: Origin) -> Entry:
    return Entry(
        Place(row.seen_at, LETTER, row.pk),
        LANE,
        f"specification version {row.spec_version}" + (" first seen" if row.old_seen_at is None else ""),
        after=row.old_seen_at,
        who=made.who or made.words,
        why=made.why,
    )


def find(environment: Environment, id_: str) -> Chosen | None:
    """One version, held against the one before it that was seen."""
    identity, own = number(id_), SpecificationVersion.objects.of(environment)
    row = own.filter(pk=identity).first() if identity is not None else None
    if row is None:
        return None
    previous = own.filter(spec_version__lt=row.spec_version).first()
    version = _version(row, previous, origins(environment, [row]))
    operation = version.origin.operation
    title = f"Specification version {row.spec_version}"
    changes = version.changes if previous else differences({}, _without_number(row.spec))
    return Chosen(
        f"{LETTER}{row.pk}",
        f"{title}, held against version {previous.spec_version}" if previous else f"{title}, the first that was seen",
        row.seen_at,
        row.old_seen_at,
        changes,
        rows([operation]) if operation else [],
        version.origin.words,
        version.origin.why,
        [(address(environment, previous, row), "All versions of the specification")],
        is_first=previous is None,
    )


def held(environment: Environment, moment: datetime) -> tuple[SpecificationVersion | None, SpecificationVersion | None]:
    """The version that was known just before a look at this moment, and the one known with it; None: none was."""
    known = SpecificationVersion.objects.of(environment).recorded_by(moment)
    after = known.first()
    is_older = after is None or after.seen_at < moment
    return after if is_older else known.filter(seen_at__lt=moment).first(), after


def beside(environment: Environment, chosen: Chosen, view: View) -> Chosen:
    """What was chosen, with the specification that was known before it and with it."""
    before, after = held(environment, chosen.at)
    if after is None:
        return replace(chosen, kept=f"{chosen.kept} No version of it was seen by then.")
    held_then = differences(*({"spec": _without_number(row.spec)} if row else {} for row in (before, after)))
    if chosen.is_first:
        chosen = replace(chosen, specification=held_then)
    elif before:
        chosen = replace(chosen, changes=[*chosen.changes, *held_then])
    if before and before != after:
        words = f"Specification version {before.spec_version} before, version {after.spec_version} after"
        link = address(environment, before, after), words
    else:
        since = ", before and after" if before else "" if chosen.is_first else ", the first that was seen"
        words = f"Specification version {after.spec_version}{since}"
        link = f"{view.url(transition=f'{LETTER}{after.pk}')}#chosen", words
    return replace(chosen, links=[*chosen.links, link])


def address(environment: Environment, before: SpecificationVersion | None, after: SpecificationVersion) -> str:
    """The page that holds two versions against each other."""
    asked = {"from": str(before.spec_version), "to": str(after.spec_version)} if before else {}
    return f"{reverse('environments:specification', args=[environment.pk])}{'?' if asked else ''}{urlencode(asked)}"


def revision(environment: Environment) -> str:
    """Versions are only added, and never without a change of the environment, which the page looks at itself."""
    return ""


# who made a version and why stands in the ledger
PERMISSIONS = ("environments.view_specificationversion", "ledger.view_operation")
VERSIONS: Final[Source] = Source(LETTER, PERMISSIONS, LABELS, story, entries, revision, find)
