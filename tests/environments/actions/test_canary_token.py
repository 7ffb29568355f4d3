"""The portal's own token, and those it makes, through every kind of change and failure: found nowhere afterwards."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from environments.actions.reconcile import settle_operations
from environments.models import Environment
from environments.sync.observe import observe
from portal.accounts.models import ApiToken
from portal.accounts.tokens import changes
from portal.directory import connection
from portal.ledger.models import Operation
from portal.ona import OnaClient
from portal.sandbox.server import Sandbox, running
from portal.sandbox.world import World
from tests.environments.actions.kinds import KINDS
from tests.environments.actions.test_canary import Everything, everything  # noqa: F401
from tests.support import factories
from tests.support.profiles import examples, some

pytestmark = pytest.mark.django_db
CANARY = "kanarien-schluessel-5512"
NEEDLES = {CANARY, base64.b64encode(CANARY.encode()).decode()[4:-4]}
FAULTS = ("", "reset", "reset_after", "cut", "truncated", "error500", "html502", "throttled")


@pytest.fixture
def sandbox(settings: Any) -> Iterator[Sandbox]:
    with running(World(environments=5, seed=3, speed=0), token=CANARY) as server:
        settings.ONA_BASE_URL, settings.ONA_API_KEY = server.base_url, CANARY
        settings.ONA_ACTION_SECONDS = 1
        connection._client.cache_clear()
        yield server
    connection._client.cache_clear()


def known(sandbox: Sandbox, kind: str) -> Environment:
    identifier = sandbox.world.add_environment(KINDS[kind].condition)
    with OnaClient(CANARY, sandbox.base_url) as client:
        observe([client.get_environment(identifier)])
    environment = Environment.objects.get(pk=identifier)
    KINDS[kind].prepare(sandbox, environment)
    return environment


def test_the_portal_s_token_is_found_nowhere_after_any_kind_of_change_and_failure(
    sandbox: Sandbox,
    everything: Everything,  # noqa: F811
) -> None:
    actor, admin = factories.user("Admin"), factories.client("Admin")
    acted = 0
    for number, kind in enumerate(some(KINDS)):
        environment = known(sandbox, kind)
        faults = some_faults(number)
        act_with_each_fault(faults, kind, environment, actor, sandbox)
        acted += len(faults)
        # the tables hold every kind at the end; of the pages each kind opens those of one fault, or of none
        operation = Operation.objects.order_by("-pk")[number % len(faults)]
        if number % len(FAULTS) < examples(len(FAULTS)):
            everything.note(admin.get(reverse("operations:detail", args=[operation.pk])))
            everything.note(admin.get(reverse("environments:timeline", args=[environment.pk])))
            assert everything.found(NEEDLES) == [], kind
    settle_operations()
    look_around(environment, everything)
    assert Operation.objects.count() == acted
    assert everything.found(NEEDLES) == []


def some_faults(number: int) -> list[str]:
    """All of them in the thorough profile; in the quick one some, and each fault with a third of the kinds."""
    return [FAULTS[(number * examples(len(FAULTS)) + step) % len(FAULTS)] for step in range(examples(len(FAULTS)))]


def act_with_each_fault(faults: list[str], kind: str, environment: Environment, actor: User, sandbox: Sandbox) -> None:
    for fault in faults:
        if fault:
            sandbox.faults.inject(fault, rpc=KINDS[kind].rpc)
        KINDS[kind].act(environment, actor)
        sandbox.faults.clear()
    connection._client.cache_clear()  # it would wait for as long as the throttled answer asked it to


def look_around(environment: Environment, everything: Everything) -> None:  # noqa: F811
    """Every page that tells of the environment and of the operations on it."""
    admin = factories.client("Admin")
    page = reverse("environments:detail", args=[environment.pk])
    for tab in ("overview", "content", "access", "documents"):
        everything.note(admin.get(page, {"tab": tab}))
    for name in ("timeline", "specification"):
        everything.note(admin.get(reverse(f"environments:{name}", args=[environment.pk])))
    everything.note(admin.get(reverse("operations:list")))
    for operation in Operation.objects.filter(environment_id=environment.pk):
        everything.note(admin.get(reverse("operations:detail", args=[operation.pk])))


@pytest.mark.parametrize("slug", ["logs-token", "access-token"])
def test_a_token_that_was_made_is_in_the_one_answer_that_shows_it_and_nowhere_else(
    slug: str,
    sandbox: Sandbox,
    everything: Everything,  # noqa: F811
) -> None:
    environment, admin = known(sandbox, "stop"), factories.client("Admin")
    form = {"operation_id": "11111111-2222-4333-8444-555555555555", "reason": "for a test"}
    answer = admin.post(reverse(f"environments:{slug}", args=[environment.pk]), form)
    token = answer.context["made"].reveal()
    assert token in answer.content.decode()
    everything.note(admin.post(reverse(f"environments:{slug}", args=[environment.pk]), form))  # sent again
    look_around(environment, everything)
    assert everything.found({token}) == []


def test_a_token_of_the_portal_is_found_nowhere_after_any_use_and_refusal(
    sandbox: Sandbox,
    everything: Everything,  # noqa: F811
    settings: Any,
) -> None:
    """Read, acted and planned with, sent to the wrong places, throttled, downgraded, expired and revoked."""
    settings.METRICS_TOKEN, environment, owner = "of-monitoring", known(sandbox, "stop"), factories.user("Operator")
    token, secret = changes.create_token(
        owner=owner, actor=owner, name="ci", role="Operator", days=1, is_read_only=False
    )
    assert secret is not None
    text, stop = secret.reveal(), f"/api/v1/environments/{environment.pk}/actions/stop/"
    client = Client(headers={"Authorization": f"Bearer {text}"}, raise_request_exception=False)

    def sent(status: int, address: str, body: dict[str, Any] | None = None, **headers: str) -> None:
        options: dict[str, Any] = {"headers": headers}
        options |= {"data": body, "content_type": "application/json"} if body is not None else {}
        answer = everything.note((client.get if body is None else client.post)(address, **options))
        assert answer.status_code == status, (address, answer.content)

    reason, rows = {"reason": "for a test"}, "/api/v1/environments/"
    sent(200, f"{rows}?phase=running")
    sent(400, f"{rows}?token={'x' * 9}")
    sent(404, "/api/v1/nowhere/")
    sandbox.faults.inject("error500", rpc=KINDS["stop"].rpc)
    sent(202, stop, reason)
    sandbox.faults.clear()
    sent(200, stop, reason)
    sent(200, "/api/v1/batches/actions/plan/", {"action": "environment.stop"})
    sent(422, "/api/v1/batches/actions/start/", {"action": "environment.start", "at_once": 0} | reason)
    sent(403, "/api/v1/evidence/", reason)
    sent(401, rows, Authorization=f"Bearer {text} {text}")
    sent(401, rows, Authorization=f"Bearer {text}x")
    sent(401, "/metrics", Authorization=f"Bearer {text}")
    sent(302, "/accounts/tokens/")
    settings.API_TOKEN_REQUESTS = 0
    sent(429, rows)
    owner.groups.clear()
    sent(401, rows)
    ApiToken.objects.update(expires_at=timezone.now())
    sent(401, rows)
    ApiToken.objects.update(revoked_at=timezone.now())
    sent(401, rows)
    sent(200, "/metrics", Authorization="Bearer of-monitoring")
    look_around(environment, everything)
    assert everything.found({text, text.removeprefix(f"{token.prefix}_")}) == []
