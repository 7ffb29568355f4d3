"""Runs the portal on one machine: `python -m portal.local run` (what `make run` does) and its smaller sisters."""

from __future__ import annotations

import argparse
import io
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TextIO

from portal.local import run as portal
from portal.local.processes import CommandFailed
from portal.local.services import Services, ServicesError
from portal.local.supervisor import ChildDied, Stopped, Supervisor, stop_signals, wait_until


def main() -> int:
    """Exit status: 0 after an orderly stop, 1 after a failure (on standard error), else the inner command's."""
    parser = argparse.ArgumentParser(prog="python -m portal.local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("run", help="everything, until Ctrl-C")
    services = commands.add_parser("services", help="Postgres and Redis alone; with COMMAND, fresh ones for it only")
    services.add_argument("argv", nargs=argparse.REMAINDER, metavar="COMMAND")
    manage = commands.add_parser("manage", help="manage.py in the surroundings of the portal that `run` has running")
    manage.add_argument("argv", nargs=argparse.REMAINDER, metavar="ARGUMENTS")
    prepare = commands.add_parser("prepare", help="migrations, admin, the token and, for an address, a sign-in link")
    prepare.add_argument("address", nargs="?")
    commands.add_parser("sync", help="read the organization once")
    history = commands.add_parser("history", help="make a demo's world with a past, and fill the tables from it")
    history.add_argument("length", help="of the past, such as 30d")
    history.add_argument("state", type=Path, help="the file that stores the world")
    history.add_argument("environments", type=int)
    history.add_argument("seed", type=int)
    arguments = parser.parse_args()
    try:
        with stop_signals():
            return _dispatch(arguments)
    except Stopped:
        return 0 if arguments.command in {"run", "services"} else 1
    except (portal.CannotRun, ServicesError, CommandFailed, ChildDied) as error:
        print(error, file=sys.stderr)
        return 1


def _dispatch(arguments: argparse.Namespace) -> int:
    match arguments.command:
        case "run":
            portal.run()
        case "services" if arguments.argv:
            return _with_fresh_services(arguments.argv)
        case "services":
            _serve()
        case "manage":
            return _manage(arguments.argv)
        case "prepare":
            _prepare(arguments.address)
        case "sync":
            _call(["sync_directory"], ["sync_environments"], ["sync_automations"])
        case "history":
            _live(arguments)
    return 0


def _with_fresh_services(argv: list[str]) -> int:
    with (
        tempfile.TemporaryDirectory(prefix="portal-") as directory,
        Services(Path(directory), durable=False) as services,
    ):
        addresses = services.start()
        added = {
            "DATABASE_URL": addresses.database_url,
            "REDIS_URL": addresses.redis_url,
            "PORTAL_SECRET_KEY": "x" * 50,
        }
        return subprocess.run(argv, env=os.environ | added).returncode


def _serve() -> None:
    with Services(portal.DATA) as services, Supervisor(portal.DATA / "log") as supervisor:
        addresses = services.start()
        print(f"export DATABASE_URL={addresses.database_url}\nexport REDIS_URL={addresses.redis_url}", flush=True)
        wait_until(lambda: False, supervisor.watch(*services.children))


def _manage(argv: list[str]) -> int:
    if not portal.ENVIRONMENT_FILE.exists():
        raise portal.CannotRun("The portal is not running here: start it with make run.")
    added = json.loads(portal.ENVIRONMENT_FILE.read_text())
    return subprocess.run([sys.executable, "manage.py", *argv], env=os.environ | added, cwd=portal.CHECKOUT).returncode


def _prepare(address: str | None) -> None:
    _call(["migrate", "--noinput"], ["ensure_admin"])
    if address is not None:
        link = io.StringIO()
        _call(["signin_link", "--base-url", address, "--minutes", "60"], stdout=link)
        portal.write_private(portal.ENTRANCE_FILE, link.getvalue().strip())
    if "PORTAL_SANDBOX_PORT" not in os.environ:
        portal.write_private(portal.TROUBLE_FILE, trouble_with_ona())


def trouble_with_ona() -> str:
    """In one line why Ona does not answer this token, and what to do; "" if it does. Django is loaded."""
    from portal.directory.connection import ona_now
    from portal.ona import OnaError, errors

    try:
        ona_now().get_authenticated_identity()
    except errors.Unauthenticated:
        return "Ona refuses the token. Set ONA_API_KEY to a valid one and start again."
    except OnaError as error:
        return " ".join(error.for_people().split())
    except ValueError as error:
        return f"ONA_API_KEY or ONA_BASE_URL cannot be right: {error}."
    return ""


def _live(arguments: argparse.Namespace) -> None:
    import django

    django.setup()
    from portal.local.history import fill_tables
    from portal.sandbox.history import length_of
    from portal.sandbox.snapshot import save
    from portal.sandbox.world import World

    world = World(arguments.environments, arguments.seed, history=length_of(arguments.length))
    save(world, arguments.state)
    fill_tables(world)


def _call(*commands: list[str], stdout: TextIO | None = None) -> None:
    """Run management commands one after another in this process: Django is loaded once."""
    import django
    from django.core.management import CommandError, call_command

    django.setup()
    for name, *options in commands:
        try:
            call_command(name, *options, stdout=stdout)
        except CommandError as error:
            raise CommandFailed(f"{name}: {error}") from error


if __name__ == "__main__":
    sys.exit(main())
