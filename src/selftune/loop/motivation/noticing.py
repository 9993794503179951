"""What the motivator reads in a project: topics, weak spots and unresolved dialogues of the newest part of the log."""

from __future__ import annotations

import re
from collections import defaultdict
from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.curation.weakness import ANY_TOPIC
from selftune.loop.dialogues.outset import MOTIVATOR
from selftune.personas.gauges.resolution import ended_in_dissonance
from selftune.personas.motivator.noticed import Noticed, Unresolved, Weak
from selftune.records import Dataset, Evaluation, Interaction, Release, Trigger
from selftune.scoring.units import unit_scores

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from selftune.loop.project import Project
    from selftune.records import Codex

NEWEST: Final = 2000
"""So many places of the log are looked back, and no further: a goal is held against what was asked lately."""

_SHARED_BY: Final = 3
_COMMON_SHARE: Final = 0.3
_TOO_FEW_TO_TELL: Final = 10
_WEAKEST: Final = 3
_WEAK_BELOW: Final = 0.8
_MOST_UNRESOLVED: Final = 5
_TOPICS_EACH: Final = 3
# What somebody speaks of stands behind an article or a preposition, and in small letters: a name does not.
_SPOKEN_OF: Final = re.compile(r"\b(?:[Tt]he|[Aa]n?|[Mm]y|[Oo]ur|[Yy]our|[Aa]bout|of|with) ([a-z]{4,})\b(?!')")
_NAMES: Final = re.compile(r"(?<=[a-z,] )([A-Z][a-z]+)")


def notice(project: Project, codex: Codex, *, tools: tuple[str, ...] = ()) -> Noticed:
    """All that goals may be made of, from the newest part of the log and the newest records."""
    said = newest_of(project)
    topics = _topics(said)
    return Noticed(
        codex_id=codex.id,
        topics=topics,
        unresolved=_unresolved(said, codex, frozenset(topics)),
        weak=(*_weak_in_log(project, frozenset(_names(said))), *_weak_in_suite(project)),
        asked=tuple(_question(one) for one in said if one.trigger is not Trigger.MOTIVATOR),
        taken=tuple(_question(one) for one in said if one.trigger is Trigger.MOTIVATOR),
        tools=tools,
    )


def newest_of(project: Project) -> list[Interaction]:
    """The newest part of the log, oldest first, newest versions only."""
    last = project.store.last_sequence(Interaction)
    passed = project.store.superseded()
    return [one for _, one in project.store.each(Interaction, max(0, last - NEWEST)) if one.id not in passed]


def _question(one: Interaction) -> str:
    return next((turn.content for turn in one.messages if turn.role == "user"), "")


def _by_people(said: Iterable[Interaction]) -> list[Interaction]:
    """What may be learnt from: whoever does not want that is not made a topic of, either."""
    return [one for one in said if one.trigger is not Trigger.MOTIVATOR and one.consent.train]


def _topics(said: Sequence[Interaction]) -> tuple[str, ...]:
    """Words that several conversations speak of, and not most of them; the commonest first, names left out."""
    people = _by_people(said)
    spoken: dict[str, set[str]] = defaultdict(set)
    for one in people:
        for word in _SPOKEN_OF.findall(_question(one)):
            spoken[word].add(one.conversation)
    talks = len({one.conversation for one in people})
    most = talks if talks <= _TOO_FEW_TO_TELL else _COMMON_SHARE * talks
    names = _names(said)
    usable = [
        (word, len(held)) for word, held in spoken.items() if _SHARED_BY <= len(held) <= most and word not in names
    ]
    return tuple(word for word, _ in sorted(usable, key=lambda one: (-one[1], one[0])))


def _names(said: Iterable[Interaction]) -> set[str]:
    """Words that stand with a capital inside a sentence somewhere."""
    return {name.lower() for one in said for name in _NAMES.findall(_question(one))}


def _unresolved(said: Sequence[Interaction], codex: Codex, shared: frozenset[str]) -> tuple[Unresolved, ...]:
    limits = codex.dissonance
    ended = [one for one in said if one.codex_id is not None and ended_in_dissonance(one, limits) and _open(one)]
    return tuple(
        Unresolved(
            interaction_id=one.id,
            ended_at=one.dissonance[-1] if one.dissonance else None,
            topics=tuple(word for word in dict.fromkeys(_SPOKEN_OF.findall(_question(one))) if word in shared)[
                :_TOPICS_EACH
            ],
            own_goal=_question(one) if _is_own(one) and one.consent.train else "",
        )
        for one in reversed(ended[-_MOST_UNRESOLVED:])
    )


def _open(one: Interaction) -> bool:
    """Whether words of it may be used: our own, or of somebody who lets them be learnt from."""
    return _is_own(one) or one.consent.train


def _is_own(one: Interaction) -> bool:
    """Whether it was held here about a goal; an import may name the same trigger."""
    return one.trigger is Trigger.MOTIVATOR and one.source == MOTIVATOR


def _weak_in_log(project: Project, names: frozenset[str]) -> tuple[Weak, ...]:
    dataset = project.store.last(Dataset)
    return tuple(
        Weak(
            what=one.criterion,
            topics=() if one.topic == ANY_TOPIC else tuple(w for w in one.topic.split(", ") if w not in names),
            mean=one.mean,
            of=f"over {one.conversations} conversations",
            records=one.interaction_ids,
        )
        for one in (() if dataset is None else dataset.weaknesses[:_WEAKEST])
    )


def _weak_in_suite(project: Project) -> tuple[Weak, ...]:
    """The weakest categories of what serves, by its newest evaluation; what could not be scored is no weakness."""
    release = project.store.last(Release)
    newest = None
    for _, one in project.store.each(Evaluation):
        if release is not None and one.build_digest == release.build_digest:
            newest = one
    if newest is None:
        return ()
    scores: dict[str, list[float]] = defaultdict(list)
    for unit in unit_scores(newest.outcomes, "item"):
        if unit.value is not None:
            scores[unit.category].append(unit.value)
    means = sorted((fmean(values), category) for category, values in scores.items())
    return tuple(
        Weak(what=category, topics=(), mean=mean, of=f"of 1 on the suite {newest.suite}", records=(newest.id,))
        for mean, category in means[:_WEAKEST]
        if mean < _WEAK_BELOW
    )
