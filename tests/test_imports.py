"""The modules import each other one way: what the import contracts of pyproject.toml leave open."""

from __future__ import annotations

from graphlib import TopologicalSorter

import grimp


def test_no_modules_import_each_other_in_a_circle_even_for_types_alone() -> None:
    graph = grimp.build_graph("portal", "environments", "automations", cache_dir=None)
    TopologicalSorter({each: graph.find_modules_directly_imported_by(each) for each in graph.modules}).prepare()
