"""Order of tasks, as a picture."""

from __future__ import annotations

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from automations.environment_tab.graph import HEIGHT, LONGEST_LABEL, WIDTH, draw, node_levels


def test_each_stands_right_of_all_it_needs() -> None:
    assert node_levels({"a": [], "b": ["a"], "c": ["a", "b"], "d": []}) == {"a": 0, "d": 0, "b": 1, "c": 2}


def test_circles_and_what_is_not_known_do_no_harm() -> None:
    assert set(node_levels({"a": ["b"], "b": ["a"], "c": ["a", "gone"]})) == {"a", "b", "c"}
    graph = draw({"a": "A", "b": "B"}, {"a": ["b", "gone"], "b": ["a"]})
    assert graph is not None
    assert len(graph.nodes) == len(graph.lines) == 2


def test_there_is_no_picture_where_nothing_waits() -> None:
    assert draw({"a": "A", "b": "B"}, {"a": [], "b": ["gone"]}) is None


def test_those_that_wait_for_nothing_and_are_not_waited_for_are_left_out() -> None:
    graph = draw({"a": "A", "b": "B", "c": "C"}, {"b": ["a"]})
    assert graph is not None
    assert [node.full for node in graph.nodes] == ["A", "B"]


def test_labels_fit_and_hold_no_control_characters() -> None:
    graph = draw({"a": "x" * 500, "b": "line\nbreak\x00\x1b[31m"}, {"a": ["b"]})
    assert graph is not None
    assert all(len(node.label) <= LONGEST_LABEL and node.label.isprintable() for node in graph.nodes)


NEEDS = st.dictionaries(st.integers(0, 15), st.lists(st.integers(0, 18), max_size=4), max_size=16)


@given(NEEDS)
def test_no_two_boxes_touch_and_all_lie_within_the_picture(needs: dict[int, list[int]]) -> None:
    graph = draw({key: f"task {key}" for key in range(16)}, dict(needs))
    for one, other in combinations(graph.nodes if graph else [], 2):
        assert abs(one.x - other.x) > WIDTH or abs(one.y - other.y) > HEIGHT
    for node in graph.nodes if graph else []:
        assert graph is not None
        assert node.x + WIDTH <= graph.width
        assert node.y + HEIGHT <= graph.height
