"""An identity provider on loopback that answers as it is told to, wrongly as well, which a well-kept one never does."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import time
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from django.test import Client

from portal.identity_providers import IdentityProvider

KEY, OTHER_KEY = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())


class Issuer:
    """`claims` are in the next ID token, beside the right ones; None leaves one out. `key` signs it by `algorithm`."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.claims: dict[str, Any] = {}
        self.key: Any = KEY
        self.algorithm = "ES256"
        self.userinfo: dict[str, Any] | None = None
        self.nonce = ""
        self.redeemed: list[dict[str, str]] = []

    @property
    def configured(self) -> IdentityProvider:
        return IdentityProvider(
            id="acme", name="Acme", issuer=self.address, client_id="portal", client_secret="hush",
            domains=("acme.example",), roles={"portal-admins": "Admin", "staff": "Viewer"},
        )  # fmt: skip

    def answer(self, path: str, form: dict[str, str]) -> dict[str, Any]:
        if path == "/.well-known/openid-configuration":
            names = ["authorization", "token", *(["userinfo"] if self.userinfo else [])]
            endpoints = {f"{name}_endpoint": f"{self.address}/{name}" for name in names}
            methods = {"token_endpoint_auth_methods_supported": ["client_secret_basic"]}
            return {"issuer": self.address, "jwks_uri": f"{self.address}/keys"} | endpoints | methods
        if path == "/keys":
            public = json.loads(jwt.algorithms.ECAlgorithm.to_jwk(KEY.public_key()))
            return {"keys": [public | {"kid": "one", "alg": "ES256", "use": "sig"}]}
        if path == "/userinfo":
            return self.userinfo or {}
        self.redeemed.append(form)
        return {"access_token": "access", "token_type": "Bearer", "id_token": self.id_token()}

    def id_token(self) -> str:
        now = int(time())
        right = {
            "iss": self.address, "sub": "s-1", "aud": "portal", "exp": now + 300, "iat": now, "nonce": self.nonce,
            "email": "ann@acme.example", "email_verified": True, "preferred_username": "ann", "name": "Ann Lee",
            "groups": ["staff"],
        }  # fmt: skip
        told = {name: value for name, value in (right | self.claims).items() if value is not None}
        return jwt.encode(told, self.key, self.algorithm, headers={"kid": "one"})

    def begin(self, client: Client, next_page: str = "") -> dict[str, str]:
        """Begin a sign-in as the browser does; what the portal asks the provider for."""
        address = client.get(f"/accounts/providers/acme/{f'?next={next_page}' if next_page else ''}")["Location"]
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        self.nonce = asked["nonce"]
        return asked

    def finish(self, client: Client, asked: dict[str, str]) -> Any:
        """The browser comes back with a code."""
        return client.get("/accounts/providers/acme/callback/", {"code": "once", "state": asked["state"]})

    def sign_in(self, client: Client, **claims: Any) -> Any:
        self.claims = claims
        return self.finish(client, self.begin(client))


@contextmanager
def running(settings: Any) -> Iterator[Issuer]:
    """The portal knows it as "acme" for as long."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            form = {name: values[0] for name, values in parse_qs(self.rfile.read(length).decode()).items()}
            body = json.dumps(issuer.answer(urlsplit(self.path).path, form)).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_args: Any) -> None:
            """Nothing: a test's output is its own."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        issuer = Issuer(f"http://127.0.0.1:{server.server_port}")
        settings.IDENTITY_PROVIDERS = {"acme": issuer.configured}
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield issuer
        finally:
            server.shutdown()
            thread.join()
