"""Our own rule: the gate that ships, asked as a cycle asks it."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.app.campaigns.evidence import CANDIDATE, CHAMPION, MadeUp, evidence_of, exam_of
from selftune.gate.policies import load_policy
from selftune.gate.stage import decide
from selftune.records import Outcome
from selftune.testing import fake_context

if TYPE_CHECKING:
    from gatebench.rule import Item, Night, Scores
    from selftune.records import Suite

_CONTEXT: Final = fake_context(Path())  # the gate keeps nothing and reads no clock


class OurGate:
    """`decide` under a shipped policy; both arms are asked anew where they were chosen by these answers, or kept.

    A night holds one training, so that none is asked for under further seeds, as `strict` would.
    """

    def __init__(self, policy: str = "small") -> None:
        self._policy = replace(load_policy(policy), training_seeds=1)
        self.title = f"ours, policy {policy}"

    def promotes(self, night: Night) -> bool:
        """Only where the decision says so."""
        fresh = night.same_night and night.tried == 1
        champion, candidate = (night.champion, night.candidate) if fresh else night.ask_again()
        return self.outcome(night, champion, candidate) is Outcome.PROMOTE

    def outcome(self, night: Night, champion: Scores, candidate: Scores) -> Outcome:
        """What the gate says of these scores."""
        evidence = evidence_of(
            _exam(night.items),
            champion,
            candidate,
            parity=night.parity,
            candidate_server=CHAMPION if night.candidate_server == night.champion_server else CANDIDATE,
        )
        return decide(evidence, self._policy, _CONTEXT).outcome


@cache
def _exam(items: tuple[Item, ...]) -> Suite:
    return exam_of(tuple(MadeUp(name=item.name, category=item.category, tier=item.tier) for item in items))
