"""The cache of what environments run, and the batches requested of them."""

from automations.models.automation import (
    SETTLED,
    UNDER_WAY,
    Automation,
    AutomationQuerySet,
    ExecutionPhase,
    Service,
    ServicePhase,
    Task,
    TaskExecution,
    Transition,
    TransitionKind,
)
from automations.models.batch import ENDED, Batch, BatchItem, ItemState
from automations.models.summary import ServiceSummary, TaskSummary

__all__ = [
    "ENDED",
    "SETTLED",
    "UNDER_WAY",
    "Automation",
    "AutomationQuerySet",
    "Batch",
    "BatchItem",
    "ExecutionPhase",
    "ItemState",
    "Service",
    "ServicePhase",
    "ServiceSummary",
    "Task",
    "TaskExecution",
    "TaskSummary",
    "Transition",
    "TransitionKind",
]
