"""The kinds of events that a destination can choose. Triggers write a message for each, in the transaction of what it
is about: of operations migrations/0001_outbox.py, of transitions environments/migrations/0014_outbox.py."""

from __future__ import annotations

from typing import Final

EVENTS: Final[dict[str, str]] = {
    "operation.settled": "an operation ended",
    "environment.phase": "an environment's phase changed",
    "environment.failure": "an environment's failure came or went",
    "environment.archived": "an environment was archived or unarchived",
    "environment.lockdown": "an environment's lockdown was set, moved or cleared",
    "environment.deleted": "an environment was deleted",
}
TEST: Final = "test"  # what "Send a test" sends, whatever was chosen
NOTICE: Final = "notice"  # to the owner of an environment that somebody else stopped, archived or deleted
KINDS: Final = EVENTS | {TEST: "a test", NOTICE: "a notice to an owner"}
