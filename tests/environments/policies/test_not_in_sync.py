"""What "not in sync" means, and which of its causes it is."""

from __future__ import annotations

import random
import uuid

import pytest
from django.utils import timezone

from environments.list.search_keys import CONDITIONS
from environments.models import Environment, Phase
from tests.support import factories

pytestmark = pytest.mark.django_db
CAUSES = [
    ({"spec_version": 3, "runner_spec_version": 2}, "The runner has not applied version 3 of the specification"),
    ({"secrets_in_sync": False}, "Its secrets are not in sync"),
    ({"devcontainer_in_sync": False}, "Its devcontainer is not in sync with its configuration"),
]


@pytest.mark.parametrize(("columns", "said"), CAUSES)
def test_the_list_and_the_page_say_which_cause_it_is(columns: dict[str, object], said: str) -> None:
    row = factories.environment(**columns)
    client = factories.client("Viewer")
    _, _, flag = client.get("/environments/").content.decode().partition("list-flag-not-in-sync")
    assert said in flag.partition(">")[0]
    assert said in client.get(f"/environments/{row.pk}/").content.decode()
    others = [words for _, words in CAUSES if words != said]
    assert not any(words in flag for words in others)


def test_what_the_runner_did_not_acknowledge_is_not_in_sync_wherever_it_is_asked() -> None:
    """The column, the search words and the causes that pages show, over all kinds of rows."""
    dice, now = random.Random(5), timezone.now()
    Environment.objects.bulk_create(
        Environment(
            id=uuid.UUID(int=dice.getrandbits(128), version=4), first_seen_at=now, changed_at=now,
            phase=dice.choice([*Phase.values, Phase.RUNNING, ""]), desired_phase=dice.choice(["", *Phase.values]),
            archived_at=dice.choice([None, None, now]), spec_version=dice.randrange(3),
            runner_spec_version=dice.randrange(3), secrets_in_sync=dice.choice([None, False, True]),
            devcontainer_in_sync=dice.choice([None, False, True]),
        )
        for _ in range(1000)
    )  # fmt: skip
    rows = list(Environment.objects.all())
    assert {row.pk for row in rows if row.not_in_sync} == {row.pk for row in rows if row.not_in_sync_causes}
    for word, cause in (("unacknowledged", "runner"), ("secrets-not-in-sync", "secrets")):
        found = set(Environment.objects.filter(CONDITIONS[word]).values_list("pk", flat=True))
        assert found == {row.pk for row in rows if any(cause in words for words in row.not_in_sync_causes)}
        assert found <= {row.pk for row in rows if row.not_in_sync}
