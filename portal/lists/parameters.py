"""What pages that are no lists do not understand of their addresses: it is told above them, and they show defaults.
Lists find their own problems (`portal.lists.query`)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from django.http import HttpRequest, QueryDict

from portal.lists.search import Problem, listed, suggestion
from portal.web.parameters import Check, View

Find = Callable[[HttpRequest], Iterable[Problem]]
ROOMS = ("portal.", "environments.", "automations.")
OF_POLLS = ("seen", "changed", "fresh", "looked")  # open pages ask with them
ELSEWHERE = (*OF_POLLS, "as_of")  # environments.as_of.middleware answers that


def understood_by(find: Find) -> Callable[[View], View]:
    """Let `find` report what of its address a view does not understand."""

    def mark(view: View) -> View:
        view.find_problems = find  # type: ignore[attr-defined]
        return view

    return mark


def one_word_of(words: Collection[str]) -> Check:
    return lambda text: "" if text in words else f"takes {listed(words)}{suggestion(text, words)}"


def readable_by(read: Callable[[str], Any]) -> Check:
    """The check of what `read` parses; it raises ValueError with words."""

    def check(text: str) -> str:
        try:
            read(text)
        except ValueError as error:
            return str(error)
        return ""

    return check


def find_problems(data: QueryDict, checks: Mapping[str, Check]) -> Iterator[Problem]:
    for name in data:
        text = data.get(name, "")
        if not text or name in ELSEWHERE:
            continue
        if name not in checks:
            yield Problem(f"{name}={text}"[:100], f"there is no filter {name[:40]}{suggestion(name, checks)}")
        elif why := checks[name](text):
            yield Problem(f"{name}={text}"[:100], f"{name.capitalize()}: {why}")


def ignored(request: HttpRequest) -> list[Problem]:
    """What the view of this request does not understand."""
    view: Any = request.resolver_match.func if request.resolver_match else None
    if view is None or request.method != "GET" or hasattr(view, "listing") or hasattr(view, "view_class"):
        return []
    if not view.__module__.startswith(ROOMS) or not request.user.is_authenticated:
        return []
    if hasattr(view, "find_problems"):
        return list(view.find_problems(request))
    return list(find_problems(request.GET, getattr(view, "takes", {})))
