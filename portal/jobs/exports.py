"""Lists as files, of more rows than are sent while their reader waits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase, QueryDict
from django.shortcuts import redirect
from rest_framework.request import Request

from portal.exports.download import PERMISSION, Asking, file_name
from portal.exports.formats import DOWNLOADS
from portal.exports.snapshot import snapshot
from portal.jobs.api import accepted
from portal.jobs.kinds import Arguments, Kind, Made
from portal.jobs.models import Job
from portal.jobs.start import TooManyJobs, start_job
from portal.jobs.work import JobFailed, Work
from portal.ledger.access_log.recording import without_token
from portal.lists.export import LargeExport, export_of, table_of
from portal.lists.registry import LISTS

LONGEST = 500  # characters of what the file is, with its filters
NO_LIST = "This version of the portal has no such list."


def in_background(request: HttpRequest | Request, export: LargeExport) -> HttpResponseBase:
    """Start a job; a page leads to it, the REST API answers 202."""
    start = partial(start_export, export, request.user)
    if isinstance(request, Request):
        return accepted(request, start)
    try:
        return redirect("jobs:job", start().pk)
    except TooManyJobs as refusal:
        messages.error(request, str(refusal))
        return redirect("jobs:list")


def start_export(export: LargeExport, actor: Any) -> Job:
    """Request the file; raises what `start_job` does."""
    query = export.query
    arguments = {
        "list": query.listing.page_url,
        "of": {name: str(value) for name, value in query.of.items()},
        "query": without_token(export.text),
        "address": export.address,
        "format": export.format,
    }
    words = f"{table_of(query).title} as {export.format.upper()}"
    filters = ", ".join(map(str, query.chips()))
    words = without_token(f"{words}: {filters}" if filters else words)[:LONGEST]
    return start_job(kind=EXPORT, arguments=arguments, words=words, actor=actor)


def _run(work: Work, arguments: Arguments) -> Made:
    listing, wanted, text = LISTS.get(arguments["list"]), arguments["format"], arguments["query"]
    if listing is None:
        raise JobFailed(NO_LIST)
    asking = Asking(work.actor.get_username(), arguments["address"], text)
    media_type, chunks = DOWNLOADS[wanted]
    with snapshot():
        export = export_of(listing, QueryDict(text), arguments["of"], asking)
        work.begin(export.title, export.head["rows"])
        for chunk in chunks(replace(export, rows=work.counted(export.rows))):
            work.file.write(chunk)
    return Made(file_name(export.name, wanted), media_type)


def _permissions(arguments: Mapping[str, Any]) -> tuple[str, ...]:
    listing = LISTS.get(arguments["list"])
    return (*listing.permissions, PERMISSION) if listing else (PERMISSION,)


EXPORT = Kind(name="export", label="Export", permissions=_permissions, run=_run)
