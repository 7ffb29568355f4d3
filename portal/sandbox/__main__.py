"""Serve a stand-in Ona API with a living demo organization, until interrupted."""

from argparse import ArgumentParser, Namespace
from datetime import timedelta
from pathlib import Path

from portal.sandbox.faults import PROFILES
from portal.sandbox.history import length_of
from portal.sandbox.server import TOKEN, serve
from portal.sandbox.snapshot import continued
from portal.sandbox.world import World


def _arguments() -> Namespace:
    parser = ArgumentParser(prog="python -m portal.sandbox", description=__doc__)
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
    parser.add_argument("--state", type=Path, help="store the world in this file and continue it at the next start")
    return parser.parse_args()


def main() -> None:
    """Serve until SIGINT or SIGTERM."""
    arguments = _arguments()
    state: Path | None = arguments.state
    if state and state.exists():
        world = continued(state, arguments.speed)
    else:
        world = World(arguments.environments, arguments.seed, history=arguments.history)
        world.truth = None  # only tests read it
    world.speed = arguments.speed
    serve(
        world,
        host=arguments.host,
        port=arguments.port,
        latency_ms=arguments.latency_ms,
        faults=arguments.faults,
        token=arguments.token,
        state=state,
        announce=lambda url: print(f"Sandbox ready: {url}", flush=True),
    )


if __name__ == "__main__":
    main()
