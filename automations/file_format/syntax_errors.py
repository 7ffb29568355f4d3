"""Explain YAML syntax errors in plain words."""

from __future__ import annotations

import re

import yaml

from automations.file_format.problems import Problem, shortened

TAB = "A tab stands where YAML wants spaces: indent with spaces only."
UNCLOSED_QUOTE = "A quoted text begins in line {line} and does not end as it should: a quote is missing."
UNCLOSED_BRACKET = "A list or object in brackets does not end as it should: a comma or the closing bracket is missing."
# Messages of both parsers (libyaml's and PyYAML's own) → ours; the first match counts.
EXPLANATIONS = (
    ("unknown escape", "YAML does not know this letter after a backslash in double quotes; single quotes take both."),
    ("escape", "The number after the backslash is no character."),
    ("quoted scalar", UNCLOSED_QUOTE),
    ("flow", UNCLOSED_BRACKET),
    ("mapping values are not allowed", "A colon followed by a space is not expected here. Put the text in quotes if "
     "the colon belongs to it; else see whether this line and the one above are indented as they should be."),
    ("expected ':'", "A colon is missing, or this line is indented by too little to belong to the text above."),
    ("block mapping", "The indentation does not fit: this line is neither at the level of the lines before it nor part "
     "of the one above."),
    ("block collection", "The indentation does not fit: items of a list begin with “- ”, all at the same level."),
    ("block sequence", "Items of a list begin with “- ” on a line of their own, all at the same level."),
    ("block scalar", "After | or > comes at most a digit and a sign; the text itself begins on the next line."),
    ("undefined tag", "This tag is not declared: an automations file has none."),
    ("anchor", "After & or * comes a name of letters, digits, - and _."),
    ("alias", "After & or * comes a name of letters, digits, - and _."),
    ("incompatible YAML", "The file says %YAML and a version that is not read here: leave that line out."),
    ("document start", "Here the file should have ended: this line belongs to nothing above it."),
)  # fmt: skip
_LEADING_TAB = re.compile(r" *(- *)*\t")
_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_UNPRINTABLE = re.compile(r"[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def explain(error: yaml.YAMLError, text: str) -> Problem:
    """The place and reason of a syntax error."""
    if not isinstance(error, yaml.MarkedYAMLError) or not (mark := error.problem_mark or error.context_mark):
        return Problem(0, 0, "", "This is not YAML that can be read.")
    return Problem(mark.line + 1, mark.column + 1, "", _reason(error, text, mark.line, mark.column))


def unprintable(text: str) -> Problem | None:
    """The first character that YAML does not allow: control characters, unpaired surrogates."""
    found = _UNPRINTABLE.search(text)
    if found is None:
        return None
    lines = text[: found.start()].split("\n")
    reason = f"The character U+{ord(found[0]):04X} is not allowed in YAML."
    return Problem(len(lines), len(lines[-1]) + 1, "", reason)


def _reason(error: yaml.MarkedYAMLError, text: str, line: int, column: int) -> str:
    lines = _LINE_END.split(text)
    here = lines[line] if line < len(lines) else ""
    if _LEADING_TAB.match(here) or here[column : column + 1] == "\t":
        return TAB
    complaint = f"{error.context or ''} {error.problem or ''}"
    if "cannot start any token" in complaint:
        return f"Text cannot begin with {here[column : column + 1]!r} here: put it in quotes."
    begun = (error.context_mark.line if error.context_mark else line) + 1
    for words, ours in EXPLANATIONS:
        if words in complaint:
            return ours.format(line=begun)
    return f"Not valid YAML: {shortened(complaint.strip())}."
