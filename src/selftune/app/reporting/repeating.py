"""What somebody needs who wants to make an evaluation again: what was asked, of what, by which code."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selftune.app.reporting.pages.parts import Said, Table

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.app.reporting.arms import ArmView
    from selftune.app.reporting.pages.parts import Part
    from selftune.records import Evaluation


def repeating_parts(arms: Sequence[ArmView]) -> Iterator[Part]:
    """Every digest, seed and version in full, a row each and a column for each arm."""
    columns = [dict(_facts(arm.evaluation)) for arm in arms]
    rows = tuple((name, *(facts[name] for facts in columns)) for name in columns[0])
    yield Table(caption="What made these figures", head=("", *(arm.name for arm in arms)), rows=rows)
    yield Said(
        text="With equal rows `selftune evaluate` asks the same again: greedy answers of one slot come back letter by "
        "letter, several slots and other processors may change a few."
    )


def _facts(evaluation: Evaluation) -> Iterator[tuple[str, str]]:
    proof, drawn = evaluation.proof, evaluation.generation
    yield "evaluation", evaluation.id
    yield "build", evaluation.build_digest
    yield "model file", proof.model_digest
    yield "adapter file", proof.adapter_digest or "none"
    yield "template", proof.template_digest
    yield "fingerprint of the weights", proof.fingerprint
    yield "server", f"{proof.server}, slots: {proof.slots}"
    yield "suite", evaluation.suite_digest
    yield "seeds", ", ".join(map(str, evaluation.seeds))
    sampling = f"temperature {drawn.temperature:g}, top-p {drawn.top_p:g}, top-k {drawn.top_k}"
    yield "drawing", f"{sampling}, at most {drawn.max_tokens} tokens"
    yield "scorer", evaluation.scorer
    yield "made with", ", ".join(evaluation.made_with) or "not on record"
    yield "answers taken from earlier evaluations", str(evaluation.recalled)
