"""The sandbox's organization in the portal's tables, read as the worker reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.test import override_settings

from automations.sync.observe import sync_automations
from environments.models import SyncRun
from environments.overview.refresh import refresh_after
from environments.secrets.sync import sync_secrets
from environments.sync.directory import sync_directory
from environments.sync.full_listing import sync_environments
from portal.directory import connection
from portal.ona import OnaClient
from portal.sandbox.server import Sandbox


def read_all(sandbox: Sandbox, *, secrets: bool = True) -> None:
    """Directory, environments, secrets where asked, automations; RuntimeError where a run did not end well."""
    with OnaClient(sandbox.token, sandbox.base_url, requests_per_second=1000) as client:
        runs = [sync_directory(client), sync_environments(client), *([sync_secrets(client)] if secrets else [])]
        runs += [sync_automations(client, everything=everything) for everything in (True, False)]
        for run in runs:
            if run is None or run.state != SyncRun.State.SUCCEEDED:
                raise RuntimeError(f"The sync did not succeed: {run and run.error}")
            refresh_after(run)


def read_environments(sandbox: Sandbox, token: str = "") -> None:
    """One sync_environments, well or badly ended; another token than the sandbox's own is refused."""
    with OnaClient(token or sandbox.token, sandbox.base_url, requests_per_second=1000, attempts=1) as client:
        refresh_after(sync_environments(client))


@contextmanager
def connected(sandbox: Sandbox) -> Iterator[None]:
    """The portal's pages reach this sandbox for as long."""
    with override_settings(ONA_BASE_URL=sandbox.base_url, ONA_API_KEY=sandbox.token):
        connection._client.cache_clear()
        yield
    connection._client.cache_clear()
