"""Shared parts of the sync commands: a progress bar, and an exit status that reports how the run ended."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError
from tqdm import tqdm

from environments.models import SyncRun
from environments.overview.refresh import refresh_after
from environments.sync.job import Progress, run_with_client
from portal.ona import OnaClient

IN_PROGRESS = 75  # EX_TEMPFAIL


@contextmanager
def progress_bar(unit: str) -> Iterator[Progress]:
    """Show a progress bar on standard error if that is a terminal."""
    with tqdm(unit=f" {unit}", file=sys.stderr, disable=not sys.stderr.isatty()) as bar:

        def show(done: int, total: int | None) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


def run_sync(unit: str, kind: SyncRun.Kind, job: Callable[[OnaClient, Progress], SyncRun | None]) -> str:
    """Run a sync job inline and return a summary; CommandError if it failed."""
    with progress_bar(unit) as progress:
        run = run_with_client(kind, lambda client: job(client, progress))
    if run is None:
        raise CommandError("Another run of this kind is in progress.", returncode=IN_PROGRESS)
    if run.state != SyncRun.State.SUCCEEDED:
        raise CommandError(f"{run.error} ({run.error_code}{f', request {run.request_id}' if run.request_id else ''})")
    refresh_after(run)
    return (
        f"{run.listed} {unit} listed in {run.seconds or 0:.1f} s with {run.requests} requests: {run.changed} changed, "
        f"{run.transitions} transitions, {run.gone} gone, {run.malformed} malformed"
    )
