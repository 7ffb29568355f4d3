"""What a verification tells, line by line."""

from __future__ import annotations

from dataclasses import dataclass, field

from environments.evidence.zip_file import Unreadable

MOST_LINES = 100
HOLDS, FAILS, UNCERTAIN = 0, 1, 2
_SIGNS = {True: "holds ", False: "FAILS ", None: "      "}


@dataclass(frozen=True, slots=True)
class Line:
    """`holds` is None for what is told besides."""

    holds: bool | None
    words: str

    def __str__(self) -> str:
        return f"{_SIGNS[self.holds]} {self.words}"


@dataclass
class Report:
    """What holds and what does not. `unknown_key` is the fingerprint of a signature that is whole but of nobody known.

    Texts from the file may stand in the words: signs that a terminal acts on are replaced.
    """

    lines: list[Line] = field(default_factory=list)
    found: int = 0
    unknown_key: str = ""

    def hold(self, words: str) -> None:
        self.lines.append(Line(True, _plain(words)))

    def fail(self, words: str) -> None:
        """A finding; the first hundred are told."""
        self.found += 1
        if self.found <= MOST_LINES:
            self.lines.append(Line(False, _plain(words)))

    def note(self, words: str) -> None:
        self.lines.append(Line(None, _plain(words)))

    def check(self, findings: list[str], words: str) -> None:
        """Each finding; or that it holds, where there is none."""
        for each in findings:
            self.fail(each)
        if not findings:
            self.hold(words)

    @property
    def code(self) -> int:
        """The exit code: everything holds, something does not, or nothing says who made it."""
        return FAILS if self.found else UNCERTAIN if self.unknown_key else HOLDS

    @property
    def summary(self) -> str:
        """One sentence."""
        if self.found:
            return f"The evidence does NOT hold: {self.found:,} finding{'' if self.found == 1 else 's'}."
        if self.unknown_key:
            return (
                "The pack is whole in itself but signed by an unknown key: nothing proves who made it. Compare "
                f"the fingerprint {self.unknown_key} with that of the portal it should be from."
            )
        return "The evidence holds: it is what the portal signed, whole and unchanged."


def guarded(report: Report, name: str, error: Exception) -> None:
    """Note a file that cannot be understood."""
    report.fail(
        str(error) if isinstance(error, Unreadable) else f"{name} is not written as a portal writes it: {error}"
    )


def _plain(words: str) -> str:
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in words)
