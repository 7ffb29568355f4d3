"""What operations can be filtered by."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from portal.ledger import labels, search_keys
from portal.ledger.models import Operation
from portal.lists import readers
from portal.lists.filters import Filter, any_of, in_column, words_of


def _id(text: str) -> str:
    try:
        return str(UUID(text))
    except ValueError:
        raise ValueError("takes the id of an operation that others are part of") from None


def _target_names(values: Iterable[str]) -> dict[str, str]:
    return {value: _target_name(value) for value in values}


def _target_name(value: str) -> str:
    """Of an environment's id the name it had in its newest operation."""
    try:
        environment_id = UUID(value)
    except ValueError:
        return value
    rows = Operation.objects.of_environment(environment_id).filter(target_id=environment_id).newest_first()
    return rows.values_list("target_name", flat=True).first() or value


def _whole_names(values: Iterable[str]) -> dict[str, str]:
    names = {str(pk): name for pk, name in Operation.objects.filter(pk__in=values).values_list("pk", "target_name")}
    return {value: names.get(value) or value for value in values}


FILTERS = (
    *search_keys.REQUESTED.filters("Requested within"),
    Filter(
        "outcome", "Outcome", any_of(search_keys.OUTCOMES), readers.word_of(search_keys.OUTCOMES),
        words_of({"open": "open: not ended yet"}),
    ),
    Filter("actor", "Who", in_column("actor_name"), single=True),
    Filter("action", "Action", in_column("action"), words=lambda names: {n: labels.action_words(n) for n in names}),
    Filter("target", "Target", any_of(search_keys.target), words=_target_names, single=True),
    Filter("part-of", "Part of", in_column("parent_id"), _id, _whole_names, single=True),
    Filter(
        "origin", "From where", any_of(search_keys.ORIGINS), readers.word_of(search_keys.ORIGINS),
        words_of(labels.ORIGINS),
    ),
)  # fmt: skip
