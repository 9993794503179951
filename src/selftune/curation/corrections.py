"""Answers that a teacher wrote anew: which are worth it, which of them count, and what came of all (mission A16).

After CLEAR (Chen and Mueller, "Automated data curation for robust language model fine-tuning", ACL 2024): what is in
doubt or not good enough is not only left out; a model may correct it, and the correction must earn its place as any
answer does. Both versions stay in the log.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Final

from selftune.curation.certainty import set_aside_unsure
from selftune.curation.confidence import doubt_about, verdict_on
from selftune.curation.facts import facts_of
from selftune.curation.holdout import draw_holdout
from selftune.curation.near import normalise
from selftune.curation.render import conversation_of, correction_of
from selftune.curation.select import Rejects, count_reasons, sift
from selftune.plugins import load_plugin
from selftune.records import digest_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.curation.base import Filter, Pair
    from selftune.curation.config import Curation
    from selftune.curation.select import Candidate
    from selftune.records import Interaction, Reject

CORRECTED: Final = "corrected"
CORRECTS: Final = "corrects:"


def corrected_id(interaction: Interaction) -> str | None:
    """The interaction whose answer this one holds anew; None when it is no teacher's correction."""
    return _named_in(interaction.flags)


def _corrects(pair: Pair) -> str | None:
    """The same of a pair, whose words need not be read for it."""
    return _named_in(facts_of(pair).marks)


def _named_in(flags: Iterable[str]) -> str | None:
    return next((flag.removeprefix(CORRECTS) for flag in flags if flag.startswith(CORRECTS)), None)


def find_correctable(pairs: Sequence[Pair], config: Curation, most: int) -> tuple[Pair, ...]:
    """At most so many answers that are worth a correction: the best of each prompt that has no answer to learn yet.

    Only what could be learnt from is looked at, so nothing held out is, and nothing without consent; an answer is
    corrected once. Dialogues of personas and answers with tool calls are left as they are.
    """
    filters: tuple[Filter, ...] = tuple(load_plugin("selftune.filters", name)() for name in config.filters)
    split = draw_holdout(
        pairs, config.holdout_share, config.holdout_seed, config.near_duplicate, config.clean_room_share
    )
    pool = sift(split.pool, filters, Rejects())
    learnable = _learnable(pool, config)
    tried = {corrected_id(pair.interaction) for pair in pairs}
    best: dict[str, tuple[float, Pair]] = {}
    served = {_prompt_of(pair) for pair in pool if pair.interaction.id in learnable}
    for pair in pool:
        prompt = _prompt_of(pair)
        overall = verdict_on(pair).overall
        if prompt in served or overall is None or not _is_plain(pair.interaction):
            continue
        if pair.interaction.id in tried or corrected_id(pair.interaction) is not None:
            served.add(prompt)
            best.pop(prompt, None)
        elif prompt not in best or overall > best[prompt][0]:
            best[prompt] = overall, pair
    return tuple(pair for _, pair in best.values())[:most]


def _learnable(pool: Sequence[Pair], config: Curation) -> frozenset[str]:
    """Ids of the answers that are golden beyond doubt, or corrected by a person."""
    sure = set_aside_unsure(pool, config.threshold, config.sure, Rejects())
    return frozenset(
        pair.interaction.id for pair in sure if correction_of(pair.interaction) or _is_golden(pair, config)
    )


def _is_golden(pair: Pair, config: Curation) -> bool:
    verdict = verdict_on(pair)
    failed = bool(pair.judgement.critical_failures) and not verdict.by_person
    good = verdict.overall is not None and verdict.overall >= config.threshold and not failed
    return good and doubt_about(pair, verdict, config.disagreement) is None


def _prompt_of(pair: Pair) -> str:
    said = conversation_of(pair.interaction)[:-1]
    return digest_of([(message.role, normalise(message.content)) for message in said])


def _is_plain(interaction: Interaction) -> bool:
    """Whether one assistant's words end it: no dialogue of personas, no tool calls in the answer."""
    last = interaction.messages[-1] if interaction.messages else None
    return last is not None and last.role == "assistant" and last.persona is None and not last.tool_calls


def without_worse_corrections(pairs: Sequence[Pair], every: Iterable[Pair], rejects: Rejects) -> tuple[Pair, ...]:
    """Pairs without the corrections that the judge finds no better than what they correct; they are rejected.

    An answer with a critical failure is beaten by any that has none.

    Args:
        pairs: What may be learnt from.
        every: All that was judged, what may not be learnt from among it.
        rejects: Takes what goes.
    """
    corrections = {pair.key.interaction_id: name for pair in pairs if (name := _corrects(pair))}
    if not corrections:
        return tuple(pairs)
    wanted = frozenset(corrections.values())
    before = {pair.key.interaction_id: pair for pair in every if pair.key.interaction_id in wanted}
    kept = []
    for pair in pairs:
        original = before.get(corrections.get(pair.key.interaction_id, ""))
        objection = None if original is None else _objection_to_correction(pair, original)
        if objection is None:
            kept.append(pair)
        else:
            rejects.add(pair, objection)
    return tuple(kept)


def _objection_to_correction(pair: Pair, original: Pair) -> str | None:
    after, before = verdict_on(pair).overall, verdict_on(original).overall
    if after is None or before is None or facts_of(original).critical_failures or after > before:
        return None
    return f"no better for its correction: {after:.2f} after {before:.2f} in {original.key.interaction_id}"


def describe_corrections(pairs: Iterable[Pair], chosen: Sequence[Candidate], rejects: Sequence[Reject]) -> str:
    """What became of the answers that a teacher wrote anew, for the card; empty when there are none."""
    corrections = {pair.key.interaction_id: facts_of(pair) for pair in pairs if _corrects(pair)}
    if not corrections:
        return ""
    learnt = {item.pair.key.interaction_id for item in chosen} & corrections.keys()
    failed = [reject for reject in rejects if reject.interaction_id in corrections]
    elsewhere = len(corrections) - len(learnt) - len({reject.interaction_id for reject in failed})
    teachers = Counter(one.generated_by or "unknown" for one in corrections.values())
    by = ", ".join(f"{name} ({count})" for name, count in teachers.most_common())
    held = f", {elsewhere} held out" if elsewhere else ""
    counted = f"{len(corrections)} answers were written anew by {by}: {len(learnt)} learnt, {len(failed)} not{held}."
    return "\n".join(
        [
            "",
            f"Corrections: {counted}",
            *(f"- {reason}: {count}" for reason, count in count_reasons(failed).most_common()),
        ]
    )
