"""`make run`: the whole portal on one machine, in the foreground."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import psycopg

from portal.local.processes import Command, CommandFailed, die_with_parent, run_to_end
from portal.local.services import Services, free_port, kept_secret
from portal.local.supervisor import Supervisor, make_was_interrupted, wait_until

CHECKOUT = Path(__file__).resolve().parents[2]
DATA = Path(os.environ.get("PORTAL_DATA") or CHECKOUT / ".local").absolute()
# What a command in the portal's surroundings needs to know: `python -m portal.local manage …` reads it.
ENVIRONMENT_FILE = DATA / "environment.json"
# The one-time link on its way from the preparation to the terminal: not by a log, as it lets somebody in.
ENTRANCE_FILE = DATA / "entrance"
# What the preparation found when it asked Ona whose token this is: empty if all was well.
TROUBLE_FILE = DATA / "trouble"
WEB_TIMEOUT = 60.0
READY_TIMEOUT = 120.0
PREPARE_TIMEOUT = 600.0
FIRST_SYNC_TIMEOUT = 3600.0
HISTORY_UP_TO = 400  # environments: with more, living through a past would hold up the start
PYTHON = sys.executable
# Opens an invented organization on loopback: nothing to keep secret.
SANDBOX_TOKEN = "sandbox"  # noqa: S105


class CannotRun(Exception):
    """The portal cannot be started this way; the text says what to do about it."""


def run() -> None:
    """Start everything, print one line with the address, and stay until a stop is requested.

    What ends before that line ends everything; what ends later is started again. Raises CannotRun before anything is
    started, ServicesError, CommandFailed or ChildDied before that line; Stopped on a signal.
    """
    port = chosen_port(os.environ)
    make = os.getppid() if "MAKELEVEL" in os.environ else None
    if make is not None:
        die_with_parent(signal.SIGTERM, make)
    say("Starting Postgres and Redis")
    with services_for(os.environ) as services, Supervisor(DATA / "log") as supervisor:
        addresses = services.start()
        environment = portal_environment(os.environ, port, addresses.database_url, addresses.redis_url)
        check = supervisor.watch(*services.children)
        with environment_file(environment):
            start_portal(supervisor, environment, port, check)
            print(announcement(port, await_ready(port, check) or trouble_with_ona()), flush=True)
            keep = supervisor.keep_running(*services.children, say=say)
            wait_until(lambda: make is not None and make_was_interrupted(make), keep)


def services_for(environment: Mapping[str, str]) -> Services:
    """Those that DATABASE_URL and REDIS_URL do not give; each demo and a real organization have their own database."""
    return Services(
        DATA,
        database="ona" if has_token(environment) else demo_name(environment),
        database_url=environment.get("DATABASE_URL", ""),
        redis_url=environment.get("REDIS_URL", ""),
    )


def has_token(environment: Mapping[str, str]) -> bool:
    """Whether there is a real organization to connect to."""
    return any(environment.get(name) for name in ("ONA_API_KEY", "GITPOD_API_KEY", "PORTAL_ONA_TOKEN_FILE"))


def demo_name(environment: Mapping[str, str]) -> str:
    """Names the demo organization by what makes it: its size and its seed. Raises CannotRun if they are no numbers."""
    size, seed = demo_size_and_seed(environment)
    return f"demo_{size}_{seed}"


def demo_size_and_seed(environment: Mapping[str, str]) -> tuple[int, int]:
    """SANDBOX_ENVIRONMENTS or 300, SANDBOX_SEED or 1."""
    texts = [environment.get("SANDBOX_ENVIRONMENTS") or "300", environment.get("SANDBOX_SEED") or "1"]
    if not all(text.isascii() and text.isdigit() and len(text) < 10 for text in texts):
        raise CannotRun("SANDBOX_ENVIRONMENTS and SANDBOX_SEED must be whole numbers.")
    return int(texts[0]), int(texts[1])


def start_portal(supervisor: Supervisor, environment: Mapping[str, str], port: int, check: Callable[[], None]) -> None:
    """All the rest, in the order that has the pages up soonest: nobody can sign in before the preparation is done."""
    say("Preparing the database and starting the web server")
    supervisor.start(web_command(environment, port))
    prepare(environment, port)
    check()
    new = needs_first_sync(environment) and not trouble_with_ona()
    if sandbox := environment.get("PORTAL_SANDBOX_PORT"):
        if new:
            live_history(environment)
        supervisor.start(sandbox_command(environment))
        if new:
            wait_until(lambda: accepts_connections(int(sandbox)), check)
    if new:
        say("Reading the organization for the first time")
        first_sync(environment)
    await_web(port, check)
    say("Starting worker, scheduler and watcher")
    supervisor.start(*background_commands(environment))


def chosen_port(environment: Mapping[str, str]) -> int:
    """The loopback port for the pages: PORT or 8000.

    Raises CannotRun if it is no port or taken.
    """
    text = environment.get("PORT") or "8000"
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise CannotRun(f"PORT must be a number from 1 to 65535, not {text!r}.")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(text)))
        except OSError as error:
            raise CannotRun(
                f"Port {text} cannot be used ({error.strerror}). Choose another: PORT=8001 make run"
            ) from None
    return int(text)


def portal_environment(base: Mapping[str, str], port: int, database_url: str, redis_url: str) -> dict[str, str]:
    """The environment of all the portal's processes; without an ONA_API_KEY it names a sandbox on a free port."""
    environment = dict(base) | {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "DJANGO_SETTINGS_MODULE": "portal.settings",
        "PYTHONUNBUFFERED": "1",
    }
    environment.setdefault("PORTAL_SECRET_KEY", kept_secret(DATA / "secret_key"))
    # On loopback there is no TLS; and browsers keep one set of cookies for all ports of a host.
    environment.setdefault("PORTAL_INSECURE_HTTP", "yes")
    environment.setdefault("PORTAL_COOKIE_SUFFIX", f"_{port}")
    # A look at the portal on one machine begins with its pages, not with an authenticator app.
    environment.setdefault("PORTAL_SECOND_FACTOR_ROLES", "")
    # Nothing stands in front of it, so that whoever comes from loopback is on this machine.
    environment.setdefault("PORTAL_METRICS_ON_LOOPBACK", "yes")
    if not has_token(base):
        sandbox_port = str(free_port())
        environment["PORTAL_SANDBOX_PORT"] = sandbox_port
        environment["ONA_BASE_URL"] = f"http://127.0.0.1:{sandbox_port}/api"
        environment["ONA_API_KEY"] = SANDBOX_TOKEN
    return environment


def world_file(environment: Mapping[str, str]) -> Path:
    """Where the demo's world is stored, beside the database that mirrors it."""
    return DATA / f"{demo_name(environment)}.world"


def history_command(environment: Mapping[str, str]) -> Command | None:
    """Make a demo's world that has lived for SANDBOX_HISTORY (7d unless it is a big one), and fill the tables from it.

    None where the demo begins today, or has a world already.
    """
    size, seed = demo_size_and_seed(environment)
    length = environment.get("SANDBOX_HISTORY") or ("7d" if size <= HISTORY_UP_TO else "0d")
    state = world_file(environment)
    if length in ("0", "0d", "0h") or state.exists():
        return None
    argv = [PYTHON, "-m", "portal.local", "history", length, str(state), str(size), str(seed)]
    return Command("history", argv, env=environment, cwd=CHECKOUT)


def live_history(environment: Mapping[str, str]) -> None:
    """Give a new demo its past; a failure is reported, not fatal: the demo then begins today."""
    command = history_command(environment)
    if command is None:
        return
    say("Living through the demo organization's past")
    try:
        run_to_end(command, DATA / "log" / "history.log", FIRST_SYNC_TIMEOUT)
    except CommandFailed as error:
        say(f"The demo begins without a past: {error}")


def sandbox_command(environment: Mapping[str, str]) -> Command:
    """The stand-in Ona, which continues its world where it has one.

    SANDBOX_ENVIRONMENTS, _SEED, _SPEED, _LATENCY_MS and _FAULTS shape the world.
    """
    size, seed = demo_size_and_seed(environment)
    argv = [PYTHON, "-m", "portal.sandbox", "--port", environment["PORTAL_SANDBOX_PORT"], "--token", SANDBOX_TOKEN]
    argv += ["--environments", str(size), "--seed", str(seed), "--state", str(world_file(environment))]
    for option in ("speed", "latency-ms", "faults"):
        if value := environment.get(f"SANDBOX_{option.upper().replace('-', '_')}"):
            argv += [f"--{option}", value]
    return Command("sandbox", argv, env=environment, cwd=CHECKOUT)


def web_command(environment: Mapping[str, str], port: int) -> Command:
    """The pages, by two processes of sixteen threads: logs that are being read occupy up to half of them."""
    argv = [PYTHON, "-m", "gunicorn", "portal.wsgi", "--bind", f"127.0.0.1:{port}", "--workers", "2"]
    argv += ["--worker-class", "portal.server.BufferingWorker", "--graceful-timeout", "5", "--preload"]
    argv += ["--no-control-socket"]
    return Command("web", argv, env=environment, cwd=CHECKOUT)


def background_commands(environment: Mapping[str, str]) -> list[Command]:
    """Worker, scheduler, and the watcher that requests early syncs of them."""
    celery = [PYTHON, "-m", "celery", "--app", "portal.celery", "--quiet"]
    worker = [*celery, "worker", "--concurrency", "2", "--without-mingle", "--without-gossip", "--loglevel", "INFO"]
    scheduler = [*celery, "beat", "--loglevel", "INFO"]
    return [
        Command("worker", worker, env=environment, cwd=CHECKOUT),
        Command("scheduler", scheduler, env=environment, cwd=CHECKOUT),
        Command("watcher", [PYTHON, "manage.py", "watch_ona"], env=environment, cwd=CHECKOUT),
    ]


def prepare(environment: Mapping[str, str], port: int) -> None:
    """Tables, the user `admin`, a look at the token and, unless `admin` has a password, a link to sign in once.

    Raises CommandFailed.
    """
    ENTRANCE_FILE.unlink(missing_ok=True)
    TROUBLE_FILE.unlink(missing_ok=True)
    argv = [PYTHON, "-m", "portal.local", "prepare"]
    if not environment.get("PORTAL_ADMIN_PASSWORD"):
        argv.append(address(port))
    command = Command("prepare", argv, env=environment, cwd=CHECKOUT)
    run_to_end(command, DATA / "log" / "prepare.log", PREPARE_TIMEOUT)


def needs_first_sync(environment: Mapping[str, str]) -> bool:
    """Whether no sync run was ever recorded in this database; where one was, the worker continues from there."""
    with psycopg.connect(environment["DATABASE_URL"]) as connection:
        return connection.execute("SELECT 1 FROM environments_syncrun LIMIT 1").fetchone() is None


def first_sync(environment: Mapping[str, str]) -> None:
    """Fill the tables before the first page is shown; a failure is reported, not fatal: the worker tries again."""
    command = Command("sync", [PYTHON, "-m", "portal.local", "sync"], env=environment, cwd=CHECKOUT)
    try:
        run_to_end(command, DATA / "log" / "sync.log", FIRST_SYNC_TIMEOUT)
    except CommandFailed as error:
        say(f"The organization could not be read yet: {error}")


def accepts_connections(port: int) -> bool:
    """Whether something listens on this loopback port."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def await_web(port: int, check: Callable[[], None]) -> None:
    """Wait until the pages are served, by their own health check; raises CommandFailed after a minute."""
    deadline = time.monotonic() + WEB_TIMEOUT

    def answers() -> bool:
        if time.monotonic() > deadline:
            raise CommandFailed(f"The web server does not answer; see {DATA / 'log' / 'web.log'}.")
        return answer_of(port, "/healthz")[0] == 200

    wait_until(answers, check)


def await_ready(port: int, check: Callable[[], None]) -> str:
    """Wait until `/readyz` answers 200; after two minutes return what it reports instead."""
    deadline = time.monotonic() + READY_TIMEOUT
    status, report = 0, ""

    def is_ready() -> bool:
        nonlocal status, report
        status, report = answer_of(port, "/readyz")
        return status == 200 or time.monotonic() > deadline

    wait_until(is_ready, check)
    return "" if status == 200 else f"/readyz answers {report or 'nothing'}. Logs: {DATA / 'log'}."


def answer_of(port: int, path: str) -> tuple[int, str]:
    """Status and body of one of the portal's own checks; (0, "") if nobody answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    with suppress(OSError, http.client.HTTPException), closing(connection):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    return 0, ""


def trouble_with_ona() -> str:
    """What the preparation found: "" if the token works."""
    return TROUBLE_FILE.read_text() if TROUBLE_FILE.exists() else ""


def announcement(port: int, trouble: str) -> str:
    """The line that says where the pages are, and that the portal is ready, or why it is not."""
    where = entrance(port)
    return f"Portal ready: {where}" if not trouble else f"Portal not ready: {trouble} Its pages: {where}"


def address(port: int) -> str:
    """Where the pages are."""
    return f"http://127.0.0.1:{port}/"


def entrance(port: int) -> str:
    """The address to open: the one-time sign-in link that the preparation left, if it did."""
    try:
        return ENTRANCE_FILE.read_text()
    except FileNotFoundError:
        return address(port)
    finally:
        ENTRANCE_FILE.unlink(missing_ok=True)


def write_private(path: Path, text: str) -> None:
    """Replace a file by one that only its owner reads."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)


@contextmanager
def environment_file(environment: Mapping[str, str]) -> Iterator[None]:
    """While the portal runs, store the environment of its processes in a file that only its owner reads."""
    added = {name: value for name, value in environment.items() if os.environ.get(name) != value}
    write_private(ENVIRONMENT_FILE, json.dumps(added))
    try:
        yield
    finally:
        ENVIRONMENT_FILE.unlink(missing_ok=True)


def say(text: str) -> None:
    """Report at the terminal how far the start is."""
    print(text, file=sys.stderr, flush=True)
