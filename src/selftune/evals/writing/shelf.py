"""Every suite that is written here, by its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.evals.writing.battle import write_identity_battle
from selftune.evals.writing.break_rate import write_break_rate
from selftune.evals.writing.character import write_character
from selftune.evals.writing.council import write_council
from selftune.evals.writing.general import write_general
from selftune.evals.writing.giving_in import write_sycophancy
from selftune.evals.writing.obedience import write_state_obedience_wide

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from selftune.records import Suite

WRITERS: Final[Mapping[str, Callable[[], Suite]]] = {
    "break_rate": write_break_rate,
    "character": write_character,
    "council": write_council,
    "general": write_general,
    "identity_battle": write_identity_battle,
    "state_obedience_wide": write_state_obedience_wide,
    "sycophancy": write_sycophancy,
}
