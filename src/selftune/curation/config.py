"""What can be set about curation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from selftune.errors import ConfigError, UnknownNameError


class Selection(StrEnum):
    """Which answers are learnt from: the best; for sabotage the worst; for the control any."""

    BEST = "best"
    WORST = "worst"
    UNFILTERED = "unfiltered"


@dataclass(frozen=True, kw_only=True)
class Curation:
    """How the next model's lessons are chosen.

    Attributes:
        selection: `best`, or one of two that serve experiments only: `worst` and `unfiltered`.
        threshold: Least overall of a golden answer, on the rubric's scale.
        trigger: New golden items that a training needs.
        holdout_share: Share of the conversations that is held out, drawn before selection.
        holdout_seed: The same in every cycle, so that what was once held out stays held out.
        answers_per_prompt: Most answers kept of those given to one prompt.
        near_duplicate: Jaccard similarity of word trigrams from which two texts with the same facts count as one;
            above 1, only equal texts do.
        max_share_per_group: Largest share of the training examples that one kind of behaviour may have; 1 for no cap.
        filters: Names of registered filters. Consent is asked for in any case.
    """

    selection: str = Selection.BEST
    threshold: float = 4.5
    trigger: int = 500
    holdout_share: float = 0.1
    holdout_seed: int = 0
    answers_per_prompt: int = 1
    near_duplicate: float = 0.8
    max_share_per_group: float = 1.0
    filters: tuple[str, ...] = ("answered", "complete", "control_tokens")


def check_curation(config: Curation) -> None:
    """Refuse values that have no meaning.

    Raises:
        UnknownNameError: no such selection.
        ConfigError: a number outside its range.
    """
    if config.selection not in list(Selection):
        raise UnknownNameError("selection", config.selection, [str(each) for each in Selection])
    ranges = (
        ("holdout_share", config.holdout_share, 0.0, 0.9),
        ("near_duplicate", config.near_duplicate, 0.5, 2.0),
        ("max_share_per_group", config.max_share_per_group, 0.01, 1.0),
        ("answers_per_prompt", config.answers_per_prompt, 1, 1000),
        ("trigger", config.trigger, 1, 10**9),
    )
    for name, value, least, most in ranges:
        if not least <= value <= most:
            raise ConfigError(
                f"[curation] {name} = {value:g} lies outside {least:g} to {most:g}.",
                next_step=f"Set {name} in selftune.toml.",
            )
