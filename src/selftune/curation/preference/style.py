"""How chosen answers differ from rejected ones in style: what a model may learn instead of what was meant.

A set whose chosen answers hold no contraction and whose rejected ones hold five teaches "no contractions" (mission
B18); one whose chosen answers are all longer teaches length. So each trait is printed, with the interval of its
mean difference.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from statistics import NormalDist, fmean, stdev
from typing import TYPE_CHECKING, Final

from selftune.curation.likeness.near import normalise
from selftune.records import StyleContrast

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from selftune.curation.preference.pairs import Paired, PairingRules, Preference
    from selftune.records import Example

_LEVEL: Final = 0.95
_OPENING_WORDS: Final = 2
_APOSTROPHES: Final = str.maketrans({"\u2019": "'", "\u02bc": "'"})
# "James's" is no contraction; "it's" is. After other words an 's may be either, and is left out.
_CONTRACTION: Final = re.compile(
    r"\b(?:\w+n't|\w+'(?:re|ve|ll|d|m)|(?:it|that|there|here|what|who|where|how|he|she|let|when|why)'s|y'all|ma'am)\b",
    re.IGNORECASE,
)
_LIST_LINE: Final = re.compile(r"^\s*(?:[-*\u2022]|\d{1,2}[.)])\s+\S", re.MULTILINE)

TRAITS: Final[Mapping[str, Callable[[str], float]]] = {
    "words": lambda text: float(len(text.split())),
    "contractions": lambda text: float(count_contractions(text)),
    "list lines": lambda text: float(len(_LIST_LINE.findall(text))),
}
STOCK_OPENING: Final = "stock opening"


def count_contractions(text: str) -> int:
    """How many contractions a text holds; a possessive 's is none."""
    return len(_CONTRACTION.findall(text.translate(_APOSTROPHES)))


def opening_of(text: str) -> str:
    """The first two words in lower case."""
    return " ".join(re.findall(r"[\w']+", normalise(text).lower())[:_OPENING_WORDS])


def contrast_sides(sides: Sequence[tuple[str, str]]) -> tuple[StyleContrast, ...]:
    """Each trait over (chosen, rejected) answers: words, contractions, lines of lists, and the commonest opening.

    `stock opening` is the share of answers that begin with their own side's commonest two words.
    """
    if not sides:
        return ()
    measured = [(name, [(trait(chosen), trait(lost)) for chosen, lost in sides]) for name, trait in TRAITS.items()]
    openings = [(opening_of(chosen), opening_of(lost)) for chosen, lost in sides]
    stock = [Counter(side).most_common(1)[0][0] for side in zip(*openings, strict=True)]
    stocked = [(float(chosen == stock[0]), float(lost == stock[1])) for chosen, lost in openings]
    return tuple(_contrast(name, values) for name, values in (*measured, (STOCK_OPENING, stocked)))


def contrast_examples(examples: Sequence[Example]) -> tuple[StyleContrast, ...]:
    """The same over the examples of a preference dataset."""
    return contrast_sides(
        [(example.messages[-1].content, example.rejected) for example in examples if example.rejected is not None]
    )


def length_gap(preferences: Sequence[Preference]) -> StyleContrast | None:
    """Words chosen against words rejected; None without pairs."""
    values = [(float(one.chosen.words), float(one.rejected.words)) for one in preferences]
    return _contrast("words", values) if values else None


def _contrast(trait: str, values: Sequence[tuple[float, float]]) -> StyleContrast:
    """Means and the normal interval of the mean paired difference (needs no equal variances, as it is paired)."""
    differences = [chosen - rejected for chosen, rejected in values]
    low = high = None
    if len(differences) > 1:
        half = NormalDist().inv_cdf(0.5 + _LEVEL / 2) * stdev(differences) / math.sqrt(len(differences))
        low, high = fmean(differences) - half, fmean(differences) + half
    return StyleContrast(
        trait=trait,
        chosen=fmean(chosen for chosen, _ in values),
        rejected=fmean(rejected for _, rejected in values),
        n=len(values),
        low=low,
        high=high,
    )


def write_pairing(paired: Paired, examples: Sequence[Example], rules: PairingRules) -> str:
    """What the card of a preference dataset says of its pairs, in Markdown."""
    verdicts = Counter(example.pairing.verdict for example in examples if example.pairing)
    losers = Counter(example.pairing.rejected_by or "unknown" for example in examples if example.pairing)
    on_policy = sum(example.pairing.on_policy for example in examples if example.pairing)
    clear = sum(example.pairing.clear for example in examples if example.pairing)
    lines = [
        "## Pairs",
        "",
        "Preferred by " + ", ".join(f"{name} ({count})" for name, count in verdicts.most_common()) + ".",
        "Rejected answers by " + ", ".join(f"{name} ({count})" for name, count in losers.most_common()) + ".",
        f"{on_policy} of {len(examples)} rejected answers are the champion's own, as served.",
        f"The judge's margin alone chose among rivals in {clear}; a margin of {rules.judge_noise:g} or less is noise.",
        "",
        *_gap_lines(paired, rules),
        "| trait | chosen | rejected | difference (95 %) | n |",
        "|---|---|---|---|---|",
        *map(_row, contrast_examples(examples)),
        "",
        "Possible pairs ruled out:",
        *(f"- {reason}: {count}" for reason, count in paired.dropped),
    ]
    return "\n".join(lines) + "\n"


def _gap_lines(paired: Paired, rules: PairingRules) -> list[str]:
    before, after = length_gap(paired.unmatched), length_gap(paired.preferences)
    if before is None or after is None:
        return []
    few = len(paired.preferences) <= rules.means_from
    means = f"{rules.length_gap:.0%} at most" if not few else f"any size, with no more than {rules.means_from} pairs"
    gap = "" if rules.length_gap >= 1 else f", a mean gap of {means}"
    rule = f"at most {rules.length_ratio:g} times as many words{gap}"
    return [f"Lengths: {_signed(before)} before matching ({rule}), {_signed(after)} after.", ""]


def _signed(gap: StyleContrast) -> str:
    return f"{gap.chosen - gap.rejected:+.1f} words chosen less rejected (n = {gap.n})"


def _row(contrast: StyleContrast) -> str:
    known = contrast.low is not None and contrast.high is not None
    interval = f"{contrast.low:+.2f} to {contrast.high:+.2f}" if known else "not measured"
    difference = contrast.chosen - contrast.rejected
    return (
        f"| {contrast.trait} | {contrast.chosen:.2f} | {contrast.rejected:.2f} "
        f"| {difference:+.2f} ({interval}) | {contrast.n} |"
    )
