"""Rules that others paid for: what a recipe does otherwise than what went well before, told before it costs a night.

The figures are those of the Foundry's published runs; they are single runs, so most of these rules warn. Two refuse,
since what they saw was lost whole: SFT after ORPO, and a step of ORPO's beta by more than 0.01.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from selftune.errors import SelftuneError
from selftune.records import RunStatus
from selftune.training.findings import Finding, Standing
from selftune.training.order import STAGE_ORDER, UNKNOWN, check_stage_order

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.bases.shape import ModelShape
    from selftune.records import Run
    from selftune.training.config import Recipe

BETA_STEP: Final = "step of beta"
# ORPO at 0.12 in place of 0.1 brought three answers of the lowest score (B26).
_BETA_STEP: Final = 0.01
_ROUNDING: Final = 1e-9
# DPO alone on about 200 pairs collapsed; 475 pairs by ORPO were the first that did not (B12).
_FEW_PAIRS: Final = 475
# Of the Foundry's bases the one adapted at rank 16 fell apart in 4 bits, the one at rank 64 did not (B30).
_LOW_RANK: Final = 16
# Behind the family's name, unless it is a count of parameters, or as `-v0.3`.
_VERSION: Final = re.compile(
    r"(?:qwen|llama|mistral|gemma|phi|smollm)[-_ ]?v?(\d+(?:\.\d+)?)(?![\d.]*[bm]\b)|-v(\d+(?:\.\d+)?)\b"
)


def judge_habits(
    recipe: Recipe,
    shape: ModelShape,
    earlier: Sequence[Run],
    *,
    history: tuple[str, ...],
    examples: int,
    served_as: str = "",
    base: str = "",
) -> Iterator[Finding]:
    """Every rule of this page, in the order in which a person would ask.

    Args:
        recipe: How it would be trained.
        shape: The base.
        earlier: Runs on this very base, oldest first.
        history: Objectives that made the adapter to begin with, `unknown` where its file does not say.
        examples: How many there are to learn from.
        served_as: Number type in which the model will be served, such as `Q4_K_M`.
        base: What the base is called.
    """
    yield from judge_history(recipe, earlier, history)
    if recipe.objective == "dpo":
        yield judge_pairs(examples, history)
    yield judge_rate(recipe, _finished(recipe, earlier))
    yield judge_rank(recipe, served_as)
    yield judge_family(recipe, shape, base)


def judge_history(recipe: Recipe, earlier: Sequence[Run], history: tuple[str, ...]) -> Iterator[Finding]:
    """The rules that look back, and the only ones that a cycle refuses by: they need no example."""
    yield judge_stages(recipe, history)
    if recipe.beta:
        yield judge_beta(recipe, _finished(recipe, earlier))


def judge_stages(recipe: Recipe, history: tuple[str, ...]) -> Finding:
    """Whether this objective may follow what made the adapter (B24)."""
    if UNKNOWN in history:
        text = "what made the adapter to begin with is not recorded: whether ORPO is among it, nobody here knows"
        return Finding(
            rule=STAGE_ORDER, standing=Standing.UNKNOWN, text=text, next_step="Ask who trained it, before SFT."
        )
    told = " → ".join((*history, recipe.objective)).upper()
    try:
        check_stage_order(history, recipe.objective)
    except SelftuneError as error:
        return Finding(
            rule=STAGE_ORDER,
            standing=Standing.REFUSED,
            text=f"{told}: {error.message}",
            next_step=error.next_step,
            can_be_overruled=True,
        )
    return Finding(rule=STAGE_ORDER, standing=Standing.FINE, text=f"{told}, begun {_begun(history)}")


def judge_beta(recipe: Recipe, finished: Sequence[Run]) -> Finding:
    """Whether beta moves by a small step from the last run that finished (B26)."""
    beta = recipe.beta
    told = [value for run in finished if (value := _number(run, "beta")) is not None]
    if not told:
        text = f"{beta:g}; no finished run of {recipe.objective} on this base tells of another"
        return Finding(rule=BETA_STEP, standing=Standing.UNKNOWN, text=text)
    step = abs(beta - told[-1])
    if recipe.objective == "orpo" and is_too_far(told[-1], beta):
        nearer = told[-1] + (_BETA_STEP if beta > told[-1] else -_BETA_STEP)
        return Finding(
            rule=BETA_STEP,
            standing=Standing.REFUSED,
            text=f"{told[-1]:g} → {beta:g} is a step of {step:.2g}; one of 0.02 broke two categories elsewhere",
            next_step=f"Set beta = {nearer:.3g} in the recipe, and look again after that run.",
            can_be_overruled=True,
        )
    return Finding(rule=BETA_STEP, standing=Standing.FINE, text=f"{told[-1]:g} → {beta:g}")


def is_too_far(before: float, after: float) -> bool:
    """Whether ORPO's beta would move by more than one step that is known to go well."""
    return abs(after - before) > _BETA_STEP + _ROUNDING


def judge_pairs(examples: int, history: tuple[str, ...]) -> Finding:
    """Whether DPO stands alone on too few pairs (B12)."""
    rule = "pairs for DPO"
    if examples < _FEW_PAIRS and not history:
        text = f"{examples:,} pairs and no stage before: DPO alone on about 200 pairs collapsed elsewhere"
        return Finding(
            rule=rule, standing=Standing.WARNING, text=text, next_step="Train SFT first, use ORPO, or collect pairs."
        )
    return Finding(rule=rule, standing=Standing.FINE, text=f"{examples:,} pairs")


def judge_rate(recipe: Recipe, finished: Sequence[Run]) -> Finding:
    """Whether the learning rate lies where this base was trained before (B25)."""
    rule, rate = "learning rate", recipe.learning_rate
    tried = [value for run in finished if (value := _number(run, "learning_rate")) is not None]
    if not tried:
        text = f"{rate:g}; no finished run of {recipe.objective} on this base tells of another"
        return Finding(rule=rule, standing=Standing.UNKNOWN, text=text)
    low, high = min(tried), max(tried)
    band = f"{low:g}" if low == high else f"{low:g} to {high:g}"
    if not low <= rate <= high:
        text = f"{rate:g} lies outside of what was tried on this base: {band} in {len(tried)} finished runs"
        step = "Expect another result: elsewhere a fifth of the rate more or less cost a category. Try it as a probe."
        return Finding(rule=rule, standing=Standing.WARNING, text=text, next_step=step)
    return Finding(rule=rule, standing=Standing.FINE, text=f"{rate:g}, within {band} of {len(tried)} finished runs")


def judge_rank(recipe: Recipe, served_as: str) -> Finding:
    """Whether a low rank meets four bits (B30)."""
    rule = "rank and 4 bits"
    four = [text for text, holds in (("loaded in 4 bits", recipe.load_in_4bit), _served(served_as)) if holds]
    told = f"rank {recipe.lora_rank}, {' and '.join(four) or 'nothing in 4 bits'}"
    if four and recipe.lora_rank <= _LOW_RANK:
        step = "Compare the serving forms of the run before you release one, or raise lora_rank to 64."
        return Finding(rule=rule, standing=Standing.WARNING, text=told, next_step=step)
    return Finding(rule=rule, standing=Standing.FINE, text=told)


def judge_family(recipe: Recipe, shape: ModelShape, base: str = "") -> Finding:
    """Whether the recipe's figures were found on a base of this family and version (B46)."""
    rule, version = "base family", version_of(base)
    told = f"{shape.family} {version or 'of a version that its name does not tell'}"
    if not recipe.found_on:
        text = f"{told}; on which base this recipe's figures were found, it does not say"
        return Finding(rule=rule, standing=Standing.UNKNOWN, text=text)
    found = ", ".join(recipe.found_on)
    versions = {
        wanted for family, _, wanted in (one.partition(" ") for one in recipe.found_on) if family == shape.family
    }
    if "" in versions or version in versions:
        return Finding(rule=rule, standing=Standing.FINE, text=f"{told}; its figures were found on {found}")
    if versions and not version:
        text = f"{told}, and this recipe's figures were found on {found}"
        return Finding(rule=rule, standing=Standing.UNKNOWN, text=text, next_step="Look up which version it is.")
    text = f"this recipe's figures were found on {found}, the base is {told}: what held there may not here"
    step = "Hold a probe of it against one of a recipe that is known on this base."
    return Finding(rule=rule, standing=Standing.WARNING, text=text, next_step=step)


def version_of(base: str) -> str:
    """The version that a base's name tells, such as 2.5 of `Qwen2.5-7B-Instruct`; empty where it tells none.

    No config does: Qwen 2 and 2.5 are both `qwen2` there, Llama 2 and 3.1 both `llama`.
    """
    found = _VERSION.search(base.lower())
    return next((group for group in found.groups() if group), "") if found else ""


def _finished(recipe: Recipe, earlier: Sequence[Run]) -> list[Run]:
    """Runs of the same objective that came to their end."""
    return [run for run in earlier if run.status is RunStatus.FINISHED and run.objective == recipe.objective]


def _served(form: str) -> tuple[str, bool]:
    return f"served as {form}", form.upper().startswith(("Q4", "IQ4"))


def _begun(history: tuple[str, ...]) -> str:
    return "with an earlier adapter" if history else "from the base; what its makers did is not recorded"


def _number(run: Run, key: str) -> float | None:
    """A figure of the recipe that a run was trained by; None where the run does not tell."""
    told = dict(run.settings).get(key)
    return None if told is None else float(told)
