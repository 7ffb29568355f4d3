"""A run in many environments whose worker is killed in the middle: as many results and starts, none twice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from automations.actions.tasks import START_TASK
from automations.batches.plan import choose
from automations.batches.start import start_batch
from automations.batches.tasks import drive_batches
from automations.models import ENDED, Batch, ItemState
from environments.models import Environment
from portal.ledger.models import Operation, Outcome
from portal.sandbox.world import World
from tests.automations.batches.batching import REFERENCE, celery_worker, kill, starts, wait_until, with_task
from tests.support import factories
from tests.support.profiles import THOROUGH

ENVIRONMENTS = 200 if THOROUGH else 40


def ring() -> bool:
    """As the schedule does, only more often."""
    drive_batches.apply_async(expires=1)
    return True


@pytest.mark.django_db(transaction=True)
def test_a_run_outlives_its_worker(connect: Callable[..., Any]) -> None:
    with connect(World(environments=0, seed=5, speed=120)) as sandbox:
        ids = with_task(sandbox, ENVIRONMENTS)
        choice = choose(START_TASK, REFERENCE, Environment.objects.filter(pk__in=ids))
        batch = start_batch(
            action=START_TASK, reference=REFERENCE, candidates=choice.candidates, at_once=ENVIRONMENTS // 4,
            stop_after=None, actor=factories.user("Operator"), reason="the index is broken",
        )  # fmt: skip
        patience = {"PORTAL_OPERATION_PATIENCE_SECONDS": "2"}

        with celery_worker(sandbox, **patience) as worker:
            wait_until(lambda: ring() and starts(sandbox).total() > ENVIRONMENTS // 4)
            kill(worker)
        assert starts(sandbox).total() < ENVIRONMENTS
        assert Batch.objects.get().closed_at is None

        with celery_worker(sandbox, **patience):
            wait_until(lambda: ring() and Batch.objects.get().closed_at, 120)

        assert batch.items.filter(state__in=ENDED).count() == ENVIRONMENTS
        assert not list(batch.items.filter(state__in=(ItemState.UNKNOWN, ItemState.LEFT_OUT)).values_list("why"))
        assert starts(sandbox) == dict.fromkeys(ids, 1)
    operations = Operation.objects.filter(parent_id=batch.pk, outcome=Outcome.SUCCEEDED)
    assert {str(id_) for id_ in operations.values_list("environment_id", flat=True)} == set(ids)
    assert operations.count() == ENVIRONMENTS
    assert Operation.objects.get(pk=batch.pk).closed_at
