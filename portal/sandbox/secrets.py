"""Secrets: who has which, which environments mount them, and whether a running container still has today's.

A value is never stored, only a salted digest of it (`World.secret_matches`).
"""

import hashlib
import random
from collections.abc import Iterable
from functools import cache

from portal.sandbox.documents import DAY, Document, instant_of, new_id, rfc3339
from portal.sandbox.facts import SecretFacts
from portal.sandbox.organization import DOMAIN
from portal.sandbox.table import Entry
from portal.sandbox.world_state import WorldState

SCOPES = {  # as SecretScope names them, and as EnvironmentSpec.Secret does
    "organizationId": "SCOPE_ORGANIZATION",
    "projectId": "SCOPE_PROJECT",
    "userId": "SCOPE_USER",
    "serviceAccountId": "SCOPE_SERVICE_ACCOUNT",
}
MOUNTS = ("filePath", "environmentVariable", "containerRegistryBasicAuthHost", "apiOnly")
PERSONAL = ("SCOPE_USER", "SCOPE_SERVICE_ACCOUNT")
_WORKING = ("ENVIRONMENT_PHASE_RUNNING", "ENVIRONMENT_PHASE_UPDATING")
_PROXY = {"credentialProxy": {"targetHosts": ["api.stripe.com", "files.stripe.com"], "header": "Authorization"}}

_OF_THE_ORGANIZATION: tuple[tuple[str, Document], ...] = (
    ("NPM_TOKEN", {"environmentVariable": True}),
    ("registry_pull", {"containerRegistryBasicAuthHost": f"https://registry.{DOMAIN}"}),
)
_OF_PROJECTS: tuple[tuple[str, Document], ...] = (
    ("ARTIFACTORY_PASSWORD", {"environmentVariable": True}),
    ("kubeconfig", {"filePath": "/home/vscode/.kube/config"}),
    ("STRIPE_TEST_KEY", {"apiOnly": True, **_PROXY}),
)
_OF_PEOPLE: tuple[tuple[str, Document], ...] = (
    ("SENTRY_DSN", {"environmentVariable": True}),
    ("agent_key", {"apiOnly": True}),
)
_OF_SERVICE_ACCOUNTS: tuple[str, Document] = ("gcp_service_account", {"filePath": "/run/secrets/gcp.json"})


def renewed(document: Document) -> int:
    """When it last got a value, in microseconds."""
    return instant_of(document["updatedAt"])


def digest(value: str, salt: str) -> str:
    """The salted digest that is stored in place of a value."""
    return f"{salt}:{hashlib.sha256(f'{salt}:{value}'.encode()).hexdigest()}"


def matches(world: WorldState, secret_id: str, value: str) -> bool:
    """Whether this is the secret's value. Raises KeyError where there is no such secret."""
    stored = world.digests[secret_id]
    return digest(value, stored.partition(":")[0]) == stored


def invent(world: WorldState) -> None:
    """The secrets the organization has when the world begins, in every scope and with every kind of mount."""
    rng, organization = random.Random(f"secrets of {world.seed}"), world.organization
    admin = organization.admin()["userId"]
    for name, how in _OF_THE_ORGANIZATION:
        _invented(world, rng, {"organizationId": organization.id}, admin, name, how)
    for index, project in enumerate(organization.projects):
        count = rng.choices((0, 1, 2), (45, 35, 20))[0] if index else len(_OF_PROJECTS)
        for name, how in rng.sample(_OF_PROJECTS, count):
            _invented(world, rng, {"projectId": project["id"]}, project["metadata"]["creator"]["id"], name, how)
    for index, member in enumerate(organization.members):
        if index < len(_OF_PEOPLE) or rng.random() < 0.2:
            name, how = _OF_PEOPLE[index % len(_OF_PEOPLE)]
            _invented(world, rng, {"userId": member["userId"]}, member["userId"], name, how)
        if index < 3:
            name, how = _OF_SERVICE_ACCOUNTS
            _invented(world, rng, {"serviceAccountId": member["userId"]}, admin, name, how)


def _invented(world: WorldState, rng: random.Random, scope: Document, creator: str, name: str, how: Document) -> None:
    made = world.instant - round(rng.uniform(20, 700) * DAY)
    renewed = made if rng.random() < 0.5 else made + round(rng.random() * (world.instant - made))
    document: Document = {
        "id": new_id(rng),
        "name": name,
        "createdAt": rfc3339(made),
        "updatedAt": rfc3339(renewed),
        "creator": {"id": creator, "principal": "PRINCIPAL_USER"},
        "scope": scope,
        "source": {"verbatim": True},
        **how,
    }
    world.secrets.put(document)
    world.digests[document["id"]] = digest(f"{rng.getrandbits(160):040x}", f"{rng.getrandbits(64):016x}")


def mounts(world: WorldState, metadata: Document) -> list[Document]:
    """The secrets that cover an environment, as they stand in its spec (EnvironmentSpec.Secret), oldest first."""
    creator = metadata.get("creator", {})
    service = creator.get("principal") == "PRINCIPAL_SERVICE_ACCOUNT"
    scopes = [
        f"organizationId:{world.organization.id}",
        f"projectId:{metadata.get('projectId', '')}",
        f"{'serviceAccountId' if service else 'userId'}:{creator.get('id', '')}",
    ]
    covering = list(world.secrets.walk({"scope": scopes}))
    return [_mount(entry) for entry in reversed(covering)]


def _mount(entry: Entry[SecretFacts]) -> Document:
    secret = entry.document()
    field = next(each for each in MOUNTS if each in secret)
    return {
        "id": secret["id"],
        "name": secret["name"],
        "scope": SCOPES[next(iter(secret["scope"]))],
        "source": "secret",
        "sourceRef": f"secrets/{secret['id']}",
        "session": _session(secret["id"], secret["updatedAt"]),
        field: secret["name"] if field == "environmentVariable" else secret[field],
        **({"credentialProxy": secret["credentialProxy"]} if "credentialProxy" in secret else {}),
    }


@cache
def _session(identifier: str, updated_at: str) -> str:
    """Another for each value a secret is given."""
    return new_id(random.Random(f"{identifier} {updated_at}"))


def remounted(world: WorldState, document: Document) -> Document:
    """The change to `spec` that gives an environment today's secrets; {} where it has them."""
    before = document["spec"].get("secrets", [])
    after = mounts(world, document["metadata"]) + [each for each in before if not _managed(each)]
    return {} if after == before else {"secrets": after}


def in_sync(world: WorldState, document: Document) -> bool:
    """Whether the spec holds today's secrets with today's values."""
    has = {(each["id"], each["session"]) for each in document["spec"].get("secrets", []) if _managed(each)}
    return has == {(each["id"], each["session"]) for each in mounts(world, document["metadata"])}


def _managed(mount: Document) -> bool:
    """Whether it came from SecretService: runners and CreateEnvironment bring others."""
    return mount.get("scope") in SCOPES.values()


def unsettle(world: WorldState, scope: Document) -> None:
    """Running containers that a changed scope covers are out of sync until they are built again."""
    ((field, identifier),) = scope.items()
    index = {"projectId": "project", "userId": "creator", "serviceAccountId": "creator"}.get(field)
    wanted = {"phase": _WORKING, **({index: [identifier]} if index else {})}
    for entry in list(world.environments.walk(wanted)):
        document = entry.document()
        if document["status"].get("devcontainer", {}).get("secretsInSync") and not in_sync(world, document):
            world.change(document["id"], status={"devcontainer": {"secretsInSync": False}})


def personal(mounted: Iterable[Document]) -> list[str]:
    """The ids of those that only environments of the same creator can have."""
    return [each["id"] for each in mounted if each.get("scope") in PERSONAL]
