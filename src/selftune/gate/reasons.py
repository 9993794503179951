"""A decision in one sentence, and the cheapest next step in another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.gate.needs import minutes_for, minutes_of_a_round
from selftune.gate.overfitting import overfitting
from selftune.gate.rules.enforced import in_words
from selftune.records import CheckStatus, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.gate.base import Evidence
    from selftune.gate.statistics.paired import Difference
    from selftune.records import Check

_REFUSED: Final = frozenset({Outcome.REJECT, Outcome.INCONCLUSIVE})
_WITHIN_REACH: Final = 10
"""A suite grown tenfold is the most we advise; beyond that, a larger gain is cheaper than a finer ruler."""

NEXT_BY_FAMILY: Final = {
    "run_finished": "Read the run's reason with `selftune why`, mend it and train again.",
    "weights_changed": "Look at the recipe's learning rate and at what the dataset teaches, then train again.",
    "evaluations_complete": "See why items went unscored (server or scorer), mend it and evaluate again.",
    "same_conditions": "Evaluate both arms again under the same suite, seeds, parameters and server.",
    "same_purpose": 'Train for production (the recipe may say so: purpose = "production"), or compare it with a probe.',
    "arms_differ": "Make sure that each arm has a server of its own, then evaluate the candidate again.",
    "proofs_match": "Stop stray servers, then evaluate again; each server must show its build's own files.",
    "guarded_present": "Add items of the missing category to the suite, or drop the guard from the policy.",
    "parity": "Serve another form (F16 instead of a quantised one) and evaluate again.",
    "serving_form": "Build it again in the form that is to be served, and evaluate that.",
    "gain": "Gather more golden items and train again; the old model keeps serving.",
    "category_cap": "Add golden items of the category that fell, and train again; the old model keeps serving.",
    "guarded": "Add golden items of the category that fell, and train again; the old model keeps serving.",
    "agent_cap": "Add golden items of the agent that fell, and train again; the old model keeps serving.",
    "floor": "Add golden items of the category below its floor, and train again; the old model keeps serving.",
    "critical_failures": "Read the items with critical failures, correct them, and train again.",
    "seed_spread": "Ask each item with more seeds ([evaluation] repeats) or grow the suite, and evaluate again.",
    "training_spread": "Gather more golden items, so that a training hangs less on its seed, and train again.",
    "turn_of_break": "Add golden conversations that hold out to their end, and train again.",
    "output_collapse": "Read the answers that collapsed, train with fewer repeats or a lower learning rate.",
    "extended": "Work on what the suite as a whole asks instead of its gold items, and train again.",
    "held_out": "Gather new golden items instead of more of the known ones, and train again.",
    "by_heart": "Keep the suite's items out of the training data, and train again; the old model keeps serving.",
    "leakage": "Train without the passages it recites, or with fewer repeats of them; the old model keeps serving.",
    "identity": "Read what the lost probes were answered, take such lessons out, and train again.",
    "further_sound": "See what the further suite lacks (server, scorer, conditions), mend it and evaluate again.",
    "no_worse": "Add golden items of what the further suite asks, and train again; the old model keeps serving.",
    "no_worse_shown": "Add golden items of what the further suite asks, and train again; the old model keeps serving.",
    "set_cap": "Add golden items of the categories in the set, and train again; the old model keeps serving.",
    "regression": "Read the items that broke again, add golden items like them, and train again.",
    "picks": "Gather golden items like the answers you preferred, and train again; the old model keeps serving.",
    "live": "Let it answer more real requests (`selftune canary start candidate`), or train again where it did harm.",
    "other_arms": "Evaluate the other arms again on the same suite.",
    "independence": "Name another judge for the data or another scorer for the suite; code and your own picks count.",
}

_WITHOUT_TRAINING: Final = frozenset(
    {
        "evaluations_complete",
        "same_conditions",
        "arms_differ",
        "proofs_match",
        "guarded_present",
        "further_sound",
        "seed_spread",
        "serving_form",
        "parity",
        "live",
        "other_arms",
    }
)
"""Families whose next step asks the same candidate again; after any other a new one is trained."""


def reason_for(outcome: Outcome, stopped: Sequence[Check], found: Difference | None, evidence: Evidence) -> str:
    """Why, in one plain sentence; a second one names overfitting where a refused candidate shows it."""
    why = _reason_for(outcome, stopped, found, evidence)
    by_heart = overfitting(evidence) if outcome in _REFUSED else None
    return why if by_heart is None else f"{why} {by_heart}"


def _reason_for(outcome: Outcome, stopped: Sequence[Check], found: Difference | None, evidence: Evidence) -> str:
    gain = f"{in_words(found)} on {found.n} {evidence.suite.unit}s" if found else "nothing that was measured"
    if outcome is Outcome.PROMOTE:
        return f"The candidate is better by {gain}, and no check speaks against it."
    first = stopped[0]
    if outcome is Outcome.INVALID:
        return f"Nothing can be said about the candidate: {first.detail}."
    if _family(first) == "gain":
        return _about_gain(first, gain)
    verb = "is refused" if outcome is Outcome.REJECT else "can't be promoted yet"
    more = f" (and {len(stopped) - 1} more)" if len(stopped) > 1 else ""
    return f"The candidate {verb}: {first.detail}{more}."


def _about_gain(check: Check, gain: str) -> str:
    if check.status is CheckStatus.NOT_MEASURED:
        return f"The gain could not be measured: {check.detail}."
    if check.status is CheckStatus.NOT_SHOWN:
        return f"A gain of {gain} is not clear of noise, or too small to be worth having."
    if check.interval is not None and check.interval[1] < 0:
        return f"The candidate is worse: {gain}."
    return f"The candidate is no better: {gain}, less than is worth having even at best."


def _family(check: Check) -> str:
    return check.name.partition(":")[0]


def next_step_for(outcome: Outcome, stopped: Sequence[Check], needed: int | None, evidence: Evidence) -> str | None:
    """The cheapest thing that could change the answer, with its cost; None for a promotion."""
    if outcome is Outcome.PROMOTE:
        return None
    first = stopped[0]
    have = first.n or 0
    if needed is None or not have < needed <= _WITHIN_REACH * have:
        return _advice_with_its_cost(_family(first), evidence)
    kind, place = evidence.suite.unit, first.name.partition(":")[2]
    where = f" of {place}" if place else ""
    return (
        f"Grow the suite by {needed - have} {kind}s{where} to {needed} and evaluate again, "
        f"about {minutes_for(needed - have, evidence)} min for both arms."
    )


def _advice_with_its_cost(family: str, evidence: Evidence) -> str:
    training = family not in _WITHOUT_TRAINING
    what = "Training and evaluating take" if training else "Evaluating takes"
    minutes = minutes_of_a_round(evidence, training=training)
    return f"{NEXT_BY_FAMILY[family]} {what} about {minutes} min here."
