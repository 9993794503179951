"""What is grown more of: the families that practise what keeps going wrong (mission A3)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.curation.growth.cases import FAMILIES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from selftune.records import Weakness

_PRACTISED_BY: Final[Mapping[str, tuple[str, ...]]] = {
    "state_reference": ("field", "nested", "conflict", "doubled", "injected", "context_level"),
    "unknowns": ("field", "nested", "empty"),
    "identity": ("rename", "override", "social", "emotional", "injected"),
    "permission": ("permission",),
    "tone": ("tone",),
    "form": ("context_level",),
}
_MORE: Final = 2


def steered(weaknesses: Iterable[Weakness]) -> tuple[str, ...]:
    """Every family once, and those that practise a weak criterion twice more; an unknown criterion adds none."""
    weak = {weakness.criterion for weakness in weaknesses}
    wanted = {family for criterion in weak for family in _PRACTISED_BY.get(criterion, ())}
    return (*FAMILIES, *(family for family in FAMILIES if family in wanted for _ in range(_MORE)))
