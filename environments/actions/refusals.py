"""Why Ona refused, in plain words, with what to do about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from environments.actions.catalogue import Action
from portal.ona import OnaError, errors

# by the name of the vendor's detail message
DETAILS = {
    "EnvironmentMaxLifetimeExceededDetails": "It is past the organization's maximum lifetime, and that policy is "
    "strict: move its lockdown to a later time or clear it, then start it.",
    "CreateEnvironmentPreconditionFailureDetails": "The person the token belongs to is not signed in to the Git host "
    "that the repository lives on: sign in there at Ona (Git authentication), then try again.",
    "CreateEnvironmentFromProjectBadRequestEnvironmentClassDetails": "The project does not offer this environment "
    "class: choose another one.",
}


def explain(action: Action, error: OnaError) -> str:
    """One to four sentences for the person at the screen."""
    words = [f"Nothing was changed. {error.for_people()}" if not error.outcome_unknown else error.for_people()]
    words += [DETAILS[name] for name in map(_name, error.details) if name in DETAILS]
    if isinstance(error, errors.ResourceExhausted) and error.retry_after is None and action.name.endswith("start"):
        words.append("Stop another environment of the same person first, or raise the limit per person at Ona.")
    if error.retry_after:
        words.append(f"Ona asks to wait {error.retry_after:.0f} s.")
    return " ".join(words)


def _name(detail: Any) -> str:
    """The name of a detail's message: "type.googleapis.com/gitpod.v1.X" → "X"."""
    kind = detail.get("type", "") if isinstance(detail, Mapping) else ""
    return str(kind).rpartition("/")[2].rpartition(".")[2]
