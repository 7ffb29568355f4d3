"""What is shown of one reference: its columns, the ways to the rows behind them, its newest runs as marks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from urllib.parse import quote, urlencode

from django.urls import reverse
from django.utils.safestring import SafeString

from automations.models import ServicePhase, ServiceSummary, TaskSummary
from automations.models.summary import Summary
from portal.lists.filters import EnumWords
from portal.web.formatting import TONES, phase_word

EVERYWHERE = 0.5  # from this share on a failure is not an environment's own
PHASE_ORDER = (
    ServicePhase.FAILED, ServicePhase.RUNNING, ServicePhase.STARTING, ServicePhase.STOPPING, ServicePhase.STOPPED,
)  # fmt: skip
PHASES = EnumWords({str(phase.label): str(phase.value) for phase in ServicePhase} | {"unknown": ""}, "service_phase_")


@dataclass(frozen=True, slots=True)
class PhaseCount:
    """How many services are in a phase; `url` leads to them."""

    phase: str
    count: int
    url: str


@dataclass(frozen=True, slots=True)
class Line:
    """A reference with what its row shows beside the columns of `summary`."""

    summary: Summary
    url: str
    failed_url: str
    marks: SafeString
    marks_words: str
    phases: list[PhaseCount]
    is_everywhere: bool

    @property
    def percent(self) -> int | None:
        """The failed share; None if unknown."""
        return share_percent(self.summary)


def share_percent(summary: Summary) -> int | None:
    """The failed share in percent, never rounded to 0 or 100; None if unknown."""
    share = summary.failed_share
    if share is None:
        return None
    return round(share * 100) if share in (0, 1) else min(99, max(1, round(share * 100)))


def line(summary: Summary) -> Line:
    """What is shown of one reference."""
    is_task = isinstance(summary, TaskSummary)
    url = reverse("automations:task" if is_task else "automations:service", args=[summary.reference])
    runs = f"{reverse('automations:list')}?reference={quote(summary.reference)}&phase=failed&since=7d"
    words = [phase_word(mark.get("phase")) for mark in summary.marks] if isinstance(summary, TaskSummary) else []
    return Line(
        summary,
        url,
        runs if is_task else f"{url}?phase=failed",
        marks(words),
        counted(words),
        _phases(summary.phases, url) if isinstance(summary, ServiceSummary) else [],
        (summary.failed_share or 0) >= EVERYWHERE and summary.environments > 1,
    )


def marks(words: Sequence[str]) -> SafeString:
    """The newest runs as a row of coloured marks that is read as words; made here, a page has a thousand of them."""
    label = f"Newest {len(words)} run{'' if len(words) == 1 else 's'}, the newest first: {', '.join(words)}"
    inner = "".join(map(_mark, words))
    return SafeString(
        f'<span class="run-marks" role="img" aria-label="{escape(label)}">{inner}</span>' if words else ""
    )


def counted(words: Iterable[str]) -> str:
    """ "3 failed, 17 succeeded": how often each word occurs, the rarest first."""
    return ", ".join(f"{count} {word}" for word, count in sorted(Counter(words).items(), key=lambda pair: pair[::-1]))


@lru_cache(maxsize=64)
def _mark(word: str) -> str:
    return f'<span class="run-mark run-mark-{TONES.get(word, "none")}" title="{escape(word)}"></span>'


def _phases(phases: Mapping[str, int], url: str) -> list[PhaseCount]:
    """The phases that occur, those to look at first."""
    known: list[str] = [phase for phase in PHASE_ORDER if phase in phases]
    more = sorted(phase for phase in phases if phase not in known)
    return [
        PhaseCount(phase, phases[phase], f"{url}?{urlencode({'phase': PHASES.value(phase)})}") for phase in known + more
    ]
