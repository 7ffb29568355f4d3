"""What the palette finds of the environments' app: environments, people, projects, runners, classes and secrets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from django.db.models import Q
from django.urls import reverse
from django.utils.http import urlencode

from environments.models import Environment, Secret
from portal.directory.models import EnvironmentClass, Member, Project, Runner
from portal.lists.folding import contains
from portal.lists.registry import SAVABLE
from portal.palette.sources import MOST, Destination, Hit, Person, Source
from portal.web import formatting
from portal.web.navigation import PLACES, address_of

SEE = ("environments.view_environment",)
OTHERS = {
    "Evidence packs": "audit:evidence",
    "New environment": "environments:create",
    "Add secret": "secrets:add",
    "Change password": "accounts:password",
}


def _environments(text: str, user: Person) -> Iterator[Hit]:
    rows = Environment.objects.filter(contains(text)).order_by("-last_used_at")
    rows = rows.only("id", "name", "phase", "owner_name", "project_name", "gone_at")
    found = list(rows.filter(gone_at=None)[:MOST]) or list(rows[:MOST])
    for row in found:
        state = "deleted" if row.gone_at else formatting.phase_word(row.phase)
        note = " · ".join(filter(None, (state, row.owner_name, row.project_name)))
        yield Hit(row.name or str(row.pk), address_of("environments:detail", row.pk), note)


def _secrets(text: str, user: Person) -> Iterator[Hit]:
    rows = Secret.objects.present().filter(contains(text)).order_by("name", "pk")
    for row in rows.only("name", "scope_name")[:MOST]:
        yield Hit(row.name, f"{reverse('secrets:list')}?{urlencode({'q': f'name:{row.name}'})}", row.scope_name)


def _named(
    model: type[Member | Project | Runner | EnvironmentClass], kind: str, *columns: str
) -> Callable[[str, Person], Iterator[Hit]]:
    """Rows of the directory, each leading to its page."""

    def find(text: str, user: Person) -> Iterator[Hit]:
        conditions = (Q(**{f"{column}__says": text}) for column in ("name", *columns))
        rows = model.objects.filter(Q(*conditions, _connector=Q.OR) | _id_begins(text)).order_by("name", "pk")
        for row in rows.defer("document")[:MOST]:
            note = " · ".join(filter(None, (getattr(row, column) for column in columns)))
            yield Hit(str(row), address_of(f"directory:{kind}", row.pk), note)

    return find


def _id_begins(text: str) -> Q:
    return Q(id__istartswith=text) if len(text) >= 8 else Q(pk__in=())


DIRECTORY = (
    ("People", "user", _named(Member, "owner", "email")),
    ("Projects", "branch", _named(Project, "project", "repository")),
    ("Runners", "globe", _named(Runner, "runner", "region")),
    ("Classes", "settings", _named(EnvironmentClass, "class", "description")),
)
SOURCES = (
    Source(title="Environments", icon="environments", permissions=SEE, find=_environments),
    *(Source(title=title, icon=icon, permissions=SEE, find=find, shortest=2) for title, icon, find in DIRECTORY),
    Source(title="Secrets", icon="lock", permissions=("environments.view_secret",), find=_secrets),
)


def destinations() -> Iterable[Destination]:
    """The places of the navigation, every page that can be saved as a view, and what can be created."""
    for place in PLACES:
        yield Destination(place.label, reverse(place.url_name))
    for url_name, page in SAVABLE.items():
        yield Destination(page.label, reverse(url_name))
    for label, url_name in OTHERS.items():
        yield Destination(label, reverse(url_name))
