"""What this app adds to others: its actions, what every export says of its moment, the lists that can be saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlencode

from django.http import QueryDict

from environments.actions import creation, lifecycle, registry, specification, tokens
from environments.activity import query as stream
from environments.activity.views import READ as STREAM
from environments.as_of import bar
from environments.as_of.context import read_moment
from environments.as_of.export_head import about
from environments.audit import query as audits
from environments.audit.views import READ
from environments.audit.what_if import WhatIfForm
from environments.evidence.verify_against_portal import MADE
from environments.list.query import read_state
from environments.overview.views import DEFAULTS, read_choices
from environments.secrets import actions as secret_actions
from environments.secrets import list as secrets
from environments.secrets.views import VIEW
from portal.exports.download import HEADS
from portal.ledger import labels
from portal.lists.query import Pair
from portal.lists.registry import SAVABLE, Savable, named, of_place

SEE = ("environments.view_environment",)


def register() -> None:
    """Called once, when Django starts."""
    registry.register(
        *lifecycle.ACTIONS, *tokens.ACTIONS, *creation.ACTIONS, *specification.ACTIONS, *secret_actions.ACTIONS
    )
    labels.ACTIONS[MADE] = "make evidence pack"
    HEADS.append(about)
    SAVABLE.update(
        {
            "overview": Savable("Overview", SEE, named(DEFAULTS, read_choices)),
            "environments:list": Savable("Environments", SEE, _environments),
            "audit:list": Savable("Audit", READ, lambda data: urlencode(_moment(data))),
            "audit:lockdown": Savable("Lockdown audit", READ, _audit("lockdown")),
            "audit:archive": Savable("Archive audit", READ, _audit("archive")),
            "audit:what-if": Savable("What if", READ, lambda data: urlencode(WhatIfForm(data).asked())),
            "secrets:list": Savable("Secrets", (VIEW,), lambda data: of_place(secrets.read_state(data).place)),
            "operations:stream": Savable("Stream", STREAM, lambda data: of_place(stream.read_state(data).place)),
        }
    )


def _moment(data: QueryDict) -> list[Pair]:
    """A moment that is not understood stays as it was typed: the page says so whenever the view is opened."""
    typed = data.get("as_of", "")
    moment, _ = read_moment(typed)
    return bar.pairs(moment) if moment or not typed else [("as_of", typed)]


def _environments(data: QueryDict) -> str:
    return of_place(read_state(data, more=_moment(data)).place)


def _audit(slug: str) -> Callable[[QueryDict], str]:
    def canonical(data: QueryDict) -> str:
        # neither the policy nor the moment decides what a parameter is called
        place = audits.read(data, audits.AUDITS[slug], None, None).listed.place
        return of_place(replace(place, filters=(*place.filters, *_moment(data))))

    return canonical
