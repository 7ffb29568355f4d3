"""Explain YAML syntax errors in plain words."""

from __future__ import annotations

import re

import yaml

from automations.file_format.problems import Problem, shortened

TAB = "There is a tab where YAML requires spaces: indent with spaces only."
UNCLOSED_QUOTE = "The quoted text that begins in line {line} is not closed: a quote is missing."
UNCLOSED_BRACKET = "A list or object in brackets is not closed: a comma or the closing bracket is missing."
# Messages of both parsers (libyaml's and PyYAML's own) → ours; the first match counts.
EXPLANATIONS = (
    ("unknown escape", "This escape is not valid in double quotes. In single quotes a backslash stands for itself."),
    ("escape", "The number after the backslash is not a character."),
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
    ("undefined tag", "Tags are not allowed in an automations file."),
    ("anchor", "After & or * comes a name of letters, digits, - and _."),
    ("alias", "After & or * comes a name of letters, digits, - and _."),
    ("incompatible YAML", "The %YAML line names a version that is not supported: remove that line."),
    ("document start", "The file should end here: this line does not belong to anything above it."),
)  # fmt: skip
_LEADING_TAB = re.compile(r" *(- *)*\t")
_LINE_END = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_UNPRINTABLE = re.compile(r"[^\t\n\r -~\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def explain(error: yaml.YAMLError, text: str) -> Problem:
    """The place and reason of a syntax error."""
    if not isinstance(error, yaml.MarkedYAMLError) or not (mark := error.problem_mark or error.context_mark):
        return Problem(0, 0, "", "This is not valid YAML.")
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
