from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from environments.evidence import signing
from environments.evidence.report import FAILS, UNCERTAIN
from environments.evidence.signing import PublicKey
from environments.evidence.verify import Trust, verify
from portal.ledger.chain.verify import Head


class Command(BaseCommand):
    help = (
        "Say in words what of an evidence pack holds and what does not: the signature, every file, the policies, the "
        "operations against the ledger's chain, the chain up to its head, and the head against this portal. Ends with "
        "0 where everything holds, 1 where something does not, and 2 where the pack is whole but signed by an unknown "
        "key, or cannot be opened. Nothing is unpacked onto the disk."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument(
            "--public-key",
            type=_key,
            metavar="KEY|FILE",
            help="the only key to trust, in PEM or base64, instead of this portal's own",
        )
        parser.add_argument(
            "--head",
            action="append",
            default=[],
            type=_head,
            metavar="HASH[:NUMBER]",
            help="a head of the chain that was stored elsewhere, within the period; may be given several times",
        )
        parser.add_argument("--offline", action="store_true", help="do not ask this portal's database")

    def handle(
        self, *_args: Any, file: Path, public_key: PublicKey | None, head: list[Head], offline: bool, **_options: Any
    ) -> None:
        """Print each check; the last line is the summary."""
        keys, called = ([public_key], "the key given") if public_key else (signing.own_keys(), "one of this portal's")
        try:
            with file.open("rb") as opened:
                report = verify(opened, Trust(keys, called, head, has_portal=not offline))
        except OSError as error:
            raise CommandError(f"{file} cannot be opened: {error.strerror}.", returncode=UNCERTAIN) from error
        self.stdout.write("\n".join(map(str, report.lines)))
        if report.code in (FAILS, UNCERTAIN):
            raise CommandError(report.summary, returncode=report.code)
        self.stdout.write(report.summary)


def _key(text: str) -> PublicKey:
    """Parse a key, or read it from a file."""
    path = Path(text)
    try:
        return PublicKey.read(path.read_text() if len(text) < 4096 and path.is_file() else text)
    except (OSError, ValueError) as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _head(text: str) -> Head:
    try:
        return Head.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
