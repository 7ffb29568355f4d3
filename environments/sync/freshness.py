"""Freshness of each kind of cached data: its age, and what delays it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.conf import settings
from django.utils import timezone

from environments.models import SyncRun
from environments.sync.event_stream import GRACE as GRACE
from environments.sync.event_stream import EventStream

SUCCESSFUL = [SyncRun.State.SUCCEEDED.value]
LISTED = (SyncRun.Kind.ENVIRONMENTS, SyncRun.State.SUCCEEDED)
FINISHED = [*SUCCESSFUL, SyncRun.State.FAILED.value, SyncRun.State.REFUSED.value]
# The newest successful and the newest finished run of each kind, from an index. Building as many queries with the ORM
# and their union takes longer than running them.
NEWEST = """
SELECT run.* FROM unnest(%(kinds)s::text[]) AS chosen(kind)
CROSS JOIN LATERAL (
    (SELECT * FROM environments_syncrun WHERE kind = chosen.kind AND state = ANY(%(good)s)
        ORDER BY started_at DESC LIMIT 1)
    UNION ALL
    (SELECT * FROM environments_syncrun WHERE kind = chosen.kind AND state = ANY(%(finished)s)
        ORDER BY started_at DESC LIMIT 1)
) AS run
UNION ALL (SELECT * FROM environments_syncrun WHERE kind = 'events' ORDER BY started_at DESC LIMIT 1)
"""
ADVICE = {
    "unauthenticated": "Ona refuses the token. Set ONA_API_KEY to a valid one and restart, or replace it in "
    "PORTAL_ONA_TOKEN_FILE; check_ona explains it.",
    "permission_denied": "The token may not read this. Give it more rights at Ona; check_ona lists what it lacks.",
    "not_found": "Ona does not know the request. Check ONA_BASE_URL; check_ona shows what answers there.",
    "resource_exhausted": "Ona is limiting requests. Lower ONA_REQUESTS_PER_SECOND if this goes on.",
    "unreachable": "No connection to Ona. Check ONA_BASE_URL, the network and its proxy; the next run tries again.",
    "malformed_answer": "Something other than Ona's API answered. Check ONA_BASE_URL and what stands in between.",
    "not_ona": "A proxy or another server answered. Check ONA_BASE_URL and what stands in between; this says nothing "
    "about the token's rights.",
    "endless_listing": "Ona's list repeats its pages. Nothing was marked as deleted; the next run tries again.",
    "unavailable": "Ona is temporarily unavailable. The next run tries again.",
    "internal": "Ona had an error of its own. The next run tries again; the request id helps the vendor's support.",
    "deadline_exceeded": "Ona answered too slowly. The next run tries again; if it goes on, raise ONA_TIMEOUT_SECONDS.",
    "too_slow": "It took longer than a run may. Raise ONA_CONCURRENCY or ONA_REQUESTS_PER_SECOND to make it faster.",
    "interrupted": "The worker was stopped or crashed during the run; see its log. The next run starts over.",
    "too_many_missing": "Too much of the fleet was absent at once, so nothing was marked as deleted. See whether the "
    "token "
    "still sees the whole organization; check_ona reports it. If it was deleted on purpose, run the command named "
    "above.",
}
DEFAULT_ADVICE = "The next run tries again; what is cached stays. If it goes on, check_ona shows Ona's answer."


def intervals(*, watched: bool = False) -> Mapping[str, timedelta]:
    """The configured interval of each kind of run; some are rarer while the event stream is well (`watched`)."""
    sweep = timedelta(seconds=max(settings.SWEEP_SECONDS, settings.WATCHED_SWEEP_SECONDS if watched else 0))
    return {
        SyncRun.Kind.ENVIRONMENTS: sweep,
        SyncRun.Kind.AUTOMATIONS: sweep,
        SyncRun.Kind.ALL_AUTOMATIONS: timedelta(seconds=settings.ALL_AUTOMATIONS_SECONDS),
        SyncRun.Kind.DIRECTORY: timedelta(seconds=settings.DIRECTORY_SECONDS),
        SyncRun.Kind.SECRETS: timedelta(seconds=settings.DIRECTORY_SECONDS),
        SyncRun.Kind.AUDIT_LOGS: timedelta(seconds=settings.AUDIT_LOG_SECONDS),
    }


@dataclass(frozen=True, slots=True)
class Freshness:
    """Freshness of one kind of data. `as_of` is when its last successful run began: nothing shown is older.

    `is_live`: events tell of its changes, and runs are rarer; `stream` has more of them.
    """

    kind: str
    label: str
    interval: timedelta
    good: SyncRun | None
    latest: SyncRun | None
    stream: EventStream
    is_live: bool
    blocked: SyncRun | None = None  # the failed listing of environments, without which there is nothing to ask for

    @property
    def now(self) -> datetime:
        return self.stream.now

    @property
    def as_of(self) -> datetime | None:
        return self.good.started_at if self.good else None

    @property
    def age(self) -> timedelta | None:
        return self.now - self.good.started_at if self.good else None

    @property
    def late(self) -> bool:
        """Whether two or more runs are overdue, or none has ever succeeded."""
        return self.age is None or self.age > 2 * self.interval + GRACE

    @property
    def state(self) -> str:
        if self.refused:
            return "refused"
        if self.is_unread:
            return "unread"
        return "never" if self.good is None else "late" if self.late else "fresh"

    @property
    def text(self) -> str:
        """The words beside the time in every page's frame."""
        words = {
            "never": "Nothing read from Ona yet",
            "late": "behind",
            "fresh": "",
            "refused": "not allowed",
            "unread": "behind",
        }
        return words[self.state]

    @property
    def is_unread(self) -> bool:
        """Whether Ona rejected the newest run, or it sent no request while Ona cannot be read: nothing to ask is then
        no success."""
        is_rejected = bool(self.good and self.failure and self.failure.error_code == "unauthenticated")
        return is_rejected or bool(self.blocked and self.good and self.good is self.latest and not self.good.requests)

    @property
    def is_shared(self) -> bool:
        """Whether it fails as the listing of environments does: every page says so once already."""
        return bool(self.blocked and self.failure and self.failure.error_code == self.blocked.error_code)

    @property
    def is_repeated(self) -> bool:
        """Whether the line of environments says the same."""
        return self.is_shared and self.kind != SyncRun.Kind.ENVIRONMENTS

    @property
    def failure(self) -> SyncRun | None:
        """The newest finished run if it failed, else None."""
        return self.latest if self.latest and self.latest.state == SyncRun.State.FAILED else None

    @property
    def refused(self) -> SyncRun | None:
        """The newest finished run if the token was not permitted to read this kind, else None."""
        return self.latest if self.latest and self.latest.state == SyncRun.State.REFUSED else None

    @property
    def trouble(self) -> str:
        """The failure and what to do about it; the code alone of what every page says once already."""
        if self.failure is None or self.is_shared:
            return self.failure.error_code if self.failure else ""
        return f"{self.failure.error or self.failure.error_code} {self.advice}".strip()

    @property
    def advice(self) -> str:
        return ADVICE.get(self.failure.error_code.lower(), DEFAULT_ADVICE) if self.failure else ""


def freshness(*kinds: str) -> list[Freshness]:
    """Freshness of `kinds` (default: all), in one query."""
    chosen = kinds or tuple(kind.value for kind in SyncRun.Kind if kind != SyncRun.Kind.EVENTS)
    asked = dict.fromkeys((*chosen, SyncRun.Kind.ENVIRONMENTS.value))
    runs = list(SyncRun.objects.raw(NEWEST, {"kinds": list(asked), "good": SUCCESSFUL, "finished": FINISHED}))
    stream = _stream(runs, timezone.now())
    found = {kind: _freshness(kind, [run for run in runs if run.kind == kind], stream) for kind in asked}
    blocked = found[SyncRun.Kind.ENVIRONMENTS].failure
    return [replace(found[kind], blocked=blocked) for kind in chosen]


def event_stream() -> EventStream:
    """As it is now; one query."""
    (environments,) = freshness(SyncRun.Kind.ENVIRONMENTS)
    return environments.stream


def is_due(kind: SyncRun.Kind) -> bool:
    """Whether a run that the schedule offers is to list now: not if events tell of changes and the last is recent."""
    (found,) = freshness(kind)
    return (
        not found.is_live
        or found.good is not found.latest
        or found.age is None
        or found.age > found.interval - timedelta(seconds=settings.SWEEP_SECONDS) / 2
    )


def _stream(runs: list[SyncRun], now: datetime) -> EventStream:
    connection = next((run for run in runs if run.kind == SyncRun.Kind.EVENTS), None)
    listed = [run.started_at for run in runs if (run.kind, run.state) == LISTED]
    return EventStream(connection, max(listed, default=None), now)


def _freshness(kind: str, runs: list[SyncRun], stream: EventStream) -> Freshness:
    newest_first = sorted(runs, key=lambda run: run.started_at, reverse=True)
    good = next((run for run in newest_first if run.state == SyncRun.State.SUCCEEDED), None)
    latest = newest_first[0] if newest_first else None
    interval = intervals(watched=stream.is_fading)[kind]
    is_live = stream.is_live and interval > intervals()[kind]
    return Freshness(kind, SyncRun.Kind(kind).label, interval, good, latest, stream, is_live)
