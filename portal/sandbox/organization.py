"""The invented organization: its people, projects, runners, machine classes and policies, as the API answers them."""

import random
from dataclasses import dataclass, field

from portal.sandbox.documents import DAY, Document, new_id, rfc3339
from portal.sandbox.names import person
from portal.sandbox.repositories import REPOSITORIES, Repository

NAME = "Brindlemark Systems"
DOMAIN = "brindlemark.example"

# name, kind, provider, region, phase, message
_RUNNERS = (
    ("Ona Cloud EU", "MANAGED", "eu-central-1", "ACTIVE", ""),
    ("Ona Cloud US", "MANAGED", "us-east-1", "ACTIVE", ""),
    ("AWS Dublin", "AWS_EC2", "eu-west-1", "ACTIVE", ""),
    (
        "AWS Tokyo 東京",
        "AWS_EC2",
        "ap-northeast-1",
        "DEGRADED",
        "2 of 3 availability zones report InsufficientInstanceCapacity",
    ),
    ("GCP Eemshaven", "GCP", "europe-west4", "ACTIVE", ""),
    ("AWS Oregon (retiring)", "AWS_EC2", "us-west-2", "INACTIVE", "runner has not reported for 3 days"),
)
_CLASSES = (
    ("Small", "2 vCPU / 8 GiB memory / 40 GiB disk", "m6i.large", "e2-standard-2"),
    ("Regular", "4 vCPU / 16 GiB memory / 80 GiB disk", "m6i.xlarge", "e2-standard-4"),
    ("Large", "8 vCPU / 32 GiB memory / 160 GiB disk", "m6i.2xlarge", "e2-standard-8"),
)


@dataclass(slots=True)
class Organization:
    """Everything that environments refer to, by id. Documents are as the API answers them."""

    document: Document
    members: list[Document] = field(default_factory=list)
    runners: list[Document] = field(default_factory=list)
    classes: list[Document] = field(default_factory=list)
    projects: list[Document] = field(default_factory=list)
    policies: Document = field(default_factory=dict)
    repositories: dict[str, Repository] = field(default_factory=dict)  # by project id

    @property
    def id(self) -> str:
        """The organization's id."""
        identifier: str = self.document["id"]
        return identifier

    def runner_kind(self, runner_id: str) -> str:
        """RUNNER_KIND_… of a runner; "" for an unknown one."""
        return next((runner["kind"] for runner in self.runners if runner["runnerId"] == runner_id), "")

    def member(self, user_id: str) -> Document:
        """The member, or {} for a subject who is none."""
        return next((member for member in self.members if member["userId"] == user_id), {})

    def admin(self) -> Document:
        """The member whom the sandbox's full-rights token belongs to."""
        return self.members[0]


def create_organization(rng: random.Random, environments: int, now: int) -> Organization:
    """An organization of a size that suits this many environments, founded long before `now` (µs)."""
    created = now - 900 * DAY
    organization = Organization(
        {
            "id": new_id(rng),
            "name": NAME,
            "createdAt": rfc3339(created),
            "updatedAt": rfc3339(now - 12 * DAY),
            "inviteDomains": {"domains": [DOMAIN]},
            "tier": "ORGANIZATION_TIER_ENTERPRISE",
        }
    )
    organization.members = _members(rng, _headcount(environments), created)
    _add_runners(organization, rng, now)
    _add_projects(organization, rng, max(len(REPOSITORIES), min(240, environments // 60)), created)
    organization.policies = _policies(organization.id)
    return organization


def _headcount(environments: int) -> int:
    return max(8, environments // 5) if environments <= 300 else round(60 * (environments / 300) ** 0.72)


def _members(rng: random.Random, count: int, since: int) -> list[Document]:
    taken: set[str] = set()
    members = []
    for index in range(count):
        name, address = person(rng, taken)
        status = "ACTIVE" if index < 3 else rng.choices(["ACTIVE", "SUSPENDED", "LEFT"], [94, 2, 4])[0]
        admin = index == 0 or (index > 2 and rng.random() < 0.05)
        members.append(
            {
                "userId": new_id(rng),
                "role": "ORGANIZATION_ROLE_ADMIN" if admin else "ORGANIZATION_ROLE_MEMBER",
                "memberSince": rfc3339(since + index * DAY * 800 // count),
                "fullName": name,
                "email": f"{address}@{DOMAIN}",
                "status": f"USER_STATUS_{status}",
                "loginProvider": rng.choices(["sso", "github", "google"], [8, 1, 1])[0],
            }
        )
    return members


def _add_runners(organization: Organization, rng: random.Random, now: int) -> None:
    for index, (name, provider, region, phase, message) in enumerate(_RUNNERS):
        runner_id = new_id(rng)
        organization.runners.append(
            {
                "runnerId": runner_id,
                "createdAt": rfc3339(now - (500 - 60 * index) * DAY),
                "updatedAt": rfc3339(now - index * DAY),
                "name": name,
                "kind": "RUNNER_KIND_REMOTE",
                "provider": f"RUNNER_PROVIDER_{provider}",
                "creator": {"id": organization.admin()["userId"], "principal": "PRINCIPAL_USER"},
                "spec": {
                    "desiredPhase": "RUNNER_PHASE_ACTIVE",
                    "configuration": {
                        "region": region,
                        "releaseChannel": "RUNNER_RELEASE_CHANNEL_STABLE",
                        "autoUpdate": True,
                    },
                    "variant": "RUNNER_VARIANT_ENTERPRISE",
                },
                "status": {
                    "updatedAt": rfc3339(now),
                    "version": f"20261119.{index + 1}",
                    "phase": f"RUNNER_PHASE_{phase}",
                    "region": region,
                    **({"message": message} if message else {}),
                    "logUrl": f"https://logs.{region}.{DOMAIN}/runner/{runner_id}",
                },
            }
        )
        for title, description, aws, gcp in _CLASSES:
            organization.classes.append(
                {
                    "id": new_id(rng),
                    "displayName": title,
                    "description": description,
                    "configuration": [{"key": "machineType", "value": gcp if provider == "GCP" else aws}],
                    "runnerId": runner_id,
                    **({"enabled": True} if phase != "INACTIVE" else {}),
                }
            )


def _add_projects(organization: Organization, rng: random.Random, count: int, since: int) -> None:
    for index in range(count):
        repository = REPOSITORIES[index % len(REPOSITORIES)]
        team = index // len(REPOSITORIES)
        project_id = new_id(rng)
        usable = organization.classes[: 3 * (len(_RUNNERS) - 1)]
        classes = rng.sample(usable, 2)
        organization.repositories[project_id] = repository
        organization.projects.append(
            {
                "id": project_id,
                "metadata": {
                    "organizationId": organization.id,
                    "name": f"{repository.name} (team {team + 1})" if team else repository.name,
                    "creator": {"id": rng.choice(organization.members)["userId"], "principal": "PRINCIPAL_USER"},
                    "createdAt": rfc3339(since + (index + 1) * DAY),
                    "updatedAt": rfc3339(since + (index + 200) * DAY),
                },
                "initializer": {
                    "specs": [{"git": {"remoteUri": f"{repository.url}.git", "cloneTarget": repository.branch}}]
                },
                "environmentClass": {"environmentClassId": classes[0]["id"]},
                "environmentClasses": [
                    {"environmentClassId": chosen["id"], **({"order": order} if order else {})}
                    for order, chosen in enumerate(classes)
                ],
                "devcontainerFilePath": ".devcontainer/devcontainer.json",
                "automationsFilePath": ".ona/automations.yaml" if index % 3 else ".gitpod/automations.yaml",
                "technicalDescription": f"Development of {repository.path}, {repository.stack}",
                "desiredPhase": "PROJECT_PHASE_ACTIVE",
            }
        )


def _policies(organization_id: str) -> Document:
    return {
        "organizationId": organization_id,
        "maximumEnvironmentTimeout": "28800s",
        "membersCreateProjects": True,
        "allowedEditorIds": ["vscode", "vscode-browser", "intellij", "zed"],
        "defaultEditorId": "vscode",
        "maximumRunningEnvironmentsPerUser": "12",
        "maximumEnvironmentsPerUser": "120",
        "defaultEnvironmentImage": "mcr.microsoft.com/devcontainers/base:ubuntu-24.04",
        "deleteArchivedEnvironmentsAfter": "1209600s",
        "archiveEnvironmentsAfter": "259200s",
        "agentPolicy": {"commandDenyList": ["rm -rf /", "curl * | sh"]},
        "maximumEnvironmentLifetime": "7776000s",
        "maximumEnvironmentLifetimeStrict": True,
        "maxPortAdmissionLevel": "ADMISSION_LEVEL_ORGANIZATION",
        "vetoExecPolicy": {
            "enabled": True,
            "executables": ["/usr/bin/nc", "/usr/bin/nmap"],
            "action": "KERNEL_CONTROLS_ACTION_AUDIT",
        },
    }
