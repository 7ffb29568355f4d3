"""The names behind the ids that environments hold: owners, projects, classes, runners."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from uuid import UUID

from django.db.models import F, Model, OuterRef, Q, Subquery, TextField, Value
from django.db.models.expressions import Combinable
from django.db.models.functions import Concat

from environments.as_of import recorded
from environments.models import Environment
from portal.directory.models import EnvironmentClass, Member, Project, Runner
from portal.lists.readers import NONE

# of each kind of name: where names are stored, and the columns of an environment that hold id and name
NAMED: Mapping[str, tuple[type[Model], str, str]] = {
    "project": (Project, "project_id", "project_name"),
    "owner": (Member, "creator_id", "owner_name"),
    "runner": (Runner, "runner_id", "runner_name"),
    "class": (EnvironmentClass, "class_id", "class_name"),
}
# Runners have classes of the same names.
_RUNNER = (
    Runner.objects.filter(pk=OuterRef("runner_id"))
    .exclude(name="")
    .values(label=Concat(Value(" · "), "name", output_field=TextField()))
)
LABELS: Mapping[str, Combinable] = {"class": Concat("name", Subquery(_RUNNER), output_field=TextField())}


def names_of(kind: str) -> Callable[[Iterable[str]], dict[str, str]]:
    """Names of ids (and "none") from the directory, with what is not in order ("Ann (left)"); of those it does not
    list, from an environment that has them. At most two queries."""
    model, id_column, name_column = NAMED[kind]

    def names(values: Iterable[str]) -> dict[str, str]:
        ids = {value: None if value == NONE else UUID(value) for value in values}
        wanted = [identity for identity in ids.values() if identity]
        entries = model._default_manager.filter(pk__in=wanted)  # an empty list is no query
        entries = entries.annotate(label=LABELS.get(kind, F("name")), mark=recorded.mark(kind))
        named = {identity: (name, mark) for identity, name, mark in entries.values_list("pk", "label", "mark")}
        known = {identity: f"{name}{mark}" for identity, (name, mark) in named.items() if name}
        if unknown := [identity for identity in wanted if not known.get(identity)]:
            rows = Environment.objects.filter(**{f"{id_column}__in": unknown}).exclude(**{name_column: ""})
            known |= dict(rows.values_list(id_column, name_column).distinct())
        return {value: known.get(each) or (value if each is None else f"{value[:8]}…") for value, each in ids.items()}

    return names


def named(kind: str) -> Callable[[str], Q]:
    """Environments of which the owner, project, class or runner has this text in its name."""
    model, column, _ = NAMED[kind]
    return lambda text: Q(**{f"{column}__in": model._default_manager.filter(name__says=text).values("pk")})
