"""Start, stop, create, update and delete services (EnvironmentAutomationService).

Each returns its operation, which says how it ended; see `environments.actions.execute` for what is raised. `metadata`
and `spec` are those of the request's message, in Ona's JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Unpack

from automations.actions.change import (
    GONE,
    RUN,
    UP,
    change_automations,
    ids_of_reference,
    if_in,
    is_gone,
    refresh,
    seen,
    target_of,
    while_both_exist,
    while_running,
)
from automations.actions.forms.service import ForceForm, ServiceForm
from automations.actions.merge_with_current import STOP_FIRST, Check, unchecked, with_kept
from automations.actions.reconcile import by_absence, by_reference, by_service_phase, by_values, given
from automations.actions.values import chosen, document_of, spoken
from automations.models import Service, ServicePhase
from automations.sync import observe
from environments.actions.execute import NotPossible
from environments.actions.registry import Action, Danger, Many
from environments.models import Environment
from portal.directory.models import Organization
from portal.ledger.models import Operation
from portal.ledger.recording import RequestContext
from portal.ona import OnaClient

Message = Mapping[str, Any]


def start_service(*, service: Service, **context: Unpack[RequestContext]) -> Operation:
    """StartService: Ona answers before it runs."""
    return _phase(START_SERVICE, service, ServicePhase.RUNNING, context)


def stop_service(*, service: Service, **context: Unpack[RequestContext]) -> Operation:
    """StopService: Ona answers before it has stopped."""
    return _phase(STOP_SERVICE, service, ServicePhase.STOPPED, context)


def _phase(action: Action, service: Service, desired: ServicePhase, context: RequestContext) -> Operation:
    def call(client: OnaClient) -> None:
        (client.start_service if desired == ServicePhase.RUNNING else client.stop_service)(service.pk)

    return _change(
        action, service, call, context, request={"id": service.pk}, before=lambda _: phases(service),
        after={"desiredPhase": desired}, read_back=lambda client, _: _read_back(client, service),
    )  # fmt: skip


def phases(service: Service) -> dict[str, Any]:
    """What it is, what it shall be, and what every start and stop changes."""
    return {
        "phase": service.phase,
        "desiredPhase": service.desired_phase,
        "specVersion": str(int(service.spec_version)),
    }


def create_service(
    *, environment: Environment, metadata: Message, spec: Message, **context: Unpack[RequestContext]
) -> Operation:
    """CreateService, stopped; the operation's `target_id` is the new service's."""
    reference = metadata["reference"]

    def read_back(_: OnaClient, made: observe.AutomationObservation) -> Message:
        observe.observe(observe.SERVICE_KIND, [made])
        return {"target_id": made.document.id}

    return change_automations(
        CREATE_SERVICE,
        environment,
        target_of("service", None, reference, environment),
        lambda client: seen(lambda: client.create_service(environment.pk, metadata=metadata, spec=spec)),
        context,
        request={"environmentId": environment.pk, "metadata": metadata, "spec": spoken(spec)},
        before=lambda client: ids_of_reference(client, observe.SERVICE_KIND, environment, reference),
        read_back=read_back,
    )


def update_service(
    *,
    service: Service,
    metadata: Message | None = None,
    spec: Message | None = None,
    unless: Check = unchecked,
    **context: Unpack[RequestContext],
) -> Operation:
    """UpdateService; `spec` only while it is stopped. An item {"name": …, "kept": …} of its `env` keeps a value.

    `unless` is called once `service` is as Ona has it, and raises NotPossible where that forbids the change.
    """
    after = {"metadata": metadata or {}, "spec": spec or {}}

    def check() -> None:
        unless()
        if spec and service.phase != ServicePhase.STOPPED:
            raise NotPossible(STOP_FIRST)
        with_kept(spec, service)

    return _change(
        UPDATE_SERVICE,
        service,
        lambda client: client.update_service(service.pk, metadata=metadata, spec=with_kept(spec, service)),
        context,
        request={"id": service.pk, **spoken({key: value for key, value in after.items() if value})},
        before=lambda _: chosen(document_of(service), after),
        after=chosen(after, after),
        check=check,
        read_back=lambda client, _: _read_back(client, service),
    )


def delete_service(*, service: Service, force: bool = False, **context: Unpack[RequestContext]) -> Operation:
    """DeleteService, for ever; one that is not stopped only by `force`."""

    def check() -> None:
        if service.phase != ServicePhase.STOPPED and not force:
            raise NotPossible("It is not stopped. Stop it first, or delete it by force.")

    return _change(
        DELETE_SERVICE,
        service,
        lambda client: client.delete_service(service.pk, force=force),
        context,
        request={"id": service.pk, **({"force": True} if force else {})},
        before=lambda _: {"exists": service.gone_at is None},
        after={"exists": False},
        check=check,
        read_back=lambda client, _: GONE if is_gone(client, service) else {},
    )


def _change(action: Action, service: Service, call: Any, context: RequestContext, **change: Any) -> Operation:
    environment = service.environment
    target = target_of("service", service.pk, str(service), environment)
    return change_automations(action, environment, target, call, context, subject=service, **change)


def _read_back(client: OnaClient, service: Service) -> Message:
    refresh(client, service)
    return {"after": {"specVersion": str(int(service.spec_version))}}


def _cannot_start(service: Service, organization: Organization | None, now: datetime) -> str:
    runs = if_in("It is already running.", service, UP, ServicePhase.STOPPED)
    return while_running(service, organization, now) or runs


def _cannot_stop(service: Service, organization: Organization | None, now: datetime) -> str:
    is_stopped = if_in("It is stopped.", service, (ServicePhase.STOPPED,), ServicePhase.RUNNING)
    return while_both_exist(service, organization, now) or is_stopped


START_SERVICE = Action(
    name="service.start", label="Start service", past="started", in_ledger="start service", permission=RUN,
    do=start_service, subject="service", slug="start", impossible=_cannot_start, many=Many("Start service", "in"),
    explanation="Its start command runs; it is ready when its ready command succeeds.",
    template="automations/actions/act.html", tab="automations", supersedes="service", proof=by_service_phase(phases),
)  # fmt: skip
STOP_SERVICE = Action(
    name="service.stop", label="Stop service", past="stopped", in_ledger="stop service", permission=RUN,
    do=stop_service, subject="service", slug="stop", impossible=_cannot_stop, danger=Danger.LOSS,
    explanation="Its stop command runs, then the rest of it is ended. People who are using it lose it.",
    template="automations/actions/act.html", tab="automations", many=Many("Stop service", "in"), supersedes="service",
    proof=by_service_phase(phases),
)  # fmt: skip
RESTART_SERVICE = replace(
    STOP_SERVICE, name="service.restart", label="Restart service", past="restarted", in_ledger="restart service",
    slug="", many=Many("Restart service", "in", steps=(STOP_SERVICE, START_SERVICE)),
)  # fmt: skip
CREATE_SERVICE = Action(
    name="service.create", label="Create service", past="created", in_ledger="create service",
    permission="automations.add_service", do=create_service, slug="create", danger=Danger.REASON, form=ServiceForm,
    template="automations/actions/define.html", tab="automations", is_sensitive=True,
    proof=by_reference(Service, observe.SERVICE_KIND),
)  # fmt: skip
UPDATE_SERVICE = Action(
    name="service.update", label="Change service", past="changed", in_ledger="change service",
    permission="automations.change_service", do=update_service, subject="service", slug="edit", danger=Danger.REASON,
    impossible=while_both_exist, form=ServiceForm, template="automations/actions/define.html", tab="automations",
    is_sensitive=True, proof=by_values(Service, given),
)  # fmt: skip
DELETE_SERVICE = Action(
    name="service.delete", label="Delete service", past="deleted", in_ledger="delete service",
    permission="automations.delete_service", do=delete_service, subject="service", slug="delete", danger=Danger.LOSS,
    impossible=while_both_exist, form=ForceForm, template="automations/actions/act.html", tab="automations",
    explanation="The service is permanently removed from this environment: its commands, triggers and variables. An "
    "automations file that names it creates it again.",
    proof=by_absence(Service),
)  # fmt: skip
ACTIONS = (START_SERVICE, STOP_SERVICE, RESTART_SERVICE, CREATE_SERVICE, UPDATE_SERVICE, DELETE_SERVICE)
