"""The scorer of instructions that code can verify."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from selftune.evals.scorers.expecting import Found, expectation, misfit, prompt_of, scored
from selftune.scoring.echoes import is_echo
from selftune.scoring.instructions import Instruction, follows

if TYPE_CHECKING:
    from selftune.evals.base import Score
    from selftune.records import SuiteItem


@dataclass(frozen=True, kw_only=True)
class InstructionsExpectation:
    """What the answer must do, all of it."""

    checks: tuple[Instruction, ...]


class InstructionsScorer:
    """1 when the answer follows every instruction and is not the prompt again; `followed` is the share it follows."""

    name = "instructions"
    lineage: tuple[str, ...] = ()

    def score(self, item: SuiteItem, answer: str) -> Score:
        """What this answer is worth.

        Raises:
            ConfigError: no instruction is given, or one is unknown.
        """
        checks = expectation(InstructionsExpectation, item).checks
        if not checks:
            raise misfit(item, "gives no instruction", "Add one to `checks`.")
        found = [Found(holds=held, reason=reason) for held, reason in (follows(check, answer) for check in checks)]
        followed = sum(one.holds for one in found) / len(found)
        echo = is_echo(answer, prompt_of(item))
        own = Found(holds=not echo, reason="It is the prompt again." if echo else "It is more than the prompt.")
        return scored(item, answer, [*found, own], measures=(("followed", followed),))
