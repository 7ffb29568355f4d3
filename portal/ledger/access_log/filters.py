"""What the access log can be filtered by, and the words of its search box."""

from __future__ import annotations

from ipaddress import ip_address

from django.db.models import Q, Value
from django.utils import timezone

from portal.ledger.filters import time_words
from portal.ledger.models import AccessKind, AccessOutcome
from portal.lists import readers
from portal.lists.completion import among
from portal.lists.filters import Filter, any_of, in_column, words_of
from portal.lists.folding import Folded
from portal.lists.search import Key, OneOf, Search, keys, listed, same

KINDS = {str(kind.value): str(kind.label) for kind in AccessKind}
OUTCOMES = {str(outcome.value): str(outcome.label) for outcome in AccessOutcome}
SPANS = {"24h": "last 24 h", "7d": "last 7 days", "30d": "last 30 days"}


def contains(text: str) -> Q:
    """Entries of which a searched column contains the text, in any case; the trigram index finds them."""
    return Q(search__contains=Folded(Value(text)))


def _person(text: str) -> Q:
    """What somebody did, or what was done to their account."""
    return Q(actor_name=text) | contains(text) & Q(subject=text)


def _since(text: str) -> Q:
    return Q(at__gte=timezone.now() - readers.span(text))


def _from(text: str) -> Q:
    return Q(at__gte=readers.time(text))


def _to(text: str) -> Q:
    return Q(at__lte=readers.end_of(text))


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError(f"takes an IP address such as 203.0.113.7, not {text[:60]}") from None


FILTERS = (
    Filter(
        "since", "Within", any_of(_since), readers.span_text,
        words_of(SPANS, lambda value: f"last {value}"), single=True,
    ),
    Filter("from", "From", any_of(_from), readers.first_time_text, time_words, single=True),
    Filter("to", "To", any_of(_to), readers.last_time_text, time_words, single=True),
    Filter("kind", "Kind", in_column("kind"), readers.word_of(KINDS), words_of(KINDS)),
    Filter("outcome", "Outcome", in_column("outcome"), readers.word_of(OUTCOMES), words_of(OUTCOMES), single=True),
    Filter("person", "Person", any_of(_person), single=True),
    Filter("address", "Address", in_column("address"), _address, single=True),
)  # fmt: skip
SEARCH = Search(
    keys(
        Key("person", "a part of a person's name", "person:ann", lambda text: contains(text) & (
            Q(actor_name__says=text) | Q(subject__says=text))),
        Key("kind", listed(KINDS), "kind:lockout", OneOf({word: Q(kind=word) for word in KINDS}), among(*KINDS),
            same("kind")),
        Key("address", "an IP address", "address:203.0.113.7", lambda text: Q(address=_address(text))),
        Key("since", "a span such as 24h or 7d", "since:7d", _since, among(*SPANS), same("since")),
        Key("from", "a day or a time (UTC)", "from:2026-01-31", _from),
        Key("to", "a day or a time (UTC), which is part of it", 'to:"2026-01-31T18:00"', _to),
    ),
    contains,
    places="names, what it was about, reasons, tokens' names and browsers",
    placeholder="Words, or person:ann kind:refused-sign-in",
)  # fmt: skip
