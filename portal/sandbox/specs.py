"""The `spec` of an environment: machine, content, git credentials, ports, keys and other requested parts."""

import base64
import random
import struct

from portal.sandbox.conditions import Condition
from portal.sandbox.documents import Document, new_id
from portal.sandbox.organization import DOMAIN
from portal.sandbox.repositories import Repository

# name and host: credentials for git that come with the runner, not from SecretService
_GIT_CREDENTIALS = (("github_app", "github.com"), ("gitlab_app", f"gitlab.{DOMAIN}"))
_IMAGES = ("mcr.microsoft.com/devcontainers/base:ubuntu-24.04", "")
_DEVCONTAINER_PATHS = ("", ".devcontainer/devcontainer.json", ".devcontainer/gpu/devcontainer.json")


def specify(
    condition: Condition, repository: Repository, machine_class: str, owner: Document, rng: random.Random
) -> Document:
    """The spec of an environment in this condition; the caller sets the version."""
    running = condition.phase in ("RUNNING", "STARTING", "CREATING", "UPDATING")
    deleted = condition.phase in ("DELETING", "DELETED")
    desired = "RUNNING" if running else "DELETED" if deleted else "STOPPED"
    return {
        "desiredPhase": f"ENVIRONMENT_PHASE_{desired}",
        "admission": "ADMISSION_LEVEL_OWNER_ONLY",
        "machine": {"session": new_id(rng), "class": machine_class, "preferDualDisk": rng.random() < 0.1},
        "content": _content(repository, owner, rng),
        "secrets": _git_credentials(rng),
        "ports": _ports(condition, repository, rng),
        "timeout": {
            "disconnected": "0s" if condition.never_stops else rng.choice(("1800s", "3600s", "3600s", "7200s"))
        },
        "devcontainer": {
            "session": new_id(rng),
            "devcontainerFilePath": rng.choice(_DEVCONTAINER_PATHS),
            "defaultDevcontainerImage": rng.choice(_IMAGES),
            "lifecycleStage": "LIFECYCLE_STAGE_PREBUILD" if condition.role == "PREBUILD" else "LIFECYCLE_STAGE_FULL",
            **(
                {"dotfiles": {"repository": "https://github.com/mathiasbynens/dotfiles"}} if rng.random() < 0.15 else {}
            ),
        },
        "sshPublicKeys": _keys(owner, rng),
        **_automations_file(condition, rng),
        **({"kernelControlsConfig": _kernel_controls(rng)} if condition.kernel_controls else {}),
        **({"workflowActionId": new_id(rng)} if condition.role == "WORKFLOW" else {}),
    }


def _content(repository: Repository, owner: Document, rng: random.Random) -> Document:
    if rng.random() < 0.12:
        source: Document = {"contextUrl": {"url": f"{repository.url}/tree/{repository.branch}"}}
    else:
        source = {
            "git": {
                "remoteUri": f"{repository.url}.git",
                "targetMode": "CLONE_TARGET_MODE_REMOTE_BRANCH",
                "cloneTarget": repository.branch,
                "checkoutLocation": repository.name,
            }
        }
    return {
        "session": new_id(rng),
        "initializer": {"specs": [source]},
        "gitUsername": owner.get("fullName", ""),
        "gitEmail": owner.get("email", ""),
    }


def _git_credentials(rng: random.Random) -> list[Document]:
    chosen = rng.sample(_GIT_CREDENTIALS, rng.choices((0, 1, 2), (65, 25, 10))[0])
    return [
        {
            "id": new_id(rng),
            "name": name,
            "scope": "SCOPE_RUNNER",
            "source": "runner",
            "session": new_id(rng),
            "gitCredentialHost": host,
        }
        for name, host in chosen
    ]


def _ports(condition: Condition, repository: Repository, rng: random.Random) -> list[Document]:
    opened = repository.ports if rng.random() < 0.6 or condition.public_port else ()
    if condition.public_port and not opened:
        opened = ((8080, "Preview"),)
    ports = []
    for index, (number, name) in enumerate(opened):
        level = rng.choice(("OWNER_ONLY", "ORGANIZATION", "CREATOR_ONLY"))
        ports.append(
            {
                "port": number,
                "name": name,
                "protocol": "PROTOCOL_HTTPS" if number == 8443 else "PROTOCOL_HTTP",
                "admission": f"ADMISSION_LEVEL_{'EVERYONE' if condition.public_port and index == 0 else level}",
                "authNonce": str(2**53 + rng.getrandbits(32)) if rng.random() < 0.2 else "",
            }
        )
    return ports


def _keys(owner: Document, rng: random.Random) -> list[Document]:
    devices = rng.choice(((), ("laptop",), ("laptop", "desktop")))
    address = owner.get("email", f"unknown@{DOMAIN}")
    return [
        {
            "id": new_id(rng),
            "value": f"ssh-ed25519 {_public_key(rng)} {address} {device}",
        }
        for device in devices
    ]


def _public_key(rng: random.Random) -> str:
    """A key as OpenSSH writes it: its kind and 32 bytes, each with its length before it."""
    kind, point = b"ssh-ed25519", rng.randbytes(32)
    return base64.b64encode(struct.pack(f">I{len(kind)}sI32s", len(kind), kind, len(point), point)).decode()


def _automations_file(condition: Condition, rng: random.Random) -> Document:
    if condition.failing != "automations" and rng.random() < 0.3:
        return {}
    path = rng.choice(
        (".ona/automations.yaml", ".ona/automations.yaml", ".gitpod/automations.yaml", "dev/automations.yaml")
    )
    return {"automationsFile": {"session": new_id(rng), "automationsFilePath": path}}


def _kernel_controls(rng: random.Random) -> Document:
    return {
        "veto": {
            "exec": {
                "enabled": True,
                "denylist": ["/usr/bin/nc", "/usr/bin/nmap", "tcpdump"],
                "action": rng.choice(("KERNEL_CONTROLS_ACTION_BLOCK", "KERNEL_CONTROLS_ACTION_AUDIT")),
                "resolveBareNames": True,
            }
        },
        "bpfDebugLevel": rng.choice(("BPF_DEBUG_LEVEL_INFO", "")),
    }
