"""Services and tasks as people edit them: plain values, read from the documents as Ona has them.

What Ona leaves out reads as the default it stands for, so that values compare equal where they mean the same. Values
of variables are not among them: a digest stands for each, by which it shows whether somebody changed it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils.crypto import salted_hmac

from automations.models import Service, Task
from environments.documents.json_part import Part
from portal.web.enum_labels import TRIGGERS

Values = dict[str, Any]
DEVCONTAINER, MACHINE, DOCKER, OTHER = "devcontainer", "machine", "docker", "other"
COMMANDS = ("start", "ready", "stop")
DEFAULT_ROLE = "SERVICE_ROLE_DEFAULT"
ROLES = {
    DEFAULT_ROLE: "default",
    "SERVICE_ROLE_EDITOR": "editor",
    "SERVICE_ROLE_AI_AGENT": "AI agent",
    "SERVICE_ROLE_SECURITY_AGENT": "security agent",
}
SALT = "automations.actions.definitions"


def values_of(subject: Service | Task) -> Values:
    """{"name", "description", "triggers", "runsOn", "variables"} and what only a service or only a task has."""
    spec = Part(subject.spec)
    common = {
        "name": subject.name,
        "description": subject.description,
        "triggers": in_order(subject.triggers),
        "runsOn": _runs_on(spec),
        "variables": [_variable(item) for item in spec.parts("env")],
    }
    if isinstance(subject, Service):
        commands = spec.part("commands")
        role = DEFAULT_ROLE if not subject.role or subject.role.endswith("_UNSPECIFIED") else subject.role
        own = {name: commands.text(name) for name in COMMANDS}
        return common | own | {"role": role, "timeout": spec.text("readinessTimeout") or "0s"}
    return common | {
        "command": subject.command,
        "prebuildRequiresSuccess": bool(spec.flag("prebuildRequiresSuccess")),
        "dependsOn": sorted(map(str, subject.depends_on)),
    }


def in_order(triggers: Sequence[str]) -> list[str]:
    """Triggers as this portal lists them, those it does not know last."""
    return [name for name in TRIGGERS if name in triggers] + sorted(set(triggers) - set(TRIGGERS))


def _runs_on(spec: Part) -> Values:
    target = spec.part("runsOn")
    if "docker" in target:
        docker = target.part("docker")
        return {"target": DOCKER, "image": docker.text("image"), "environment": docker.texts("environment")}
    plain = MACHINE if "machine" in target else OTHER if target.fields else DEVCONTAINER
    return {"target": plain, "image": "", "environment": []}


def _variable(item: Part) -> Values:
    """{"name", "digest"} of a plain value; {"name", "from": …} of one that comes from elsewhere, as Ona tells it."""
    if "valueFrom" in item:
        return {"name": item.text("name"), "from": item.fields["valueFrom"]}
    return {"name": item.text("name"), "digest": digest(item.text("value"))}


def digest(value: str) -> str:
    """Tells values apart and nothing else about them."""
    return salted_hmac(SALT, value, algorithm="sha256").hexdigest()[:16]


def secret_of(source: object) -> str:
    """The id of the secret that a variable's source names; empty where it is something else."""
    return Part(source).part("secretRef").text("id")


def update_of(before: Values, mine: Values, env: Sequence[Values]) -> dict[str, Values | None]:
    """{"metadata", "spec"} of an update: what differs, in Ona's JSON, or None; `env` where variables do."""
    changed = {name: value for name, value in mine.items() if before.get(name) != value}
    metadata: Values = {name: changed[name] for name in ("name", "description", "role") if name in changed}
    if "triggers" in changed:
        metadata["triggeredBy"] = {"trigger": _triggers(changed["triggers"])}
    return {"metadata": metadata or None, "spec": _spec(changed, env) or None}


def creation_of(reference: str, mine: Values, env: Sequence[Values]) -> dict[str, Values]:
    """{"metadata", "spec"} of something new, in Ona's JSON; what is left empty is left out."""
    given = {name: value for name, value in mine.items() if value not in ("", [], False, "0s")}
    metadata: Values = {name: given[name] for name in ("name", "description", "role") if name in given}
    if "triggers" in given:
        metadata["triggeredBy"] = _triggers(given["triggers"])
    if given["runsOn"]["target"] == DEVCONTAINER:
        del given["runsOn"]
    return {"metadata": {"reference": reference, **metadata}, "spec": _spec(given, env)}


def _spec(values: Mapping[str, Any], env: Sequence[Values]) -> Values:
    spec = {name: values[name] for name in ("command", "prebuildRequiresSuccess") if name in values}
    if commands := {name: values[name] for name in COMMANDS if name in values}:
        spec["commands"] = commands
    if "runsOn" in values:
        spec["runsOn"] = _message(values["runsOn"])
    if "timeout" in values:
        spec["readinessTimeout"] = values["timeout"]
    return spec | ({"env": list(env)} if "variables" in values else {})


def _message(runs_on: Mapping[str, Any]) -> Values:
    """RunsOn: without a target it is the devcontainer."""
    match runs_on["target"]:
        case "docker":
            lines = {"environment": runs_on["environment"]} if runs_on["environment"] else {}
            return {"docker": {"image": runs_on["image"], **lines}}
        case "machine":
            return {"machine": {}}
    return {}


def _triggers(names: Sequence[str]) -> list[dict[str, bool]]:
    return [{name: True} for name in names]


def texts_of(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    """The values in words, by their labels, for a conflict; `names` has those of secrets and tasks by id."""
    needs = [names.get(id_, id_) for id_ in values.get("dependsOn", [])]
    runs_on = values["runsOn"]
    place = f"container {runs_on['image']}" if runs_on["target"] == DOCKER else f"the {runs_on['target']}"
    texts = {
        "Name": values["name"],
        "Description": values["description"],
        "Role": values.get("role", "").removeprefix("SERVICE_ROLE_").replace("_", " ").lower(),
        "Triggers": ", ".join(TRIGGERS.get(name, name) for name in values["triggers"]),
        "Command": values.get("command", ""),
        "Start": values.get("start", ""),
        "Ready": values.get("ready", ""),
        "Stop": values.get("stop", ""),
        "Readiness timeout": values.get("timeout", "").removeprefix("0s"),
        "Needs": ", ".join(needs),
        "Prebuild needs it to succeed": "yes" if values.get("prebuildRequiresSuccess") else "",
        "Runs on": "\n".join([place, *runs_on["environment"]]),
    }
    return {label: text for label, text in texts.items() if text} | {
        f"Variable {variable['name']}": _source_words(variable, names) for variable in values["variables"]
    }


def _source_words(variable: Mapping[str, Any], names: Mapping[str, str]) -> str:
    if "from" not in variable:
        return f"a value, not shown (digest {variable['digest'][:6]})"
    secret = secret_of(variable["from"])
    return f"secret {names.get(secret, secret)}" if secret else json.dumps(variable["from"], sort_keys=True)
