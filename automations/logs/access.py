"""Logs of services and executions: where they may come from, with which token, and who is reading.

The log is read by the portal and handed on, so that no browser ever holds a token. Looking at a log changes nothing and
leaves no row in the ledger; a token that is made for it is noted in the portal's own log, without its text.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from threading import Lock
from typing import Any
from uuid import UUID

import structlog
from django.conf import settings
from django.urls import reverse

from automations.models import ExecutionPhase, Service, TaskExecution
from environments.documents.json_part import Part
from environments.models import Environment
from portal.directory.connection import ona_now
from portal.directory.models import Runner
from portal.ona.documents.tokens import Secret
from portal.ona.errors import NotFound, OnaError
from portal.ona.log_errors import LogGone, LogNotReady, LogTokenRefused
from portal.ona.log_hosts import AllowList, allow_list
from portal.ona.logs import LogStream, open_log

Logged = Service | TaskExecution
PERMISSION = "automations.read_log"
WHY_NOT = "Your roles do not let you read logs: they can hold what an environment knows."
TOKEN_SECONDS = 50 * 60.0  # Ona's live an hour
MOST_TOKENS = 500
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Viewer:
    """What templates/automations/logs/_log.html shows: a log's addresses, or why this person may not read it."""

    page: str
    stream: str
    file: str
    why_not: str = ""


def viewer_of(row: Logged, user: Any) -> Viewer:
    """The viewer of the log of a service or an execution for a user."""
    kind = "service" if isinstance(row, Service) else "execution"
    stream = reverse(f"automations:{kind}-log-stream", args=[row.pk])
    page = reverse(f"automations:{kind}-log", args=[row.pk])
    return Viewer(page, stream, f"{stream}?download=1", "" if user.has_perm(PERMISSION) else WHY_NOT)


class NoPlace(Exception):
    """As many logs are read as this process has room for."""


class _Places:
    """Each log being read occupies a thread of the web server: some are kept for the pages."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.taken = 0

    def take(self) -> None:
        """One more; NoPlace where there are PORTAL_LOG_STREAMS already."""
        with self._lock:
            if self.taken >= settings.LOG_STREAMS:
                raise NoPlace
            self.taken += 1

    def leave(self) -> None:
        with self._lock:
            self.taken -= 1


PLACES = _Places()


class _Tokens:
    """Tokens for logs, by environment, in the memory of this process only."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._kept: dict[UUID, tuple[Secret, float]] = {}

    def of(self, environment_id: UUID, user: Any, *, renew: bool = False) -> Secret:
        """A token (CreateEnvironmentLogsToken), made where none is kept or the kept one is refused; OnaError."""
        with self._lock:
            token, until = self._kept.get(environment_id, (None, 0.0))
        if token is not None and not renew and time.monotonic() < until:
            return token
        token = ona_now().create_environment_logs_token(environment_id)
        log.info("logs_token_made", environment_id=str(environment_id), user_id=user.pk)
        with self._lock:
            if len(self._kept) >= MOST_TOKENS:
                self._kept.clear()
            self._kept[environment_id] = token, time.monotonic() + TOKEN_SECONDS
        return token

    def forget(self) -> None:
        with self._lock:
            self._kept.clear()


TOKENS = _Tokens()


def begin(row: Logged, user: Any) -> LogStream:
    """Take a place and open the log: LogBody gives both back.

    NoPlace, LogError or OnaError where it cannot be read.
    """
    PLACES.take()
    try:
        return _opened(row, user)
    except BaseException:
        PLACES.leave()
        raise


def _opened(row: Logged, user: Any) -> LogStream:
    hosts, url = hosts_of(row.environment_id), _address(row)
    hosts.source(url)  # before a token is made for it
    try:
        return open_log(url, TOKENS.of(row.environment_id, user), hosts=hosts)
    except LogTokenRefused:
        return open_log(url, TOKENS.of(row.environment_id, user, renew=True), hosts=hosts)


def hosts_of(environment_id: UUID) -> AllowList:
    """Where an environment's logs may come from.

    Configuration (PORTAL_LOG_HOSTS); the host of its logs as its runner told it (status.environmentUrls.logs); the host
    of the runner's own logs (RunnerStatus.logUrl); Ona itself where that is a stand-in on this machine. What a service
    or an execution says of its own log (status.logUrl) can be written from within the environment: it counts for none.
    """
    environment = Environment.objects.filter(pk=environment_id).only("status", "runner_id").first()
    told = []
    if environment is not None:
        told.append(Part(environment.status).part("environmentUrls").text("logs"))
        for runner in Runner.objects.filter(pk=environment.runner_id or UUID(int=0)):
            told.append(Part(runner.document).part("status").text("logUrl"))
    return allow_list(settings.LOG_HOSTS, told=told, base_url=settings.ONA_BASE_URL)


def _address(row: Logged) -> str:
    """Where Ona says the log is now, else where it last was; LogError where it never said, OnaError if unanswered."""
    try:
        url = _status(row).log_url or row.log_url
    except NotFound:
        url = row.log_url
    except OnaError:
        if not row.log_url:
            raise
        url = row.log_url
    if url:
        return url
    if row.phase == ExecutionPhase.PENDING:
        raise LogNotReady("it begins when the execution does")
    raise LogGone


def _status(row: Logged) -> Any:
    client = ona_now()
    document = client.get_service(row.pk) if isinstance(row, Service) else client.get_task_execution(row.pk)
    return document.status.head
