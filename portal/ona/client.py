"""The client of the Ona API: one typed method per RPC, errors as in portal.ona.errors."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from types import TracebackType
from typing import Any, Self

from .automations import Automations
from .base import PAGE_SIZE, Id, given, only
from .documents.accounts import (
    PERSONAL_ACCESS_TOKENS,
    SERVICE_ACCOUNT_TOKENS,
    PersonalAccessToken,
    ServiceAccount,
    ServiceAccountToken,
    User,
    read_service_account,
    read_user,
)
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
from .paging import read_pages
from .rate_limit import Pause
from .transport import OnCall, Stats, Transport, ignore_call


class OnaClient(Automations):
    """A client of the Ona API for one token. Thread-safe; one per process keeps its connections.

    `token` may be a function: it is called before each call, so that another token is used from then on.
    `timeout` limits one attempt, in seconds; `attempts` is how often a repeatable call is tried; clients may share a
    `pause`; `on_call` is called after each attempt. ValueError if `token` or `base_url` is invalid. Every call raises
    OnaError.
    """

    def __init__(
        self,
        token: str | Callable[[], str],
        base_url: str = "https://app.ona.com/api",
        *,
        requests_per_second: float = 20.0,
        timeout: float = 30.0,
        attempts: int = 5,
        pause: Pause | None = None,
        on_call: OnCall = ignore_call,
    ) -> None:
        self._transport = Transport(
            token,
            base_url,
            requests_per_second=requests_per_second,
            timeout=timeout,
            attempts=attempts,
            pause=pause,
            on_call=on_call,
        )

    @classmethod
    def over(cls, transport: Transport) -> Self:
        """A client over a given transport."""
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
        """All pages of environments, newest first unless sorted; archived ones too unless `filter` says otherwise.

        `count` asks for the total, with the first page.
        """
        return read_pages(
            "EnvironmentService/ListEnvironments",
            lambda token: self.list_environments(
                token=token, filter=filter, sort=sort, page_size=page_size, count=count and not token
            ),
        )

    def environment_class_pages(self) -> Iterator[Page[EnvironmentClass]]:
        """The environment classes that the organization's runners offer."""
        return self._list("EnvironmentService/ListEnvironmentClasses", {}, ENVIRONMENT_CLASSES)

    def create_environment(
        self, spec: Mapping[str, Any], *, name: str | None = None, session_id: Id | None = None
    ) -> EnvironmentDocument:
        """Create an environment of `spec` (EnvironmentSpec); `name` has up to 80 characters."""
        message = {"spec": spec, **given(name=name, sessionId=session_id)}
        return self._create_environment("EnvironmentService/CreateEnvironment", message)

    def create_environment_from_project(
        self,
        project_id: Id,
        *,
        spec: Mapping[str, Any] | None = None,
        name: str | None = None,
        session_id: Id | None = None,
    ) -> EnvironmentDocument:
        """Create an environment of the project, with overrides in `spec` (EnvironmentSpec)."""
        message = {"projectId": project_id, **given(spec=spec, name=name, sessionId=session_id)}
        return self._create_environment("EnvironmentService/CreateEnvironmentFromProject", message)

    def update_environment(
        self,
        environment_id: Id,
        *,
        metadata: Mapping[str, Any] | None = None,
        spec: Mapping[str, Any] | None = None,
    ) -> None:
        """Change the given fields (UpdateEnvironmentRequest.Metadata and .Spec); read back for the result."""
        self._do("UpdateEnvironment", environment_id, **given(metadata=metadata, spec=spec))

    def start_environment(self, environment_id: Id) -> None:
        """Start it; returns before it runs."""
        self._do("StartEnvironment", environment_id)

    def stop_environment(self, environment_id: Id) -> None:
        """Stop it; returns before it has stopped."""
        self._do("StopEnvironment", environment_id)

    def archive_environment(self, environment_id: Id) -> None:
        """Archive it; it is stopped first."""
        self._do("ArchiveEnvironment", environment_id)

    def unarchive_environment(self, environment_id: Id) -> None:
        """Unarchive it."""
        self._do("UnarchiveEnvironment", environment_id)

    def delete_environment(self, environment_id: Id, *, force: bool = False) -> None:
        """Delete it permanently; it is stopped first. `force` skips the graceful stop and can lose data."""
        self._do("DeleteEnvironment", environment_id, **({"force": True} if force else {}))

    def mark_environment_active(self, environment_id: Id, *, source: str, timestamp: datetime | None = None) -> None:
        """Postpone its inactivity stop; `source` has 3 to 80 characters, `timestamp` is aware."""
        signal = given(source=source, timestamp=timestamp and timestamp_text(timestamp))
        self._do("MarkEnvironmentActive", environment_id, activitySignal=signal)

    def create_environment_access_token(self, environment_id: Id) -> Secret:
        """Create an access token of the environment, valid for one hour."""
        return self._token("CreateEnvironmentAccessToken", environment_id)

    def create_environment_logs_token(self, environment_id: Id) -> Secret:
        """Create a token for the environment's logs, valid for one hour."""
        return self._token("CreateEnvironmentLogsToken", environment_id)

    def create_port_access_token(self, environment_id: Id, port: int) -> Secret:
        """Create a token for one of the environment's ports."""
        return self._token("CreatePortAccessToken", environment_id, port=port)

    def allow_port_access(self, environment_id: Id, port: int) -> bool:
        """Whether the token's owner may access the port."""
        return self._transport.call(
            "EnvironmentService/AllowPortAccess",
            {"environmentId": environment_id, "port": port},
            lambda body, _: read_allowed(body),
            repeatable=False,
        )

    # Secrets; values are only sent

    def secret_pages(self, scope: Mapping[str, Any] | None = None) -> Iterator[Page[SecretDocument]]:
        """The secrets of one scope (SecretScope, such as {"projectId": …}), or all that the token sees."""
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
        """Create a secret in `scope` (SecretScope).

        `mount` is one of {"filePath": …}, {"environmentVariable": True}, {"containerRegistryBasicAuthHost": …} and
        {"apiOnly": True}; `credential_proxy` is {"targetHosts": […], "header": …}.
        """
        message = {"name": name, "value": value, "scope": scope, **mount, **given(credentialProxy=credential_proxy)}
        return self._create("SecretService/CreateSecret", message, "secret", read_secret)

    def update_secret_value(self, secret_id: Id, value: Secret) -> None:
        """Set a new value; running environments have the old one until their containers are rebuilt."""
        self._change("SecretService/UpdateSecretValue", {"secretId": secret_id, "value": value})

    def delete_secret(self, secret_id: Id) -> None:
        """Delete it permanently."""
        self._change("SecretService/DeleteSecret", {"secretId": secret_id})

    # Organization

    def get_authenticated_identity(self) -> Identity:
        """The owner of the token, and its organization."""
        return self._transport.call(
            "IdentityService/GetAuthenticatedIdentity", {}, lambda body, _: read_identity(body), repeatable=True
        )

    def get_user(self, user_id: Id) -> User:
        """A person of the organization."""
        return self._get("UserService/GetUser", {"userId": user_id}, "user", read_user)

    def personal_access_token_pages(self, user_ids: Iterable[Id] = ()) -> Iterator[Page[PersonalAccessToken]]:
        """The personal access tokens of at most 25 people (default: all that the token sees), without their text."""
        return self._list("UserService/ListPersonalAccessTokens", only(userIds=user_ids), PERSONAL_ACCESS_TOKENS)

    def get_service_account(self, service_account_id: Id) -> ServiceAccount:
        """A service account."""
        message = {"serviceAccountId": service_account_id}
        return self._get("ServiceAccountService/GetServiceAccount", message, "serviceAccount", read_service_account)

    def service_account_token_pages(self) -> Iterator[Page[ServiceAccountToken]]:
        """The tokens of the service accounts that the token sees."""
        return self._list("ServiceAccountService/ListServiceAccountTokens", {}, SERVICE_ACCOUNT_TOKENS)

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
        """The projects that the token sees."""
        return self._list("ProjectService/ListProjects", {}, PROJECTS)

    def runner_pages(self) -> Iterator[Page[Runner]]:
        """The runners that the token sees."""
        return self._list("RunnerService/ListRunners", {}, RUNNERS)

    def audit_log_pages(
        self,
        *,
        filter: Mapping[str, Any] | None = None,  # noqa: A002
        page_size: int = PAGE_SIZE,
    ) -> Iterator[Page[AuditEntry]]:
        """Ona's audit log, newest first; `filter` is that of ListAuditLogsRequest.

        PermissionDenied or Unimplemented if the token or the plan does not include it.
        """
        message = {"filter": filter} if filter else {}
        return self._list("EventService/ListAuditLogs", message, AUDIT_LOGS, page_size)

    def watch_events(
        self,
        scope: Id | None = None,
        *,
        resource_types: Iterable[str] = (),
        idle: float = 300.0,
        opened: Callable[[], None] = lambda: None,
    ) -> EventStream:
        """Stream changes of the organization, or of the environment `scope` and its automations.

        `resource_types` (RESOURCE_TYPE_…) restricts it; after `idle` seconds without a byte the stream counts as dead;
        `opened` is called when Ona has accepted it. It has no backlog and is not retried: list everything after each
        reconnect.
        """
        message: dict[str, Any] = {"environmentId": scope} if scope else {"organization": True}
        if filters := [{"resourceType": each} for each in resource_types]:
            message["resourceTypeFilters"] = filters
        return EventStream(self._transport, message, idle=idle, opened=opened)

    # Requests

    def _do(self, method: str, environment_id: Id, **fields: Any) -> None:
        self._change(f"EnvironmentService/{method}", {"environmentId": environment_id, **fields})

    def _create_environment(self, rpc: str, message: Mapping[str, Any]) -> EnvironmentDocument:
        return self._create(rpc, message, "environment", read_environment)

    def _token(self, method: str, environment_id: Id, **fields: Any) -> Secret:
        message = {"environmentId": environment_id, **fields}
        return self._transport.call(
            f"EnvironmentService/{method}", message, lambda body, _: read_access_token(body), repeatable=False
        )
