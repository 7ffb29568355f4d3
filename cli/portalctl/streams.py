"""What the portal sends as it comes: logs while they grow, and files."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import httpx

from portalctl.api import Api, NotAccepted, Problem, Unreachable

BEAT, FRAME = b"\x16", b"\x1e"  # nothing new for a while; the last line, which says how it ended
WAITING = 503  # the log has not begun, or too many are being read
ATTEMPTS = 20  # without a new byte
PAUSE_SECONDS = 3.0
ACCEPTED = 202


class JobEnded(Exception):
    """The portal's background job ended without a file; `args[0]` says why."""


def follow(api: Api, path: str, write: Callable[[bytes], object]) -> tuple[str, str]:
    """Write a log until it ends; how it ended, "ended" or "broken", and why. Problem, Unreachable.

    A response that ends before the log does is continued where it ended, as is one that is lost.
    """
    read, attempts = 0, 0
    while True:
        before = read
        try:
            with api.reading("GET", path, params={"framed": "true", "skip": read}) as answer:
                end = b""
                for chunk in answer.iter_bytes():
                    text, mark, last = chunk.partition(FRAME) if not end else (b"", b"", chunk)
                    text = text.replace(BEAT, b"")
                    end += mark + last
                    write(text)
                    read += len(text)
            told: Mapping[str, str] = json.loads(end.removeprefix(FRAME) or b'{"state": "again", "text": ""}')
            if told["state"] != "again":
                return told["state"], told["text"]
        except (Problem, Unreachable) as error:
            is_final = isinstance(error, NotAccepted) or (isinstance(error, Problem) and error.status != WAITING)
            if is_final or attempts >= ATTEMPTS:
                raise
        attempts = 0 if read > before else attempts + 1
        if attempts:
            api.sleep(PAUSE_SECONDS)


def fetch(api: Api, path: str, body: Mapping[str, Any], target: Path | BinaryIO) -> int:
    """Write the file that a POST makes, at once or by a background job; how many bytes it has. A file that is not whole
    is not left behind. Problem, Unreachable, JobEnded."""
    with api.reading("POST", path, json=dict(body)) as answer:
        if answer.status_code != ACCEPTED:
            return _written(answer, target)
        answer.read()
    job = answer.json()
    while job["state"] in ("waiting", "running"):
        api.sleep(PAUSE_SECONDS)
        job = api.get(f"jobs/{job['id']}/")
    if job["state"] != "succeeded":
        raise JobEnded(job["why"] or f"The background job was {job['state']}.")
    with api.reading("GET", f"jobs/{job['id']}/result/") as answer:
        return _written(answer, target)


def _written(answer: httpx.Response, target: Path | BinaryIO) -> int:
    if not isinstance(target, Path):
        return sum(target.write(chunk) for chunk in answer.iter_bytes())
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("wb") as file:
            size = sum(file.write(chunk) for chunk in answer.iter_bytes())
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)
    return size
