"""The report of a verification."""

from __future__ import annotations

from dataclasses import dataclass, field

from environments.evidence.zip_file import Unreadable

MOST_LINES = 100
HOLDS, FAILS, UNCERTAIN = 0, 1, 2
_SIGNS = {True: "holds ", False: "FAILS ", None: "      "}


@dataclass(frozen=True, slots=True)
class ReportLine:
    """One check; `holds` is None for a remark."""

    holds: bool | None
    words: str

    def __str__(self) -> str:
        return f"{_SIGNS[self.holds]} {self.words}"


@dataclass
class Report:
    """The checks of a verification. `unknown_key` is the fingerprint of a valid signature by an unknown key.

    Lines may quote the file: unprintable characters are replaced, since terminals may act on them.
    """

    lines: list[ReportLine] = field(default_factory=list)
    found: int = 0
    unknown_key: str = ""

    def hold(self, words: str) -> None:
        self.lines.append(ReportLine(True, _plain(words)))

    def fail(self, words: str) -> None:
        """Add a finding; only the first hundred are listed."""
        self.found += 1
        if self.found <= MOST_LINES:
            self.lines.append(ReportLine(False, _plain(words)))

    def note(self, words: str) -> None:
        self.lines.append(ReportLine(None, _plain(words)))

    def check(self, findings: list[str], words: str) -> None:
        """Add all findings, or that the check holds if there are none."""
        for each in findings:
            self.fail(each)
        if not findings:
            self.hold(words)

    @property
    def code(self) -> int:
        """The exit code: holds, fails, or signed by an unknown key."""
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


def report_unreadable(report: Report, name: str, error: Exception) -> None:
    """Add a finding about a file that cannot be read."""
    report.fail(
        str(error) if isinstance(error, Unreadable) else f"{name} is not written as a portal writes it: {error}"
    )


def _plain(words: str) -> str:
    return "".join(sign if sign.isprintable() else "\N{REPLACEMENT CHARACTER}" for sign in words)
