"""How long a page of 100 environments takes to decode: `python -m tests.ona.decode_speed`."""

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

import msgspec

from portal.ona.documents.environments import ENVIRONMENTS

ROUNDS = 100


def page() -> bytes:
    """The documentation's example (4.7 KB) a hundred times, with ids and versions for its placeholders."""
    example = (Path(__file__).parent / "data" / "get_environment.json").read_text()
    some_id = "182bd5e5-6e1a-4fe4-a799-aa6d9a6ab26e"
    for placeholder in ("projectId", "runnerId", "sessionId", "class"):
        example = example.replace(f'"{placeholder}": "{placeholder}"', f'"{placeholder}": "{some_id}"')
    for number, name in enumerate(("specVersion", "statusVersion", "authNonce")):
        example = example.replace(f'"{name}": "{name}"', f'"{name}": "{2**63 + number}"')
    environment = json.loads(example)["environment"]
    environments = [{**environment, "id": str(UUID(int=number))} for number in range(100)]
    return json.dumps({"environments": environments, "pagination": {"nextToken": "t"}}, separators=(",", ":")).encode()


def fastest(work: Callable[[], object]) -> float:
    """Milliseconds of the fastest round."""
    times = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times) * 1000


def main() -> None:
    """Print the client's time beside those of plain decoders."""
    body = page()
    now = datetime.now(UTC)
    read = ENVIRONMENTS.read(body, now)
    if len(read.items) != 100:
        raise SystemExit(f"{len(read.malformed)} malformed: {read.malformed[:1]}")
    rows = {
        "ENVIRONMENTS.read": fastest(lambda: ENVIRONMENTS.read(body, now)),
        "msgspec.json.decode": fastest(lambda: msgspec.json.decode(body)),
        "json.loads": fastest(lambda: json.loads(body)),
    }
    print(f"100 environments, {len(body):,} bytes")  # noqa: T201
    for name, milliseconds in rows.items():
        print(f"{name:20} {milliseconds:6.2f} ms")  # noqa: T201


if __name__ == "__main__":
    main()
