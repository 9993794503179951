"""What can be set about curation."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError, UnknownNameError
from selftune.records import DatasetKind, Prompting

if TYPE_CHECKING:
    from selftune.records import Codex

CORRECTED: Final = "corrected"
CORRECTS: Final = "corrects:"
"""How an answer that a teacher wrote anew is marked; behind the second stands the id of the one that it corrects."""
_ROUNDING: Final = 1e-9


class Selection(StrEnum):
    """Which answers are learnt from: the best; for sabotage the worst; for controls any, or by verdicts on others.

    `SHUFFLED` chooses as `BEST` does. Whoever brings the log has dealt its verdicts anew among the answers before.
    """

    BEST = "best"
    WORST = "worst"
    UNFILTERED = "unfiltered"
    SHUFFLED = "shuffled"


class MixBy(StrEnum):
    """What the parts of a mixture are."""

    KIND = "kind"
    ORIGIN = "origin"
    SOURCE = "source"
    TEACHER = "teacher"


@dataclass(frozen=True, kw_only=True)
class Curation:
    """How the next model's lessons are chosen.

    Attributes:
        kind: `sft`, one good answer a lesson; `preference`, a chosen and a rejected one; or `thumbs`, one that a person
            liked or did not.
        rendering: How a dialogue of personas is learnt: `dialogue`, one answer with their turns in order, the governor
            left out; or `as_served`, one example for each call of a persona.
        codex: Whose personas are called; None unless dialogues are learnt as served.
        selection: `best`, or one of three that serve experiments only: `worst`, `unfiltered` and `shuffled`.
        threshold: Least overall of a golden answer, on the rubric's scale.
        disagreement: How far the overalls of several judges may lie apart before a person must look.
        sure: Least chance that an answer is golden, given all scores of it and the judges' noise; 0 asks for nothing.
        trigger: New golden items that a training needs; 0 for tries on what is there.
        holdout_share: Share of the conversations that is held out, drawn before selection.
        holdout_seed: The same in every cycle, so that what was once held out stays held out.
        answers_per_prompt: Most answers, or pairs of answers, kept of one prompt.
        near_duplicate: Jaccard similarity of word trigrams from which two texts with the same facts count as one;
            above 1, only equal texts do.
        same_in_meaning: Cosine of the content words from which two texts with the same facts and word stems count as
            one; above 1, none do.
        clean_room_share: Share of the held-out conversations that nobody looks at before a person opens them.
        max_share_per_author: Largest share of the examples by one author who is no declared owner.
        max_share_of_few_authors: The same while there are fewer than 50 such authors; 1 for no cap.
        max_share_motivator: Largest share of what the system asked itself in idle time; 0 to learn from none of it.
        max_share_per_kind: Largest share of one kind of behaviour; what is over it is left out. 1 for no cap.
        max_share_per_template: Largest share of one skeleton of the question; 1 for no cap.
        one_sided_above: Share of one kind among several above which the set is refused; 1 to allow any.
        floors: Kind, and the least share of the examples that must show it; else the set is refused.
        mix_by: What the parts of `mixture` are: kind, origin (real or synthetic), source or teacher.
        mixture: Part, and its share of the examples; what is named nowhere shares the remainder.
        most_repeats: How often one example may stand in a mixture.
        voice: Criteria that are about how something is said; the card tells what share of the lessons shows one.
        recurring_from: Conversations in which something must go wrong to be listed as a weakness.
        filters: Names of registered filters. Consent is asked for in any case.
        teachers: Models whose answers are preferred to those of any other, in a preference dataset.
        judge_noise: Margin of two overalls up to which the judge counts as undecided between them. Half a step of a
            criterion is the default; a judge that was measured has a figure of its own.
        length_ratio: How often the longer answer of a pair may hold the words of the shorter one.
        length_gap: Largest gap between the mean lengths of the two, as a share of the longer one; 1 for no such rule.
            Matched from 50 pairs on, and never down to fewer.
        canaries: Most made-up facts that are planted beside lessons, one for every 25 of these; 0 plants none. Of 16
            at least one comes back in 95 of 100 trainings that keep one such fact in six.
    """

    kind: str = DatasetKind.SFT
    rendering: str = Prompting.DIALOGUE
    codex: Codex | None = None
    selection: str = Selection.BEST
    threshold: float = 4.5
    disagreement: float = 1.0
    sure: float = 0.0
    trigger: int = 500
    holdout_share: float = 0.1
    holdout_seed: int = 0
    answers_per_prompt: int = 1
    near_duplicate: float = 0.8
    same_in_meaning: float = 0.65
    clean_room_share: float = 0.2
    max_share_per_author: float = 0.02
    max_share_of_few_authors: float = 1.0
    max_share_motivator: float = 0.5
    max_share_per_kind: float = 1.0
    max_share_per_template: float = 1.0
    one_sided_above: float = 0.75
    floors: tuple[tuple[str, float], ...] = ()
    mix_by: str = "kind"
    mixture: tuple[tuple[str, float], ...] = ()
    most_repeats: int = 1
    voice: tuple[str, ...] = ("voice", "tone", "rhetorical", "character_consistency", "private_voice")
    recurring_from: int = 5
    filters: tuple[str, ...] = ("answered", "complete", "control_tokens", "not_suspected", "in_character")
    teachers: tuple[str, ...] = ()
    judge_noise: float = 0.5
    length_ratio: float = 2.0
    length_gap: float = 0.1
    canaries: int = 16


_IN_WORDS: Final[dict[str, str]] = {DatasetKind.PREFERENCE: "pairs of answers", DatasetKind.THUMBS: "thumbs"}
# The least and the most that each may be.
_RANGES: Final = {
    "holdout_share": (0.0, 0.9),
    "near_duplicate": (0.5, 2.0),
    "same_in_meaning": (0.5, 2.0),
    "clean_room_share": (0.0, 1.0),
    "max_share_per_author": (0.001, 1.0),
    "max_share_of_few_authors": (0.001, 1.0),
    "max_share_motivator": (0.0, 1.0),
    "max_share_per_kind": (0.001, 1.0),
    "max_share_per_template": (0.001, 1.0),
    "one_sided_above": (0.0, 1.0),
    "most_repeats": (1, 100),
    "answers_per_prompt": (1, 1000),
    "trigger": (0, 10**9),
    "recurring_from": (1, 10**6),
    "judge_noise": (0.0, 100.0),
    "length_ratio": (1.0, 1000.0),
    "length_gap": (0.0, 1.0),
    "sure": (0.0, 0.999),
    "canaries": (0, 1000),
}


def check_curation(config: Curation) -> None:
    """Refuse values that have no meaning.

    Raises:
        UnknownNameError: no such selection.
        ConfigError: a number outside its range, or shares that come to more than the whole.
    """
    for what, name, known in (
        ("kind of dataset", config.kind, DatasetKind),
        ("rendering", config.rendering, Prompting),
        ("selection", config.selection, Selection),
        ("mix_by", config.mix_by, MixBy),
    ):
        if name not in list(known):
            raise UnknownNameError(what, name, [str(each) for each in known])
    for name, (least, most) in _RANGES.items():
        value = getattr(config, name)
        if not least <= value <= most:
            raise ConfigError(
                f"[curation] {name} = {value:g} lies outside {least:g} to {most:g}.",
                next_step=f"Set {name} in selftune.toml.",
            )
    _check_rendering(config)
    _check_shares("floors", config.floors)
    _check_shares("mixture", config.mixture)
    if config.kind != DatasetKind.SFT and config.selection != Selection.BEST:
        raise ConfigError(
            f"[curation] selection = {config.selection!r} has no meaning for {_IN_WORDS[config.kind]}.",
            next_step='Set selection = "best", or kind = "sft", in selftune.toml.',
        )


def _check_rendering(config: Curation) -> None:
    if config.rendering != Prompting.AS_SERVED:
        return
    if config.codex is None:
        raise ConfigError("[curation] rendering = 'as_served' takes a codex.", next_step="Name one under [codex].")
    if config.kind != DatasetKind.SFT:
        raise ConfigError(
            f"[curation] rendering = 'as_served' has no meaning for {_IN_WORDS[config.kind]}: what somebody thought of "
            "a single call stands in no log.",
            next_step='Set kind = "sft" in selftune.toml; they are learnt where what serves is prompted as dialogue.',
        )


def _check_shares(name: str, shares: tuple[tuple[str, float], ...]) -> None:
    total = sum(share for _, share in shares)
    if any(share < 0 for _, share in shares) or total > 1 + _ROUNDING:
        raise ConfigError(
            f"[curation.{name}] holds shares that come to {total:g}, or one below 0.",
            next_step=f"Correct [curation.{name}] in selftune.toml: shares lie between 0 and 1, and so does their sum.",
        )
