"""The way of an environment through its phases, as changes to `status`, from the machine to the automations file.

environments.py replays these changes to make an environment in any phase; lifecycle.py applies them one by one.
"""

import random
from typing import Any

from portal.sandbox.documents import Document, rfc3339
from portal.sandbox.organization import DOMAIN

Change = dict[str, Any]
_MOODS, _PEOPLE = ("brave", "calm", "eager", "keen"), ("hopper", "noether", "turing", "ride")


def creating(document: Document) -> Change:
    """The machine is being made; nothing else exists."""
    return {
        "phase": "ENVIRONMENT_PHASE_CREATING",
        "machine": {"phase": "PHASE_CREATING", "session": document["spec"]["machine"]["session"]},
    }


def starting(document: Document) -> Change:
    """The machine boots; what the last run left behind is cleared."""
    return {
        "phase": "ENVIRONMENT_PHASE_STARTING",
        "failureMessage": None,
        "warningMessage": None,
        "machine": {
            "phase": "PHASE_STARTING",
            "session": document["spec"]["machine"]["session"],
            "failureMessage": None,
            "warningMessage": None,
        },
        "content": {"phase": "CONTENT_PHASE_CREATING", "failureMessage": None},
        "devcontainer": {"phase": None, "failureMessage": None},
        "automationsFile": {"phase": None, "failureMessage": None},
    }


def machine_up(document: Document, rng: random.Random) -> Change:
    """The machine runs, keys and secrets arrive, content is being cloned."""
    spec, identifier = document["spec"], document["id"]
    return {
        "machine": {
            "phase": "PHASE_RUNNING",
            "timeout": spec.get("timeout", {}).get("disconnected", ""),
            "versions": {
                "supervisorVersion": f"20261{rng.randrange(100, 120)}.{rng.randrange(1, 9)}",
                "supervisorCommit": f"{rng.getrandbits(160):040x}",
                "amiId": f"ami-{rng.getrandbits(68):017x}",
            },
        },
        "environmentUrls": {
            "ssh": {"url": f"ssh://vscode@{identifier}.ssh.{DOMAIN}"},
            "logs": f"https://{identifier}--logs.env.{DOMAIN}/logs",
            "ops": f"https://{identifier}--ops.env.{DOMAIN}",
            "supportBundle": f"https://{identifier}--ops.env.{DOMAIN}/support-bundle",
        },
        "content": {"phase": "CONTENT_PHASE_INITIALIZING", "session": spec["content"]["session"]},
        "sshPublicKeys": [{"id": key["id"], "phase": "CONTENT_PHASE_READY"} for key in spec.get("sshPublicKeys", [])],
        "secrets": secrets_ready(document),
    }


def secrets_ready(document: Document) -> list[Document]:
    """Each secret of the spec has arrived."""
    return [
        {
            "id": secret["id"],
            "secretName": secret["name"],
            "phase": "CONTENT_PHASE_READY",
            "session": secret.get("session", ""),
        }
        for secret in document["spec"].get("secrets", [])
    ]


def content_ready(document: Document) -> Change:
    """The repository is there, the devcontainer is being built."""
    name = _checkout(document)
    return {
        "content": {"phase": "CONTENT_PHASE_READY", "contentLocationInMachine": f"/workspaces/{name}"},
        "devcontainer": {
            "phase": "PHASE_CREATING",
            "session": document["spec"]["devcontainer"]["session"],
            "devcontainerFilePath": document["spec"]["devcontainer"].get("devcontainerFilePath", ""),
        },
    }


def devcontainer_up(document: Document, rng: random.Random) -> Change:
    """The devcontainer runs, the automations file is being applied."""
    name, given = _checkout(document), document["spec"]["devcontainer"].get("devcontainerFilePath", "")
    return {
        "devcontainer": {
            "phase": "PHASE_RUNNING",
            "devcontainerFilePath": devcontainer_path(document),
            "devcontainerFilePresence": "PRESENCE_SPECIFIED" if given else "PRESENCE_DISCOVERED",
            "devcontainerconfigInSync": True,
            "secretsInSync": True,
            "remoteUser": "vscode",
            "remoteWorkspaceFolder": f"/workspaces/{name}",
            "containerName": f"{rng.choice(_MOODS)}_{rng.choice(_PEOPLE)}",
            "containerId": f"{rng.getrandbits(256):064x}",
        },
        "automationsFile": {
            "phase": "CONTENT_PHASE_INITIALIZING",
            "session": document["spec"].get("automationsFile", {}).get("session", ""),
        },
    }


def running(document: Document) -> Change:
    """Everything is up: automations applied, ports reachable."""
    return {
        "phase": "ENVIRONMENT_PHASE_RUNNING",
        **automations_applied(document),
        "environmentUrls": {"ports": port_urls(document)},
        "runnerAck": acknowledged(document),
    }


def devcontainer_path(document: Document) -> str:
    """The file the container is built from: the one given, else the usual one."""
    return document["spec"].get("devcontainer", {}).get("devcontainerFilePath") or ".devcontainer/devcontainer.json"


def automations_applied(document: Document) -> Change:
    """The automations file the spec names, if any, has been read."""
    file = document["spec"].get("automationsFile", {})
    given = file.get("automationsFilePath", "")
    return {
        "automationsFile": {
            "phase": "CONTENT_PHASE_READY" if given else None,
            "session": file.get("session", ""),
            "automationsFilePath": given,
            "automationsFilePresence": "PRESENCE_SPECIFIED" if given else "PRESENCE_ABSENT",
        }
    }


def acknowledged(document: Document) -> Change:
    """The runner has applied the current spec."""
    return {"specVersion": document["spec"]["specVersion"], "statusCode": "STATUS_CODE_OK", "message": None}


def port_urls(document: Document) -> list[Document]:
    """An https address for each shared port."""
    return [
        {"port": port["port"], "url": f"https://{port['port']}--{document['id']}.env.{DOMAIN}"}
        for port in document["spec"].get("ports", [])
    ]


def rebuilding(document: Document) -> Change:
    """A new devcontainer session: the container is built again while the machine keeps running."""
    return {
        "phase": "ENVIRONMENT_PHASE_UPDATING",
        "devcontainer": {
            "phase": "PHASE_CREATING",
            "session": document["spec"].get("devcontainer", {}).get("session", ""),
            "failureMessage": None,
            "containerId": None,
        },
        "secrets": secrets_ready(document),
        "failureMessage": None,
    }


def stopping() -> Change:
    """Services and the container go first, then the machine."""
    return {
        "phase": "ENVIRONMENT_PHASE_STOPPING",
        "machine": {"phase": "PHASE_STOPPING"},
        "devcontainer": {"phase": "PHASE_STOPPED"},
    }


def stopped() -> Change:
    """Nothing runs; what was last known of content and git stays."""
    return {
        "phase": "ENVIRONMENT_PHASE_STOPPED",
        "machine": {"phase": "PHASE_STOPPED"},
        "content": {"phase": "CONTENT_PHASE_UNAVAILABLE"},
        "devcontainer": {"phase": "PHASE_STOPPED"},
        "automationsFile": {"phase": "CONTENT_PHASE_UNAVAILABLE"},
        "environmentUrls": {"ssh": None, "ports": None, "ops": None, "supportBundle": None},
    }


def deleting() -> Change:
    """Everything is being taken down for good."""
    return {
        "phase": "ENVIRONMENT_PHASE_DELETING",
        "machine": {"phase": "PHASE_DELETING"},
        "environmentUrls": None,
    }


def deleted() -> Change:
    """The last state of an environment, seen briefly."""
    return {"phase": "ENVIRONMENT_PHASE_DELETED", "machine": {"phase": "PHASE_DELETED"}, "environmentUrls": None}


def failed(kind: str, text: str) -> Change:
    """Something went wrong with the named component; kinds as in Condition.failing."""
    component = kind.partition("-")[0]
    if component in ("machine", "quota"):
        return {"machine": {"failureMessage": text}, "failureMessage": [text]}
    if component == "content":
        return {"content": {"phase": "CONTENT_PHASE_FAILED", "failureMessage": text}, "failureMessage": [text]}
    if component == "devcontainer":
        return {
            "devcontainer": {"phase": "PHASE_FAILED", "failureMessage": text, "containerId": None},
            "failureMessage": [text],
        }
    return {"automationsFile": {"phase": "CONTENT_PHASE_FAILED", "failureMessage": text}, "failureMessage": [text]}


def active(instant: int, source: str) -> Change:
    """Somebody or something used the environment."""
    return {"activitySignal": {"source": source, "timestamp": rfc3339(instant)}}


def _checkout(document: Document) -> str:
    specs = document["spec"]["content"].get("initializer", {}).get("specs", [{}])
    uri: str = specs[0].get("git", {}).get("remoteUri", "") or specs[0].get("contextUrl", {}).get("url", "scratch")
    return uri.rstrip("/").rpartition("/")[2].removesuffix(".git") or "scratch"
