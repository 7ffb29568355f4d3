"""What this app adds to others: its actions, what every export says of its moment, the lists that can be saved."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from environments import palette
from environments.actions import creation, lifecycle, metadata, registry, specification, tokens
from environments.activity.list import STREAM
from environments.as_of.context import AsOf
from environments.audit.list import ARCHIVE, CHANGES, LOCKDOWN
from environments.audit.query import READ
from environments.audit.what_if import WhatIfForm
from environments.audit.what_if_list import HITS
from environments.detail import news
from environments.directory_pages import belongings
from environments.evidence.job import EVIDENCE
from environments.evidence.verify_against_portal import MADE
from environments.export_head import about
from environments.list.list import ENVIRONMENTS
from environments.list.running import RUNNING
from environments.overview.change_log import CHANGE_LOG
from environments.overview.starts import STARTS
from environments.overview.views import DEFAULTS, overview_token, read_choices
from environments.secrets import actions as secret_actions
from environments.secrets import belongings_source
from environments.secrets.list import SECRETS
from environments.sync import looked_at
from environments.sync.list import SYNC_RUNS
from environments.timeline.event_labels import describe_transition
from portal.exports.download import HEADS
from portal.jobs import kinds
from portal.ledger import labels
from portal.lists.registry import SAVABLE, Savable, named
from portal.lists.registry import register as register_lists
from portal.live.topics import TOPICS, Topic
from portal.outbox.words import SUBJECTS
from portal.palette import sources

SEE = ("environments.view_environment",)


def _changed(told: Mapping[str, Any]) -> str:
    """What a message tells of a transition."""
    return f"{told['name'] or told['environment_id']}: {describe_transition(told['field'], told['old'], told['new'])}"


def _noticed(told: Mapping[str, Any]) -> str:
    """What an owner is told."""
    return f"Your environment {told['environment']} was {registry.ACTIONS[told['action']].past} by {told['by']}"


def register() -> None:
    """Called once, when Django starts."""
    register_lists(
        ENVIRONMENTS, RUNNING, SECRETS, STREAM, LOCKDOWN, CHANGES, ARCHIVE, HITS, CHANGE_LOG, STARTS, SYNC_RUNS
    )  # fmt: skip
    registry.register(
        *lifecycle.ACTIONS,
        *metadata.ACTIONS,
        *tokens.ACTIONS,
        *creation.ACTIONS,
        *specification.ACTIONS,
        *secret_actions.ACTIONS,
    )
    sources.register(*palette.SOURCES, destinations=palette.destinations)
    TOPICS["environment"] = Topic(SEE, news.token, looked_at.mark)
    TOPICS["overview"] = Topic(SEE, overview_token, lambda _: looked_at.mark(looked_at.OVERVIEW))
    SUBJECTS.update({"environment": _changed, "notice": _noticed})
    labels.ACTIONS[MADE] = "create evidence pack"
    belongings.SOURCES.append(belongings_source.SOURCE)
    kinds.register(EVIDENCE)
    HEADS.append(about)
    SAVABLE.update(
        {
            "overview": Savable("Overview", SEE, named(DEFAULTS, read_choices)),
            "audit:list": Savable("Audit", READ, lambda data: urlencode(AsOf.read(data.get("as_of", "")).typed_pairs)),
            "audit:what-if": Savable("Policy simulation", READ, lambda data: urlencode(WhatIfForm(data).asked())),
        }
    )
