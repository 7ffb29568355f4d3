"""A running stand-in per test, and how to ask it as any HTTP client would."""

import httpx
import pytest

from portal.sandbox.server import running
from portal.sandbox.world import World


class Asking:
    """One sandbox and a plain HTTP client for it."""

    def __init__(self, sandbox, client):
        self.sandbox, self.world, self.client = sandbox, sandbox.world, client

    def post(self, rpc, body=None, token=None, **headers):
        """The raw response to a JSON post."""
        headers = {"authorization": f"Bearer {token or self.sandbox.token}"} | headers
        return self.client.post(f"{self.sandbox.base_url}/gitpod.v1.{rpc}", json=body or {}, headers=headers)

    def ask(self, rpc, body=None, **more):
        """The answer to a call that goes well."""
        response = self.post(rpc, body, **more)
        assert response.status_code == 200, response.text
        return response.json()

    def refusal(self, rpc, body=None, **more):
        """The code and message of a call that is refused."""
        response = self.post(rpc, body, **more)
        assert response.status_code != 200, response.text
        return response.json()["code"], response.json()["message"]

    def environment(self, identifier):
        """GetEnvironment."""
        return self.ask("EnvironmentService/GetEnvironment", {"environmentId": identifier})["environment"]

    def pages(self, rpc, name, body, size=20):
        """Every page of a list."""
        token = None
        while token != "":
            pagination = {"pageSize": size, **({"token": token} if token else {})}
            page = self.ask(rpc, {**body, "pagination": pagination})
            yield page.get(name, [])
            token = page["pagination"].get("nextToken", "")


@pytest.fixture(scope="session")
def http():
    """One client for all: reading the certificates of the world costs more than most tests, and none is needed here."""
    with httpx.Client(timeout=20, verify=False) as client:  # noqa: S501
        yield client


@pytest.fixture
def asking(http):
    with running(World(environments=80, seed=11)) as sandbox:
        yield Asking(sandbox, http)
