"""New environments in a given condition, each replayed through the phases that lead there."""

import random
from dataclasses import dataclass

from portal.sandbox import failures, phases, secrets
from portal.sandbox.conditions import Condition
from portal.sandbox.documents import DAY, HOUR, MINUTE, SECOND, Document, merge, new_id, rfc3339
from portal.sandbox.organization import Organization
from portal.sandbox.repositories import Repository
from portal.sandbox.specs import specify
from portal.sandbox.world_state import WorldState

_LIFETIME = 90 * DAY
_ADJECTIVES = ("fix", "feature", "spike", "hotfix", "chore", "docs", "perf")
_SUBJECTS = (
    "login-redirect",
    "flaky-tests",
    "billing-webhook",
    "größe-prüfen",
    "upgrade-deps",
    "cache-keys",
    "i18n",
    "otel",
)
_FILES = (
    "README.md",
    "src/main/App.java",
    "internal/server.go",
    "app/models.py",
    "web/src/index.tsx",
    "docs/übersicht.md",
)
_CHANGES = ("MODIFIED", "ADDED", "DELETED", "RENAMED", "UNTRACKED", "UPDATED_BUT_UNMERGED")
_COMMITS = (
    "Fix race between stop and archive",
    "wip",
    "Escape <b>names</b> in the export",
    "fixup! Größe prüfen",
    'Revert "Drop the old index"',
    "Add a test for the empty page",
)


@dataclass(frozen=True, slots=True)
class Timing:
    """When things happened to an environment; instants in microseconds."""

    created: int
    started: int
    active: int
    archived: int = 0
    lockdown: int = 0


def timing(condition: Condition, now: int, rng: random.Random) -> Timing:
    """Times that suit a condition and the organization's policies, the newest just before `now`."""
    archived = 0
    if condition.archived:
        archived = now - round(rng.uniform(0.05, 13.5) * DAY)
        active = archived - 3 * DAY
    elif condition.phase == "STOPPED":
        active = now - round(rng.uniform(0.02, 2.9) * DAY)
    elif condition.idle_days:
        active = now - condition.idle_days * DAY
    else:
        active = now - rng.randrange(5 * SECOND, 5 * MINUTE)
    fresh = condition.phase in ("CREATING", "STARTING")
    started = now - rng.randrange(SECOND, 40 * SECOND) if fresh else active - rng.randrange(10 * MINUTE, 5 * HOUR)
    age = 0 if condition.phase == "CREATING" else round(_age(condition, rng) * DAY)
    created = min(now - age, started) if age or not fresh else started
    lockdown = created + _LIFETIME if condition.lockdown else 0
    if condition.lockdown == "later" or (lockdown and created == started):
        lockdown = max(lockdown, now + 8 * DAY)
    return Timing(created, started, min(active, now), archived, lockdown)


def _age(condition: Condition, rng: random.Random) -> float:
    if condition.lockdown == "past":
        return rng.uniform(91, 110)
    if condition.lockdown == "day":
        return rng.uniform(89.05, 89.95)
    if condition.lockdown == "week":
        return rng.uniform(83.2, 88.8)
    if condition.lockdown == "later":
        return rng.uniform(0.5, 80)
    return min(210.0, rng.expovariate(1 / 24))


def new_environment(condition: Condition, when: Timing, world: WorldState) -> Document:
    """A whole environment document in this condition, with the secrets that cover it."""
    organization, rng = world.organization, world.rng
    project = rng.choice(organization.projects)
    repository = organization.repositories[project["id"]]
    owner = organization.members[
        min(int(rng.expovariate(3.0) * len(organization.members)), len(organization.members) - 1)
    ]
    machine_class = rng.choice(organization.classes[:15] if condition.phase != "STOPPED" else organization.classes)
    document: Document = {
        "id": new_id(rng),
        "metadata": _metadata(condition, when, organization, project, owner, machine_class, rng),
        "spec": specify(condition, repository, machine_class["id"], owner, rng),
    }
    document["spec"] |= secrets.remounted(world, document)
    base = rng.randrange(2, 4000)
    document["spec"]["specVersion"] = str(base + condition.version_offset)
    document["status"] = _status(condition, when, document, repository, rng)
    document["status"]["statusVersion"] = str(base * rng.randrange(3, 30) + condition.version_offset)
    return document


def _metadata(
    condition: Condition,
    when: Timing,
    organization: Organization,
    project: Document,
    owner: Document,
    machine_class: Document,
    rng: random.Random,
) -> Document:
    repository = organization.repositories[project["id"]]
    workflow = condition.role in ("WORKFLOW", "PREBUILD")
    metadata: Document = {
        "organizationId": organization.id,
        "name": condition.name or _name(condition, repository, rng),
        "creator": {"id": owner["userId"], "principal": "PRINCIPAL_SERVICE_ACCOUNT" if workflow else "PRINCIPAL_USER"},
        "originalContextUrl": repository.url,
        "createdAt": rfc3339(when.created, rng.choice((0, 0, 0, 427))),
        "projectId": project["id"] if rng.random() < 0.92 else "",
        "runnerId": machine_class["runnerId"],
        "lastStartedAt": rfc3339(when.started),
        "role": f"ENVIRONMENT_ROLE_{condition.role}",
        "sessionId": new_id(rng) if rng.random() < 0.3 else "",
        "prebuildId": new_id(rng) if rng.random() < 0.2 and not workflow else "",
    }
    if when.archived:
        metadata["archivedAt"] = rfc3339(when.archived)
    if when.lockdown:
        metadata["lockdownAt"] = rfc3339(when.lockdown)
    return metadata


def _name(condition: Condition, repository: Repository, rng: random.Random) -> str:
    if condition.role != "DEFAULT":
        return f"{condition.role.lower()} {repository.name} #{rng.randrange(100, 9999)}"
    return rng.choice(
        (
            repository.name,
            f"{repository.name} {rng.choice(_ADJECTIVES)}/{rng.choice(_SUBJECTS)}",
            f"{rng.choice(_SUBJECTS)} ({repository.name})",
        )
    )[:80]


def _status(
    condition: Condition, when: Timing, document: Document, repository: Repository, rng: random.Random
) -> Document:
    status: Document = {}
    document["status"] = status
    for change in _way(condition, document, rng):
        merge(status, change)
    if condition.failing and condition.failing not in ("secret", "ack"):
        merge(status, phases.failed(condition.failing, failures.message(condition.failing, rng)))
    if condition.phase not in ("CREATING", "STARTING"):
        merge(status, phases.active(when.active, rng.choice(("vscode", "ssh", "jetbrains", "web-terminal", "agent"))))
    if "content" in status and condition.phase not in ("CREATING", "STARTING") and condition.git != "absent":
        status["content"]["git"] = git_status(condition.git, repository, rng)
    _disturb(condition, document, rng)
    return status


def _way(condition: Condition, document: Document, rng: random.Random) -> list[phases.Change]:
    if condition.phase == "CREATING":
        return [phases.creating(document)]
    way = [phases.creating(document), phases.starting(document)]
    if condition.step == "machine":
        return way
    way.append(phases.machine_up(document, rng))
    if condition.step == "content":
        return way
    way.append(phases.content_ready(document))
    if condition.step == "devcontainer":
        return way
    way += [phases.devcontainer_up(document, rng), phases.running(document)]
    last = {
        "UPDATING": [phases.rebuilding(document)],
        "STOPPING": [phases.stopping()],
        "STOPPED": [phases.stopped()],
        "DELETING": [phases.stopped(), phases.deleting()],
        "DELETED": [phases.stopped(), phases.deleting(), phases.deleted()],
    }
    return way + last.get(condition.phase, [])


def _disturb(condition: Condition, document: Document, rng: random.Random) -> None:
    """Warnings and parts that are out of sync, where nothing has failed."""
    status = document["status"]
    if condition.warning:
        text = rng.choice(failures.WARNINGS)
        merge(status, {"warningMessage": [text], "machine": {"warningMessage": text}})
    if condition.failing == "secret" and status.get("secrets"):
        text = failures.message("secret", rng)
        status["secrets"][0] |= {"phase": "CONTENT_PHASE_FAILED", "failureMessage": text}
        merge(status, {"warningMessage": [text], "devcontainer": {"secretsInSync": False}})
    if condition.out_of_sync:
        field = "secretsInSync" if condition.out_of_sync == "secrets" else "devcontainerconfigInSync"
        merge(status, {"devcontainer": {field: False}})
    if condition.lagging_ack:
        behind = max(1, int(document["spec"]["specVersion"]) - rng.randrange(1, 3))
        status["runnerAck"] = {"specVersion": str(behind), "statusCode": "STATUS_CODE_OK"}
    if condition.failing == "ack":
        status["runnerAck"] |= {"statusCode": "STATUS_CODE_FAILED_PRECONDITION", "message": failures.ACK}


def git_status(kind: str, repository: Repository, rng: random.Random) -> Document:
    """A working copy that is clean, or has unpushed commits, changed files, or both."""
    commits = rng.randrange(1, 7) if kind in ("unpushed", "both") else 0
    files = rng.randrange(1, 9) if kind in ("changed", "both") else 0
    if files and rng.random() < 0.04:
        files = 340  # more than the API lists: totalChangedFiles has the number, changedFiles is cut
    return {
        "cloneUrl": f"{repository.url}.git",
        "branch": repository.branch if kind == "clean" else f"{rng.choice(_ADJECTIVES)}/{rng.choice(_SUBJECTS)}",
        "latestCommit": f"{rng.getrandbits(160):040x}",
        "unpushedCommits": [f"{rng.getrandbits(28):07x} {rng.choice(_COMMITS)}" for _ in range(commits)],
        "totalUnpushedCommits": commits,
        "changedFiles": [_changed_file(index, rng) for index in range(min(files, 101))],
        "totalChangedFiles": files,
    }


def _changed_file(index: int, rng: random.Random) -> Document:
    kind = rng.choice(_CHANGES)
    path = rng.choice(_FILES) if index < 9 else f"build/generated/{index:04d}.ts"
    return {
        "path": path,
        "changeType": f"CHANGE_TYPE_{kind}",
        "oldPath": path.replace(".", ".old.") if kind == "RENAMED" else "",
    }
