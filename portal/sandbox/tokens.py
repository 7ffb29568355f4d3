"""Tokens for environments, logs and ports. They open nothing real; they last an hour of the world's time."""

import hashlib

from portal.sandbox.documents import HOUR
from portal.sandbox.world_state import WorldState


def issue(world: WorldState, purpose: str, environment_id: str) -> str:
    """A new token, another each time; `world.tokens` remembers its digest, what for and until when (µs)."""
    with world.lock:
        token = f"ona_{purpose}_{world.rng.getrandbits(192):048x}"
        world.tokens[_digest(token)] = (environment_id, world.instant + HOUR)
        return token


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def is_valid(world: WorldState, token: str, environment_id: str) -> bool:
    """Whether the token was issued for this environment and has not run out."""
    environment, until = world.tokens.get(_digest(token), ("", 0))
    return environment == environment_id and world.instant < until


def is_known(world: WorldState, token: str) -> bool:
    """Whether the token was issued for any environment and has not run out."""
    return world.instant < world.tokens.get(_digest(token), ("", 0))[1]
