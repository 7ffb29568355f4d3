"""`/environments/<id>/`: everything the API reports about one environment."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from environments.actions.menu import menu
from environments.actions.specification_policies import organization_of
from environments.actions.views.panel import find_environment
from environments.activity.starters import find_starters
from environments.detail import kernel_controls, live_refresh, own_log, ownership, sections, ssh_keys
from environments.detail.failure import find_failure
from environments.detail.fields import Fact
from environments.detail.lifetime import banners, find_deletion, lifetime
from environments.detail.pending_operations import OperationNotice, operation_notices
from environments.detail.running_days import running_days
from environments.documents.json_part import Document
from environments.models import Environment
from environments.policies.policy import policy_at
from environments.policies.stopping import STATUSES, Stop, find_stop
from environments.policies.unpushed_work import amounts
from environments.policies.verdict import Facts
from environments.secrets import card
from environments.secrets.reach import change_token as secrets_change_token
from environments.sync.connection import why_blocked
from portal.directory.models import Entry, EnvironmentClass, Runner
from portal.directory.standing import standings
from portal.lists.parameters import one_word_of
from portal.web.htmx import is_fragment, render_page
from portal.web.parameters import takes
from portal.web.permissions import permission

TABS = {
    "overview": "Overview",
    "content": "Content",
    "automations": "Automations",
    "access": "Secrets and access",
    "timeline": "Timeline",
    "documents": "Documents",
}
WAITING_SECONDS = 2
E = TypeVar("E", bound=Entry)


@dataclass(frozen=True, slots=True)
class Tab:
    name: str
    label: str
    url: str
    is_current: bool


@takes(tab=lambda text: one_word_of(tuple(FILLS))(text))
@permission("environments.view_environment")
def environment_detail(request: HttpRequest, environment_id: UUID) -> HttpResponse:
    environment = find_environment(environment_id)
    name = request.GET.get("tab", "")
    if name == "history":  # the former URL of the timeline
        return redirect("environments:timeline", environment.pk)
    fill = FILLS.get(name, overview_tab)
    name = name if name in FILLS else "overview"
    change_token = secrets_change_token() if name == "access" else ""
    if is_unchanged(request, environment, change_token):
        return HttpResponse(status=204)
    return render_tab(
        request, environment, name, f"environments/detail/_{name}.html", fill(request, environment), change_token
    )


def is_unchanged(request: HttpRequest, environment: Environment, change_token: str = "") -> bool:
    """Whether a poll would repeat what the page shows; `change_token` is that of the tab."""
    if not is_fragment(request):
        return False
    live_refresh.refresh_while_pending(environment)
    notices = operation_notices(environment, timezone.now())
    changed, seen = _change_tokens(environment, f"{change_token}{notices_token(notices)}")
    return request.GET.get("changed") == changed and request.GET.get("seen") == seen


def render_tab(
    request: HttpRequest,
    environment: Environment,
    tab: str,
    template: str,
    context: dict[str, Any],
    change_token: str = "",
) -> HttpResponse:
    """The page of `environment` with one tab; a poll gets the parts that changed."""
    notices = operation_notices(environment, timezone.now())
    changed, seen = _change_tokens(environment, f"{change_token}{notices_token(notices)}")
    frame = _frame(request, environment) | {
        "notices": notices,
        "poll_seconds": WAITING_SECONDS if any(each.is_waiting for each in notices) else 0,
        "tabs": tabs(environment, tab),
        "tab_template": template,
        "is_changed": request.GET.get("changed") != changed,
        "poll": f"{request.path}?{urlencode({**request.GET.dict(), 'tab': tab, 'changed': changed, 'seen': seen})}",
    }
    return render_page(request, "environments/detail/detail.html", "environments/detail/_poll.html", frame | context)


def tabs(environment: Environment, current: str) -> list[Tab]:
    here = reverse("environments:detail", args=[environment.id])
    elsewhere = {
        "overview": here,
        "automations": reverse("automations:of-environment", args=[environment.id]),
        "timeline": reverse("environments:timeline", args=[environment.id]),
    }
    return [
        Tab(name, label, elsewhere.get(name, f"{here}?tab={name}"), name == current) for name, label in TABS.items()
    ]


def notices_token(notices: list[OperationNotice]) -> str:
    """Changes with the notices."""
    texts = "\n".join(f"{each.operation.pk} {each.title} {each.text}" for each in notices)
    return f"-{zlib.crc32(texts.encode()):x}" if texts else ""


def _change_tokens(environment: Environment, change_token: str) -> tuple[str, str]:
    """Change tokens of what is shown, and of when it was last seen (in whole minutes)."""
    sighting = getattr(environment, "sighting", None)
    age = int((timezone.now() - sighting.seen_at).total_seconds()) // 60 if sighting else 0
    seen = f"{sighting.seen_at.timestamp()}-{age}" if sighting else "never"
    return f"{environment.changed_at.timestamp()}-{change_token}", seen


def _frame(request: HttpRequest, environment: Environment) -> dict[str, Any]:
    document = Document(environment)
    _, warnings = sections.messages(document) if environment.gone_at is None else ([], [])
    organization, now = organization_of(environment), timezone.now()
    blocked = why_blocked(request.user)
    facts, known = Facts.of(environment), policy_at(now)
    return {
        "environment": environment,
        "sighting": getattr(environment, "sighting", None),
        "menu": menu(environment, organization, request.user, now),
        "banners": banners(facts, known, now, find_deletion(environment, facts, known)),
        "failure": find_failure(environment, request.user, now),
        "blocked": blocked,
        "standing": standings((environment.creator_id, environment.project_id, environment.runner_id)),
        "warnings": warnings,
        "components": sections.components(document),
        "acknowledgement": sections.acknowledgement(document),
    }


def _entry(model: type[E], id_: UUID | None) -> E | None:
    return model._default_manager.filter(pk=id_).first() if id_ else None


def overview_tab(request: HttpRequest, environment: Environment) -> dict[str, Any]:
    document, now = Document(environment), timezone.now()
    runner = _entry(Runner, environment.runner_id)
    kind = _entry(EnvironmentClass, environment.class_id)
    # the banner of a failure names who started it
    starter = "" if environment.failure else find_starters([environment]).get(environment.pk, "")
    stop = find_stop(environment, now)
    return {
        "is_up": stop is not None,
        "ports": sections.ports(document),
        "admission": sections.admission(document),
        "timeout": sections.timeout(document),
        "activity": activity(environment, document, starter, stop),
        "ran": running_days(environment, now),
        "unpushed": amounts(environment),
        "lifetime": lifetime(Facts.of(environment), policy_at(now), now),
        "machine": ownership.machine_location(environment, document, runner, kind) + sections.machine(document),
        "people": ownership.owner(environment, document),
        "identifiers": ownership.identifiers(environment, document),
        "addresses": sections.addresses(document),
        "log_links": own_log.links(environment, request.user)[0],
    }


def activity(environment: Environment, document: Document, starter: str, stop: Stop | None) -> list[Fact]:
    signal = document.status.part("activitySignal")
    return [
        *([Fact("Stops", stop.at, "due", STATUSES.get(stop.status, ""), stop.because)] if stop else []),
        Fact("Last activity", signal.time("timestamp"), "time"),
        Fact("Kept awake by" if stop else "Last activity source", signal.text("source")),
        Fact("Last started", environment.last_started_at, "time", note=starter),
        Fact("Created", environment.created_at, "time"),
        Fact("First observed", environment.first_seen_at, "time"),
    ]


def content_tab(request: HttpRequest, environment: Environment) -> dict[str, Any]:
    document = Document(environment)
    return {
        "git": sections.git(document),
        "content_facts": sections.content(document),
        "initializers": sections.initializers(document),
        "devcontainer": sections.devcontainer(document),
        "automations_file": sections.automations_file(document),
    }


def access_tab(request: HttpRequest, environment: Environment) -> dict[str, Any]:
    document = Document(environment)
    file_facts, file_rules = kernel_controls.file_controls(document)
    return {
        **card.context(environment, document),
        "ssh_keys": ssh_keys.ssh_keys(document),
        "exec_controls": kernel_controls.exec_controls(document),
        "file_controls": file_facts,
        "file_rules": file_rules,
        "kernel": kernel_controls.kernel(document),
    }


def documents_tab(request: HttpRequest, environment: Environment) -> dict[str, Any]:
    parts = {"metadata": environment.metadata, "spec": environment.spec, "status": environment.status}
    return {"documents": {name: json.dumps(part, indent=2, ensure_ascii=False) for name, part in parts.items()}}


FILLS: Mapping[str, Callable[[HttpRequest, Environment], dict[str, Any]]] = {
    "overview": overview_tab,
    "content": content_tab,
    "access": access_tab,
    "documents": documents_tab,
}
