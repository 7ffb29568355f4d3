"""Which of the organization's policies apply to a member, project, runner or class, and where they are audited."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.http import urlencode

from environments.audit.query import AUDITS, READ
from environments.detail.fields import Fact
from environments.directory_pages.nouns import Subject
from environments.documents.json_part import Part
from environments.overview.presentation import Figure
from environments.policies.policy import policy_at
from portal.directory.models import Organization

NOT_READ = "The organization's policies have not been read yet."
# of one person's environments: Ona's field, what it limits, and the figure that it is compared with
LIMITS = (
    ("maximumEnvironmentsPerUser", "Environments", "total"),
    ("maximumRunningEnvironmentsPerUser", "Running environments", "ENVIRONMENT_PHASE_RUNNING"),
)


@dataclass(frozen=True, slots=True)
class Applied:
    """What applies to all environments in sentences, the limits of one person, and the audits of its environments as
    pairs of title and address."""

    sentences: Sequence[str]
    limits: Sequence[Fact]
    audits: Sequence[tuple[str, str]]


def applied(
    subject: Subject, figures: Sequence[Figure], now: datetime, may: Callable[[Sequence[str]], bool]
) -> Applied:
    """Two queries at most; `figures` are those of its environments."""
    policy = policy_at(now)
    of = urlencode({subject.noun.kind: str(subject.identity)})
    return Applied(
        [policy.lifetime_words, policy.archive_words] if policy else [NOT_READ],
        _limits(figures) if subject.noun.kind == "owner" else [],
        [(audit.title, f"{reverse(f'audit:{slug}')}?{of}") for slug, audit in AUDITS.items()] if may(READ) else [],
    )


def _limits(figures: Sequence[Figure]) -> list[Fact]:
    """How many environments one person may have, and how many this one has."""
    organization = Organization.objects.present().order_by("id").first()
    policies = Part(organization.policies if organization else None)
    counts = {figure.name: figure.count for figure in figures}
    limited = [(label, policies.count(field), counts.get(name, 0)) for field, label, name in LIMITS]
    return [Fact(label, f"{count:,} of at most {most:,}") for label, most, count in limited if most]
