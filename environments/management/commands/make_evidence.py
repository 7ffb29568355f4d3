from __future__ import annotations

from argparse import ArgumentTypeError
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from environments.as_of.context import AsOf
from environments.evidence import signing
from environments.evidence.build import PARTS, PackRequest, build_pack
from portal.exports.download import PERMISSION
from portal.ledger.models import Origin
from portal.ledger.recording import RequestContext


class Command(BaseCommand):
    help = (
        "Make a signed evidence pack: the environments and both audits as of a time, what happened in the days before "
        "it, the policies, and the ledger's chain. That it was made goes into the ledger."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", nargs="?", type=Path, help="the zip file to write; it must not be there yet")
        parser.add_argument("--by", metavar="USERNAME", help="the user of the portal in whose name it is made")
        parser.add_argument("--reason", help="what it is made for")
        parser.add_argument(
            "--as-of", default="", metavar="TIME", help="the time, such as 2026-10-31T23:59Z; default: now"
        )
        parser.add_argument("--days", type=_days, default="30", help="how many days before that time are included (30)")
        parser.add_argument("--part", action="append", choices=PARTS, help="only this; may be given several times")
        parser.add_argument("--public-key", action="store_true", help="print the public key, and make nothing")

    def handle(self, *_args: Any, file: Path | None, public_key: bool, **options: Any) -> None:
        """Build the pack and print how to verify it."""
        if public_key:
            key = signing.public_key()
            self.stdout.write(f"{key.pem}\nIn one line: {key.text}\nFingerprint: {key.fingerprint}")
            return
        if file is None or not options["by"] or not options["reason"]:
            raise CommandError("Give a file, --by with a username and --reason; or --public-key alone.")
        context: RequestContext = {
            "actor": _actor(options["by"]),
            "reason": options["reason"],
            "origin": Origin.COMMAND,
        }
        moment = _moment(options["as_of"])
        request = PackRequest((moment or timezone.now()) - options["days"], moment, tuple(options["part"] or PARTS))
        _make(file, request, context)
        self.stdout.write(f"{file} was made. To verify it: manage.py verify_evidence {file}")


def _make(file: Path, request: PackRequest, context: RequestContext) -> None:
    """No file is left where it fails."""
    try:
        into = file.open("x+b")
    except OSError as error:
        raise CommandError(f"{file} cannot be written: {error.strerror}.") from error
    try:
        with into:
            build_pack(request, context, into)
    except BaseException:
        file.unlink()
        raise


def _actor(username: str) -> User:
    user = User.objects.filter(username=username, is_active=True).first()
    if user is None or not user.has_perm(PERMISSION):
        raise CommandError(f"There is no active user {username} who may export.")
    return user


def _moment(text: str) -> datetime | None:
    as_of = AsOf.read(text)
    if as_of.problem:
        raise CommandError(f"{as_of.problem.typed}: {as_of.problem.message}.")
    return as_of.at


def _days(text: str) -> timedelta:
    if not text.isascii() or not text.isdigit() or len(text) > 5 or not int(text):
        raise ArgumentTypeError("takes a number of days")
    return timedelta(days=int(text))
