"""Sync run: the directory, and its names on environments (portal.directory imports no environments)."""

from __future__ import annotations

from environments.models import SyncRun
from portal.directory.sync import sync_directory as fetch
from portal.ona import OnaClient

from .job import SyncError, record_run
from .observe import copy_names


def sync_directory(client: OnaClient) -> SyncRun | None:
    """Fetch names and policies and copy the names to environments; None if such a run is in progress."""
    return record_run(SyncRun.Kind.DIRECTORY, client, lambda run: _sync(client, run))


def _sync(client: OnaClient, run: SyncRun) -> None:
    outcome = fetch(client)
    run.pages, run.listed, run.malformed, run.gone = outcome.pages, outcome.listed, outcome.malformed, outcome.gone
    copy_names()
    if outcome.errors:
        raise SyncError(
            " ".join(f"{name.capitalize()}: {error.for_people()}" for name, error in outcome.errors.items())
        )
