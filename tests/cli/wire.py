"""The portal in this process, for its command line."""

from __future__ import annotations

import httpx
from django.test import Client


class Losing(httpx.BaseTransport):
    """The portal in this process, over a connection that loses answers: a request arrives, and nobody hears of it."""

    def __init__(self, lost: int = 0) -> None:
        self.lost = lost

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        kind = request.headers.get("Content-Type", "")
        headers = {name: value for name, value in request.headers.items() if name not in ("host", "content-type")}
        answer = Client().generic(
            request.method, request.url.raw_path.decode(), request.read(), kind, headers=headers
        )  # fmt: skip
        if self.lost:
            self.lost -= 1
            raise httpx.ReadError("lost")
        content = b"".join(answer) if answer.streaming else answer.content
        return httpx.Response(answer.status_code, headers=dict(answer.items()), content=content)
