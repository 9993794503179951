"""No module of the package needs itself by way of others, imports for typing included."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING

import grimp

if TYPE_CHECKING:
    from collections.abc import Mapping


def test_imports_go_round_in_no_circle() -> None:
    house = grimp.build_graph("selftune", cache_dir=None)
    needs = {module: house.find_modules_directly_imported_by(module) for module in house.modules}
    assert len(needs) > 500
    assert circle_in(needs) is None


def test_a_circle_is_named() -> None:
    circle = circle_in({"choose": {"count"}, "count": {"weigh"}, "weigh": {"choose"}, "write": {"choose"}})
    assert circle is not None
    assert set(circle) == {"choose", "count", "weigh"}


def circle_in(needs: Mapping[str, set[str]]) -> tuple[str, ...] | None:
    """The modules of one circle, each needed by the next; None where there is none."""
    try:
        TopologicalSorter(needs).prepare()
    except CycleError as found:
        circle: list[str] = found.args[1]
        assert all(one in needs[other] for one, other in pairwise(circle))
        return tuple(circle)
    return None
