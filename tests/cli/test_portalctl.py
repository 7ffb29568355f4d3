"""`portalctl` on the portal's own API: what it prints, what it does, and the status that it ends with."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager

import httpx
import pytest
from django.contrib.auth.models import User
from portalctl.api import Api
from portalctl.main import run
from portalctl.output import lines

from automations.models import Batch, ItemState
from portal.accounts.models import ApiToken
from portal.accounts.tokens import changes
from portal.ledger.models import Operation
from portal.sandbox.server import Sandbox
from portal.sandbox.world import World
from tests.cli.wire import Losing
from tests.environments.actions.test_acting import known
from tests.support import factories

pytestmark = pytest.mark.django_db
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def sandbox(connect: Callable[..., AbstractContextManager[Sandbox]]) -> Iterator[Sandbox]:
    with connect(World(environments=10, seed=11)) as server:
        yield server


@pytest.fixture
def portalctl(capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """Run a command by a token of this role: its status, output and errors."""

    def called(
        *arguments: str, role: str = "Operator", lost: int = 0, sleep: Callable[[float], None] = lambda _: None
    ) -> tuple[int, str, str]:
        owner = User.objects.filter(username="root").first() or User.objects.create_superuser("root")
        _, secret = changes.create_token(owner=owner, actor=owner, name="x", role=role, days=1, is_read_only=False)
        assert secret is not None
        api = Api("http://localhost", secret.reveal(), transport=Losing(lost), sleep=sleep)
        capsys.readouterr()
        status = run(list(arguments), api)
        said = capsys.readouterr()
        logless = [line for line in said.err.splitlines() if not line.startswith("{")]
        return status, said.out, "\n".join(logless)

    return called


def test_lists_are_written_as_tables_json_and_csv(portalctl: Run) -> None:
    for number in range(5):
        factories.environment(name=f"=otter-{number}", failure="boom" if number else "")
    asked = ("list", "environments", "failure=none", "--fields", "name,phase")
    status, out, _ = portalctl(*asked[:2], "phase=running", "--sort", "name", "--fields", "name,phase")
    assert status == 0
    assert out.splitlines()[0].split() == ["name", "phase"]
    assert out.splitlines()[1].startswith("=otter-0  ")
    status, out, _ = portalctl(*asked[:2], "-q", "otter-3", "--fields", "name", "-o", "json")
    assert [json.loads(line) for line in out.splitlines()] == [{"name": "=otter-3"}]
    status, out, _ = portalctl(*asked[:2], "--sort", "name", "--fields", "name", "-o", "csv", "--limit", "2")
    assert list(csv.reader(io.StringIO(out))) == [["name"], ["'=otter-0"], ["'=otter-1"]]
    _, out, _ = portalctl("list", "environments", "--all", "-o", "json")
    assert len(out.splitlines()) == 5


def test_what_the_portal_does_not_know_is_an_error_with_its_reason(portalctl: Run) -> None:
    status, out, error = portalctl("list", "environments", "phse=running")
    assert (status, out) == (1, "")
    assert "phse" in error
    assert "phase" in error
    assert portalctl("list", "environments", "phase")[0] == 2
    assert portalctl("list", "nothing")[0] == 1
    assert portalctl("fly")[0] == 2
    assert portalctl("show", "environments", "00000000-0000-4000-8000-000000000000")[0] == 1


def test_an_action_is_done_once_whatever_is_lost_and_named_by_its_token(sandbox: Sandbox, portalctl: Run) -> None:
    environment = known(sandbox)
    target = f"environments/{environment.pk}"
    status, _, error = portalctl("act", target, "stop")
    assert status == 1
    assert "#/reason" in error
    assert portalctl("act", target, "stop", "-r", "x", role="Viewer")[0] == 1
    status, out, _ = portalctl("act", target, "stop", "-r", "nobody uses it", "-o", "json", lost=2)
    assert (status, json.loads(out)["outcome"]) == (0, "succeeded")
    operation = Operation.objects.get(action="environment.stop")
    assert (operation.reason, operation.token.startswith("x (portal_")) == ("nobody uses it", True)
    _, out, _ = portalctl("show", "operations", str(operation.pk))
    assert "nobody uses it" in out


def test_a_batch_is_planned_and_followed_to_its_end(sandbox: Sandbox, portalctl: Run) -> None:
    known(sandbox), known(sandbox)
    asked = ("batch", "environment.stop", "--query", "phase=running")
    status, out, _ = portalctl(*asked, "--plan", "-o", "json")
    assert (status, len(out.splitlines()), Batch.objects.count()) == (0, 2, 0)
    endings: Sequence[tuple[ItemState, int]] = (
        (ItemState.SUCCEEDED, 0), (ItemState.FAILED, 1), (ItemState.UNKNOWN, 3),
    )  # fmt: skip
    for state, expected in endings:

        def ends(_: float, state: ItemState = state) -> None:
            batch = Batch.objects.get(closed_at=None)
            batch.items.update(state=state)
            Batch.objects.filter(pk=batch.pk).update(closed_at=batch.asked_at)

        status, out, _ = portalctl(*asked, "-r", "night", "-o", "json", sleep=ends)
        assert (status, json.loads(out)[state]) == (expected, 2)
    status, out, _ = portalctl(*asked, "-r", "night", "--no-wait")
    assert (status, Batch.objects.filter(pk=out.strip()).count()) == (0, 1)


def test_no_portal_and_no_valid_token_have_a_status_of_their_own(portalctl: Run) -> None:
    status, _, error = portalctl("list", "environments", lost=9)
    assert (status, "cannot be reached" in error) == (4, True)

    def refused(wire: httpx.BaseTransport) -> int:
        return run(["list", "environments"], Api("http://localhost", "portal_x", transport=wire, sleep=lambda _: None))

    assert refused(Losing()) == 4
    assert refused(httpx.MockTransport(lambda _: httpx.Response(200, text="<html>"))) == 4
    for url in ("http://portal.example.com", "portal.example.com", "ftp://localhost"):
        with pytest.raises(ValueError, match="https"):
            Api(url, "portal_x")


def test_the_token_is_read_from_the_environment_and_printed_nowhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("PORTAL_TOKEN", raising=False)
    assert run(["--url", "http://127.0.0.1:9", "list", "environments"]) == 2
    monkeypatch.setenv("PORTAL_TOKEN", "portal_canary")
    monkeypatch.setattr("time.sleep", lambda _: None)
    for shell in ("bash", "zsh"):
        assert run(["completion", shell]) == 0
    said = capsys.readouterr()
    assert "_PORTALCTL_COMPLETE" in said.out
    assert "portal_canary" not in said.out + said.err
    assert not ApiToken.objects.exists()


def test_texts_of_others_command_no_terminal() -> None:
    (_, row) = lines([{"name": "a\x1b[31m\u202eb\n", "count": -3}], "table")
    assert row == "a\\x1b[31m\\x202eb\\x0a  -3"
    assert list(lines([], "table")) == []
