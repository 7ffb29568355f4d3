"""What the access log can be filtered by, and the words of its search box."""

from __future__ import annotations

from ipaddress import ip_address

from django.db.models import Q

from portal.ledger.models import AccessKind, AccessOutcome
from portal.lists import readers
from portal.lists.completion import among
from portal.lists.filters import Filter, any_of, in_column, words_of
from portal.lists.folding import contains
from portal.lists.period import Period
from portal.lists.search import Key, OneOf, Search, keys, listed, same

KINDS = {str(kind.value): str(kind.label) for kind in AccessKind}
OUTCOMES = {str(outcome.value): str(outcome.label) for outcome in AccessOutcome}
PERIOD = Period("at")


def _person(text: str) -> Q:
    """What somebody did, or what was done to their account."""
    return Q(actor_name=text) | contains(text) & Q(subject=text)


def _address(text: str) -> str:
    try:
        return str(ip_address(text))
    except ValueError:
        raise ValueError(f"takes an IP address such as 203.0.113.7, not {text[:60]}") from None


FILTERS = (
    *PERIOD.filters("Within"),
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
        *PERIOD.keys(),
    ),
    contains,
    places="names, what it was about, reasons, tokens' names and browsers",
    placeholder="Words, or person:ann kind:refused-sign-in",
)  # fmt: skip
