"""Members, projects, runners, classes, the organization and its policies. `raw` is each document's JSON as received."""

from collections.abc import Callable
from typing import TypeVar
from uuid import UUID

import msgspec

from .environments import Initializer, Subject
from .pages import Listing
from .values import Duration, Head, Int64, Reader, Timestamp, storable


class Whole(Head, frozen=True, kw_only=True):
    """A document that is stored in one piece."""

    # Set by the reader, not from a field of this name.
    raw: bytes = msgspec.field(name="$raw", default=b"{}")

    @property
    def storable(self) -> bytes:
        """`raw` for a jsonb column: \\u0000, which Postgres cannot store, is replaced by U+FFFD."""
        return storable(self.raw)


class Member(Whole, frozen=True, kw_only=True):
    """OrganizationMember."""

    user_id: UUID
    full_name: str = ""
    email: str = ""
    role: str = ""
    status: str = ""
    avatar_url: str = ""
    login_provider: str = ""
    member_since: Timestamp | None = None


class ProjectMetadata(Head, frozen=True):
    """ProjectMetadata."""

    organization_id: UUID | None = None
    name: str = ""
    creator: Subject = Subject()
    created_at: Timestamp | None = None
    updated_at: Timestamp | None = None


class Project(Whole, frozen=True, kw_only=True):
    """Project."""

    id: UUID
    metadata: ProjectMetadata = ProjectMetadata()
    initializer: Initializer = Initializer()
    devcontainer_file_path: str = ""
    automations_file_path: str = ""
    technical_description: str = ""

    @property
    def name(self) -> str:
        """Its display name."""
        return self.metadata.name

    @property
    def repository(self) -> str:
        """Its first repository or context URL, or ""."""
        return self.initializer.repository


class RunnerStatus(Head, frozen=True):
    """RunnerStatus."""

    phase: str = ""
    version: str = ""
    region: str = ""
    message: str = ""
    updated_at: Timestamp | None = None


class Runner(Whole, frozen=True, kw_only=True):
    """Runner."""

    id: UUID = msgspec.field(name="runnerId")
    name: str = ""
    kind: str = ""
    provider: str = ""
    created_at: Timestamp | None = None
    status: RunnerStatus = RunnerStatus()

    @property
    def phase(self) -> str:
        """RUNNER_PHASE_…"""
        return self.status.phase

    @property
    def region(self) -> str:
        """Where it runs."""
        return self.status.region

    @property
    def version(self) -> str:
        """The version of its software."""
        return self.status.version

    @property
    def message(self) -> str:
        """Its own message."""
        return self.status.message


class EnvironmentClass(Whole, frozen=True, kw_only=True):
    """EnvironmentClass: a kind of machine that a runner offers."""

    id: UUID
    display_name: str = ""
    description: str = ""
    runner_id: UUID | None = None
    enabled: bool = False


class Organization(Whole, frozen=True, kw_only=True):
    """Organization."""

    id: UUID
    name: str = ""
    tier: str = ""
    created_at: Timestamp | None = None


class Policies(Whole, frozen=True, kw_only=True):
    """OrganizationPolicies. A duration is None where absent; 0 means no limit, or never."""

    organization_id: UUID | None = None
    maximum_environment_timeout: Duration | None = None
    delete_archived_environments_after: Duration | None = None
    archive_environments_after: Duration | None = None
    maximum_environment_lifetime: Duration | None = None
    maximum_environment_lifetime_strict: bool = False
    port_sharing_disabled: bool = False
    max_port_admission_level: str = ""
    maximum_running_environments_per_user: Int64 = Int64(0)
    maximum_environments_per_user: Int64 = Int64(0)


class Identity(Whole, frozen=True, kw_only=True):
    """GetAuthenticatedIdentityResponse: the owner of the token."""

    subject: Subject = Subject()
    organization_id: UUID | None = None
    organization_tier: str = ""


W = TypeVar("W", bound=Whole)


def _whole(kind: type[W]) -> Callable[[bytes | msgspec.Raw], W]:
    reader = Reader(kind)

    def read(raw: bytes | msgspec.Raw) -> W:
        came = bytes(raw)
        document = reader.read(came)
        msgspec.structs.force_setattr(document, "raw", came)
        return document

    return read


read_organization, read_policies, read_identity = _whole(Organization), _whole(Policies), _whole(Identity)
MEMBERS = Listing("members", msgspec.Raw, _whole(Member))
PROJECTS = Listing("projects", msgspec.Raw, _whole(Project))
RUNNERS = Listing("runners", msgspec.Raw, _whole(Runner))
ENVIRONMENT_CLASSES = Listing("environmentClasses", msgspec.Raw, _whole(EnvironmentClass))
