"""Each kind of change to automations once, for tests and victims: see `tests.environments.actions.kinds`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User

from automations.actions import file, services, tasks
from automations.models import ExecutionPhase, Service, ServicePhase, Task, TaskExecution
from automations.sync import observe as sync_observe
from environments.models import Environment
from environments.sync.observe import observe
from portal.ledger.models import Operation
from portal.ona import OnaClient
from portal.sandbox.conditions import Condition
from portal.sandbox.server import Sandbox
from tests.environments.actions.kind import Act, Kind

SERVICE, TASK = "mail-catcher", "nightly-build"  # no recipe of the sandbox's has these
FILE = {
    "services": {SERVICE: {"name": "Mail", "commands": {"start": "mail --port 25"}, "triggeredBy": ["manual"]}},
    "tasks": {
        "seed": {"name": "Seed", "command": "make seed"},
        TASK: {"name": "Nightly build", "command": "make all", "dependsOn": ["seed"]},
    },
}


def automations(sandbox: Sandbox, environment: Environment) -> Any:
    """The environment's services, tasks and executions as Ona has them."""
    world, wanted = sandbox.world, {"environment": [str(environment.pk)]}
    tables = (world.services, world.tasks, world.executions)
    return json.dumps([[entry.document() for entry in table.walk(wanted)] for table in tables], sort_keys=True)


def known(sandbox: Sandbox, condition: Condition | None = None) -> Environment:
    """A new environment of the sandbox's, in the cache."""
    identifier = sandbox.world.add_environment(condition)
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        observe([client.get_environment(identifier)])
    return Environment.objects.get(pk=identifier)


def a_service(sandbox: Sandbox, environment: Environment, phase: str = ServicePhase.STOPPED) -> Service:
    """A service, in `phase` and as it is to be."""
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        spec = {"commands": {"start": "mail --port 25"}}
        made = client.create_service(environment.pk, metadata={"reference": SERVICE, "name": "Mail"}, spec=spec)
        if phase != ServicePhase.STOPPED:
            changes = {"spec": {"desiredPhase": ServicePhase.RUNNING.value}, "status": {"phase": str(phase)}}
            sandbox.world.change_automation("SERVICE", str(made.id), changes)
        sync_observe.fetch_one(client, sync_observe.SERVICE_KIND, made.id)
    return Service.objects.get(pk=made.id)


def a_task(sandbox: Sandbox, environment: Environment) -> Task:
    """A task."""
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        metadata = {"reference": TASK, "name": "Nightly build"}
        made = client.create_task(environment.pk, metadata=metadata, spec={"command": "make all"})
        sync_observe.fetch_one(client, sync_observe.TASK_KIND, made.id)
    return Task.objects.get(pk=made.id)


def an_execution(sandbox: Sandbox, environment: Environment) -> TaskExecution:
    """A task and an execution of it, pending."""
    task = a_task(sandbox, environment)
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        made = client.start_task(task.pk)
        sync_observe.fetch_one(client, sync_observe.EXECUTION_KIND, made.id)
    assert made.status.head.phase == ExecutionPhase.PENDING
    return TaskExecution.objects.get(pk=made.id)


def _running(sandbox: Sandbox, environment: Environment) -> None:
    a_service(sandbox, environment, ServicePhase.RUNNING)


def _failed(sandbox: Sandbox, environment: Environment) -> None:
    a_service(sandbox, environment, ServicePhase.FAILED)


def _kind(rpc: str, act: Act, prepare: Callable[..., Any] | None = None) -> Kind:
    ready = {"prepare": lambda sandbox, environment: prepare(sandbox, environment)} if prepare else {}
    return Kind(f"EnvironmentAutomationService/{rpc}", act, state=automations, **ready)  # type: ignore[arg-type]


def _with(model: Any, name: str, act: Callable[..., Operation], **arguments: Any) -> Act:
    def asked(environment: Environment, actor: User) -> Operation:
        subject = model.objects.get(environment=environment, **arguments.get("find", {}))
        given = {key: value for key, value in arguments.items() if key != "find"}
        return act(**{name: subject}, **given, actor=actor, reason="for a test")

    return asked


def _in(act: Callable[..., Operation], **arguments: Any) -> Act:
    return lambda environment, actor: act(environment=environment, **arguments, actor=actor, reason="for a test")


def _service(act: Callable[..., Operation], **arguments: Any) -> Act:
    return _with(Service, "service", act, find={"reference": SERVICE}, **arguments)


def _task(act: Callable[..., Operation], **arguments: Any) -> Act:
    return _with(Task, "task", act, find={"reference": TASK}, **arguments)


KINDS = {
    "start service": _kind("StartService", _service(services.start_service), a_service),
    "start service that failed": _kind("StartService", _service(services.start_service), _failed),
    "stop service": _kind("StopService", _service(services.stop_service), _running),
    "create service": _kind(
        "CreateService",
        _in(services.create_service, metadata={"reference": SERVICE, "name": "M"}, spec={"commands": {"start": "m"}}),
    ),
    "change service": _kind(
        "UpdateService",
        _service(services.update_service, metadata={"name": "Another"}, spec={"commands": {"ready": "mail --ready"}}),
        a_service,
    ),
    "delete service": _kind("DeleteService", _service(services.delete_service), a_service),
    "start task": _kind("StartTask", _task(tasks.start_task), a_task),
    "create task": _kind(
        "CreateTask", _in(tasks.create_task, metadata={"reference": TASK, "name": "B"}, spec={"command": "make"})
    ),
    "change task": _kind("UpdateTask", _task(tasks.update_task, spec={"command": "make another"}), a_task),
    "delete task": _kind("DeleteTask", _task(tasks.delete_task), a_task),
    "stop execution": _kind(
        "StopTaskExecution",
        _with(TaskExecution, "execution", tasks.stop_execution, find={"task__reference": TASK}),
        an_execution,
    ),
    "apply automations file": _kind("UpsertAutomationsFile", _in(file.apply_automations_file, file=FILE), a_service),
}


def ask(name: str, environment: Environment, asked: dict[str, Any]) -> Operation:
    """One of KINDS, as `asked`."""
    subjects: dict[str, Any] = {
        "service": Service.objects.filter(environment=environment, reference=SERVICE).first(),
        "task": Task.objects.filter(environment=environment, reference=TASK).first(),
        "execution": TaskExecution.objects.filter(environment=environment, task__reference=TASK).first(),
    }
    metadata = {"reference": "new", "name": "New"}
    acts: dict[str, Callable[[], Operation]] = {
        "start service": lambda: services.start_service(service=subjects["service"], **asked),
        "start service that failed": lambda: services.start_service(service=subjects["service"], **asked),
        "stop service": lambda: services.stop_service(service=subjects["service"], **asked),
        "create service": lambda: services.create_service(
            environment=environment, metadata=metadata, spec={"commands": {"start": "x"}}, **asked
        ),
        "change service": lambda: services.update_service(service=subjects["service"], metadata={"name": "X"}, **asked),
        "delete service": lambda: services.delete_service(service=subjects["service"], **asked),
        "start task": lambda: tasks.start_task(task=subjects["task"], **asked),
        "create task": lambda: tasks.create_task(
            environment=environment, metadata=metadata, spec={"command": "x"}, **asked
        ),
        "change task": lambda: tasks.update_task(task=subjects["task"], metadata={"name": "X"}, **asked),
        "delete task": lambda: tasks.delete_task(task=subjects["task"], **asked),
        "stop execution": lambda: tasks.stop_execution(execution=subjects["execution"], **asked),
        "apply automations file": lambda: file.apply_automations_file(environment=environment, file=FILE, **asked),
    }
    return acts[name]()
