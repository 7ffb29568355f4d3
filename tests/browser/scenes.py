"""Every page of the portal in every state worth a look, one after another.

`scenes()` makes each state happen before it yields the scene that shows it, so they are to be looked at in order; so
does each of GROUPS, which needs none of the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import timedelta

from django.contrib.auth.models import User
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from environments.models import Environment, SyncRun
from portal.accounts.sign_in_links import make_token
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox, running
from portal.sandbox.world import World
from tests.browser import (
    fleet,
    scenes_acting,
    scenes_audit,
    scenes_automations,
    scenes_automations_tab,
    scenes_batches,
    scenes_chain,
    scenes_creating,
    scenes_editing,
    scenes_evidence,
    scenes_execution,
    scenes_file,
    scenes_logs,
    scenes_overview,
    scenes_people,
    scenes_secrets,
    scenes_stream,
    scenes_timeline,
    scenes_views,
)
from tests.support import operations

NOBODY, VIEWER, NO_ROLE = "", "vera", "nina"
SIGN_IN = "/accounts/sign-in/"


def _nothing(page: Page) -> None:
    """The page is the scene as it opens."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A page as a user sees it (none: signed out), after `then` was done on it."""

    name: str
    path: str
    user: str = VIEWER
    status: int = 200
    then: Callable[[Page], None] = _nothing


Group = Callable[[Sandbox], Iterator[Scene]]


def three_hours_ago(environments: int) -> World:
    """An organization whose clock is behind by as much as `scenes` lets it live."""
    return World(environments=environments, seed=7, now=timezone.now() - timedelta(hours=3))


def scenes(
    reading: AbstractContextManager[Sandbox], groups: Iterable[Group], *, beside: User | None
) -> Iterator[Scene]:
    """The scenes of some groups, of what `read` serves; the first pages, too, with a user who may sign in by a link."""
    if beside:
        yield from beginning(beside)
    with reading as sandbox:
        for group in groups:
            yield from group(sandbox)


def beginning(beside: User) -> Iterator[Scene]:
    """Signed out, and before there is anything to show."""
    yield from _signed_out(beside)
    yield from _before_the_first_sweep()
    with running(World(environments=0, seed=7)) as empty:
        fleet.read_environments(empty)
        yield Scene("list-of-an-empty-organization", "/environments/")
    SyncRun.objects.all().delete()


@contextmanager
def read(world: World) -> Iterator[Sandbox]:
    """The world as the groups of scenes begin with it."""
    with running(world) as sandbox, fleet.connected(sandbox):
        live_and_read(sandbox)
        yield sandbox


def live_and_read(sandbox: Sandbox) -> None:
    """The portal reads the world, and once more three hours later."""
    world = sandbox.world
    fleet.read_all(sandbox)
    world.advance(timedelta(hours=3))
    world.add_environment(Condition("STARTING", step="devcontainer"))
    world.add_environment(Condition(failing="devcontainer", git="unpushed"))
    world.remove(str(_one(phase="ENVIRONMENT_PHASE_STOPPED", archived_at=None, unpushed_work=True).id))
    fleet.read_environments(sandbox)


def _lists(sandbox: Sandbox) -> Iterator[Scene]:
    yield from _filled()
    yield from scenes_views.views(Scene)
    yield from scenes_people.people(Scene)
    yield from scenes_people.sent(Scene)
    yield from scenes_people.second_factor(Scene)


def _recorded(sandbox: Sandbox) -> Iterator[Scene]:
    yield from _operations()
    yield from scenes_chain.chain(Scene)
    yield from scenes_stream.stream(sandbox, Scene)


def _overview(sandbox: Sandbox) -> Iterator[Scene]:
    yield from scenes_overview.overview(Scene)


def _audits(sandbox: Sandbox) -> Iterator[Scene]:
    yield from scenes_audit.audits(Scene)
    yield from scenes_evidence.evidence(Scene)


def _changes(sandbox: Sandbox) -> Iterator[Scene]:
    yield from scenes_acting.acting(sandbox, Scene)
    yield from scenes_editing.editing(sandbox, Scene)
    yield from scenes_creating.creating(sandbox, Scene)
    yield from scenes_secrets.secrets(Scene)


def _automations(sandbox: Sandbox) -> Iterator[Scene]:
    yield from scenes_automations.automations(Scene)
    yield from scenes_automations_tab.automations_tab(sandbox, Scene)
    yield from scenes_file.files(sandbox, Scene)


def _executions(sandbox: Sandbox) -> Iterator[Scene]:
    yield from scenes_logs.logs(sandbox, Scene)
    yield from scenes_execution.executions(sandbox, Scene)
    yield from scenes_batches.batches(sandbox, Scene)


def _signed_out(user: User) -> Iterator[Scene]:
    yield Scene("sign-in", SIGN_IN, NOBODY)
    yield Scene("sign-in-refused", SIGN_IN, NOBODY, then=_refused)
    token = make_token(user, valid_for=timedelta(minutes=5))
    yield Scene("link", f"/accounts/link/?token={token}", NOBODY)
    yield Scene("link-over", "/accounts/link/", NOBODY, 410)
    yield Scene("locked-out", SIGN_IN, NOBODY, then=_locked_out)


def _refused(page: Page) -> None:
    page.get_by_label("Username").fill("vera")
    page.get_by_label("Password").fill("a-wrong-password")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert").first).to_be_visible()


def _locked_out(page: Page) -> None:
    over = page.get_by_role("heading", name="Too many failed attempts")
    while not over.is_visible():
        page.get_by_label("Username").fill("somebody")
        page.get_by_label("Password").fill("a-wrong-password")
        with page.expect_navigation():
            page.get_by_role("button", name="Sign in").click()


def _before_the_first_sweep() -> Iterator[Scene]:
    yield Scene("overview-never-swept", "/")
    yield Scene("list-never-swept", "/environments/")
    yield Scene("sync-never-swept", "/sync/")
    yield from scenes_audit.empty(Scene)
    yield from scenes_secrets.empty(Scene)
    yield from scenes_stream.empty(Scene)
    yield from scenes_automations.empty(Scene)


def _filled() -> Iterator[Scene]:
    yield Scene("overview", "/")
    yield Scene("overview-user-menu", "/", then=lambda page: page.locator(".topbar-user").click())
    yield Scene("list", "/environments/?size=25", then=counted)
    yield Scene("find", "/find/?q=repro")
    yield Scene("running", "/environments/running/?size=25")
    yield Scene("list-failing", "/environments/?flag=failing&size=25", then=counted)
    yield Scene("list-help", "/environments/?q=repro", then=_help)
    yield Scene("list-narrowed", "/environments/?q=repo:go&phase=stopped&archived=no&sort=lockdown", then=counted)
    yield Scene("list-with-gone", "/environments/?gone=only", then=counted)
    yield Scene("list-nothing-matches", "/environments/?q=nothing-is-called-like-this", then=counted)
    yield Scene("list-not-understood", "/environments/?q=phase:sleeping+owner:+ann&size=7", then=counted)
    yield Scene("list-without-scripts", "/environments/?facets=yes&flag=unpushed")
    yield Scene("sync", "/sync/")
    yield Scene("password", "/accounts/password/")
    yield Scene("confirm", "/accounts/confirm/")
    yield Scene("sessions", "/accounts/sessions/")
    yield Scene("password-refused", "/accounts/password/", then=_unlike_passwords)


def counted(page: Page) -> None:
    """The facets have arrived."""
    expect(page.locator("#facet-gone")).to_be_attached()


def _help(page: Page) -> None:
    counted(page)
    page.locator(".list-help summary").click()


def _unlike_passwords(page: Page) -> None:
    for label, text in (("Old password", "x"), ("New password", "short"), ("New password confirmation", "other")):
        page.get_by_label(label, exact=True).fill(text)
    page.get_by_role("button", name="Change password").click()
    expect(page.locator(".field-error").first).to_be_visible()


def _details(sandbox: Sandbox) -> Iterator[Scene]:
    hostile = address(_one(name__startswith="<script>"))
    yield Scene("detail", hostile)
    for tab in ("content", "access"):
        yield Scene(f"detail-{tab}", f"{hostile}?tab={tab}")
    yield Scene("detail-documents", f"{hostile}?tab=documents", then=_unfold)
    yield Scene("detail-automations", f"{hostile}automations/", then=_unfold)
    yield Scene("detail-failing", address(_one(has_failure=True, unpushed_work=True)))
    yield Scene("detail-starting", address(_one(phase="ENVIRONMENT_PHASE_STARTING")))
    yield Scene("detail-archived", address(_one(archived_at__isnull=False)))
    yield Scene("detail-locked-down", address(_one(lockdown_at__isnull=False, gone_at__isnull=True)))
    yield Scene("detail-never-stops", address(_one(never_stops=True)))
    yield Scene("detail-gone", address(Environment.objects.filter(gone_at__isnull=False)[0]))
    yield from scenes_timeline.timelines(Scene)


def _unfold(page: Page) -> None:
    for summary in page.locator("#environment summary").all()[:3]:
        summary.click()
    page.evaluate("scrollTo(0, 0)")  # from where the last one is: the bar at the top would cover some of a row


def _operations() -> Iterator[Scene]:
    yield Scene("operations-empty", "/operations/")
    made = operations.believable(list(Environment.objects.present().order_by("id")[:12]))
    yield Scene("operations", "/operations/?size=25")
    yield Scene("operations-narrowed", "/operations/?q=reason:cost&outcome=failed&outcome=unknown&since=7d")
    yield Scene("operations-nothing-matches", "/operations/?actor=nobody&q=outcome:faild")
    yield Scene("operation-diff", f"/operations/{made['ports'].pk}/", then=_unfold_operation)
    for name in ("open", "unknown", "failed", "token"):
        yield Scene(f"operation-{name}", f"/operations/{made[name].pk}/")


def _unfold_operation(page: Page) -> None:
    for summary in page.locator("#operation summary").all():
        summary.click()
    page.evaluate("scrollTo(0, 0)")  # from where the last one is: the bar at the top would cover some of a row


def _refusals(sandbox: Sandbox) -> Iterator[Scene]:
    yield Scene("refused-400", "/fails/400/", status=400)
    yield Scene("refused-403", "/sync/", NO_ROLE, 403)
    yield Scene("refused-404", "/environments/00000000-0000-4000-8000-000000000000/", status=404)
    yield Scene("refused-404-operation", "/operations/00000000-0000-4000-8000-000000000000/", status=404)
    yield Scene("refused-404-signed-out", "/no/such/page/", NOBODY, 404)
    yield Scene("broken-500", "/fails/500/", status=500)
    yield Scene("broken-503", "/fails/503/", status=503)
    fleet.read_environments(sandbox, token="another-token")
    yield Scene("sync-failing", "/sync/")
    yield Scene("overview-failing", "/")


def _one(**columns: object) -> Environment:
    """The first by id that is like this: the same in every run of the same world."""
    return Environment.objects.present().filter(**columns).order_by("id")[0]


def address(environment: Environment) -> str:
    """Its page."""
    return reverse("environments:detail", args=[environment.id])


# Each begins with `read` and whatever came before: alone, or after the others.
GROUPS: dict[str, Group] = {
    "lists": _lists,
    "details": _details,
    "recorded": _recorded,
    "overview": _overview,
    "audits": _audits,
    "changes": _changes,
    "automations": _automations,
    "executions": _executions,
    "refusals": _refusals,
}
