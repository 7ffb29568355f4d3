"""Environments as EnvironmentService answers them: three independent parts, each whole and with a typed head."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec

from .pages import Listing, Page, Part, part_reader
from .values import Duration, Head, Int32, Timestamp, Uint64

# How Go and protobuf write "no time".
_NO_TIME = (datetime(1970, 1, 1, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC))


class Subject(Head, frozen=True):
    """A person or an account; `principal` is its kind (PRINCIPAL_USER, …)."""

    id: UUID | None = None
    principal: str = ""


class MetadataHead(Head, frozen=True):
    """EnvironmentMetadata. Times are None if Ona omits them or sends the epoch."""

    organization_id: UUID | None = None
    name: str = ""
    creator: Subject = Subject()
    original_context_url: str = ""
    created_at: Timestamp | None = None
    project_id: UUID | None = None
    runner_id: UUID | None = None
    last_started_at: Timestamp | None = None
    archived_at: Timestamp | None = None
    role: str = ""
    prebuild_id: UUID | None = None
    lockdown_at: Timestamp | None = None
    session_id: UUID | None = None

    def __post_init__(self) -> None:
        for name in ("lockdown_at", "archived_at", "last_started_at"):
            if getattr(self, name) in _NO_TIME:
                msgspec.structs.force_setattr(self, name, None)


class MachineSpec(Head, frozen=True):
    """EnvironmentSpec.Machine."""

    class_id: UUID | None = msgspec.field(name="class", default=None)


class Git(Head, frozen=True):
    """GitInitializer."""

    remote_uri: str = ""
    target_mode: str = ""
    clone_target: str = ""
    checkout_location: str = ""


class ContextUrl(Head, frozen=True):
    """ContextURLInitializer."""

    url: str = ""


class InitializerSpec(Head, frozen=True):
    """EnvironmentInitializer.Spec: either of the two."""

    git: Git | None = None
    context_url: ContextUrl | None = None


class Initializer(Head, frozen=True):
    """EnvironmentInitializer."""

    specs: list[InitializerSpec] = []

    @property
    def git(self) -> Git | None:
        """The first git repository it clones."""
        return next((spec.git for spec in self.specs if spec.git), None)

    @property
    def context_url(self) -> str:
        """The first context URL it opens, or ""."""
        return next((spec.context_url.url for spec in self.specs if spec.context_url), "")

    @property
    def repository(self) -> str:
        """The first repository it clones, else the first context URL, or ""."""
        return (self.git.remote_uri if self.git else "") or self.context_url


class ContentSpec(Head, frozen=True):
    """EnvironmentSpec.Content."""

    initializer: Initializer = Initializer()


class SecretSpec(Head, frozen=True):
    """EnvironmentSpec.Secret: which secret is mounted; never its value."""

    id: str = ""
    name: str = ""
    scope: str = ""


class Port(Head, frozen=True):
    """EnvironmentSpec.EnvironmentPort."""

    port: Int32 = 0
    admission: str = ""
    name: str = ""
    protocol: str = ""


class Timeout(Head, frozen=True):
    """EnvironmentSpec.Timeout: idle time after which it stops; 0 means never, None the organization's default."""

    disconnected: Duration | None = None


class DevcontainerSpec(Head, frozen=True):
    """EnvironmentSpec.DevContainer."""

    devcontainer_file_path: str = ""


class AutomationsFileSpec(Head, frozen=True):
    """EnvironmentSpec.AutomationsFile."""

    automations_file_path: str = ""


class SpecHead(Head, frozen=True):
    """EnvironmentSpec."""

    spec_version: Uint64 = Uint64(0)
    desired_phase: str = ""
    machine: MachineSpec = MachineSpec()
    content: ContentSpec = ContentSpec()
    secrets: list[SecretSpec] = []
    ports: list[Port] = []
    timeout: Timeout = Timeout()
    admission: str = ""
    devcontainer: DevcontainerSpec = DevcontainerSpec()
    automations_file: AutomationsFileSpec = AutomationsFileSpec()
    workflow_action_id: UUID | None = None


class RunnerAck(Head, frozen=True):
    """EnvironmentStatus.RunnerACK."""

    spec_version: Uint64 = Uint64(0)
    status_code: str = ""
    message: str = ""


class Component(Head, frozen=True):
    """The shared fields of machine, content, devcontainer, automations file and secrets."""

    phase: str = ""
    failure_message: str = ""
    warning_message: str = ""


class GitStatus(Head, frozen=True):
    """EnvironmentGitStatus."""

    clone_url: str = ""
    branch: str = ""
    latest_commit: str = ""
    total_unpushed_commits: Int32 = 0
    total_changed_files: Int32 = 0


class ContentStatus(Component, frozen=True):
    """EnvironmentStatus.Content; `git` None means unknown, not clean."""

    git: GitStatus | None = None


class DevcontainerStatus(Component, frozen=True):
    """EnvironmentStatus.DevContainer; without one, being in sync is unknown."""

    devcontainerconfig_in_sync: bool = False
    secrets_in_sync: bool = False


class SecretStatus(Component, frozen=True):
    """EnvironmentStatus.Secret."""

    id: str = ""
    secret_name: str = ""


class ActivitySignal(Head, frozen=True):
    """EnvironmentActivitySignal."""

    source: str = ""
    timestamp: Timestamp | None = None


class StatusHead(Head, frozen=True):
    """EnvironmentStatus; a component's phase is "" if Ona has not reported it."""

    status_version: Uint64 = Uint64(0)
    phase: str = ""
    failure_message: list[str] = []
    warning_message: list[str] = []
    runner_ack: RunnerAck = RunnerAck()
    machine: Component = Component()
    content: ContentStatus = ContentStatus()
    devcontainer: DevcontainerStatus | None = None
    automations_file: Component = Component()
    secrets: list[SecretStatus] = []
    activity_signal: ActivitySignal | None = None

    @property
    def git(self) -> GitStatus | None:
        """The git state, or None if unknown."""
        return self.content.git


class EnvironmentDocument(msgspec.Struct, frozen=True, gc=False):
    """One environment as EnvironmentService answered it."""

    id: UUID
    metadata: Part[MetadataHead]
    spec: Part[SpecHead]
    status: Part[StatusHead]


class Observation(msgspec.Struct, frozen=True):
    """A document and the time its request was sent (UTC)."""

    sent_at: datetime
    document: EnvironmentDocument


EnvironmentPage = Page[EnvironmentDocument]


class _Envelope(Head, frozen=True):
    id: UUID
    metadata: msgspec.Raw = msgspec.Raw(b"{}")
    spec: msgspec.Raw = msgspec.Raw(b"{}")
    status: msgspec.Raw = msgspec.Raw(b"{}")


_envelope = msgspec.json.Decoder(_Envelope)
_metadata, _spec, _status = part_reader(MetadataHead), part_reader(SpecHead), part_reader(StatusHead)


def _open(came: _Envelope) -> EnvironmentDocument:
    return EnvironmentDocument(came.id, _metadata(came.metadata), _spec(came.spec), _status(came.status))


def read_environment(raw: bytes) -> EnvironmentDocument:
    """Parse the environment in `raw`; MsgspecError without an id or with an unreadable part."""
    return _open(_envelope.decode(raw))


ENVIRONMENTS = Listing("environments", _Envelope, _open)
