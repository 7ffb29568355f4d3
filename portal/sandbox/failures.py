"""What goes wrong in environments, in the words in which it is reported."""

import random

from portal.sandbox.documents import Document

MACHINE = (
    "cannot start machine: InsufficientInstanceCapacity: We do not have sufficient m6i.xlarge capacity in the "
    "Availability Zone you requested (ap-northeast-1c)",
    "cannot start machine: context deadline exceeded while waiting for the instance to report (600s)",
)
QUOTA = (
    "cannot start machine: VcpuLimitExceeded: You have requested more vCPU capacity than your current limit of 256 "
    "allows",
)
CONTENT = (
    "content initialization failed: git clone: fatal: Remote branch feature/rebase-me not found in upstream origin",
    "content initialization failed: git clone: error: RPC failed; curl 92 HTTP/2 stream 5 was not closed cleanly",
    "content initialization failed: no space left on device",
)
CONTENT_AUTH = (
    "content initialization failed: git clone: fatal: Authentication failed for "
    "'https://github.com/brindlemark/vault.git/': no valid token for github.com",
)
DEVCONTAINER = (
    "devcontainer up failed: An error occurred building the image: exit code 1: /bin/sh -c apt-get update && "
    "apt-get install -y libpq-dev returned a non-zero code: 100",
    "devcontainer up failed: postCreateCommand from devcontainer.json failed with exit code 127: ./scripts/setup.sh: "
    "not found",
    'devcontainer up failed: parsing .devcontainer/devcontainer.json: unexpected token "}" at line 14',
)
DEVCONTAINER_IMAGE = (
    "devcontainer up failed: Error response from daemon: pull access denied for ghcr.io/brindlemark/devbase, "
    "repository does not exist or may require 'docker login': denied",
    "devcontainer up failed: toomanyrequests: You have reached your unauthenticated pull rate limit",
)
AUTOMATIONS = (
    "cannot apply automations file: services.frontend.commands.start: value is required",
    'cannot apply automations file: yaml: line 23: unknown field "trigger" in task "seedDatabase"',
)
SECRET = ("cannot resolve secret: no credential for registry.brindlemark.example in this scope",)
WARNINGS = (
    "disk usage is above 90 % (74 GiB of 80 GiB)",
    "machine memory pressure: the OOM killer ended node (pid 48213)",
    "devcontainer.json has changed since the container was built; rebuild to apply",
)
READINESS = ("exit status 7", "exit status 1", "exit status 2: no response")
START = (
    "start command failed: exit status 1",
    "start command failed: exit status 125: docker: Error response from daemon: port is already allocated",
    "start command failed: exit status 137: killed (out of memory)",
)
ACK = "spec refused: class is disabled on this runner"

_BY_KIND = {
    "machine": MACHINE,
    "quota": QUOTA,
    "content": CONTENT,
    "content-auth": CONTENT_AUTH,
    "devcontainer": DEVCONTAINER,
    "devcontainer-image": DEVCONTAINER_IMAGE,
    "automations": AUTOMATIONS,
    "secret": SECRET,
}


def message(kind: str, rng: random.Random) -> str:
    """A message for one of the kinds a Condition can be failing with."""
    return rng.choice(_BY_KIND[kind])


def service(spec: Document, rng: random.Random) -> str:
    """Why a service with this spec did not come up: its readiness timeout where it has one, else its start command."""
    timeout = readiness_timeout(spec)
    if timeout:
        return f"readiness check did not succeed within {timeout}: {rng.choice(READINESS)}"
    return rng.choice(START)


def readiness_timeout(spec: Document) -> str:
    """How long a service may be starting, as a duration; "" where nothing limits it (0s does not either)."""
    timeout: str = spec.get("readinessTimeout", "") if spec.get("commands", {}).get("ready") else ""
    return "" if timeout == "0s" else timeout
