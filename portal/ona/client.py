"""The Ona API for the portal: one typed method per RPC, errors as portal.ona.errors draws them."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from .automations import Automations
from .base import PAGE_SIZE, Id, given
from .documents.audit import AUDIT_LOGS, AuditEntry
from .documents.directory import (
    ENVIRONMENT_CLASSES,
    MEMBERS,
    PROJECTS,
    RUNNERS,
    EnvironmentClass,
    Identity,
    Member,
    Organization,
    Policies,
    Project,
    Runner,
    read_identity,
    read_organization,
    read_policies,
)
from .documents.environments import ENVIRONMENTS, EnvironmentDocument, Observation, read_environment
from .documents.pages import Page, read_field
from .documents.secrets import SECRETS, SecretDocument, read_secret
from .documents.tokens import Secret, read_access_token, read_allowed
from .documents.values import timestamp_text
from .events import EventStream
from .transport import Stats, Transport


class OnaClient(Automations):
    """A client of the Ona API for one token. Safe to share between threads; one per process keeps its connections.

    `timeout` is the most one attempt may take, in seconds; `attempts` how often a call that may be repeated is tried.
    ValueError where `token` or `base_url` cannot be right. Every call raises OnaError.
    """

    def __init__(
        self,
        token: str,
        base_url: str = "https://app.ona.com/api",
        *,
        requests_per_second: float = 20.0,
        timeout: float = 30.0,
        attempts: int = 5,
    ) -> None:
        self._transport = Transport(
            token, base_url, requests_per_second=requests_per_second, timeout=timeout, attempts=attempts
        )

    @classmethod
    def over(cls, transport: Transport) -> Self:
        """A client over a transport of the caller's making."""
        client = cls.__new__(cls)
        client._transport = transport
        return client

    def __repr__(self) -> str:
        return f"<OnaClient of {self._transport.base_url}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the pooled connections."""
        self._transport.close()

    @property
    def stats(self) -> Stats:
        """Requests, retries and bytes so far."""
        return self._transport.stats

    # Environments

    def get_environment(self, environment_id: Id) -> Observation:
        """The environment as it is now."""
        return self._transport.call(
            "EnvironmentService/GetEnvironment",
            {"environmentId": environment_id},
            lambda body, sent_at: Observation(sent_at, read_field(body, "environment", read_environment)),
            repeatable=True,
        )

    def list_environments(
        self,
        *,
        token: str = "",
        filter: Mapping[str, Any] | None = None,  # noqa: A002
        sort: Mapping[str, Any] | None = None,
        page_size: int = PAGE_SIZE,
        count: bool = False,
    ) -> Page[EnvironmentDocument]:
        """One page of environments, archived ones too unless `filter` (of ListEnvironmentsRequest) says otherwise."""
        message: dict[str, Any] = {"filter": {"archivalStatus": "ARCHIVAL_STATUS_ALL", **(filter or {})}}
        if sort:
            message["sort"] = sort
        if count:
            message["count"] = {"include": True}
        rpc = "EnvironmentService/ListEnvironments"
        return self._page(rpc, message, ENVIRONMENTS, token, page_size)

    def environment_pages(
        self,
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002
        sort: Mapping[str, Any] | None = None,
        page_size: int = PAGE_SIZE,
        count: bool = False,
    ) -> Iterator[Page[EnvironmentDocument]]:
        """All pages of environments, newest first unless sorted; archived ones too unless `filter` says otherwise."""
        return self._all(
            "EnvironmentService/ListEnvironments",
            lambda token: self.list_environments(
                token=token, filter=filter, sort=sort, page_size=page_size, count=count
            ),
        )

    def environment_class_pages(self) -> Iterator[Page[EnvironmentClass]]:
        """The kinds of machines the organization's runners offer."""
        return self._list("EnvironmentService/ListEnvironmentClasses", {}, ENVIRONMENT_CLASSES)

    def create_environment(
        self, spec: Mapping[str, Any], *, name: str | None = None, session_id: Id | None = None
    ) -> EnvironmentDocument:
        """A new environment of `spec` (EnvironmentSpec); `name` up to 80 characters."""
        message = {"spec": spec, **given(name=name, sessionId=session_id)}
        return self._create("EnvironmentService/CreateEnvironment", message)

    def create_environment_from_project(
        self,
        project_id: Id,
        *,
        spec: Mapping[str, Any] | None = None,
        name: str | None = None,
        session_id: Id | None = None,
    ) -> EnvironmentDocument:
        """A new environment of the project, with what `spec` (EnvironmentSpec) says otherwise."""
        message = {"projectId": project_id, **given(spec=spec, name=name, sessionId=session_id)}
        return self._create("EnvironmentService/CreateEnvironmentFromProject", message)

    def update_environment(
        self,
        environment_id: Id,
        *,
        metadata: Mapping[str, Any] | None = None,
        spec: Mapping[str, Any] | None = None,
    ) -> None:
        """Change what is given (UpdateEnvironmentRequest.Metadata and .Spec); read back what came of it."""
        self._do("UpdateEnvironment", environment_id, **given(metadata=metadata, spec=spec))

    def start_environment(self, environment_id: Id) -> None:
        """Ask for it to run; answers before it does."""
        self._do("StartEnvironment", environment_id)

    def stop_environment(self, environment_id: Id) -> None:
        """Ask for it to stop; answers before it has."""
        self._do("StopEnvironment", environment_id)

    def archive_environment(self, environment_id: Id) -> None:
        """Archive it, stopping it first if it runs."""
        self._do("ArchiveEnvironment", environment_id)

    def unarchive_environment(self, environment_id: Id) -> None:
        """Bring it back from the archive."""
        self._do("UnarchiveEnvironment", environment_id)

    def delete_environment(self, environment_id: Id, *, force: bool = False) -> None:
        """Delete it for ever, stopping it first; `force` skips the graceful stop and can lose data."""
        self._do("DeleteEnvironment", environment_id, **({"force": True} if force else {}))

    def mark_environment_active(self, environment_id: Id, *, source: str, timestamp: datetime | None = None) -> None:
        """Keep it from its inactivity stop; `source` is 3 to 80 characters, `timestamp` aware."""
        signal = given(source=source, timestamp=timestamp and timestamp_text(timestamp))
        self._do("MarkEnvironmentActive", environment_id, activitySignal=signal)

    def create_environment_access_token(self, environment_id: Id) -> Secret:
        """A token for the environment that lives one hour."""
        return self._token("CreateEnvironmentAccessToken", environment_id)

    def create_environment_logs_token(self, environment_id: Id) -> Secret:
        """A token for the environment's logs that lives one hour."""
        return self._token("CreateEnvironmentLogsToken", environment_id)

    def create_port_access_token(self, environment_id: Id, port: int) -> Secret:
        """A token for one of the environment's ports."""
        return self._token("CreatePortAccessToken", environment_id, port=port)

    def allow_port_access(self, environment_id: Id, port: int) -> bool:
        """Whether the token's owner may reach the port."""
        return self._transport.call(
            "EnvironmentService/AllowPortAccess",
            {"environmentId": environment_id, "port": port},
            lambda body, _: read_allowed(body),
            repeatable=False,
        )

    # Secrets; their values go in and never come out

    def secret_pages(self, scope: Mapping[str, Any] | None = None) -> Iterator[Page[SecretDocument]]:
        """The secrets of one scope (SecretScope, such as {"projectId": …}), or all the token sees."""
        return self._list("SecretService/ListSecrets", {"filter": {"scope": scope}} if scope else {}, SECRETS)

    def create_secret(
        self,
        name: str,
        value: Secret,
        *,
        scope: Mapping[str, Any],
        mount: Mapping[str, Any],
        credential_proxy: Mapping[str, Any] | None = None,
    ) -> SecretDocument:
        """A new secret in `scope` (SecretScope).

        `mount` is one of {"filePath": …}, {"environmentVariable": True}, {"containerRegistryBasicAuthHost": …} and
        {"apiOnly": True}; `credential_proxy` is {"targetHosts": […], "header": …}.
        """
        message = {"name": name, "value": value, "scope": scope, **mount, **given(credentialProxy=credential_proxy)}
        return self._make("SecretService/CreateSecret", message, "secret", read_secret)

    def update_secret_value(self, secret_id: Id, value: Secret) -> None:
        """Give it a new value; environments that run have the old one until their containers are built again."""
        self._ask("SecretService/UpdateSecretValue", {"secretId": secret_id, "value": value})

    def delete_secret(self, secret_id: Id) -> None:
        """Delete it for ever."""
        self._ask("SecretService/DeleteSecret", {"secretId": secret_id})

    # Organization

    def get_authenticated_identity(self) -> Identity:
        """Who the token is, and its organization."""
        return self._transport.call(
            "IdentityService/GetAuthenticatedIdentity", {}, lambda body, _: read_identity(body), repeatable=True
        )

    def get_organization(self, organization_id: Id) -> Organization:
        """The organization's name and tier."""
        message = {"organizationId": organization_id}
        return self._get("OrganizationService/GetOrganization", message, "organization", read_organization)

    def get_organization_policies(self, organization_id: Id) -> Policies:
        """The organization's policies."""
        message = {"organizationId": organization_id}
        return self._get("OrganizationService/GetOrganizationPolicies", message, "policies", read_policies)

    def member_pages(self, organization_id: Id) -> Iterator[Page[Member]]:
        """The organization's members."""
        message = {"organizationId": organization_id}
        return self._list("OrganizationService/ListMembers", message, MEMBERS)

    def project_pages(self) -> Iterator[Page[Project]]:
        """The projects the token sees."""
        return self._list("ProjectService/ListProjects", {}, PROJECTS)

    def runner_pages(self) -> Iterator[Page[Runner]]:
        """The runners the token sees."""
        return self._list("RunnerService/ListRunners", {}, RUNNERS)

    def audit_log_pages(
        self,
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Page[AuditEntry]]:
        """Ona's own audit log, newest first; `filter` is that of ListAuditLogsRequest.

        Not every plan has one, and not every token may read it: PermissionDenied or Unimplemented then.
        """
        message = {"filter": filter} if filter else {}
        return self._list("EventService/ListAuditLogs", message, AUDIT_LOGS, page_size)

    def watch_events(
        self, scope: Id | None = None, *, resource_types: Iterable[str] = (), idle: float = 300.0
    ) -> EventStream:
        """Changes as they happen: of the organization, or of the environment `scope` and its automations.

        `resource_types` (RESOURCE_TYPE_…) limits it; after `idle` seconds without a byte the stream counts as dead.
        It starts with no backlog and is not retried: after every reconnect, list everything.
        """
        message: dict[str, Any] = {"environmentId": scope} if scope else {"organization": True}
        if filters := [{"resourceType": each} for each in resource_types]:
            message["resourceTypeFilters"] = filters
        return EventStream(self._transport, message, idle=idle)

    # How

    def _do(self, method: str, environment_id: Id, **fields: Any) -> None:
        self._ask(f"EnvironmentService/{method}", {"environmentId": environment_id, **fields})

    def _create(self, rpc: str, message: Mapping[str, Any]) -> EnvironmentDocument:
        return self._make(rpc, message, "environment", read_environment)

    def _token(self, method: str, environment_id: Id, **fields: Any) -> Secret:
        message = {"environmentId": environment_id, **fields}
        return self._transport.call(
            f"EnvironmentService/{method}", message, lambda body, _: read_access_token(body), repeatable=False
        )
