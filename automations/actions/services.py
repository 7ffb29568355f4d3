"""Start, stop, create, update and delete services (EnvironmentAutomationService).

Each returns its operation, which says how it ended; see `automations.actions.execute.perform` for what is raised.
`metadata` and `spec` are those of the request's message, in Ona's JSON.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Unpack

from automations.actions import registry
from automations.actions.execute import (
    GONE,
    Change,
    ids_of_reference,
    is_gone,
    perform,
    refresh,
    seen,
    target_of,
)
from automations.actions.merge_with_current import Check, unchecked, with_kept
from automations.actions.values import chosen, document_of, spoken
from automations.models import Service, ServicePhase
from automations.sync import observe
from environments.actions.execute import NotPossible
from environments.actions.registry import Action
from environments.models import Environment
from portal.ledger.models import Operation
from portal.ledger.recording import Asked
from portal.ona import OnaClient

Message = Mapping[str, Any]
STOP_FIRST = "It is not stopped, and Ona changes commands and surroundings of stopped services only. Stop it first."


def start_service(*, service: Service, **asked: Unpack[Asked]) -> Operation:
    """StartService: Ona answers before it runs."""
    return _phase(service, registry.START_SERVICE, ServicePhase.RUNNING, asked)


def stop_service(*, service: Service, **asked: Unpack[Asked]) -> Operation:
    """StopService: Ona answers before it has stopped."""
    return _phase(service, registry.STOP_SERVICE, ServicePhase.STOPPED, asked)


def _phase(service: Service, action: Action, desired: ServicePhase, asked: Asked) -> Operation:
    def call(client: OnaClient) -> None:
        (client.start_service if desired == ServicePhase.RUNNING else client.stop_service)(service.pk)

    return _perform(
        service,
        Change(action, call, {"id": service.pk}, lambda _: phases(service), {"desiredPhase": desired},
               look=lambda client, _: _read_back(client, service)),
        asked,
    )  # fmt: skip


def phases(service: Service) -> dict[str, Any]:
    """What it is, what it shall be, and what every start and stop changes."""
    return {
        "phase": service.phase,
        "desiredPhase": service.desired_phase,
        "specVersion": str(int(service.spec_version)),
    }


def create_service(*, environment: Environment, metadata: Message, spec: Message, **asked: Unpack[Asked]) -> Operation:
    """CreateService, stopped; the operation's `target_id` is the new service's."""
    reference = metadata["reference"]

    def look(_: OnaClient, made: observe.AutomationObservation) -> Message:
        observe.observe(observe.SERVICE_KIND, [made])
        return {"target_id": made.document.id}

    change = Change(
        registry.CREATE_SERVICE,
        lambda client: seen(lambda: client.create_service(environment.pk, metadata=metadata, spec=spec)),
        {"environmentId": environment.pk, "metadata": metadata, "spec": spoken(spec)},
        lambda client: ids_of_reference(client, observe.SERVICE_KIND, environment, reference),
        look=look,
    )
    return perform(environment, None, target_of("service", None, reference, environment), change, asked)


def update_service(
    *,
    service: Service,
    metadata: Message | None = None,
    spec: Message | None = None,
    unless: Check = unchecked,
    **asked: Unpack[Asked],
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

    change = Change(
        registry.UPDATE_SERVICE,
        lambda client: client.update_service(service.pk, metadata=metadata, spec=with_kept(spec, service)),
        {"id": service.pk, **spoken({key: value for key, value in after.items() if value})},
        lambda _: chosen(document_of(service), after),
        chosen(after, after),
        check,
        lambda client, _: _read_back(client, service),
    )
    return _perform(service, change, asked)


def delete_service(*, service: Service, force: bool = False, **asked: Unpack[Asked]) -> Operation:
    """DeleteService, for ever; one that is not stopped only by `force`."""

    def check() -> None:
        if service.phase != ServicePhase.STOPPED and not force:
            raise NotPossible("It is not stopped. Stop it first, or delete it by force.")

    change = Change(
        registry.DELETE_SERVICE,
        lambda client: client.delete_service(service.pk, force=force),
        {"id": service.pk, **({"force": True} if force else {})},
        lambda _: {"exists": service.gone_at is None},
        {"exists": False},
        check,
        lambda client, _: GONE if is_gone(client, service) else {},
    )
    return _perform(service, change, asked)


def _perform(service: Service, change: Change, asked: Asked) -> Operation:
    environment = service.environment
    return perform(environment, service, target_of("service", service.pk, str(service), environment), change, asked)


def _read_back(client: OnaClient, service: Service) -> Message:
    refresh(client, service)
    return {"after": {"specVersion": str(int(service.spec_version))}}
