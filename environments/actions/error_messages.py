"""Why Ona refused, in plain words, with what to do about it."""

from __future__ import annotations

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
# what Ona's codes mean for something that does not exist yet
CREATING: dict[type[OnaError], tuple[str, str]] = {
    errors.FailedPrecondition: ("Ona does not allow this.", "Check your choices and the policies below."),
    errors.InvalidArgument: ("Ona did not accept what was chosen.", "Correct it and try again."),
    errors.NotFound: ("Ona does not know the project or the class, or this token may not see it.", "Choose another."),
    errors.ResourceExhausted: (
        "A limit at Ona is reached.",
        "Delete environments of the same person that nobody needs, or raise the limit per person at Ona.",
    ),
}


def not_changed(error: OnaError) -> str:
    """One to five sentences for the person at the screen."""
    return _sentences(
        error.for_people() if error.outcome_unknown else f"Nothing was changed. {error.for_people()}", error
    )


def not_started(error: OnaError) -> str:
    """As `not_changed`, for a start."""
    is_limit = isinstance(error, errors.ResourceExhausted) and error.retry_after is None
    advice = "Stop another environment of the same person first, or raise the limit per person at Ona."
    return f"{not_changed(error)} {advice}" if is_limit else not_changed(error)


def not_created(error: OnaError) -> str:
    """As `not_changed`, for an environment that does not exist yet."""
    meaning, advice = CREATING.get(type(error), ("", ""))
    if not meaning or error.retry_after:
        return _sentences(f"Nothing was created. {error.for_people()}", error)
    message = f" Ona said: {error.message.rstrip('.')}." if error.message else ""
    return _sentences(f"Nothing was created. {meaning}{message} {'' if error.details else advice}".strip(), error)


def _sentences(first: str, error: OnaError) -> str:
    """With what the details of the error say, and how long to wait."""
    sentences = [first]
    for detail in error.details:
        name = detail_name(detail)
        sentences += [DETAILS[name]] if name in DETAILS else []
        hosts = detail_texts(detail, "missingAuthenticationTokensForHosts") if name == HOSTS else []
        sentences += [f"Not signed in to: {', '.join(hosts)}."] if hosts else []
    if error.retry_after:
        sentences.append(f"Ona requires a wait of {error.retry_after:.0f} s.")
    return " ".join(sentences)
