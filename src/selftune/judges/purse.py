"""What a judge behind an endpoint costs, and the budget that it never passes.

A call is counted at the most it can cost until its bill is there. So what is spent, and what may yet be asked for by
calls under way, stay within the budget together.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from selftune.errors import BudgetError

_MILLION: Final = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Usage:
    """Tokens of one call, as the server counted them; `cached` are those of the prompt that it had read before."""

    prompt: int
    completion: int
    cached: int = 0


NOTHING: Final = Usage(prompt=0, completion=0)


@dataclass(frozen=True, kw_only=True)
class Prices:
    """US dollars for a million tokens; `cached` None means that a prompt read before costs like any other."""

    prompt: float = 0.0
    completion: float = 0.0
    cached: float | None = None

    def cost(self, usage: Usage) -> float:
        """What one call costs, in US dollars."""
        cached = self.prompt if self.cached is None else self.cached
        fresh = usage.prompt - usage.cached
        return (fresh * self.prompt + usage.cached * cached + usage.completion * self.completion) / _MILLION

    def at_most(self, *, prompt_bytes: int, max_tokens: int) -> float:
        """What a call can cost at most: a token is one byte or more, and no answer is longer than it may be."""
        return (prompt_bytes * max(self.prompt, self.cached or 0.0) + max_tokens * self.completion) / _MILLION


FREE: Final = Prices()


class Purse:
    """The money of one judging step.

    Attributes:
        spent_usd: What the bills came to so far.
        reserved_usd: What the calls under way may cost at most.
    """

    def __init__(self, budget_usd: float | None = None, spent_usd: float = 0.0) -> None:
        self._budget = budget_usd
        self._under_way = 0
        self.spent_usd = spent_usd
        self.reserved_usd = 0.0

    @property
    def limited(self) -> bool:
        """Whether there is a budget at all."""
        return self._budget is not None

    @property
    def committed_usd(self) -> float:
        """What is gone, and what may go."""
        return self.spent_usd + self.reserved_usd

    def reserve(self, most_usd: float) -> bool:
        """Put the most that a call can cost aside; False when there is not enough left for it now."""
        # Sums of many small numbers leave off somewhere behind the ninth digit; a budget is no finer than that.
        if self._budget is not None and round(self.committed_usd + most_usd - self._budget, 9) > 0:
            return False
        self._under_way += 1
        self.reserved_usd += most_usd
        return True

    def settle(self, most_usd: float, cost_usd: float) -> None:
        """Pay the bill of a call that was reserved."""
        self._under_way -= 1
        # Nothing under way is nothing reserved, whatever the rounding left behind.
        self.reserved_usd = self.reserved_usd - most_usd if self._under_way else 0.0
        self.spent_usd += cost_usd

    def refuse_when_empty(self) -> None:
        """Stop when a call was refused and none is under way that may bring something back.

        Raises:
            BudgetError: what is left does not pay for one more verdict.
        """
        if self._under_way == 0:
            raise BudgetError(
                f"the judge's budget of ${self._budget:.2f} is used up: ${self.spent_usd:.4f} is spent, and one more "
                "verdict may cost more than is left.",
                next_step="Run the same command again with another --budget-usd: every verdict so far is kept.",
            )
