"""What can be done to automations: the permission it takes, and what stands against it."""

from __future__ import annotations

from collections.abc import Collection

from automations.models import SETTLED, Service, ServicePhase, Task, TaskExecution
from environments.actions.registry import Action, unless_gone
from environments.models import Environment, Phase

RUN = "automations.run_task"
UP = (ServicePhase.STARTING, ServicePhase.RUNNING)
Subject = Service | Task | TaskExecution

START_SERVICE = Action("service.start", "Start service", RUN, unless_gone, "started", supersedes="service")
STOP_SERVICE = Action("service.stop", "Stop service", RUN, unless_gone, "stopped", True, supersedes="service")
CREATE_SERVICE = Action("service.create", "Create service", "automations.add_service", unless_gone, "created", True)
UPDATE_SERVICE = Action("service.update", "Change service", "automations.change_service", unless_gone, "changed", True)
DELETE_SERVICE = Action("service.delete", "Delete service", "automations.delete_service", unless_gone, "deleted", True)
START_TASK = Action("task.start", "Start task", RUN, unless_gone, "started", supersedes="task")
CREATE_TASK = Action("task.create", "Create task", "automations.add_task", unless_gone, "created", True)
UPDATE_TASK = Action("task.update", "Change task", "automations.change_task", unless_gone, "changed", True)
DELETE_TASK = Action("task.delete", "Delete task", "automations.delete_task", unless_gone, "deleted", True)
STOP_EXECUTION = Action("execution.stop", "Stop execution", RUN, unless_gone, "stopped", True, supersedes="task")
APPLY_FILE = Action(
    "automations_file.apply", "Apply automations file", "automations.change_task", unless_gone, "applied", True
)
# An automations file creates and changes services and tasks alike.
FILE_PERMISSIONS = (
    CREATE_SERVICE.permission, UPDATE_SERVICE.permission, CREATE_TASK.permission, UPDATE_TASK.permission,
)  # fmt: skip

ACTIONS = {
    action.name: action
    for action in (
        START_SERVICE, STOP_SERVICE, CREATE_SERVICE, UPDATE_SERVICE, DELETE_SERVICE, START_TASK, CREATE_TASK,
        UPDATE_TASK, DELETE_TASK, STOP_EXECUTION, APPLY_FILE,
    )
}  # fmt: skip
WANT_IT_RUNNING = (START_SERVICE, START_TASK)


def obstacle(action: Action, subject: Subject, environment: Environment) -> str:
    """Why `action` cannot be done to `subject` now, in words; empty where nothing is known to stand against it."""
    if environment.gone_at:
        return "Its environment is gone: Ona confirmed that it was deleted."
    if subject.gone_at:
        return "It is gone: Ona no longer has it."
    if ServicePhase.DELETED in (getattr(subject, "phase", ""), getattr(subject, "desired_phase", "")):
        return "It is being deleted."
    match action:
        case _ if action is START_SERVICE:
            return _not_running(environment) or _is("It runs already.", subject, UP, ServicePhase.STOPPED)
        case _ if action is STOP_SERVICE:
            return _is("It is stopped.", subject, (ServicePhase.STOPPED,), ServicePhase.RUNNING)
        case _ if action is START_TASK:
            return _not_running(environment)
        case _ if action is STOP_EXECUTION:
            return _is("It has ended.", subject, SETTLED)
    return ""


def _not_running(environment: Environment) -> str:
    return "" if environment.phase == Phase.RUNNING else "Its environment is not running."


def _is(words: str, subject: Subject, phases: Collection[str], desired: str = "") -> str:
    """`words` where it is in one of `phases`, and not on its way to the `desired` one."""
    phase, goal = getattr(subject, "phase", ""), getattr(subject, "desired_phase", "")
    return words if phase in phases and (not desired or goal != desired) else ""
