"""The list of people: who may sign in, as what, and when they last did."""

from __future__ import annotations

from typing import Any

from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.hashers import UNUSABLE_PASSWORD_PREFIX
from django.contrib.auth.models import Group, User
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db.models import Case, Count, F, IntegerField, OuterRef, Q, QuerySet, Subquery, TextField, Value, When
from django.db.models.functions import Coalesce, Upper
from django.utils import timezone

from portal.accounts.models import ApiToken, Person
from portal.accounts.roles import ROLES
from portal.accounts.second_factor.factors import KINDS
from portal.lists.completion import among
from portal.lists.declaration import Heading, List, Table
from portal.lists.filters import Conditional, Filter, any_of, words_of
from portal.lists.keyset import Sort
from portal.lists.readers import NONE, word_of
from portal.lists.search import Key, OneOf, Search, keys, listed, same

SEE = "accounts.see_people"
STATES = {"active": "active", "deactivated": "deactivated"}
SIGN_INS = {"provider": "identity provider", "password": "password", "link": "link only"}


def _with_role(name: str) -> Q:
    return Q(pk__in=User.groups.through.objects.filter(group__name=name).values("user_id"))


ROLE_WORDS = {role.lower(): role for role in ROLES} | {NONE: "no role"}
BY_ROLE = {role.lower(): _with_role(role) for role in ROLES} | {
    NONE: ~Q(pk__in=User.groups.through.objects.values("user_id"))
}
BY_STATE = {"active": Q(is_active=True), "deactivated": Q(is_active=False)}
_BY_PROVIDER = Q(pk__in=SocialAccount.objects.values("user_id"))
_WITHOUT_PASSWORD = Q(("password__startswith", UNUSABLE_PASSWORD_PREFIX))
BY_SIGN_IN = {
    "provider": _BY_PROVIDER,
    "password": ~_BY_PROVIDER & ~_WITHOUT_PASSWORD,
    "link": ~_BY_PROVIDER & _WITHOUT_PASSWORD,
}
FACTORS = KINDS | {NONE: "none"}
BY_FACTOR = {kind: Q(pk__in=Authenticator.objects.filter(type=kind).values("user_id")) for kind in KINDS} | {
    NONE: ~Q(pk__in=Authenticator.objects.filter(type__in=KINDS).values("user_id"))
}


def _choice(name: str, label: str, words: dict[str, str], asks: dict[str, Q]) -> Filter:
    return Filter(
        name, label, any_of(asks), word_of(words), words_of(words), facet=Conditional(lambda chosen: asks)
    )  # fmt: skip


FILTERS = (
    _choice("role", "Role", ROLE_WORDS, BY_ROLE),
    _choice("state", "State", STATES, BY_STATE),
    _choice("signs-in", "Signs in with", SIGN_INS, BY_SIGN_IN),
    _choice("second-factor", "Second factor", FACTORS, BY_FACTOR),
)


def _contains(text: str) -> Q:
    names = ("username", "email", "first_name", "last_name")
    return Q(*((f"{name}__says", text) for name in names), _connector=Q.OR)


def with_rights(people: QuerySet[Any]) -> QuerySet[Any]:
    """People with roles, how they sign in, second factors, and the number of tokens that are neither revoked nor
    expired.
    """
    tokens = ApiToken.objects.filter(owner=OuterRef("pk")).unended(timezone.now()).order_by().values("owner")
    count = Subquery(tokens.annotate(count=Count("*")).values("count"), output_field=IntegerField())
    roles = Group.objects.filter(user=OuterRef("pk")).order_by("pk").values("name")
    kinds = Case(*(When(type=kind, then=Value(words)) for kind, words in KINDS.items()), output_field=TextField())
    factors = Authenticator.objects.filter(user_id=OuterRef("pk"), type__in=KINDS).order_by("type").distinct("type")
    signs_in = [When(asks, then=Value(SIGN_INS[word])) for word, asks in BY_SIGN_IN.items()]
    told: QuerySet[Any] = people.annotate(
        roles=ArraySubquery(roles), tokens=Coalesce(count, 0), signs_in=Case(*signs_in, output_field=TextField()),
        factors=ArraySubquery(factors.values(kind=kinds)),
    )  # fmt: skip
    return told


PEOPLE = List(
    name="people",
    page_url="people:list",
    facets_url="people:facets",
    export_url="people:export",
    title="People",
    one="person",
    many="people",
    model=Person,
    permissions=(SEE,),
    # people are hundreds at most: sorting them costs less than indexes
    sorts=(
        Sort("name", "Name", Upper("username"), ""),
        Sort("last-sign-in", "Last sign-in", F("last_login"), None, first_click_descends=True),
    ),
    default_order="name",
    search=Search(
        keys(Key("role", listed(BY_ROLE), "role:admin", OneOf(BY_ROLE), among(*BY_ROLE), same("role"))),
        _contains,
        places="names and e-mail addresses",
        placeholder="Words, or role:admin",
    ),
    filters=FILTERS,
    facets=tuple(each.name for each in FILTERS),
    panel=tuple(each.name for each in FILTERS),
    base=lambda query: with_rights(Person.objects.all()),
    read=with_rights,
    headings=(
        Heading("", "Name", "name"),
        Heading("", "Role"),
        Heading("", "Signs in with"),
        Heading("", "Second factor"),
        Heading("", "Last sign-in", "last-sign-in"),
        Heading("text-end", "API tokens"),
        Heading("", "State"),
    ),
    template="accounts/people/list.html",
    rows_template="accounts/people/_rows.html",
    table=Table(
        name="people",
        title="People",
        columns={
            "id": "id", "username": "username", "first_name": "first_name", "last_name": "last_name", "email": "email",
            "roles": "roles", "is_superuser": "is_superuser", "is_active": "is_active", "signs_in_with": "signs_in",
            "second_factors": "factors", "last_sign_in": "last_login", "tokens": "tokens", "made_at": "date_joined",
        },
        types={"roles": ArrayField, "signs_in_with": TextField, "second_factors": ArrayField, "tokens": IntegerField},
    ),
)  # fmt: skip
