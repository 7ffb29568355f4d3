"""Documents as Ona would answer them, for tests of what happens to them."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import msgspec

from portal.ona.documents.environments import Observation, read_environment

START = datetime(2026, 3, 1, 12, tzinfo=UTC)
ONE = UUID("07e03a28-65a5-4d98-b532-8ea67b188048")


def at(seconds: float) -> datetime:
    """A moment, counted from an arbitrary start."""
    return START + timedelta(seconds=seconds)


def environment_json(
    id_: UUID = ONE,
    *,
    metadata: dict[str, Any] | None = None,
    spec: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """The JSON of an environment; a part left out is that of a running one."""
    return {
        "id": str(id_),
        "metadata": {"name": "one", "createdAt": "2026-02-01T00:00:00Z"} if metadata is None else metadata,
        "spec": {"specVersion": "1"} if spec is None else spec,
        "status": {"statusVersion": "1", "phase": "ENVIRONMENT_PHASE_RUNNING"} if status is None else status,
    }


def observation(id_: UUID = ONE, seconds: float = 0, **parts: dict[str, Any] | None) -> Observation:
    """An observation of the environment `id_`, sent `seconds` after the start."""
    return Observation(at(seconds), read_environment(msgspec.json.encode(environment_json(id_, **parts))))
