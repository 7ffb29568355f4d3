"""Versions of an environment's specification: what each changed, and who made it and why, if known. Timeline source."""

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
from environments.timeline.lane_bars import Mark, Period
from environments.timeline.query import View
from environments.timeline.sources import (
    Contribution,
    Entry,
    Place,
    Selection,
    Slice,
    Source,
    compare_fields,
    parse_id,
    take_first,
)
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
FIRST = "before the portal first observed it"
PERHAPS = "perhaps through the portal: {} had been requested, but its answer does not prove it"


@dataclass(frozen=True, slots=True)
class Origin:
    """Who made a version. `operation` is the likely one of the portal, else None; `words` then include whom Ona's audit
    log names, if anyone.
    """

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
    """A version for pages. `previous` is the highest observed version below, `skipped` the number between, `changes`
    the differences between the two; all unknown for the first.
    """

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
    """The fields that differ, except for the version number."""
    return moved(compare_fields(_without_number(before.spec), _without_number(after.spec)))


def _without_number(spec: Any) -> dict[str, Any]:
    fields = spec if isinstance(spec, dict) else {"specification": spec}
    return {name: value for name, value in fields.items() if name != ITS_OWN_NUMBER}


def list_versions(environment: Environment, size: int, below: int | None = None) -> tuple[list[Version], int | None]:
    """The highest versions, or those below `below`, and the number the next page begins below (None at the end). Two
    queries.
    """
    own = SpecificationVersion.objects.of(environment)
    if below is not None:
        own = own.filter(spec_version__lt=below)
    found = list(own[: size + 1])
    origins_of = find_origins(environment, found)
    pairs = zip_longest(found[:size], found[1 : size + 1])
    shown = [_version(row, previous, origins_of) for row, previous in pairs]
    return shown, int(found[size - 1].spec_version) if len(found) > size else None


def versions_by_number(environment: Environment, versions: Iterable[int]) -> dict[int, SpecificationVersion]:
    """The observed ones of these versions, by number."""
    wanted = SpecificationVersion.objects.of(environment).filter(spec_version__in=list(versions))
    return {int(row.spec_version): row for row in wanted}


def describe_range(environment: Environment) -> str:
    """A sentence about the range of observed versions; empty if there are none."""
    ends = SpecificationVersion.objects.filter(environment=environment).aggregate(
        Min("spec_version"), Max("spec_version")
    )
    low, high = ends.values()
    return "" if low is None else f" Those that it has seen lie between {low} and {high}."


def parse_version(text: str) -> int | None:
    """Parse a version number from a URL; None if invalid."""
    value = int(text) if text.isascii() and text.isdigit() and len(text) <= 20 else None
    return value if value is not None and value <= LARGEST else None


def _version(row: SpecificationVersion, previous: SpecificationVersion | None, found: Mapping[int, Origin]) -> Version:
    return Version(row, previous, found[row.pk], diff(previous, row) if previous else [])


def find_origins(environment: Environment, versions: Sequence[SpecificationVersion]) -> dict[int, Origin]:
    """The origins by primary key; one query to the ledger, and two to Ona's audit log if any are from outside."""
    if not versions:
        return {}
    from_ = min(row.old_seen_at or row.seen_at for row in versions)
    to = max(row.seen_at for row in versions)
    sent = Operation.objects.of_environment(environment.pk).filter(sent_at__lte=to).exclude(outcome=Outcome.FAILED)
    near = sent.filter(Q(closed_at=None) | Q(closed_at__gte=from_)).filter(target_type="environment").newest_first()
    known = list(near.defer("request", "search", "message")[:MOST_OPERATIONS])
    found = {row.pk: find_origin(row, known) for row in versions}
    return found | _named(environment, [row for row in versions if found[row.pk].words == OUTSIDE])


def _named(environment: Environment, versions: Sequence[SpecificationVersion]) -> dict[int, Origin]:
    """Probable origins of versions made outside the portal, from Ona's audit log."""
    between = {row.pk: (row.old_seen_at, row.seen_at) for row in versions if row.old_seen_at}
    if not between:
        return {}
    log = attribution.OutsideChanges(
        [environment.pk], min(a for a, _ in between.values()), max(b for _, b in between.values())
    )
    by = {pk: log.by(environment.pk, *ends, attribution.changes_specification) for pk, ends in between.items()}
    return {pk: Origin(f"{OUTSIDE}, {words} ({attribution.SOURCE})") for pk, words in by.items() if words}


def find_origin(version: SpecificationVersion, operations: Iterable[Operation]) -> Origin:
    """Who made `version`: the operation sent before it was observed, from the version below, that read it back.

    An operation whose answer was never read, or that read back a higher version, may have made it. Pure.
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
    """Whether it edits the specification, began below this version, and had not read back an older one."""
    before, after = (as_number(values.get(ITS_OWN_NUMBER)) for values in (operation.before, operation.after))
    if version.old_seen_at is None or before is None or before >= version.spec_version:
        return False
    if after is not None:
        return after == version.spec_version
    return before + 1 == version.spec_version


def _was_under_way(version: SpecificationVersion, operation: Operation) -> bool:
    return operation.closed_at is None or version.seen_at <= operation.closed_at


def contribute(environment: Environment, period: Period) -> Contribution:
    """One mark per version observed in the period."""
    own = SpecificationVersion.objects.of(environment).filter(seen_at__gte=period.start, seen_at__lte=period.end)
    seen = list(own.values_list("pk", "spec_version", "old_seen_at", "seen_at")[: MOST_MARKS + 1])
    found, left_out = take_first(MOST_MARKS, seen, f"highest {MOST_MARKS:,} versions of the period")
    marks = [
        Mark(LANE, "specification", seen_at, f"Specification version {version}", old_seen_at, f"{LETTER}{pk}")
        for pk, version, old_seen_at, seen_at in found
    ]
    return Contribution(LABELS, marks=marks, left_out=left_out)


def entries(environment: Environment, part: Slice) -> list[Entry]:
    """Versions without their changes; two queries."""
    own = SpecificationVersion.objects.filter(environment=environment).filter(part.query(LETTER, "seen_at"))
    found = list(own.defer("spec").order_by("-seen_at", "-id")[: part.limit])
    origins_of = find_origins(environment, found)
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


def find(environment: Environment, id_: str) -> Selection | None:
    """One version, compared with the observed version before it."""
    identity, own = parse_id(id_), SpecificationVersion.objects.of(environment)
    row = own.filter(pk=identity).first() if identity is not None else None
    if row is None:
        return None
    previous = own.filter(spec_version__lt=row.spec_version).first()
    version = _version(row, previous, find_origins(environment, [row]))
    operation = version.origin.operation
    title = f"Specification version {row.spec_version}"
    changes = version.changes if previous else compare_fields({}, _without_number(row.spec))
    return Selection(
        f"{LETTER}{row.pk}",
        f"{title}, compared with version {previous.spec_version}" if previous else f"{title}, the first recorded",
        row.seen_at,
        row.old_seen_at,
        changes,
        rows([operation]) if operation else [],
        version.origin.words,
        version.origin.why,
        [(comparison_url(environment, previous, row), "All versions of the specification")],
        is_first=previous is None,
    )


def versions_around(
    environment: Environment, at: datetime
) -> tuple[SpecificationVersion | None, SpecificationVersion | None]:
    """The versions recorded just before and at an observation; None if there was none."""
    recorded = SpecificationVersion.objects.of(environment).recorded_by(at)
    after = recorded.first()
    is_older = after is None or after.seen_at < at
    return after if is_older else recorded.filter(seen_at__lt=at).first(), after


def add_specification(environment: Environment, chosen: Selection, view: View) -> Selection:
    """Add the specification before and at the selected change."""
    before, after = versions_around(environment, chosen.at)
    if after is None:
        return replace(chosen, kept=f"{chosen.kept} No version of it was seen by then.")
    specification = compare_fields(*({"spec": _without_number(row.spec)} if row else {} for row in (before, after)))
    if chosen.is_first:
        chosen = replace(chosen, specification=specification)
    elif before:
        chosen = replace(chosen, changes=[*chosen.changes, *specification])
    if before and before != after:
        words = f"Specification version {before.spec_version} before, version {after.spec_version} after"
        link = comparison_url(environment, before, after), words
    else:
        since = ", before and after" if before else "" if chosen.is_first else ", the first recorded"
        words = f"Specification version {after.spec_version}{since}"
        link = f"{view.url(transition=f'{LETTER}{after.pk}')}#chosen", words
    return replace(chosen, links=[*chosen.links, link])


def comparison_url(environment: Environment, before: SpecificationVersion | None, after: SpecificationVersion) -> str:
    """The URL of the comparison of two versions."""
    query = {"from": str(before.spec_version), "to": str(after.spec_version)} if before else {}
    return f"{reverse('environments:specification', args=[environment.pk])}{'?' if query else ''}{urlencode(query)}"


def change_token(environment: Environment) -> str:
    """Constant: versions are only added together with a change of the environment, which the page checks itself."""
    return ""


# who made a version and why is in the ledger
PERMISSIONS = ("environments.view_specificationversion", "ledger.view_operation")
VERSIONS: Final[Source] = Source(LETTER, PERMISSIONS, LABELS, contribute, entries, change_token, find)
