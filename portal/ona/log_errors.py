"""Errors of reading logs.

LogError
├── ForeignHost         its URL is not on the allow-list; nothing was sent
│   └── InternalAddress     its host resolves to an internal address; nothing was sent
├── LogRedirected       a redirect, which is not followed
├── LogTokenRefused     the logs token is not accepted (401): a new one may be
├── LogForbidden        the logs token may not read this log (403)
├── LogGone             there is no such log (404, 410), or no longer
│   └── LogAway             of a machine that does not run
├── LogNotReady         its source is starting (502, 503, 504), after several attempts
└── LogBroken           no connection, an unexpected answer, or it broke off

None contains the token or the whole URL, which may carry one; hosts are named.
"""

from __future__ import annotations

from typing import ClassVar


class LogError(Exception):
    """A log that could not be read completely; the message says what happened, without a final full stop."""

    meaning: ClassVar[str] = "The log cannot be read."
    advice: ClassVar[str] = "Try again shortly."

    def for_people(self) -> str:
        """One to three plain sentences: what happened, what it means, what to do."""
        said = str(self)
        return f"{self.meaning}{f' {said[0].upper()}{said[1:]}.' if said else ''} {self.advice}".strip()


class ForeignHost(LogError):
    meaning = "The portal does not read this log."
    advice = "If logs of your organization come from there, name the host in PORTAL_LOG_HOSTS."


class InternalAddress(ForeignHost):
    advice = "If logs of your organization come from there, name the whole origin (https://host) in PORTAL_LOG_HOSTS."


class LogRedirected(LogError):
    meaning = "The source of this log redirects, which the portal does not follow: a token would travel along."
    advice = "Ask whoever runs the runner."


class LogTokenRefused(LogError):
    meaning = "The source of this log does not accept the portal's token for logs."


class LogForbidden(LogError):
    meaning = "The source of this log does not let the portal read it."
    advice = "The portal's token at Ona may have lost its rights on this environment."


class LogGone(LogError):
    meaning = "This log is deleted. Ona stores logs for a limited time, and only as long as the environment exists."
    advice = ""


class LogAway(LogGone):
    meaning = "There is no log to read now."


class LogNotReady(LogError):
    meaning = "The source of this log is not ready yet."


class LogBroken(LogError):
    meaning = "The log broke off."
