"""`manage.py sandbox`: serve the stand-in Ona until stopped."""

from argparse import ArgumentParser
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand

from portal.sandbox.faults import PROFILES
from portal.sandbox.history import length_of
from portal.sandbox.server import TOKEN, serve
from portal.sandbox.snapshot import continued
from portal.sandbox.world import World


class Command(BaseCommand):
    """Serve a stand-in Ona with a living demo organization."""

    help = "Serve a stand-in Ona API with a living demo organization, until interrupted."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        """The size and temper of the world, and where it is served."""
        parser.add_argument("--host", default="127.0.0.1")
        parser.add_argument("--port", type=int, default=0, help="0 takes any free port; the address is printed")
        parser.add_argument("--environments", type=int, default=300)
        parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same organization")
        parser.add_argument(
            "--history", type=length_of, default=timedelta(0), help="how long it has lived already: 30d, 12h"
        )
        parser.add_argument("--speed", type=float, default=1.0, help="how much faster than the clock the world lives")
        parser.add_argument("--latency-ms", type=float, default=0.0, help="added to every request")
        parser.add_argument("--faults", choices=sorted(PROFILES), default="none")
        parser.add_argument("--token", default=TOKEN, help="the bearer token to accept")
        parser.add_argument("--state", type=Path, help="keep the world in this file and continue it at the next start")

    def handle(self, **options: Any) -> None:
        """Serve until SIGINT or SIGTERM."""
        state: Path | None = options["state"]
        world = continued(state, options["speed"]) if state and state.exists() else None
        if world is None:
            world = World(options["environments"], options["seed"], history=options["history"])
            world.truth = None  # nobody will ask
        world.speed = options["speed"]
        serve(
            world,
            host=options["host"],
            port=options["port"],
            latency_ms=options["latency_ms"],
            faults=options["faults"],
            token=options["token"],
            state=state,
            announce=lambda url: self.stdout.write(f"Sandbox ready: {url}"),
        )
