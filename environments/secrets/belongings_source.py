"""The secrets of a member or project, on their pages."""

from __future__ import annotations

from django.db.models import Count

from environments.directory_pages.belongings import Source, narrowed
from environments.directory_pages.nouns import Subject
from environments.models import Secret
from environments.overview.presentation import Figure
from environments.secrets.list import SECRETS

# beside the total: the list's filter, its value, and what it is called here
ASKED = (("used", "no", "unused"), ("age", "365", "not rotated for a year"))


def _figures(subject: Subject) -> list[Figure]:
    """One query."""
    own = Secret.objects.present().filter(scope_kind=subject.noun.scope, scope_id=subject.identity)
    conditions = {name: Count("pk", filter=SECRETS.by_name[name].asks((value,))) for name, value, _ in ASKED}
    counts = own.aggregate(total=Count("pk"), **conditions)
    of = {subject.noun.kind: str(subject.identity)}
    rest = [(name, label, {name: value}) for name, value, label in ASKED]
    return [
        Figure(name, label, counts[name], narrowed(SECRETS, **of, **more))
        for name, label, more in (("total", "in all", {}), *rest)
    ]


SOURCE = Source("secrets", "Secrets", SECRETS.permissions, ("owner", "project"), _figures)
