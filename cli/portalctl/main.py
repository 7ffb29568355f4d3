"""The commands: list, show, act, batch, log, evidence, completion."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, NoReturn

import click
from click.shell_completion import get_completion_class

from portalctl.api import Api, Problem, Unreachable
from portalctl.output import FORMATS, document, lines
from portalctl.streams import JobEnded, fetch, follow

REFUSED, UNKNOWN, NO_PORTAL = 1, 3, 4
POLL_SECONDS = 2.0
SHOWN = 100
ENDED = ("succeeded", "failed", "stopped", "left_out", "unknown")
output = click.option("--output", "-o", type=click.Choice(FORMATS), default="table", help="How it is written (table).")


@click.group(context_settings={"help_option_names": ["-h", "--help"], "auto_envvar_prefix": None})
@click.option("--url", envvar="PORTAL_URL", help="Address of the portal; PORTAL_URL.")
@click.pass_context
def cli(context: click.Context, url: str | None) -> None:
    """The Environment Portal at the command line. The token is read from PORTAL_TOKEN."""
    if context.obj is None and context.invoked_subcommand != "completion":
        token = os.environ.get("PORTAL_TOKEN", "").strip()
        if not url or not token:
            raise click.UsageError("Set PORTAL_URL and PORTAL_TOKEN.")
        try:
            context.obj = Api(url, token)
        except ValueError as error:
            raise click.UsageError(str(error)) from None


@cli.command("list")
@click.argument("name", metavar="LIST")
@click.argument("filters", nargs=-1, metavar="[FILTER=VALUE]…")
@click.option("--search", "-q", help="Words of the search box, such as 'repo:go is:failing'.")
@click.option("--as-of", help="A past time, such as 2026-11-27T18:00Z.")
@click.option("--sort", help="A column of the list; -column for the other way round.")
@click.option("--fields", help="Which fields, separated by commas.")
@click.option("--limit", type=click.IntRange(1), default=SHOWN, help=f"How many rows at most ({SHOWN}).")
@click.option("--all", "is_all", is_flag=True, help="All rows.")
@output
@click.pass_obj
def list_rows(api: Api, /, name: str, filters: tuple[str, ...], limit: int, is_all: bool, **options: Any) -> None:
    """The rows of a list: environments, executions, operations, audit/lockdown, …"""
    form = options.pop("output")
    options["q"] = options.pop("search")
    named = [(option, value) for option, value in options.items() if value]
    pairs = [*_pairs(filters), *named]
    _write(lines(api.rows(f"{name.strip('/')}/", pairs, None if is_all else limit), form))


@cli.command()
@click.argument("name", metavar="LIST")
@click.argument("identity", metavar="ID")
@output
@click.pass_obj
def show(api: Api, name: str, identity: str, output: str) -> None:
    """One row of a list by its id."""
    _write(document(api.get(f"{name.strip('/')}/{identity}/"), output))


@cli.command()
@click.argument("target", metavar="TARGET")
@click.argument("action")
@click.option("--reason", "-r", help="Why; recorded in the ledger.")
@click.option("--set", "fields", multiple=True, metavar="NAME=VALUE", help="What else the action asks for.")
@output
@click.pass_obj
def act(api: Api, target: str, action: str, reason: str | None, fields: tuple[str, ...], output: str) -> None:
    """Do something to one thing: TARGET is environments/ID, executions/ID, …, and ACTION is stop, start, …"""
    body = dict(_pairs(fields)) | ({"reason": reason} if reason else {})
    answer = api.post(f"{target.strip('/')}/actions/{action}/", body)
    told = _closed(api, answer.json()) if answer.status_code == 202 else answer.json()
    _write(document(told, output))
    if told.get("outcome") == "unknown":
        _end(UNKNOWN, "It is unknown whether Ona did it. Check before you repeat it.")


@cli.command()
@click.argument("action")
@click.option(
    "--query", default="", help="The environments, as the list's address has them: 'phase=running&q=repo:go'."
)
@click.option("--reference", help="The task or service, for actions on these.")
@click.option("--reason", "-r", help="Why; recorded in the ledger.")
@click.option("--at-once", type=click.IntRange(1), help="How many environments at once.")
@click.option("--stop-after", type=click.IntRange(1), help="Start no new ones after as many failures.")
@click.option("--set", "fields", multiple=True, metavar="NAME=VALUE", help="What else the action asks for.")
@click.option("--plan", "is_plan", is_flag=True, help="Show where it would run and do nothing.")
@click.option("--no-wait", is_flag=True, help="Print the batch's id, and leave it to the portal.")
@output
@click.pass_obj
def batch(api: Api, /, action: str, fields: tuple[str, ...], is_plan: bool, no_wait: bool, **options: Any) -> None:
    """Do one thing in many environments, such as environment.stop or task.start, and follow it."""
    form = options.pop("output")
    body = {"action": action} | {name: value for name, value in options.items() if value not in (None, "")}
    if is_plan:
        return _plan(api, body, form)
    started = api.post("batches/actions/start/", body | ({"values": dict(_pairs(fields))} if fields else {})).json()
    if no_wait:
        return click.echo(started["id"])
    told = _followed(api, started)
    _write(document(told, form))
    if told["unknown"]:
        _end(UNKNOWN, f"Unknown in {told['unknown']} environments: check before you repeat it.")
    if told["failed"] or told["stopped"] or told["trouble"]:
        _end(REFUSED, f"It failed in {told['failed'] + told['stopped']} environments. {told['trouble'] or ''}".strip())
    return None


@cli.command()
@click.argument("target", metavar="TARGET")
@click.pass_obj
def log(api: Api, target: str) -> None:
    """Print a log and follow it to its end: TARGET is executions/ID, services/ID or environments/ID."""
    out = sys.stdout.buffer

    def write(text: bytes) -> None:
        out.write(text)
        out.flush()

    state, why = follow(api, f"{target.strip('/')}/log/", write)
    if state != "ended":
        _end(REFUSED, why)


@cli.command()
@click.argument("file", type=click.Path(dir_okay=False, allow_dash=True, path_type=Path))
@click.option("--reason", "-r", required=True, help="Why; recorded in the pack and the ledger.")
@click.option("--as-of", help="A past time, such as 2026-11-27T18:00Z.")
@click.option("--days", help="The period before it: 1, 7, 30 (unless said otherwise), 90, 365 or 3650.")
@click.option("--part", "parts", multiple=True, help="A part of it; all unless named.")
@click.pass_obj
def evidence(api: Api, /, file: Path, parts: tuple[str, ...], **options: str | None) -> None:
    """Make a signed pack of evidence and write it to FILE (- for standard output)."""
    body = {name: value for name, value in options.items() if value} | ({"parts": list(parts)} if parts else {})
    try:
        size = fetch(api, "evidence/", body, sys.stdout.buffer if str(file) == "-" else file)
    except JobEnded as ended:
        _end(REFUSED, str(ended))
    click.echo(f"{size:,} bytes written to {file}", err=True)


@cli.command()
@click.argument("shell", type=click.Choice(("bash", "zsh")))
def completion(shell: str) -> None:
    """Print what the shell needs to complete commands: eval "$(portalctl completion bash)"."""
    found = get_completion_class(shell)
    if found is None:
        raise click.UsageError(f"There is no completion for {shell}.")
    click.echo(found(cli, {}, "portalctl", "_PORTALCTL_COMPLETE").source())


def _plan(api: Api, body: Mapping[str, Any], form: str) -> None:
    asked = {name: value for name, value in body.items() if name in ("action", "reference", "query")}
    told = api.post("batches/actions/plan/", asked).json()
    _write(lines(told["environments"], form))
    for each in told["skipped"]:
        click.echo(f"Skipped {each['count']}: {each['why']}", err=True)
    if told["is_more"]:
        _end(REFUSED, "More environments match than a batch takes: narrow the query.")


def _closed(api: Api, operation: dict[str, Any]) -> dict[str, Any]:
    """The operation once it is closed; Ctrl-C leaves it to the portal."""
    while operation["closed_at"] is None:
        api.sleep(POLL_SECONDS)
        operation = api.get(f"operations/{operation['id']}/")
    return operation


def _followed(api: Api, told: dict[str, Any]) -> dict[str, Any]:
    """The batch once it is closed, with a bar at a terminal meanwhile."""
    with click.progressbar(length=told["environments"], label="Environments", file=sys.stderr) as bar:
        done = 0
        while True:
            now = sum(told[state] for state in ENDED)
            bar.update(now - done)
            done = now
            if told["closed_at"]:
                return told
            api.sleep(POLL_SECONDS)
            told = api.get(f"batches/{told['id']}/")


def _pairs(texts: Iterable[str]) -> list[tuple[str, str]]:
    for text in texts:
        if "=" not in text:
            raise click.UsageError(f"{text!r} is not NAME=VALUE.")
    return [(name, value) for name, _, value in (text.partition("=") for text in texts)]


def _write(texts: Iterable[str]) -> None:
    for text in texts:
        click.echo(text)


def _end(status: int, why: str) -> NoReturn:
    click.echo(why, err=True)
    raise click.exceptions.Exit(status)


def run(arguments: list[str] | None = None, api: Api | None = None) -> int:
    """Run a command and return its exit status."""
    try:
        return cli.main(arguments, "portalctl", standalone_mode=False, obj=api) or 0
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("Interrupted. What was requested goes on in the portal.", err=True)
        return UNKNOWN
    except Problem as problem:
        click.echo(str(problem), err=True)
        for each in problem.told.get("errors", []):
            click.echo(f"  {each.get('pointer') or each.get('parameter')}: {each.get('detail')}", err=True)
        return REFUSED
    except Unreachable as error:
        click.echo(str(error), err=True)
        return NO_PORTAL


def main() -> NoReturn:
    """The command `portalctl`."""
    sys.exit(run())


def mcp() -> NoReturn:
    """The command `portalctl-mcp`."""
    try:
        from portalctl.mcp_server import serve
    except ImportError:
        sys.exit('portalctl-mcp needs more packages: pipx install "./cli[mcp]"')
    sys.exit(serve())
