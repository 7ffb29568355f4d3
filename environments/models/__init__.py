"""Models: the cache of the organization's environments and their history."""

from environments.models.environment import (
    NEW_LINE,
    SECRETS_NOT_IN_SYNC,
    UNACKNOWLEDGED,
    Environment,
    EnvironmentQuerySet,
    Phase,
    Sighting,
)
from environments.models.overview import FailureKind, OverviewPart, RunningTime, Snapshot, StartUp
from environments.models.past import Past
from environments.models.secret import Secret
from environments.models.specification import SpecificationVersion
from environments.models.stop import Stop
from environments.models.sync_run import SyncRun, SyncRunQuerySet
from environments.models.transition import Field, Transition, TransitionQuerySet

__all__ = [
    "NEW_LINE",
    "SECRETS_NOT_IN_SYNC",
    "UNACKNOWLEDGED",
    "Environment",
    "EnvironmentQuerySet",
    "FailureKind",
    "Field",
    "OverviewPart",
    "Past",
    "Phase",
    "RunningTime",
    "Secret",
    "Sighting",
    "Snapshot",
    "SpecificationVersion",
    "StartUp",
    "Stop",
    "SyncRun",
    "SyncRunQuerySet",
    "Transition",
    "TransitionQuerySet",
]
