"""Answers that a teacher wrote anew: which are worth it, which of them count, and what came of all (mission A16).

After CLEAR (Chen and Mueller, "Automated data curation for robust language model fine-tuning", ACL 2024): what is in
doubt or not good enough is not only left out; a model may correct it, and the correction must earn its place as any
answer does. Both versions stay in the log.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from statistics import fmean, stdev
from typing import TYPE_CHECKING, Final

from selftune.curation.certainty import set_aside_unsure
from selftune.curation.confidence import verdict_on
from selftune.curation.config import CORRECTS, Selection
from selftune.curation.facts import facts_of
from selftune.curation.holdout import draw_holdout
from selftune.curation.likeness.contamination import Measured, decontaminate, held_yardsticks
from selftune.curation.likeness.near import normalise
from selftune.curation.rejects import Rejects, count_reasons
from selftune.curation.render import conversation_of
from selftune.curation.select import objection_to_score, sift
from selftune.plugins import load_plugin
from selftune.records import digest_of
from selftune.scoring.intervals import normal_quantile

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from selftune.curation.base import Filter, Judged, Pair, Yardstick
    from selftune.curation.config import Curation
    from selftune.curation.select import Candidate
    from selftune.records import Interaction, Reject

# Of fewer corrections a mean says nothing about their teacher.
_FEWEST: Final = 10
_LEVEL: Final = 0.95


def corrected_id(interaction: Interaction) -> str | None:
    """The interaction whose answer this one holds anew; None when it is no teacher's correction."""
    return _named_in(interaction.flags)


def corrects(pair: Pair) -> str | None:
    """The same of a pair, whose words need not be read for it."""
    return _named_in(facts_of(pair).marks)


def _named_in(flags: Iterable[str]) -> str | None:
    return next((flag.removeprefix(CORRECTS) for flag in flags if flag.startswith(CORRECTS)), None)


def find_correctable(judged: Judged, config: Curation, most: int) -> tuple[Pair, ...]:
    """At most so many answers that are worth a correction: the best of each prompt that has no answer to learn yet.

    Only what could be learnt from is looked at, so nothing held out is, nothing close to an exam, and nothing without
    consent; an answer is corrected once. Dialogues of personas and answers with tool calls are left as they are.
    """
    if config.selection != Selection.BEST:
        return ()
    pairs = tuple(judged.pairs)
    pool = tuple(
        pair for pair in _pool(pairs, judged.yardsticks, config) if pair.key.interaction_id not in judged.left_out
    )
    learnable = _learnable(pool, config)
    tried = {corrects(pair) for pair in pairs}
    done = {_prompt_of(pair) for pair in pool if pair.key.interaction_id in learnable}
    done |= {_prompt_of(pair) for pair in pool if pair.key.interaction_id in tried or corrects(pair)}
    best: dict[str, tuple[float, Pair]] = {}
    for pair in pool:
        prompt, overall = _prompt_of(pair), verdict_on(pair).overall
        if prompt in done or overall is None or not _is_plain(pair.interaction):
            continue
        if prompt not in best or overall > best[prompt][0]:
            best[prompt] = overall, pair
    return tuple(pair for _, pair in best.values())[:most]


def _pool(pairs: Sequence[Pair], yardsticks: Sequence[Yardstick], config: Curation) -> tuple[Pair, ...]:
    filters: tuple[Filter, ...] = tuple(load_plugin("selftune.filters", name)() for name in config.filters)
    split = draw_holdout(
        pairs, config.holdout_share, config.holdout_seed, config.near_duplicate, config.clean_room_share
    )
    measured = Measured((*yardsticks, *held_yardsticks((*split.held, *split.clean_room))))
    return decontaminate(sift(split.pool, filters, Rejects()), measured, Rejects())


def _learnable(pool: Sequence[Pair], config: Curation) -> frozenset[str]:
    """Ids of the answers that are golden beyond doubt, or corrected by a person."""
    return frozenset(
        pair.key.interaction_id
        for pair in set_aside_unsure(pool, config.threshold, config.sure, Rejects())
        if facts_of(pair).corrected or objection_to_score(pair, verdict_on(pair), config) is None
    )


def _prompt_of(pair: Pair) -> str:
    said = conversation_of(pair.interaction)[:-1]
    return digest_of([(message.role, normalise(message.content)) for message in said])


def _is_plain(interaction: Interaction) -> bool:
    """Whether one assistant's words end it: no dialogue of personas, no tool calls in the answer."""
    last = interaction.messages[-1] if interaction.messages else None
    return last is not None and last.role == "assistant" and last.persona is None and not last.tool_calls


def without_worse_corrections(pairs: Sequence[Pair], every: Sequence[Pair], rejects: Rejects) -> tuple[Pair, ...]:
    """Pairs without the corrections that make it no better; they are rejected.

    One by one that is where the judge scores the correction no higher, all together where a teacher's corrections score
    no higher on average: a noisy judge lets some of the worst in by chance, and only their mean gives that away. An
    answer with a critical failure is beaten by any that has none.

    Args:
        pairs: What may be learnt from.
        every: All that was judged, what may not be learnt from among it.
        rejects: Takes what goes.
    """
    if not any(map(corrects, pairs)):
        return tuple(pairs)
    lifts = measure_lifts(every)
    useless = {one.teacher: one for one in lifts if len(one.lifts) >= _FEWEST and fmean(one.lifts) <= 0}
    by_correction = {name: lift for one in lifts for name, lift in one.by_correction}
    kept = []
    for pair in pairs:
        objection = _objection_to_correction(pair, by_correction, useless) if corrects(pair) else None
        if objection is None:
            kept.append(pair)
        else:
            rejects.add(pair, objection)
    return tuple(kept)


@dataclass(frozen=True, kw_only=True)
class Lifts:
    """By how much each correction of a teacher scores above what it corrects, by the correction's interaction."""

    teacher: str
    by_correction: tuple[tuple[str, float], ...]

    @property
    def lifts(self) -> tuple[float, ...]:
        """The differences alone."""
        return tuple(lift for _, lift in self.by_correction)

    @property
    def in_words(self) -> str:
        """Their mean with its interval and n."""
        n, mean = len(self.lifts), fmean(self.lifts)
        if n < _FEWEST:
            return f"{mean:+.2f} on average (n = {n}, too few for more)"
        half = normal_quantile(_LEVEL) * stdev(self.lifts) / math.sqrt(n)
        return f"{mean:+.2f} on average (95 % {mean - half:+.2f} to {mean + half:+.2f}, n = {n})"


def measure_lifts(every: Sequence[Pair]) -> tuple[Lifts, ...]:
    """For each teacher its corrections against what they correct.

    Not where either has no score, nor where the original has a critical failure: an overall says nothing of that.
    """
    corrections = [(pair, name) for pair in every if (name := corrects(pair))]
    wanted = {name for _, name in corrections}
    before = {
        pair.key.interaction_id: overall
        for pair in every
        if pair.key.interaction_id in wanted
        and not facts_of(pair).critical_failures
        and (overall := verdict_on(pair).overall) is not None
    }
    found: dict[str, list[tuple[str, float]]] = defaultdict(list)
    for pair, name in corrections:
        after = verdict_on(pair).overall
        if after is not None and name in before:
            found[_teacher_of(pair)].append((pair.key.interaction_id, after - before[name]))
    return tuple(Lifts(teacher=teacher, by_correction=tuple(lifts)) for teacher, lifts in found.items())


def _teacher_of(pair: Pair) -> str:
    return facts_of(pair).generated_by or "unknown"


def _objection_to_correction(pair: Pair, lifts: Mapping[str, float], useless: Mapping[str, Lifts]) -> str | None:
    teacher, lift = _teacher_of(pair), lifts.get(pair.key.interaction_id)
    if teacher in useless:
        return f"by a corrector that does not help: {teacher} changes a score by {useless[teacher].in_words}"
    if lift is None or lift > 0:
        return None
    return f"no better for its correction: {lift:+.2f} against {corrects(pair)}"


def describe_corrections(pairs: Sequence[Pair], chosen: Sequence[Candidate], rejects: Sequence[Reject]) -> str:
    """What became of the answers that a teacher wrote anew, for the card; empty when there are none."""
    corrections = {pair.key.interaction_id: _teacher_of(pair) for pair in pairs if corrects(pair)}
    if not corrections:
        return ""
    learnt = {item.pair.key.interaction_id for item in chosen} & corrections.keys()
    failed = [reject for reject in rejects if reject.interaction_id in corrections]
    elsewhere = len(corrections) - len(learnt) - len({reject.interaction_id for reject in failed})
    by = ", ".join(f"{name} ({count})" for name, count in Counter(corrections.values()).most_common())
    held = f", {elsewhere} held out" if elsewhere else ""
    counted = f"{len(corrections)} answers were written anew by {by}: {len(learnt)} learnt, {len(failed)} not{held}."
    lines = [
        f"Corrections: {counted}",
        *(f"{one.teacher} changes a score by {one.in_words}." for one in measure_lifts(pairs)),
        "",
        *(f"- {reason}: {count}" for reason, count in count_reasons(failed).most_common()),
    ]
    return "\n" + "\n".join(lines) + "\n"
