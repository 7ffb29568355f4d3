"""What this app adds to others: its actions, what every export says of its moment, the lists that can be saved."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import urlencode

from django.http import QueryDict

from environments.actions import creation, lifecycle, registry, specification, tokens
from environments.activity.list import STREAM
from environments.as_of.context import AsOf
from environments.audit import query as audits
from environments.audit.views import READ
from environments.audit.what_if import WhatIfForm
from environments.evidence.verify_against_portal import MADE
from environments.export_head import about
from environments.list.list import ENVIRONMENTS
from environments.overview.change_log import CHANGE_LOG
from environments.overview.starts import STARTS
from environments.overview.views import DEFAULTS, read_choices
from environments.secrets import actions as secret_actions
from environments.secrets.list import SECRETS
from environments.sync.list import SYNC_RUNS
from portal.exports.download import HEADS
from portal.ledger import labels
from portal.lists.registry import SAVABLE, Savable, named, of_place
from portal.lists.registry import register as register_lists

SEE = ("environments.view_environment",)


def register() -> None:
    """Called once, when Django starts."""
    register_lists(ENVIRONMENTS, SECRETS, STREAM, CHANGE_LOG, STARTS, SYNC_RUNS)
    registry.register(
        *lifecycle.ACTIONS, *tokens.ACTIONS, *creation.ACTIONS, *specification.ACTIONS, *secret_actions.ACTIONS
    )
    labels.ACTIONS[MADE] = "make evidence pack"
    HEADS.append(about)
    SAVABLE.update(
        {
            "overview": Savable("Overview", SEE, named(DEFAULTS, read_choices)),
            "audit:list": Savable("Audit", READ, lambda data: urlencode(_as_of(data).typed_pairs)),
            "audit:lockdown": Savable("Lockdown audit", READ, _audit("lockdown")),
            "audit:archive": Savable("Archive audit", READ, _audit("archive")),
            "audit:what-if": Savable("What if", READ, lambda data: urlencode(WhatIfForm(data).asked())),
        }
    )


def _as_of(data: QueryDict) -> AsOf:
    return AsOf.read(data.get("as_of", ""))


def _audit(slug: str) -> Callable[[QueryDict], str]:
    def canonical(data: QueryDict) -> str:
        # neither the policy nor the time decides what a parameter is called
        place = audits.read(data, audits.AUDITS[slug], AsOf(), None).listed.place
        return of_place(replace(place, filters=(*place.filters, *_as_of(data).typed_pairs)))

    return canonical
