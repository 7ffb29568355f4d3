"""Whether the environments have changed since a page was made."""

from __future__ import annotations

from environments.as_of import clock
from environments.models import Environment
from portal.lists.change_token import changed_rows

_newest = changed_rows(Environment)


def revision() -> str:
    """A text that is another one after any change; of the past there is one."""
    return clock.change_token(_newest)
