"""Every URL by every kind of visitor. A URL that is missing in the table fails the test."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver, reverse
from django.utils import timezone

from environments.directory_pages.nouns import NOUNS
from environments.models import Environment
from environments.templatetags.editor import EDITS
from portal.api.listing import url_name
from portal.directory.models import Organization
from portal.ledger.models import AccessEntry
from portal.lists.registry import API_ONLY, LISTS
from tests.api import lone
from tests.api.test_tokens import bearer
from tests.support import automation_factories, factories, jobs, operations, outbox
from tests.support.databases import undone
from tests.support.profiles import THOROUGH, drawn, some

ROLES = ("Viewer", "Operator", "Admin", "Auditor")
NOBODY = "user without a role"
STAFF = "staff who may edit users"
SUPERUSER = "superuser"
SIGNED_OUT = "signed out"
VISITORS = (SIGNED_OUT, NOBODY, STAFF, *ROLES, SUPERUSER)
OTHERS = (*ROLES, NOBODY)
WHOLE_PAGES = {NOBODY, SIGNED_OUT, "Admin"}
READING = {"api:evidence", "api:plan-automations-file", "api:plan-batch"}  # nothing is changed there

EVERYBODY = frozenset(VISITORS)
SIGNED_IN = EVERYBODY - {SIGNED_OUT}
READERS = frozenset({*ROLES, SUPERUSER})
OPERATORS = frozenset({"Operator", "Admin", SUPERUSER})
ADMINS = frozenset({"Admin", SUPERUSER})
LOG_READERS = OPERATORS | {"Auditor"}
EXPORTERS = ADMINS | {"Auditor"}


@dataclass(frozen=True)
class Row:
    """Who may; how it is asked for, with which query or form; and what those who may are answered."""

    open_to: frozenset[str]
    answers: tuple[int, ...] = (200,)
    method: str = "get"
    data: tuple[tuple[str, str], ...] = ()

    @property
    def least(self) -> str:
        """Who may with the fewest rights."""
        return next(visitor for visitor in VISITORS if visitor in self.open_to)


# url name → row. The environment in a URL exists. What only some roles may do gets a set of its own.
TABLE = {
    "alive": Row(EVERYBODY),
    "ready": Row(EVERYBODY, (200, 503)),
    "metrics": Row(EVERYBODY, (404,)),  # without PORTAL_METRICS_TOKEN; see tests/metrics
    "accounts:sign-in": Row(EVERYBODY, (200, 302)),
    "accounts:sign-out": Row(SIGNED_IN, (302,), "post"),
    "accounts:password": Row(SIGNED_IN),
    **{f"accounts:{page}": Row(SIGNED_IN) for page in ("confirm", "sessions", "second-factor", "app-new")},
    "accounts:sign-in-code": Row(EVERYBODY, (302,)),  # no sign-in waits for it; see tests/accounts
    "accounts:recovery-codes": Row(SIGNED_IN, (302,), "post"),
    "accounts:factor-remove": Row(SIGNED_IN, (404,), "post"),  # nobody else's
    "accounts:sessions-end": Row(SIGNED_IN, (302,), "post"),
    "accounts:session-end": Row(SIGNED_IN, (404,), "post"),  # nobody else's
    "accounts:provider": Row(EVERYBODY, (404,)),  # without providers; see tests/accounts/oidc
    "accounts:provider-callback": Row(EVERYBODY, (404,)),
    "accounts:link": Row(EVERYBODY, data=(("token", "any"),)),
    "accounts:start": Row(SIGNED_IN, (302,)),
    "accounts:view-new": Row(READERS, data=(("list", "environments:list"),)),
    "accounts:views-menu": Row(READERS, (302,)),
    **{f"accounts:{page}": Row(READERS) for page in ("views", "view-edit", "view-delete")},
    "accounts:view": Row(READERS, (302,)),
    **{f"accounts:{act}": Row(READERS, (302,), "post") for act in ("view-update", "view-start")},
    "accounts:view-unshare": Row(ADMINS, (302,), "post"),
    **{f"accounts:{page}": Row(READERS) for page in ("tokens", "token-new", "token-revoke")},
    "find": Row(SIGNED_IN),
    "complete": Row(READERS, data=(("list", "environments:list"), ("q", "owner:a"))),
    "live": Row(READERS, data=(("about", "overview"),)),
    "live-badge": Row(SIGNED_IN, data=(("of", "operations:list"),)),
    "overview": Row(READERS),
    **{f"overview-{rows}": Row(READERS) for rows in ("changes", "starts", "running-time")},
    "environments:list": Row(READERS),
    "environments:changes": Row(READERS, (200, 204)),
    "environments:facets": Row(READERS),
    "environments:running": Row(READERS),
    "environments:running-facets": Row(READERS),
    "environments:create": Row(ADMINS),
    "environments:detail": Row(READERS),
    "environments:timeline": Row(READERS),
    "environments:specification": Row(READERS),
    **{f"environments:{act}": Row(OPERATORS) for act in ("start", "stop", "keep-awake")},
    **{f"environments:{act}": Row(ADMINS) for act in ("archive", "unarchive", "rename", "lockdown", "delete")},
    **{f"environments:{kind}": Row(ADMINS) for kind in ("logs-token", "access-token")},
    **{f"environments:edit-{part}": Row(ADMINS) for part in EDITS},
    "environments:add-secret": Row(ADMINS),
    "environments:update-secret": Row(ADMINS),
    "environments:delete-secret": Row(ADMINS),
    "secrets:list": Row(READERS),
    "secrets:secret": Row(READERS),
    "secrets:add": Row(ADMINS),
    "secrets:update": Row(ADMINS),
    "secrets:delete": Row(ADMINS),
    **{f"automations:{page}": Row(READERS) for page in ("list", "execution-facets", "tasks", "task")},
    **{f"automations:{page}": Row(READERS) for page in ("services", "service")},
    "automations:execution-changes": Row(READERS, (200, 204)),
    "automations:execution": Row(READERS),
    **{f"automations:execution-{act}": Row(OPERATORS) for act in ("stop", "again")},
    **{f"automations:{kind}-log": Row(LOG_READERS) for kind in ("execution", "service", "environment")},
    **{f"automations:environment-{part}": Row(LOG_READERS, (404, 502)) for part in ("log-stream", "bundle")},
    **{f"automations:{kind}-log-stream": Row(LOG_READERS, (502,)) for kind in ("execution", "service")},
    "automations:batches": Row(READERS),
    "automations:batch": Row(READERS),
    "automations:batch-new": Row(OPERATORS),
    "automations:batch-cancel": Row(OPERATORS, (302,), "post"),
    "automations:batch-continue": Row(OPERATORS, (302,), "post"),
    "automations:of-environment": Row(READERS),
    **{f"automations:start-{thing}": Row(OPERATORS) for thing in ("service", "task")},
    "automations:stop-service": Row(OPERATORS),
    **{
        f"automations:{verb}-{thing}": Row(ADMINS)
        for verb in ("create", "edit", "delete")
        for thing in ("service", "task")
    },
    "automations:file": Row(READERS),
    "automations:file-download": Row(READERS),
    "operations:list": Row(READERS),
    "operations:changes": Row(READERS, (200, 204)),
    "operations:detail": Row(READERS),
    "operations:stream": Row(READERS),
    **{f"people:{page}": Row(EXPORTERS) for page in ("list", "facets", "person")},
    "people:new": Row(ADMINS),
    **{f"jobs:{page}": Row(READERS) for page in ("list", "facets", "job")},  # one's own; see tests/jobs
    "jobs:cancel": Row(READERS, (302,), "post"),
    "jobs:verify-chain": Row(EXPORTERS, (302,), "post"),
    "api:verify-chain": Row(EXPORTERS, (202,), "post"),
    "jobs:result": Row(READERS, (302,)),  # it has none
    "api:job-cancel": Row(READERS, (409,), "post"),
    "api:job-result": Row(READERS, (404,)),
    **{f"outbox:{page}": Row(EXPORTERS) for page in ("list", "attempts", "destinations", "destination", "message")},
    **{f"outbox:{page}": Row(EXPORTERS, (200, 204)) for page in ("changes", "attempts-changes")},
    "outbox:destination-new": Row(ADMINS),
    "access-log": Row(EXPORTERS),
    "access-log-changes": Row(EXPORTERS, (200, 204)),
    **{f"audit:{page}": Row(READERS) for page in ("list", "lockdown", "lockdown-changes", "archive", "what-if")},
    **{
        name: Row(EXPORTERS, data=(("format", "csv"),))
        for name in (
            "environments:export", "environments:running-export", "secrets:export", "operations:export",
            "operations:stream-export", "environments:timeline-export", "audit:lockdown-changes-export",
            "audit:lockdown-export", "audit:archive-export", "automations:execution-export",
            "automations:tasks-export", "automations:services-export", "automations:task-export",
            "automations:service-export", "automations:batch-export", "automations:batch-items-export",
            "access-log-export", "people:export", "outbox:export", "outbox:attempts-export",
        )
    },
    "audit:what-if-environments": Row(READERS, data=(("question", "archive"), ("value", "2"))),
    "audit:what-if-export": Row(EXPORTERS, data=(("format", "csv"), ("archive", "2"))),
    "audit:evidence": Row(EXPORTERS),
    "sync": Row(READERS),
    **{f"api:{url_name(listing)}": Row(READERS) for listing in LISTS.values()},
    **{f"api:{url_name(listing)}-one": Row(READERS) for listing in LISTS.values() if listing.detail},
    **{f"api:act-{act}": Row(OPERATORS, (422, 503), "post") for act in ("start", "stop", "keep-awake")},
    **{
        f"api:act-{act}": Row(ADMINS, (422, 503), "post")
        for act in ("archive", "unarchive", "rename", "lockdown", "delete", "logs-token", "access-token")
    },
    **{f"api:act-edit-{part}": Row(ADMINS, (428,), "post") for part in EDITS},
    **{f"api:act-start-{thing}": Row(OPERATORS, (503,), "post") for thing in ("service", "task")},
    **{f"api:act-{act}": Row(OPERATORS, (422, 503), "post") for act in ("stop-service", "stop-execution")},
    "api:act-again-execution": Row(OPERATORS, (409, 503), "post"),
    **{
        f"api:act-{verb}-{thing}": Row(ADMINS, (422,), "post")
        for verb in ("create", "edit", "delete")
        for thing in ("service", "task")
    },
    **{
        f"api:{url_name(listing)}-export": Row(EXPORTERS, data=(("format", "csv"),))
        for listing in LISTS.values()
        if listing.export_url
    },
    "api:audit-what-if-environments-export": Row(
        EXPORTERS, data=(("format", "csv"), ("question", "archive"), ("value", "2"))
    ),
    **{f"api:{of}-log": Row(LOG_READERS, (404, 409, 502)) for of in ("environment", "execution", "service")},
    "api:environment-support-bundle": Row(LOG_READERS, (404, 409, 502)),
    "api:timeline-export": Row(EXPORTERS, data=(("format", "csv"),)),
    "api:evidence": Row(EXPORTERS, (422,), "post"),
    "api-docs": Row(SIGNED_IN),
    "api:openapi": Row(SIGNED_IN),
    "api:apply-automations-file": Row(ADMINS, (422,), "post"),
    "api:create": Row(ADMINS, (422,), "post"),
    **{f"api:{act}-secret": Row(ADMINS, (422,), "post") for act in ("add", "rotate", "delete")},
    "api:add-secret-of-environment": Row(ADMINS, (422,), "post"),
    **{f"api:{act}-batch": Row(OPERATORS, (200, 202, 422), "post", (("action", "environment.stop"),))
       for act in ("plan", "start")},
    **{f"api:{act}-batch": Row(OPERATORS, (202, 422, 409), "post") for act in ("cancel", "retry", "continue")},
    "api:plan-automations-file": Row(READERS, (422,), "post"),
    "api:create-saved-view": Row(READERS, (422,), "post"),
    **{f"api:{act}-saved-view": Row(READERS, (200, 404), "post") for act in ("change", "delete")},
    **{f"api:{page}": Row(READERS) for page in ("automations-file", "overview", "running-time")},
    **{f"api:audit-{slug}-forecast": Row(READERS) for slug in ("lockdown", "archive")},
    **{f"api:{name}": Row(READERS) for name in API_ONLY},
    **{f"api:{name}-one": Row(READERS) for name in API_ONLY},
    **{f"api:{noun.word}-figures": Row(READERS) for noun in NOUNS.values()},
    **{f"directory:{kind}": Row(READERS) for kind in NOUNS},
    **{f"api:{name}": Row(EXPORTERS) for name in ("access-log", "access-log-one", "people-list")},
    **{f"api:outbox-{name}": Row(EXPORTERS) for name in ("list", "list-one", "attempts")},
    **{f"api:outbox-{name}": Row(EXPORTERS) for name in ("destinations", "destinations-one")},
    **{f"api:{act}-destination": Row(ADMINS, (422,), "post") for act in ("create", "rotate")},
    **{f"api:{act}-destination": Row(ADMINS, (200,), "post") for act in ("change", "test", "mute", "resume", "replay")},
    **{f"api:{act}-message": Row(ADMINS, (200,), "post") for act in ("replay", "mute")},
    "api:audit-what-if-environments": Row(READERS, data=(("question", "archive"), ("value", "2"))),
}  # fmt: skip


def url_names(resolver: URLResolver, namespaces: tuple[str, ...] = ()) -> Iterator[tuple[str, URLPattern]]:
    """Every pattern of the URLconf with its full name; /admin/ has a test of its own."""
    for pattern in resolver.url_patterns:
        if isinstance(pattern, URLResolver):
            if pattern.namespace != "admin":
                yield from url_names(pattern, (*namespaces, *filter(None, [pattern.namespace])))
        else:
            yield ":".join((*namespaces, str(pattern.name))), pattern


URLS = dict(url_names(get_resolver()))


@pytest.fixture
def environment(db: None) -> Environment:
    return factories.environment()


def client_of(visitor: str) -> Client:
    if visitor == SIGNED_OUT:
        return Client()
    user = factories.user(visitor if visitor in ROLES else "")
    if visitor == STAFF:
        give_user_administration(user)
    if visitor == SUPERUSER:
        User.objects.filter(pk=user.pk).update(is_superuser=True)
    return factories.signed_in_as(user)


def give_user_administration(user: User) -> None:
    user.is_staff = True
    user.save()
    user.user_permissions.set(Permission.objects.filter(content_type__app_label="auth"))


def address(name: str, pattern: URLPattern, environment: Environment) -> str:
    values: dict[str, Any] = {"environment_id": environment.pk, "pk": environment.pk, "provider_id": "acme"}
    values |= {"name": "operations:list", "session_id": 0, "factor_id": 0}
    makers = {
        "api:operations-list-one": lambda: operations.operation(environment_id=environment.pk),
        "api:secrets-list-one": factories.secret,
        "api:access-log-one": lambda: AccessEntry.objects.create(at=timezone.now(), kind="sign-in", outcome="allowed"),
        "api:automations-list-one": lambda: automation_factories.execution(automation_factories.task(environment)),
        "api:jobs-list-one": lambda: jobs.job(owner=User.objects.order_by("-pk").first()),
        "api:automations-batches-one": lambda: automation_factories.batch(environment),
    }
    makers |= {f"api:{each}-one": partial(lone.make, each, environment) for each in API_ONLY}
    makers |= {
        "api:outbox-list-one": lambda: outbox.message(outbox.destination(name=name)),
        "api:outbox-destinations-one": lambda: outbox.destination(name=name),
    }
    for kind, noun in NOUNS.items():
        makers |= dict.fromkeys(
            (f"api:{noun.word}-figures", f"directory:{kind}"), partial(lone.make, noun.folder, environment)
        )
    if name in makers:
        values["pk"] = values["identity"] = makers[name]().pk
    if "view_id" in pattern.pattern.converters:
        values["view_id"] = factories.saved_view(name).pk
    if "token_id" in pattern.pattern.converters:
        values["token_id"] = factories.api_token().pk
    if "person_id" in pattern.pattern.converters:
        values["person_id"] = factories.user().pk
    if "destination_id" in pattern.pattern.converters:
        values["destination_id"] = outbox.destination(name=name).pk
    if "message_id" in pattern.pattern.converters:
        values["message_id"] = outbox.message(outbox.destination(name=name)).pk
    if "secret_id" in pattern.pattern.converters:
        values["secret_id"] = factories.secret().pk
    if "execution_id" in pattern.pattern.converters:
        values["execution_id"] = automation_factories.execution(automation_factories.task(environment)).pk
    if "task_id" in pattern.pattern.converters:
        values["task_id"] = automation_factories.task(environment).pk
    if "service_id" in pattern.pattern.converters:
        values["service_id"] = automation_factories.service(environment).pk
    if "job_id" in pattern.pattern.converters:
        values["job_id"] = jobs.job(owner=User.objects.order_by("-pk").first()).pk
    if "batch_id" in pattern.pattern.converters:
        values["batch_id"] = automation_factories.batch(environment).pk
    if "operation_id" in pattern.pattern.converters:
        values["operation_id"] = operations.operation(environment_id=environment.pk).pk
    if "reference" in pattern.pattern.converters:
        make = (
            automation_factories.task
            if name
            in ("automations:task", "automations:task-export", "api:automations-task", "api:automations-task-export")
            else automation_factories.service
        )
        values["reference"] = make(environment).reference
    return reverse(name, kwargs={key: values[key] for key in pattern.pattern.converters})


def leads_to_sign_in(answer: Any) -> bool:
    return answer.status_code == 302 and answer["Location"].startswith(reverse("accounts:sign-in") + "?next=")


def test_every_url_has_a_row_in_the_table() -> None:
    assert set(URLS) - set(TABLE) == set(), "add these URLs to TABLE: who may open them?"


@pytest.mark.parametrize("visitor", VISITORS)
def test_urls_open_to_those_named_in_the_table_and_to_nobody_else(visitor: str, environment: Environment) -> None:
    """Who may not is refused everything. All is opened for who may with the fewest rights, a third for the others."""
    wrong = []
    client = client_of(visitor)
    for name, pattern in sorted(URLS.items(), key=lambda url: url[0] == "accounts:sign-out"):
        row = TABLE.get(name, Row(frozenset()))
        if visitor in row.open_to and visitor != row.least and not drawn():
            continue
        # Whole pages, and those of a refusal, are rendered for some: htmx gets a part, or a sentence.
        is_page = row.answers == (200,) or visitor not in row.open_to
        headers = {"HX-Request": "true"} if is_page and visitor not in WHOLE_PAGES else {}
        ask = getattr(client, row.method)
        is_json = name.startswith("api:") and row.method == "post"
        options = {"content_type": "application/json"} if is_json else {}
        answer = ask(address(name, pattern, environment), dict(row.data), headers=headers, **options)
        if visitor in row.open_to:
            right = answer.status_code in row.answers and not leads_to_sign_in(answer)
        elif visitor == SIGNED_OUT:
            right = answer.status_code == 401 if name.startswith("api:") else leads_to_sign_in(answer)
        else:
            right = answer.status_code == 403
        if not right:
            wrong.append(f"{name}: {answer.status_code}")
        if answer.streaming:
            list(answer)
    assert wrong == []


@pytest.mark.parametrize("role", ROLES)
def test_endpoints_open_to_tokens_as_to_their_roles_and_to_read_only_ones_where_nothing_changes(
    role: str, environment: Environment
) -> None:
    """A token of less than its owner's rights; a third of the endpoints, drawn again in each run."""
    owner, wrong = User.objects.create_superuser("root"), []
    for is_read_only in (False, True):
        client = bearer(owner, role, is_read_only=is_read_only)
        with undone():
            for name in some(name for name in URLS if name.startswith("api:")):
                row = TABLE[name]
                data = dict(row.data)
                options = {"content_type": "application/json"} if row.method == "post" else {}
                answer = getattr(client, row.method)(address(name, URLS[name], environment), data, **options)
                is_open = role in row.open_to and (not is_read_only or row.method == "get" or name in READING)
                if answer.status_code not in (row.answers if is_open else (403,)):
                    wrong.append(f"{name}: {answer.status_code}{', read-only' if is_read_only else ''}")
                if answer.streaming:
                    list(answer)
    assert wrong == []


def admin_addresses() -> list[str]:
    resolver = next(p for p in get_resolver().url_patterns if getattr(p, "namespace", "") == "admin")
    paths = []
    for name, pattern in url_names_of_admin(resolver):
        arguments = dict.fromkeys(pattern.pattern.converters, "1")
        if name == "app_list":
            arguments = {"app_label": "auth"}
        paths.append(reverse(f"admin:{name}", kwargs=arguments))
    return [*paths, "/admin/no-such-page/", "/admin/auth/user/1/"]


def url_names_of_admin(resolver: URLResolver) -> Iterator[tuple[str, URLPattern]]:
    return ((name, pattern) for name, pattern in url_names(resolver) if name != "None" and name != "login")


def test_admin_is_closed_to_staff(db: None) -> None:
    client = client_of(STAFF)
    for path in admin_addresses():
        answer = client.get(path, follow=True)
        assert answer.status_code in {403, 405}, path
        assert b"Site administration" not in answer.content


@pytest.mark.parametrize("visitor", OTHERS)
def test_admin_is_closed_to_everybody_but_superusers(visitor: str, db: None) -> None:
    """Each of the others is asked for a share of the addresses, and each address of one of them; or all, thoroughly."""
    client, headers = client_of(visitor), {"HX-Request": "true"}
    for path in admin_addresses() if THOROUGH else admin_addresses()[OTHERS.index(visitor) :: len(OTHERS)]:
        answer = client.get(path, follow=True, headers=headers)
        assert answer.status_code in {403, 405}, path
        assert b"Site administration" not in answer.content


def test_admin_asks_signed_out_visitors_to_sign_in_on_the_portals_page(client: Client, db: None) -> None:
    for path in [*admin_addresses(), "/admin/login/"]:
        answer = client.get(path, follow=True)
        assert answer.redirect_chain, path
        assert answer.redirect_chain[-1][0].startswith(reverse("accounts:sign-in")), path


def test_staff_cannot_make_themselves_superusers(db: None) -> None:
    client = client_of(STAFF)
    user = User.objects.get(is_staff=True)
    client.post(f"/admin/auth/user/{user.pk}/change/", {"username": user.username, "is_superuser": "on"}, follow=True)
    user.refresh_from_db()
    assert not user.is_superuser


def test_superusers_see_the_cached_tables_but_cannot_change_them(environment: Environment) -> None:
    client = client_of(SUPERUSER)
    assert client.get("/admin/").status_code == 200
    assert client.get(f"/admin/environments/environment/{environment.pk}/change/").status_code == 200
    assert client.get("/admin/environments/environment/?q=ann").status_code == 200
    for path in ("add/", f"{environment.pk}/delete/"):
        assert client.get(f"/admin/environments/environment/{path}").status_code == 403
    assert client.post(f"/admin/environments/environment/{environment.pk}/change/", {"name": "x"}).status_code == 403


def test_every_table_of_the_cache_has_a_list_in_admin(environment: Environment) -> None:
    client = client_of(SUPERUSER)
    for name in ("environments/environment", "environments/transition", "environments/syncrun", "automations/service",
                 "automations/task", "automations/taskexecution", "directory/organization", "directory/member",
                 "directory/policyversion",
                 "directory/project", "directory/runner", "directory/environmentclass",
                 "ledger/operation", "ledger/entry", "ledger/verification", "environments/secret",
                 "environments/specificationversion"):  # fmt: skip
        assert client.get(f"/admin/{name}/").status_code == 200, name


@pytest.mark.django_db
def test_who_has_no_role_does_not_learn_the_organizations_name(client: Client) -> None:
    now = timezone.now()
    organization = Organization.objects.create(id=uuid.uuid4(), name="Quarry Works", first_seen_at=now, seen_at=now)
    client.force_login(User.objects.create_user("newcomer"))
    for path in ("/environments/", "/accounts/password/", "/nothing-here/"):
        assert organization.name not in client.get(path).content.decode(), path
    assert organization.name in factories.client("Viewer").get("/accounts/password/").content.decode()
