"""The log of an environment itself: its start, content and devcontainer. Its machine has it while it is up."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import msgspec
from django.urls import reverse

from environments.documents.json_part import Document, Part
from environments.models import Environment
from environments.models.flags import STARTED
from portal.directory.connection import ona_now
from portal.ona import OnaError
from portal.ona.errors import NotFound
from portal.ona.log_errors import LogAway, LogGone
from portal.web.formatting import phase_word

READ_LOG = "automations.read_log"
UNTOLD = "Its runner has not reported an address of its log yet."


def unread(environment: Environment, name: str = "logs") -> str:
    """Why the log, or another address of it, cannot be read, from what is recorded; empty if it can be tried."""
    if environment.gone_at:
        return "The environment is deleted, and its log with it."
    if environment.phase not in STARTED:
        return (
            f"It is read from the environment's machine, which is {phase_word(environment.phase)}. Neither Ona nor the "
            "portal stores it. Start the environment, and read it while it starts."
        )
    return "" if Document(environment).status.part("environmentUrls").text(name) else UNTOLD


def links(environment: Environment, user: Any) -> tuple[list[tuple[str, str]], str]:
    """The log and the support bundle by their URLs in the portal, and why there is no log, once."""
    if not user.has_perm(READ_LOG):
        return [], "Your roles do not let you read its log."
    offered = {"logs": ("View log", "environment-log"), "supportBundle": ("Support bundle", "environment-bundle")}
    found = [
        (label, reverse(f"automations:{view}", args=[environment.pk]))
        for name, (label, view) in offered.items()
        if not unread(environment, name)
    ]
    return found, f"No log: {why[0].lower()}{why[1:]}" if (why := unread(environment)) else ""


def environment_address(environment: Environment, name: str) -> str:
    """The URL of the log now, else the one recorded; LogAway without a machine, OnaError if unanswered."""
    if why := unread(environment, name):
        raise LogAway(why.rstrip("."))
    try:
        return _told(environment.pk, name) or _recorded(environment, name)
    except NotFound:
        raise LogGone from None
    except OnaError:
        return _recorded(environment, name)


def _told(id_: UUID, name: str) -> str:
    status = msgspec.json.decode(ona_now().get_environment(id_).document.status.raw)
    return Part(status).part("environmentUrls").text(name)


def _recorded(environment: Environment, name: str) -> str:
    return Part(environment.status).part("environmentUrls").text(name)
