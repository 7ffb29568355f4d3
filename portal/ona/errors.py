"""Errors of calls to Ona.

OnaError                    code, rpc, request_id, http_status, retry_after, details
├── Unreachable             no answer: no connection, a reset, a cut answer, our own time limit
├── MalformedAnswer         an answer, but not JSON or not in the documented form
│   ├── NotOna              an error that is not Connect's: a proxy or another server answered, not Ona
│   └── EndlessListing      the pages of a list lead back to one that was read
└── Refused                 Ona (or a proxy) answered with an error; one class per Connect code
    ├── InvalidArgument · OutOfRange · FailedPrecondition · AlreadyExists · Aborted     the request is invalid
    ├── Unauthenticated · PermissionDenied · NotFound · Unimplemented                   not for this token, not there
    ├── ResourceExhausted                                                               too much or too fast
    └── Unavailable · Internal · Unknown · DeadlineExceeded · Canceled · DataLoss       trouble at Ona

No error contains the token: messages are redacted, and httpx exceptions, whose request has it, are never chained.
"""

from collections.abc import Sequence
from typing import Any, ClassVar


class OnaError(Exception):
    """A failed call; `code` is Connect's, or "unreachable" or "malformed_answer"."""

    code: ClassVar[str] = "unknown"
    advice: ClassVar[str] = "Try again; if this continues, see Ona's status page or ask its support."
    meaning: ClassVar[str] = "Ona could not carry out the request."

    def __init__(
        self,
        message: str = "",
        *,
        rpc: str = "",
        request_id: str = "",
        http_status: int | None = None,
        retry_after: float | None = None,
        details: Sequence[Any] = (),
        sent: bool = True,
    ) -> None:
        self.message = message
        self.rpc = rpc
        self.request_id = request_id
        self.http_status = http_status
        self.retry_after = retry_after
        self.details = list(details)
        self.sent = sent
        super().__init__(message)

    def __str__(self) -> str:
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.rpc or 'Ona'}: {self.code}: {self.message or 'no message'}{request}"

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self}>"

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.message,), self.__dict__)

    @property
    def outcome_unknown(self) -> bool:
        """Whether a write may have been done, so that only a fresh read can tell."""
        return False

    def for_people(self) -> str:
        """One to three plain sentences: what happened, what it means, what to do."""
        said = f" Ona said: {self.message.rstrip('.')}." if self.message else ""
        return f"{self.meaning}{said} {self.advice}".strip()


class Unreachable(OnaError):
    """No answer; `sent` is False if the request certainly never left."""

    code = "unreachable"
    meaning = "Ona did not answer."
    advice = "Check ONA_BASE_URL, the network and the proxy between here and Ona; what is shown may be out of date."

    @property
    def outcome_unknown(self) -> bool:
        return self.sent

    def for_people(self) -> str:
        cause = f" ({self.message.rstrip('.')})" if self.message else ""
        return f"{self.meaning.rstrip('.')}{cause}. {self.advice}"


class MalformedAnswer(OnaError):
    """The answer is not JSON, or not in the documented form."""

    code = "malformed_answer"
    meaning = "Something other than Ona answered."
    advice = "Check that ONA_BASE_URL points at Ona's API and that no proxy or sign-in page answers in its place."

    @property
    def outcome_unknown(self) -> bool:
        return True

    def for_people(self) -> str:
        return f"{self.meaning} {self.message.rstrip('.')}. {self.advice}"


class NotOna(MalformedAnswer):
    """An error of a proxy or another server: it says nothing about the token, its rights or what Ona has."""

    code = "not_ona"
    meaning = "The address did not answer like Ona."


class EndlessListing(MalformedAnswer):
    """The pages of a list would never end."""

    code = "endless_listing"
    meaning = "Ona's list does not end: its pages repeat."
    advice = "What was read stays, and nothing was marked as deleted. If it happens again, tell Ona's support the call."

    def for_people(self) -> str:
        return f"{self.meaning} {self.message[:1].upper()}{self.message[1:]} ({self.rpc}). {self.advice}"


class Refused(OnaError):
    """An answer with an error."""


class _Trouble(Refused):
    """Trouble at Ona: a write may or may not have been done."""

    @property
    def outcome_unknown(self) -> bool:
        return True


class Canceled(_Trouble):
    code = "canceled"
    meaning = "The call was canceled before it ended."


class Unknown(_Trouble):
    code = "unknown"
    meaning = "Ona answered with an error it does not explain."


class InvalidArgument(Refused):
    code = "invalid_argument"
    meaning = "Ona did not accept the values it was sent."
    advice = "Correct the value it names and try again."


class DeadlineExceeded(_Trouble):
    code = "deadline_exceeded"
    meaning = "Ona did not finish in time."
    advice = "It may still have been done: check the current state before trying again."


class NotFound(Refused):
    code = "not_found"
    meaning = "Ona does not know it, or this token may not see it."
    advice = "It may have been deleted; the next sync will show."


class AlreadyExists(Refused):
    code = "already_exists"
    meaning = "It already exists."
    advice = "Choose another name, or use the one that exists."


class PermissionDenied(Refused):
    code = "permission_denied"
    meaning = "The token the portal uses may not do this."
    advice = "Use a token of an organization admin (ONA_API_KEY), or ask one to do it."


class ResourceExhausted(Refused):
    code = "resource_exhausted"
    meaning = "A limit at Ona is reached: too many requests, or too many of its kind."
    advice = "Wait a little and try again; if this continues, check the organization's limits."


class FailedPrecondition(Refused):
    code = "failed_precondition"
    meaning = "Its state, or a policy of the organization, does not allow this."
    advice = "Check its phase, lockdown and policies, then try again."


class Aborted(Refused):
    code = "aborted"
    meaning = "Something else changed it at the same time."
    advice = "Check the current state and try again."


class OutOfRange(Refused):
    code = "out_of_range"
    meaning = "A value is outside what Ona allows."
    advice = "Correct the value and try again."


class Unimplemented(Refused):
    code = "unimplemented"
    meaning = "Nothing at this address offers this call."
    advice = "Check ONA_BASE_URL (it usually ends in /api), and whether your plan has the feature."


class Internal(_Trouble):
    code = "internal"
    meaning = "Ona had an internal error."


class Unavailable(_Trouble):
    code = "unavailable"
    meaning = "Ona is currently not available."
    advice = "The portal keeps trying; what is shown may be out of date."


class DataLoss(_Trouble):
    code = "data_loss"
    meaning = "Ona reports that data was lost or damaged."
    advice = "Contact Ona's support."


class Unauthenticated(Refused):
    code = "unauthenticated"
    meaning = "Ona does not accept the token: it is wrong, expired or revoked."
    advice = "Set ONA_API_KEY to a valid token and restart the portal, or replace it in PORTAL_ONA_TOKEN_FILE."


BY_CODE: dict[str, type[Refused]] = {
    kind.code: kind
    for kind in (
        Canceled,
        Unknown,
        InvalidArgument,
        DeadlineExceeded,
        NotFound,
        AlreadyExists,
        PermissionDenied,
        ResourceExhausted,
        FailedPrecondition,
        Aborted,
        OutOfRange,
        Unimplemented,
        Internal,
        Unavailable,
        DataLoss,
        Unauthenticated,
    )
}

# Answers that are not Connect errors. Too many requests, and no answer from behind a proxy, mean the same from anybody;
# all else is not Ona's word, whatever its status: a proxy's 403 or 404 tells nothing of what the token may.
BY_HTTP_STATUS: dict[int, type[Refused]] = {
    429: ResourceExhausted,
    500: Unknown,
    502: Unavailable,
    503: Unavailable,
    504: Unavailable,
}
