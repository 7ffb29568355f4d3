"""For tests of the specification editor: a document with every field set, and forms as a browser sends them."""

from __future__ import annotations

import re
from html import unescape
from html.parser import HTMLParser
from typing import Any

from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from environments.models import Environment
from environments.sync.observe import observe
from portal.ona import OnaClient
from portal.sandbox.server import Sandbox

ED25519 = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"
ED25519_FINGERPRINT = "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU"
ECDSA = (
    "ecdsa-sha2-nistp256 AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBEmKSENjQEezOmxkZMy7opKgwFB9nkt5YRrYMjNu"
    "G5N87uRgg6CLrbo5wAdT/y6v0mKV0U2w0WZ2YB/++Tpockg="
)
ECDSA_FINGERPRINT = "SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM"

# EnvironmentSpec with every field set, some of them to odd values; test_editor_actions holds it against the vendor's
MAXIMAL: dict[str, Any] = {
    "desiredPhase": "ENVIRONMENT_PHASE_RUNNING",
    "machine": {"session": "m-1", "class": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "preferDualDisk": True},
    "content": {
        "session": "c-1",
        "initializer": {
            "specs": [
                {
                    "git": {
                        "remoteUri": "https://github.com/acme/one.git",
                        "upstreamRemoteUri": "https://github.com/upstream/one.git",
                        "targetMode": "CLONE_TARGET_MODE_REMOTE_COMMIT",
                        "cloneTarget": "0123abc",
                        "checkoutLocation": "one",
                    }
                },
                {"contextUrl": {"url": "https://github.com/acme/two/tree/main"}},
            ]
        },
        "gitUsername": " Ann  Lee ",
        "gitEmail": "ann@acme.example",
    },
    "secrets": [
        {
            "name": f"SECRET_{mount}",
            "source": "secret",
            "sourceRef": f"secrets/{mount}",
            mount: value,
            "session": f"s-{mount}",
            "id": f"018f3c5a-0000-4000-8000-00000000000{number}",
            "scope": "SCOPE_RUNNER",
            "credentialProxy": {"targetHosts": ["api.github.com"], "header": "Authorization"},
            "sourceDetails": {"verbatim": True}
            if number % 2
            else {"oidcJfrog": {"host": "jfrog.acme.example", "providerName": "ona"}},
        }
        for number, (mount, value) in enumerate(
            [
                ("filePath", "/run/secret"),
                ("environmentVariable", "SECRET"),
                ("gitCredentialHost", "github.com"),
                ("containerRegistryBasicAuthHost", "ghcr.io"),
                ("apiOnly", True),
            ]
        )
    ],
    "ports": [
        {
            "port": 8443,
            "admission": "ADMISSION_LEVEL_EVERYONE",
            "name": "  <b>odd</b> name ☂ ",
            "protocol": "PROTOCOL_HTTPS",
            "authNonce": "18446744073709551615",
        },
        {"port": 3000, "admission": "ADMISSION_LEVEL_CREATOR_ONLY", "name": "x" * 100, "authNonce": "7"},
        {
            "port": 1024,
            "admission": "ADMISSION_LEVEL_ORGANIZATION",
            "name": "lowest",
            "protocol": "PROTOCOL_HTTP",
            "authNonce": "1",
        },
    ],
    "timeout": {"disconnected": "5400.500s"},
    "admission": "ADMISSION_LEVEL_ORGANIZATION",
    "devcontainer": {
        "session": "d-1",
        "devcontainerFilePath": ".devcontainer/gpu/devcontainer.json",
        "dotfiles": {"repository": "https://github.com/ann/dotfiles"},
        "defaultDevcontainerImage": "ghcr.io/acme/base:1",
        "lifecycleStage": "LIFECYCLE_STAGE_FULL",
    },
    "sshPublicKeys": [
        {"id": "key-b", "value": f"{ED25519} ann@laptop"},
        {"id": "key-a", "value": "not a key at all"},
    ],
    "automationsFile": {
        "session": "a-1",
        "automationsFilePath": ".ona/automations.yaml",
        "triggerFilter": [
            {trigger: True}
            for trigger in (
                "manual",
                "postMachineStart",
                "postEnvironmentStart",
                "postDevcontainerStart",
                "prebuild",
                "beforeSnapshot",
            )
        ],
    },
    "workflowActionId": "018f3c5a-0000-4000-8000-00000000000a",
    "kernelControlsConfig": {
        "veto": {
            "exec": {
                "enabled": True,
                "denylist": [" spaced ", "/usr/bin/nc", "two\nlines", "☠"],
                "action": "KERNEL_CONTROLS_ACTION_BLOCK",
                "resolveBareNames": True,
                "untouchable": True,
                "watch": True,
                "denyBlockDevices": True,
            },
            "file": {
                "enabled": True,
                "paths": {
                    "entries": [
                        {
                            "path": "/etc/shadow",
                            "surface": "VETO_FILE_SURFACE_CONTENT_READ",
                            "effect": "KERNEL_CONTROLS_ACTION_AUDIT",
                            "trackChanges": True,
                        }
                    ],
                    "defaultSurface": "VETO_FILE_SURFACE_ACCESS",
                    "defaultEffect": "KERNEL_CONTROLS_ACTION_AUDIT",
                },
                "blockDevices": {"enabled": True, "action": "KERNEL_CONTROLS_ACTION_BLOCK"},
                "supervisorProtection": {"enabled": True, "effect": "KERNEL_CONTROLS_ACTION_BLOCK"},
            },
        },
        "bpfDebugLevel": "BPF_DEBUG_LEVEL_VERBOSE",
    },
    "securityPolicyId": "018f3c5a-0000-4000-8000-00000000000b",
}


def cached(sandbox: Sandbox, identifier: str) -> Environment:
    """The environment as the portal knows it after reading it now."""
    with OnaClient(sandbox.token, sandbox.base_url) as client:
        observe([client.get_environment(identifier)])
    return Environment.objects.get(pk=identifier)


def maximal(sandbox: Sandbox, **spec: Any) -> Environment:
    """A running environment whose specification has every field, or what `spec` says; no policy limits it."""
    sandbox.world.organization.policies.clear()
    identifier = sandbox.world.add_environment()
    sandbox.world.change(identifier, spec=MAXIMAL | spec)
    return cached(sandbox, identifier)


def spec_of(sandbox: Sandbox, environment: Environment) -> dict[str, Any]:
    """The specification at the sandbox, as it is."""
    spec: dict[str, Any] = sandbox.world.document(str(environment.pk))["spec"]
    return spec


class _Reader(HTMLParser):
    """Collects what the form of the panel would send."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, list[str]] = {}
        self._in_panel = False
        self._select: str | None = None
        self._area: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._in_panel = self._in_panel or given.get("id") == "panel"
        if not self._in_panel:
            return
        if tag == "input" and self._is_sent(given, dict(attrs)):
            box = given.get("type") in ("checkbox", "radio")
            self._add(given.get("name", ""), given.get("value", "on" if box else ""))
        elif tag == "select":
            self._select = given.get("name", "")
        elif tag == "option" and self._select and "selected" in given:
            self._add(self._select, given.get("value", ""))
        elif tag == "textarea":
            self._area = given.get("name", "")
            self._add(self._area, "")

    @staticmethod
    def _is_sent(given: dict[str, str], attributes: dict[str, str | None]) -> bool:
        return given.get("type") not in ("checkbox", "radio") or "checked" in attributes

    def handle_data(self, data: str) -> None:
        if self._area is not None:
            self.fields[self._area][-1] += data

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea" and self._area is not None:
            text = self.fields[self._area][-1].replace("\r\n", "\n")
            # a line break right after <textarea> is not part of the text
            self.fields[self._area][-1] = text.removeprefix("\n").replace("\n", "\r\n")
            self._area = None
        elif tag == "select":
            self._select = None
        elif tag == "form" and self._in_panel:
            self._in_panel = False

    def _add(self, name: str, value: str) -> None:
        if name:
            self.fields.setdefault(name, []).append(value)


def fields(response: HttpResponse) -> dict[str, list[str]]:
    """The fields that a browser would send of the form in the panel, as it was shown."""
    reader = _Reader()
    reader.feed(response.content.decode())
    return reader.fields


def address(environment: Environment, part: str) -> str:
    """The form of a part."""
    return reverse(f"environments:edit-{part}", args=[environment.pk])


def words(response: Any) -> str:
    """The text of a page's content."""
    text = response.content.decode()
    return unescape(re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text[max(text.find('<main id="main"'), 0) :])))


def send(client: Client, environment: Environment, part: str, shown: Any = None, **typed: Any) -> Any:
    """Open the form, or take the one that is `shown`, type into it, send it; None takes a field out."""
    opened = shown or client.get(address(environment, part))
    assert shown or opened.status_code == 200
    form = fields(opened) | {name.replace("__", "-"): value for name, value in typed.items()}
    return client.post(address(environment, part), {name: value for name, value in form.items() if value is not None})


def saved(answer: Any) -> bool:
    """Whether the form led back to the environment's page."""
    return answer.status_code == 302
