from __future__ import annotations

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.ledger.chain.kept_verifications import in_words, verify, verify_and_keep
from portal.ledger.chain.verify import Head


class Command(BaseCommand):
    help = (
        "Verify the ledger's chain: that every entry is as it was written and over the one before it, that every "
        "operation is as its entries tell, and that the heads kept by earlier verifications are in it. Ends with 1 "
        "where anything does not hold. Who may write to the database and computes all hashes anew leaves a chain that "
        "holds by itself: --head holds it against a head that was written down elsewhere."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--head",
            action="append",
            default=[],
            type=_head,
            metavar="HASH[:NUMBER]",
            help="a head from before, with the number of its entry if you have it; may be given several times",
        )
        parser.add_argument(
            "--keep", action="store_true", help="keep the result for /operations/, as the schedule does"
        )

    def handle(self, *_args: Any, head: list[Head], keep: bool, **_options: Any) -> None:
        """Findings are lines of standard output."""
        if keep and head:
            raise CommandError("--keep is for the chain by itself: leave out --head.")
        if keep:
            made = verify_and_keep()
            self.stdout.write("\n".join((str(made), *made.findings)))
            is_whole = made.holds
        else:
            report = verify(head)
            self.stdout.write("\n".join(in_words(report)))
            is_whole = report.holds
        if not is_whole:
            raise CommandError("The ledger's chain does not hold.")


def _head(text: str) -> Head:
    try:
        return Head.read(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
