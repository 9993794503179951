"""Which answers are learnt from: the best of each prompt, and one of each near-duplicate."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final

from selftune.curation.chance import uniform
from selftune.curation.confidence import doubt_about, verdict_on
from selftune.curation.config import Selection
from selftune.curation.facts import facts_of, lesson_in, measure_lesson
from selftune.curation.filters import Consented
from selftune.curation.likeness.meaning import gist
from selftune.curation.likeness.near import fingerprint
from selftune.curation.likeness.twins import Finders
from selftune.curation.notes import with_words
from selftune.curation.render import conversation_of, lesson_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.curation.base import Filter, Lesson, Pair
    from selftune.curation.confidence import Verdict
    from selftune.curation.config import Curation
    from selftune.curation.likeness.alike import Likeness
    from selftune.curation.likeness.meaning import Gist
    from selftune.curation.likeness.near import Fingerprint
    from selftune.curation.likeness.twins import Twins
    from selftune.curation.rejects import Rejects
    from selftune.records import Message, PairFacts

PERSON: Final = "person"


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An answer that could be learnt from: as given, or as a person corrected it.

    Attributes:
        rank: What it is chosen by within its prompt, highest first.
        order: Place in the log.
        corrected: The lesson is a person's correction and not what was said.
        copy: 0 for the item itself; where a mixture repeats it, which repetition this is.
        written: The conversation of a pair of answers; None where the interaction itself is the lesson.
        rejected: The answer that it is preferred to, in a preference dataset.
        pairing: How that pair came to be.
    """

    pair: Pair
    taught_by: str | None
    rank: tuple[float, float]
    order: int
    corrected: bool = False
    copy: int = 0
    written: tuple[Message, ...] | None = None
    rejected: str | None = None
    pairing: PairFacts | None = None

    @property
    def messages(self) -> tuple[Message, ...]:
        """The conversation that is learnt."""
        if self.written is not None:
            return self.written
        return (lesson_of if self.corrected else conversation_of)(self.pair.interaction)

    @property
    def is_unmeasured(self) -> bool:
        """Whether its words must be read to know what it is told apart by."""
        return (self.pair.note.taught if self.corrected else self.pair.note.said) is None

    @cached_property
    def lesson(self) -> Lesson:
        """What it is told apart by."""
        if self.written is not None:
            return measure_lesson(self.written, self.pair.interaction.state)
        return lesson_in(self.pair, corrected=self.corrected)


def as_said(pair: Pair, order: int) -> Candidate:
    """The answer as it was given, good or bad: how it is held out."""
    return Candidate(pair=pair, taught_by=facts_of(pair).generated_by, rank=(0.0, 0.0), order=order)


def sift(pairs: Iterable[Pair], filters: Sequence[Filter], rejects: Rejects) -> tuple[Pair, ...]:
    """Pairs that no filter objects to, consent first; what was asked of a pair before stands in its note."""
    asked = (Consented(), *filters)
    names = "\n".join(f"{type(each).__module__}.{type(each).__qualname__}" for each in filters)
    kept = []
    for pair in pairs:
        if names not in pair.note.objections:
            pair.note.objections[names] = next((reason for each in asked if (reason := each.objection(pair))), None)
        objection = pair.note.objections[names]
        if objection is None:
            kept.append(pair)
        else:
            rejects.add(pair, objection)
    return tuple(kept)


def select(
    pairs: Sequence[Pair],
    config: Curation,
    seed: int,
    rejects: Rejects,
    finders: Finders | None = None,
) -> tuple[Candidate, ...]:
    """What is learnt from, in the order of the log; everything else is rejected with its reason.

    `finders` find near-duplicates and what says the same; without them both are sought from scratch.
    """
    finders = finders or Finders(None, config)
    candidates = [_candidate(pair, order, config, seed, rejects) for order, pair in enumerate(pairs)]
    met = _with_new_words([item for item in candidates if item])
    chosen = _best_of_each_prompt(met, config.answers_per_prompt, rejects)
    unique = without_near_duplicates(chosen, finders.lessons, rejects)
    distinct = without_same_meaning(unique, finders.meanings, rejects)
    return tuple(sorted(distinct, key=lambda item: item.order))


def _candidate(pair: Pair, order: int, config: Curation, seed: int, rejects: Rejects) -> Candidate | None:
    selection = Selection(config.selection)
    facts = facts_of(pair)
    if facts.corrected and selection is Selection.BEST:
        tie = uniform(seed, pair.key.interaction_id)
        return Candidate(pair=pair, taught_by=PERSON, rank=(math.inf, tie), order=order, corrected=True)
    if not facts.answered:
        rejects.add(pair, "no answer: the assistant said nothing")
        return None
    verdict = verdict_on(pair)
    objection = objection_to_score(pair, verdict, config)
    if objection:
        rejects.add(pair, objection)
        return None
    return Candidate(
        pair=pair,
        taught_by=facts.generated_by,
        rank=(_score_to_choose_by(verdict.overall, selection), uniform(seed, pair.key.interaction_id)),
        order=order,
    )


def _with_new_words(items: Sequence[Candidate]) -> list[Candidate]:
    """The same; those that nobody has measured as lessons so far have their words at hand."""
    new = [place for place, item in enumerate(items) if item.is_unmeasured]
    words = dict(zip(new, with_words(items[place].pair for place in new), strict=True))
    return [replace(item, pair=words[place]) if place in words else item for place, item in enumerate(items)]


def _score_to_choose_by(overall: float | None, selection: Selection) -> float:
    """The higher the sooner; chance alone chooses among unfiltered answers, which need no score."""
    if overall is None or selection is Selection.UNFILTERED:
        return 0.0
    return -overall if selection is Selection.WORST else overall


def objection_to_score(pair: Pair, verdict: Verdict, config: Curation) -> str | None:
    """Why what was found in an answer keeps it out of the lessons; None when it does not."""
    facts, overall, selection = facts_of(pair), verdict.overall, Selection(config.selection)
    if selection is Selection.UNFILTERED:
        return None
    if overall is None:
        return f"{facts.status}: {facts.reason or 'no reason given'}"
    if selection is Selection.WORST:
        return None if overall < config.threshold else f"too good: overall {overall:.2f}, asked for the worst"
    if facts.critical_failures and not verdict.by_person:
        return f"critical failure: {', '.join(facts.critical_failures)}"
    if overall < config.threshold:
        return f"below the threshold: overall {overall:.2f}, golden from {config.threshold:g}"
    return doubt_about(pair, verdict, config.disagreement)


def _best_of_each_prompt(candidates: Sequence[Candidate], count: int, rejects: Rejects) -> list[Candidate]:
    groups: dict[str, list[Candidate]] = defaultdict(list)
    for item in candidates:
        groups[item.lesson.prompt].append(item)
    return [item for group in groups.values() for item in _best(group, count, rejects)]


def _best(group: list[Candidate], count: int, rejects: Rejects) -> list[Candidate]:
    """The highest ranks with distinct answers; where a person corrected an answer, only corrections."""
    ranked = sorted(group, key=lambda item: item.rank, reverse=True)
    corrected = ranked[0].taught_by == PERSON
    kept: dict[str, Candidate] = {}
    for item in ranked:
        answer = item.lesson.answer
        if answer in kept:
            rejects.add(item.pair, f"duplicate: same prompt and answer as {kept[answer].pair.key.interaction_id}")
        elif corrected and item.taught_by != PERSON:
            rejects.add(item.pair, f"corrected: a person answered this prompt in {ranked[0].pair.key.interaction_id}")
        elif len(kept) == count:
            rejects.add(item.pair, f"not the best of its prompt: {count} of its answers kept already")
        else:
            kept[answer] = item
    return list(kept.values())


def without_near_duplicates(items: Sequence[Candidate], twins: Twins[Fingerprint], rejects: Rejects) -> list[Candidate]:
    """One of each cluster of near-duplicates: going down the ranks, whatever is like one that is kept goes."""
    ranked = _best_first(items)
    found = twins.find(
        len(ranked),
        lambda place: ranked[place].lesson.words,
        lambda place: fingerprint(ranked[place].messages, ranked[place].pair.interaction.state),
    )
    return _without_twins(ranked, found, "near-duplicate", rejects)


def without_same_meaning(items: Sequence[Candidate], twins: Twins[Gist], rejects: Rejects) -> list[Candidate]:
    """One of each cluster that says the same in another order or inflection, the highest rank of it."""
    ranked = _best_first(items)
    found = twins.find(
        len(ranked),
        lambda place: ranked[place].lesson.gist,
        lambda place: gist(ranked[place].messages, ranked[place].pair.interaction.state),
    )
    return _without_twins(ranked, found, "same in meaning", rejects)


def _best_first(items: Sequence[Candidate]) -> list[Candidate]:
    return sorted(items, key=lambda item: (item.rank, -item.order), reverse=True)


def _without_twins(
    ranked: Sequence[Candidate], pairs: Iterable[Likeness], reason: str, rejects: Rejects
) -> list[Candidate]:
    alike: dict[int, list[tuple[int, float]]] = defaultdict(list)
    for first, second, similarity in pairs:
        alike[second].append((first, similarity))
    kept: list[int] = []
    dropped: set[int] = set()
    for place, candidate in enumerate(ranked):
        twin = next((item for item in alike[place] if item[1] == 1 or item[0] not in dropped), None)
        if twin is None:
            kept.append(place)
        else:
            dropped.add(place)
            rejects.add(candidate.pair, f"{reason}: {twin[1]:.2f} like {ranked[twin[0]].pair.key.interaction_id}")
    return [ranked[place] for place in kept]
