"""What an environment can look like: one of every kind first, then the proportions of an ordinary working day."""

import random
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Condition:
    """One environment's state at the world's beginning, in the words of the API's enums."""

    phase: str = "RUNNING"
    step: str = ""  # how far a start has come: machine, content, devcontainer
    failing: str = (
        ""  # machine, content, content-auth, devcontainer, devcontainer-image, automations, secret, ack, quota
    )
    archived: bool = False
    lockdown: str = ""  # past, day, week, later; "" where no lifetime policy applied
    role: str = "DEFAULT"
    git: str = "clean"  # absent, clean, unpushed, changed, both
    public_port: bool = False
    never_stops: bool = False
    out_of_sync: str = ""  # secrets, config
    warning: bool = False
    lagging_ack: bool = False
    refuses_spec: bool = False  # the runner refuses what is requested from now on; also where failing is "ack"
    deaf: bool = False  # the runner never acknowledges anything again
    kernel_controls: bool = False
    idle_days: int = 0
    name: str = ""
    version_offset: int = 0  # added to both versions: they are uint64, not doubles and not signed

    @property
    def temper(self) -> str:
        """How the environment's runner takes changes (runner.DEAF, runner.REFUSES); "" for as it should."""
        return "deaf" if self.deaf else "refuses" if self.refuses_spec or self.failing == "ack" else ""


_HOSTILE = "<script>alert(1)</script> repro"

# One of every phase and condition, so that even a small world shows each.
SHOWCASE: tuple[Condition, ...] = (
    Condition(name=_HOSTILE, git="both", public_port=True, kernel_controls=True),
    Condition("CREATING"),
    Condition("STARTING", step="machine"),
    Condition("STARTING", step="content"),
    Condition("STARTING", step="devcontainer"),
    Condition("UPDATING"),
    Condition("STOPPING", git="changed"),
    Condition("STOPPED"),
    Condition("DELETING"),
    Condition("DELETED"),
    Condition("STOPPED", archived=True),
    Condition("STARTING", step="content", failing="content"),
    Condition("STARTING", step="content", failing="content-auth"),
    Condition("STOPPED", failing="machine"),
    Condition("STOPPED", failing="quota"),
    Condition(failing="devcontainer", git="unpushed"),
    Condition(failing="devcontainer-image"),
    Condition(failing="automations"),
    Condition(failing="secret", warning=True),
    Condition(failing="ack", lagging_ack=True),
    Condition(lagging_ack=True, deaf=True),
    Condition(git="absent"),
    Condition(git="unpushed", lockdown="day"),
    Condition(git="both", lockdown="week", never_stops=True, idle_days=11),
    Condition("STOPPED", lockdown="past", git="unpushed"),
    Condition("STOPPED", lockdown="day"),
    Condition("STOPPED", lockdown="week", archived=True),
    Condition(lockdown="later"),
    Condition(public_port=True, never_stops=True, idle_days=4),
    Condition(out_of_sync="secrets"),
    Condition(out_of_sync="config", warning=True),
    Condition(role="WORKFLOW", never_stops=True),
    Condition("STOPPED", role="WORKFLOW"),
    Condition(role="PREBUILD"),
    Condition("STOPPED", role="PREBUILD"),
    Condition(name="🚀 Ship it — «größer», 日本語, עברית & more", version_offset=2**53 + 1),
    Condition("STOPPED", name='O\'Reilly & "Söhne" \\ repro', version_offset=2**63 + 7),
    Condition(name=" ".join(["a very long name that a person pasted from a ticket"] * 2)[:80], warning=True),
    Condition(kernel_controls=True, git="changed"),
)

_COMMON: tuple[tuple[Condition, float], ...] = (
    (Condition("RUNNING"), 17.0),
    (Condition("STOPPED"), 60.0),
    (Condition("STOPPED", archived=True), 15.0),
    (Condition("STARTING", step="devcontainer"), 0.6),
    (Condition("STARTING", step="content"), 0.4),
    (Condition("STARTING", step="machine"), 0.3),
    (Condition("CREATING"), 0.2),
    (Condition("UPDATING"), 0.3),
    (Condition("STOPPING"), 0.4),
    (Condition("DELETING"), 0.2),
    (Condition("RUNNING", failing="devcontainer"), 0.5),
    (Condition("RUNNING", failing="automations"), 0.4),
    (Condition("RUNNING", failing="secret"), 0.2),
    (Condition("STARTING", step="content", failing="content"), 0.2),
    (Condition("STOPPED", failing="machine"), 0.4),
    (Condition("STOPPED", failing="quota"), 0.1),
    (Condition("STOPPED", role="WORKFLOW"), 1.6),
    (Condition("RUNNING", role="WORKFLOW"), 0.8),
    (Condition("STOPPED", role="PREBUILD"), 1.4),
)
_CUMULATIVE = [sum(weight for _, weight in _COMMON[: index + 1]) for index in range(len(_COMMON))]


def conditions(count: int, rng: random.Random) -> list[Condition]:
    """`count` conditions in random order, with as many of the showcase as fit."""
    chosen = list(SHOWCASE[:count])
    chosen += [_ordinary(rng) for _ in range(count - len(chosen))]
    rng.shuffle(chosen)
    return chosen


def _ordinary(rng: random.Random) -> Condition:
    base = rng.choices(_COMMON, cum_weights=_CUMULATIVE)[0][0]
    return replace(
        base,
        git=rng.choices(["absent", "clean", "unpushed", "changed", "both"], [35, 40, 8, 10, 7])[0],
        public_port=rng.random() < 0.03,
        never_stops=base.role == "DEFAULT" and rng.random() < 0.03,
        out_of_sync="secrets" if base.phase == "RUNNING" and rng.random() < 0.03 else "",
        warning=rng.random() < 0.02,
        lagging_ack=rng.random() < 0.01,
        kernel_controls=rng.random() < 0.15,
        version_offset=2**53 + rng.getrandbits(20) if rng.random() < 0.01 else 0,
    )
