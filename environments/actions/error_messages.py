"""Why Ona refused, in plain words, with what to do about it."""

from __future__ import annotations

from environments.actions.registry import CREATE, CREATE_FROM_PROJECT, START, Action
from portal.ona import OnaError, errors
from portal.ona.error_details import detail_name, detail_texts

HOSTS = "CreateEnvironmentPreconditionFailureDetails"
# by the name of the vendor's detail message
DETAILS = {
    "EnvironmentMaxLifetimeExceededDetails": "It is past the organization's maximum lifetime, and that policy is "
    "strict: move its lockdown to a later time or clear it, then start it.",
    HOSTS: "The person the token belongs to is not signed in to the Git host that the repository lives on: sign in "
    "there at Ona (Git authentication), then try again.",
    "CreateEnvironmentFromProjectBadRequestEnvironmentClassDetails": "The project does not offer this environment "
    "class: choose another one.",
}
CREATIONS = (CREATE, CREATE_FROM_PROJECT)
# what Ona's codes mean for something that does not exist yet
CREATING: dict[type[OnaError], tuple[str, str]] = {
    errors.FailedPrecondition: ("Ona does not allow this.", "Look at what was chosen and at the policies below."),
    errors.InvalidArgument: ("Ona did not accept what was chosen.", "Correct it and try again."),
    errors.NotFound: ("Ona does not know the project or the class, or this token may not see it.", "Choose another."),
    errors.ResourceExhausted: (
        "A limit at Ona is reached.",
        "Delete environments of the same person that nobody needs, or raise the limit per person at Ona.",
    ),
}


def explain(action: Action, error: OnaError) -> str:
    """One to five sentences for the person at the screen."""
    if action in CREATIONS:
        words = [_not_created(error)]
    else:
        words = [f"Nothing was changed. {error.for_people()}" if not error.outcome_unknown else error.for_people()]
    for detail in error.details:
        name = detail_name(detail)
        words += [DETAILS[name]] if name in DETAILS else []
        hosts = detail_texts(detail, "missingAuthenticationTokensForHosts") if name == HOSTS else []
        words += [f"Not signed in to: {', '.join(hosts)}."] if hosts else []
    if isinstance(error, errors.ResourceExhausted) and error.retry_after is None and action is START:
        words.append("Stop another environment of the same person first, or raise the limit per person at Ona.")
    if error.retry_after:
        words.append(f"Ona asks to wait {error.retry_after:.0f} s.")
    return " ".join(words)


def _not_created(error: OnaError) -> str:
    meaning, advice = CREATING.get(type(error), ("", ""))
    if not meaning or error.retry_after:
        return f"Nothing was created. {error.for_people()}"
    said = f" Ona said: {error.message.rstrip('.')}." if error.message else ""
    return f"Nothing was created. {meaning}{said} {'' if error.details else advice}".strip()
