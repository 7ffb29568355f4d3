"""A value that is put through every form of secrets and every failure, and is found nowhere afterwards."""

from __future__ import annotations

import base64
import html
import io
import json
import logging
import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
import redis
from django.conf import settings as portal_settings
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection as database
from django.test import Client

from environments.models import Environment, Secret
from environments.models.secret_scope import ScopeKind
from environments.secrets.sync import sync_secrets
from portal.directory import connection
from portal.directory.connection import ona
from portal.ledger.models import Operation
from portal.sandbox.server import Sandbox
from tests.support import factories
from tests.support.databases import undone
from tests.support.profiles import some

pytestmark = pytest.mark.django_db
CANARY = 'kanarienvogel7391 <p&ss> "q"\\é'
CANARY_FILE = f"-----BEGIN-----\r\n{CANARY}\n-----END-----\n"
CORE = "kanarienvogel7391"  # what every way of escaping leaves as it is
Answer = tuple[int, str, str]


def forms_of(text: str) -> set[str]:
    """The text as it may be written somewhere: its core covers all but what encodes letters."""
    encoded = base64.b64encode(text.encode()).decode()
    inside = {base64.b64encode(b" " * shift + text.encode()).decode()[4:-4] for shift in range(3)}
    return {text, encoded, *inside, text.encode().hex(), html.escape(text), quote(text), quote_plus(text)}


NEEDLES = {CORE, *forms_of(CORE), base64.b64encode(CANARY.encode()).decode()}


class Everything:
    """Whatever was written since it was made: answers, logs, tables, Redis, sessions."""

    def __init__(self) -> None:
        self.log = io.StringIO()
        self.answers: list[str] = []

    def note(self, answer: Any) -> Any:
        """An answer, with its headers and cookies."""
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        self.answers.append(f"{answer.headers}\n{answer.cookies}\n{body.decode(errors='replace')}")
        return answer

    @contextmanager
    def undone(self) -> Iterator[None]:
        """One of several cases: what was written in it, searched by its end, is taken back before the next."""
        with undone():
            yield
        self.answers.clear()
        self.log.seek(0)
        self.log.truncate()

    def found(self, needles: set[str] = NEEDLES) -> list[str]:
        """Where any of the needles is."""
        places = dict(self._tables()) | dict(self._redis()) | dict(self._sessions())
        places |= {f"answer {number}": text for number, text in enumerate(self.answers)}
        places["log"] = self.log.getvalue()
        return sorted(place for place, text in places.items() if any(needle in text for needle in needles))

    def _tables(self) -> Iterator[tuple[str, str]]:
        with database.cursor() as cursor:
            for table in database.introspection.table_names(cursor):
                cursor.execute(f"SELECT coalesce(string_agg(t::text, chr(10)), '') FROM \"{table}\" t")
                yield f"table {table}", cursor.fetchone()[0]

    def _redis(self) -> Iterator[tuple[str, str]]:
        client = redis.Redis.from_url(portal_settings.REDIS_URL)
        reads: dict[bytes, Callable[[bytes], Any]] = {
            b"string": client.get,
            b"list": lambda key: client.lrange(key, 0, -1),
            b"hash": client.hgetall,
            b"set": client.smembers,
            b"zset": lambda key: client.zrange(key, 0, -1),
        }
        for key in client.scan_iter():
            yield f"redis {key!r}", f"{key!r} {reads[client.type(key)](key)!r}"
        client.close()

    def _sessions(self) -> Iterator[tuple[str, str]]:
        for session in Session.objects.all():
            yield f"session {session.pk}", json.dumps(session.get_decoded(), default=str)


@pytest.fixture
def everything() -> Iterator[Everything]:
    """Logs at all levels besides, but for what templates do not find."""
    seen = Everything()
    handler, root = logging.StreamHandler(seen.log), logging.getLogger()
    names = [name for name in logging.root.manager.loggerDict if name.startswith(("django", "portal", "environments"))]
    names += ["", "httpx", "httpcore"]
    levels = {name: logging.getLogger(name).level for name in names if name != "django.template"}
    for name in levels:
        logging.getLogger(name).setLevel(logging.DEBUG)
    root.addHandler(handler)
    yield seen
    root.removeHandler(handler)
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


@pytest.fixture(autouse=True)
def _impatient(settings: Any) -> None:
    settings.ONA_ACTION_SECONDS = 0.5


@pytest.fixture
def admin(db: None) -> Client:
    client = factories.client("Admin")
    client.raise_request_exception = False
    return client


def secret() -> Secret:
    return Secret.objects.present().filter(scope_kind=ScopeKind.PROJECT, reach__gt=0).order_by("id")[0]


def addresses() -> dict[str, str]:
    """Every form that takes a value."""
    one = secret()
    environment = Environment.objects.present().filter(project_id=one.scope_id).order_by("id")[0]
    return {
        "add": "/secrets/add/",
        "value": f"/secrets/{one.pk}/value/",
        "add, of an environment": f"/environments/{environment.pk}/secrets/add/",
        "value, of an environment": f"/environments/{environment.pk}/secrets/{one.pk}/value/",
    }


def fields(in_a_file: bool = False, **others: Any) -> dict[str, Any]:
    value: dict[str, Any] = (
        {"value_file": SimpleUploadedFile("key.pem", CANARY_FILE.encode())} if in_a_file else {"value": CANARY}
    )
    return (
        {
            "operation_id": str(uuid.uuid4()),
            "scope": f"project:{secret().scope_id}",
            "name": f"KEY_{uuid.uuid4().hex[:8]}",
            "mount": "environment_variable",
            "reason": "rotation",
        }
        | value
        | others
    )


def send_through_every_form(client: Client, everything: Everything, **others: Any) -> list[int]:
    """Typed and in a file, every other time with htmx; the statuses."""
    statuses = []
    for address in addresses().values():
        for in_a_file in (False, True):
            headers = {"HX-Request": "true"} if len(statuses) % 2 else {}
            answer = everything.note(client.post(address, fields(in_a_file, **others), headers=headers))
            statuses.append(answer.status_code)
    return statuses


def look_around(client: Client, everything: Everything, operations: int = 2, *, at_operations: bool = False) -> None:
    """Open what shows something of it, and so many of the operations; or these alone.

    Other pages read what is searched, so that a few of several cases have to open them.
    """
    environment = Operation.objects.exclude(environment_id=None).values_list("environment_id", flat=True).first()
    pages = [] if at_operations else ["/", "/secrets/", "/operations/", "/sync/"]
    pages += [f"/operations/{pk}/" for pk in Operation.objects.values_list("pk", flat=True)[:operations]]
    if environment and not at_operations:
        pages += [f"/environments/{environment}/?tab={tab}" for tab in ("access", "documents")]
        pages += [f"/environments/{environment}/timeline/{page}" for page in ("", "specification/")]
    for page in pages:
        assert everything.note(client.get(page)).status_code == 200


def test_the_search_finds_what_is_there(everything: Everything, admin: Client) -> None:
    factories.environment(name=CANARY, metadata={"encoded": base64.b64encode(b"xx" + CANARY.encode()).decode()})
    logging.getLogger("some.logger").debug("it is %s", CANARY)
    everything.note(admin.get("/environments/"))
    client = redis.Redis.from_url(portal_settings.REDIS_URL)
    client.set("canary-test", CANARY)
    try:
        found = everything.found()
    finally:
        client.delete("canary-test")
        client.close()
    assert found == ["answer 0", "log", "redis b'canary-test'", "table environments_environment"]


def test_a_value_that_is_taken_reaches_ona_and_nothing_else(
    everything: Everything, ona_read: Sandbox, admin: Client
) -> None:
    statuses = send_through_every_form(admin, everything)
    assert set(statuses) <= {200, 302}
    assert any(ona_read.world.secret_matches(str(one.pk), CANARY) for one in Secret.objects.present())
    sync_secrets(ona())
    look_around(admin, everything, operations=8)
    assert everything.found() == []


FAULTS = ("throttled", "error500", "error503", "html502", "truncated", "cut", "reset", "reset_after", "lost")


def test_a_value_whose_call_goes_wrong_is_found_nowhere(
    everything: Everything, ona_read: Sandbox, admin: Client, settings: Any
) -> None:
    settings.ONA_ACTION_SECONDS = 0.3
    for number, fault in enumerate(some(FAULTS)):
        connection._client.cache_clear()  # another would wait for as long as the throttled answer asked it to
        for rpc in ("CreateSecret", "UpdateSecretValue"):
            ona_read.faults.inject(fault, times=100, rpc=rpc)
        with everything.undone():
            send_through_every_form(admin, everything)
            assert Operation.objects.exclude(outcome="succeeded").count() == 8, fault
            look_around(admin, everything, at_operations=number > 0)
            assert everything.found() == [], fault
        ona_read.faults.clear()


WRONG: tuple[dict[str, Any], ...] = (
    {"reason": ""}, {"name": "no-name", "operation_id": "none"}, {"mount": "file"}, {"scope": "project:none"},
    {"proxy_hosts": "a b c/"}, {"value": CANARY * 1000},
    {"value": CANARY, "value_file": SimpleUploadedFile("key", CANARY.encode() * 1000)},
)  # fmt: skip


def test_a_form_that_is_not_accepted_does_not_show_the_value_again(
    everything: Everything, ona_read: Sandbox, admin: Client
) -> None:
    for wrong in WRONG:
        for address in addresses().values():
            sent = fields() | {"reason": ""} | wrong
            answer = everything.note(admin.post(address, sent))
            assert answer.status_code == 422, (wrong, address)
            assert "values are not kept between attempts" in answer.content.decode(), (wrong, address)
    assert not Operation.objects.exists()
    assert everything.found() == []


def test_nobody_without_the_right_leaves_a_trace_of_it(everything: Everything, ona_read: Sandbox) -> None:
    for client in (Client(), factories.client("Viewer"), Client(enforce_csrf_checks=True)):
        for address in addresses().values():
            assert everything.note(client.post(address, fields())).status_code in (302, 403)
    assert everything.found() == []


@pytest.mark.parametrize("debug", [False, True])
def test_an_error_page_does_not_tell_it(
    debug: bool, everything: Everything, ona_read: Sandbox, admin: Client, settings: Any
) -> None:
    settings.DEBUG = debug
    with database.cursor() as cursor:
        cursor.execute("ALTER TABLE ledger_operation ADD CONSTRAINT broken CHECK (false) NOT VALID")
    statuses = send_through_every_form(admin, everything)
    assert set(statuses) == {500}
    assert ("Traceback" in everything.answers[0]) is debug
    assert "IntegrityError" in everything.log.getvalue()
    assert everything.found() == []


# An Ona that says the value back, in whatever it answers.


@contextmanager
def echoing(answer: Callable[[dict[str, Any]], Answer]) -> Iterator[str]:
    """A server that lists no secrets, and answers every other call by what it was sent."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            is_list = self.path.endswith("/ListSecrets")
            status, kind, body = (200, "application/json", "{}") if is_list else answer(sent)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body.encode())))
            self.send_header("X-Request-Id", "r-1")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def refusal(sent: dict[str, Any]) -> Answer:
    value = sent["value"]
    details = [{"type": "x.Details", "value": base64.b64encode(value.encode()).decode(), "debug": {"got": [value]}}]
    body = {"code": "invalid_argument", "message": f"value {value} is not good", "details": details}
    return 400, "application/json", json.dumps(body)


ECHOES: dict[str, Callable[[dict[str, Any]], Answer]] = {
    "refused": refusal,
    "internal": lambda sent: (500, "application/json", json.dumps({"code": "internal", "message": sent["value"]})),
    "a page": lambda sent: (502, "text/html", f"<h1>{sent['value']}</h1>"),
    "a page that is no error": lambda sent: (200, "text/html", f"<p>{sent['value']}</p>"),
    "not an object": lambda sent: (200, "application/json", json.dumps([sent["value"]])),
    "no secret in it": lambda sent: (200, "application/json", json.dumps({"value": sent["value"]})),
    "a secret without an id": lambda sent: (200, "application/json", json.dumps({"secret": sent})),
    "an id that is the value": lambda sent: (
        200, "application/json", json.dumps({"secret": sent | {"id": sent["value"]}})
    ),
    "the value in the document": lambda sent: (
        200, "application/json", json.dumps({"secret": sent | {"id": str(uuid.uuid4())}})
    ),
}  # fmt: skip


def test_an_ona_that_says_the_value_back_is_not_repeated(
    everything: Everything, ona_read: Sandbox, admin: Client, settings: Any
) -> None:
    for number, echo in enumerate(some(ECHOES)):
        sent = [(address, fields(in_a_file)) for address in addresses().values() for in_a_file in (False, True)]
        with echoing(ECHOES[echo]) as url, everything.undone():
            settings.ONA_BASE_URL = url
            connection._client.cache_clear()
            for address, data in sent:
                everything.note(admin.post(address, data, follow=True))
            look_around(admin, everything, at_operations=number > 0)
            assert Operation.objects.count() == len(sent), echo
            assert everything.found() == [], echo
