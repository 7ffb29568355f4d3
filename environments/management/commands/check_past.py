from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from environments.as_of import past


class Command(BaseCommand):
    help = "Compare what pages as of a past time read with the transitions and specification versions it is made of."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--rebuild", action="store_true", help="make it again from them first")

    def handle(self, *_args: Any, rebuild: bool, **_options: Any) -> None:
        """Print the ranges that differ, one a line; any is an error."""
        if rebuild:
            past.rebuild()
            past.sort()
        differing = list(past.differing())
        for environment, until in differing:
            self.stdout.write(f"{environment} until {until:%Y-%m-%d %H:%M:%S.%f}")
        if differing:
            raise CommandError(f"{len(differing)} ranges differ from what was recorded; --rebuild makes them again.")
        self.stdout.write("The past is as recorded.")
