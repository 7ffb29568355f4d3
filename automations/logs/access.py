"""Access to logs of environments, services and executions: allowed hosts, tokens, and readers.

The portal reads the log and passes it on, so that browsers never hold a token. Reading a log changes nothing and is no
operation; the access log has who read which.
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
from environments.detail.own_log import environment_address, unread
from environments.documents.json_part import Part
from environments.models import Environment
from portal.directory.connection import ona_now
from portal.directory.models import Runner
from portal.ledger.access_log.recording import REPEATED, record_access
from portal.ledger.models import AccessKind
from portal.ona.documents.tokens import Secret
from portal.ona.errors import NotFound, OnaError
from portal.ona.log_errors import LogGone, LogNotReady, LogTokenRefused
from portal.ona.log_hosts import AllowList, allow_list
from portal.ona.logs import LogStream, open_log

Logged = Service | TaskExecution | Environment
PERMISSION = "automations.read_log"
WHY_NOT = "Your roles do not let you read logs: they can contain secrets."
KINDS: dict[type[Logged], str] = {Service: "service", TaskExecution: "execution", Environment: "environment"}
TOKEN_SECONDS = 50 * 60.0  # Ona's are valid for an hour
MOST_TOKENS = 500
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Viewer:
    """The context of templates/automations/logs/_log.html: a log's URLs, or why it cannot be read."""

    page: str
    stream: str
    file: str
    why_not: str = ""


def viewer_of(row: Logged, user: Any) -> Viewer:
    """The viewer of a log for a user."""
    kind = KINDS[type(row)]
    stream = reverse(f"automations:{kind}-log-stream", args=[row.pk])
    page = reverse(f"automations:{kind}-log", args=[row.pk])
    return Viewer(page, stream, f"{stream}?download=1", why_not(row, user))


def why_not(row: Logged, user: Any) -> str:
    """Why a user cannot read a log, from what is recorded; empty if it can be tried."""
    if not user.has_perm(PERMISSION):
        return WHY_NOT
    return unread(row) if isinstance(row, Environment) else ""


def environment_of(row: Logged) -> UUID:
    """The environment that a log belongs to."""
    return row.pk if isinstance(row, Environment) else row.environment_id


class NoFreeSlot(Exception):
    """All slots for reading logs are taken."""


class _Slots:
    """Limits the logs read at a time, since each occupies a thread of the web server."""

    def __init__(self) -> None:
        self._lock = Lock()
        self.taken = 0

    def take(self) -> None:
        """Take a slot; NoFreeSlot if PORTAL_LOG_STREAMS are taken."""
        with self._lock:
            if self.taken >= settings.LOG_STREAMS:
                raise NoFreeSlot
            self.taken += 1

    def leave(self) -> None:
        with self._lock:
            self.taken -= 1


SLOTS = _Slots()


class _Tokens:
    """Tokens for logs by environment, in the memory of this process only."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._cached: dict[UUID, tuple[Secret, float]] = {}

    def of(self, environment_id: UUID, user: Any, *, renew: bool = False) -> Secret:
        """A token (CreateEnvironmentLogsToken), created if none is cached or `renew`; OnaError."""
        with self._lock:
            token, until = self._cached.get(environment_id, (None, 0.0))
        if token is not None and not renew and time.monotonic() < until:
            return token
        token = ona_now().create_environment_logs_token(environment_id)
        log.info("logs_token_made", environment_id=str(environment_id), user_id=user.pk)
        with self._lock:
            if len(self._cached) >= MOST_TOKENS:
                self._cached.clear()
            self._cached[environment_id] = token, time.monotonic() + TOKEN_SECONDS
        return token

    def forget(self) -> None:
        with self._lock:
            self._cached.clear()


TOKENS = _Tokens()


def start_reading(row: Logged, user: Any, name: str = "logs") -> LogStream:
    """Take a slot, record the reading, and open the log, or another address of an environment by its `name`; LogBody
    closes both.

    NoFreeSlot, LogError or OnaError if it cannot be read.
    """
    SLOTS.take()
    try:
        record_access(
            AccessKind.LOG_READ, actor=user, subject=f"{name} of {KINDS[type(row)]} {row}",
            environment_id=environment_of(row), once_within=REPEATED,
        )  # fmt: skip
        return _opened(row, user, name)
    except BaseException:
        SLOTS.leave()
        raise


def _opened(row: Logged, user: Any, name: str) -> LogStream:
    environment_id = environment_of(row)
    url = environment_address(row, name) if isinstance(row, Environment) else _address(row)
    hosts = allowed_hosts_of(environment_id)
    hosts.source(url)  # before a token is created for it
    try:
        return open_log(url, TOKENS.of(environment_id, user), hosts=hosts)
    except LogTokenRefused:
        return open_log(url, TOKENS.of(environment_id, user, renew=True), hosts=hosts)


def allowed_hosts_of(environment_id: UUID) -> AllowList:
    """The hosts that an environment's logs may come from.

    Configuration (PORTAL_LOG_HOSTS); the hosts of its logs and its support bundle as reported by its runner
    (status.environmentUrls); the host of the runner's own logs (RunnerStatus.logUrl); Ona itself if that is a stand-in
    on this machine. Not the logUrl in the status of a service or execution: it can be written from within the
    environment.
    """
    environment = Environment.objects.filter(pk=environment_id).only("status", "runner_id").first()
    urls = []
    if environment is not None:
        urls += [Part(environment.status).part("environmentUrls").text(name) for name in ("logs", "supportBundle")]
        for runner in Runner.objects.filter(pk=environment.runner_id or UUID(int=0)):
            urls.append(Part(runner.document).part("status").text("logUrl"))
    return allow_list(settings.LOG_HOSTS, told=urls, base_url=settings.ONA_BASE_URL)


def _address(row: Service | TaskExecution) -> str:
    """The URL of the log now, else the last one recorded; LogError if there never was one, OnaError if unanswered."""
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


def _status(row: Service | TaskExecution) -> Any:
    client = ona_now()
    document = client.get_service(row.pk) if isinstance(row, Service) else client.get_task_execution(row.pk)
    return document.status.head
