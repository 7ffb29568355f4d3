"""Text is found in whichever Unicode form and case it is written, in every search."""

from __future__ import annotations

import unicodedata
import uuid
from collections.abc import Mapping
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.db.models import Value
from django.http import QueryDict
from django.utils import timezone

from automations.by_reference.list import TASKS
from automations.executions.list import EXECUTIONS
from automations.sync.summaries import refresh
from environments.activity.list import STREAM
from environments.activity.queries import page
from environments.list.list import ENVIRONMENTS
from environments.models import Environment
from environments.secrets.list import SECRETS
from environments.timeline.list import read_entries
from environments.timeline.operations_source import OPERATIONS as ON_TIMELINE
from environments.timeline.query import read_view
from portal.directory.models import Member
from portal.ledger.list import OPERATIONS
from portal.lists.declaration import List
from portal.lists.facets import facets
from portal.lists.folding import Folded, folded
from portal.lists.query import read_query
from tests.support import factories
from tests.support.automation_factories import execution, task
from tests.support.operations import operation

pytestmark = pytest.mark.django_db
NFD = unicodedata.normalize("NFD", "café")
PAIRS = (("café", NFD), (NFD, "CAFÉ"), ("straße", "STRASSE"), ("STRASSE", "straße"), ("ΣΊΣΥΦΟΣ", "σίσυφος"))


def queried(**parameters: str) -> QueryDict:
    return QueryDict(urlencode(parameters))


def found(listing: List, **parameters: str) -> int:
    query = read_query(listing, queried(**parameters))
    assert not query.problems, parameters
    return query.rows().count()


def everywhere(name: str) -> Environment:
    """An environment of this name and owner, and all that bears the name beside it."""
    owner = Member.objects.create(id=uuid.uuid4(), name=name, first_seen_at=timezone.now(), seen_at=timezone.now())
    environment = factories.environment(name=name, owner_name=name, creator_id=owner.pk, project_name=name)
    execution(task(environment, name), started_by_name=name)
    refresh()
    factories.secret(scope_name=name, creator_name=name)
    operation(environment_id=environment.pk, target_name=name, actor_name=name, reason=name)
    return environment


SEARCHES: Mapping[str, tuple[List, tuple[str, ...]]] = {
    "environments": (ENVIRONMENTS, ("", "name:", "owner:", "project:")),
    "executions": (EXECUTIONS, ("", "task:", "env:", "owner:", "by:")),
    "secrets": (SECRETS, ("", "project:", "creator:")),
    "operations": (OPERATIONS, ("", "target:", "actor:", "reason:")),
    "tasks": (TASKS, ("",)),
}


@pytest.mark.parametrize(("stored", "typed"), PAIRS)
def test_every_search_finds_a_text_in_whichever_form_it_is_written(stored: str, typed: str) -> None:
    environment = everywhere(stored)
    for name, (listing, keys) in SEARCHES.items():
        for key in keys:
            assert found(listing, q=f"{key}{typed}") == 1, (name, key)
            assert found(listing, q=f"{key}{typed}x") == 0, (name, key)
    for parameter in ("who", "environment"):
        assert len(page(read_query(STREAM, queried(source="portal", **{parameter: typed}))).rows) == 1, parameter
    view = read_view(queried(zoom="all", q=typed), environment, timezone.now() + timedelta(seconds=1))
    assert sum(map(len, read_entries(environment, view, [ON_TIMELINE]))) == 1


def test_two_forms_of_one_reference_are_one_value_of_the_facet() -> None:
    for form in ("café", NFD):
        execution(task(factories.environment(), form))
    listed = next(each for each in facets(read_query(EXECUTIONS, queried())) if each.name == "reference")
    assert [(option.value, option.count) for option in listed.options] == [("café", 2)]
    for form in ("café", NFD):
        assert found(EXECUTIONS, reference=form) == 2


def test_the_database_folds_as_python_does() -> None:
    factories.environment()
    for text in ("İstanbul", "ﬁn", "ẞ", "ǰ", "ΐ", "ŉ", "Ⅷ", "\u1e9b\u0323", NFD, "a\u0327\u0301", "%_\\"):
        assert Environment.objects.annotate(key=Folded(Value(text))).values_list("key", flat=True).get() == folded(text)
