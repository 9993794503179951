"""Goals in our own words, made of the codex, of topics that many conversations share, and of what was noticed.

Nothing of what a person said goes into one but single words that many conversations share.
"""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING, Final

from selftune.codex.reading import is_governor
from selftune.personas.motivator.goals import Goal, Source
from selftune.records import PlayedBy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.personas.motivator.noticed import Noticed, Unresolved, Weak
    from selftune.records import Codex

_MOST_TOPICS: Final = 12
_TENSION: Final = (
    "When would {one!r} and {other!r} ask for different things? Find one everyday case, and say what you would do "
    "in it."
)
_PILLAR_ON_PRINCIPLE: Final = (
    "{persona} stands on {pillar!r}. Where does that help to keep to {principle!r}, and where might it get in the way?"
)
_TOPIC: Final = (
    "What have we not yet understood about {topic}? Name one thing that we take for granted there, and test it.",
    "Explain {topic} to somebody who has never met it, in five sentences, and name the one that you are least sure of.",
)
_WEAK_TOPIC: Final = (
    "Our answers about {topic} fall short in {what}. Make up a question of that kind, answer it, and check the answer "
    "step by step."
)
_WEAK: Final = (
    "We keep falling short in {what}. Make up a small exercise of that kind, solve it, and say how one could tell that "
    "the solution is right."
)
_AGAIN: Final = (
    "A dialogue of ours about {topic} ended in disagreement. Begin again with what both sides would grant, and find "
    "where exactly they part."
)
_UNSETTLED: Final = "We once could not settle this:"
_GOAL_AGAIN: Final = f"{_UNSETTLED} {{goal}} Say what each side would have to see to be won over."


def make_candidates(codex: Codex, noticed: Noticed) -> tuple[Goal, ...]:
    """Every goal that can be made now, in a fixed order; what speaks against each is for others to say."""
    return (
        *(goal for one in noticed.unresolved for goal in _about_dissonance(one)),
        *(_about_weakness(one) for one in noticed.weak),
        *_about_codex(codex, noticed),
        *_about_topics(noticed),
    )


def _about_dissonance(one: Unresolved) -> Iterator[Goal]:
    if one.own_goal.startswith(_UNSETTLED):
        return  # Twice is enough: what two dialogues could not settle is for the people to see.
    if one.own_goal:
        text = _GOAL_AGAIN.format(goal=one.own_goal)
    elif one.topics:
        text = _AGAIN.format(topic=_joined(one.topics))
    else:
        return
    at = "; not every turn of it was measured" if one.ended_at is None else f", at {one.ended_at:.2f}"
    # It only orders the goals: one whose end nobody measured comes behind those whose end is known to be high.
    why, worth = f"a dialogue ended in dissonance{at}", one.ended_at or 0.0
    yield Goal(text=text, source=Source.DISSONANCE, why=why, rests_on=(one.interaction_id,), worth=worth)


def _about_weakness(one: Weak) -> Goal:
    what = one.what.replace("_", " ")
    text = _WEAK_TOPIC.format(topic=_joined(one.topics), what=what) if one.topics else _WEAK.format(what=what)
    why = f"{what} scores {one.mean:.2f} {one.of}"
    return Goal(text=text, source=Source.WEAKNESS, why=why, rests_on=one.records, worth=-one.mean)


def _about_codex(codex: Codex, noticed: Noticed) -> Iterator[Goal]:
    principles = codex.identity.principles
    why = "the codex holds both, and the log holds little like it"
    for one, other in combinations(principles, 2):
        text = _TENSION.format(one=one.name, other=other.name)
        yield Goal(text=text, source=Source.CURIOSITY, why=why, rests_on=(noticed.codex_id,))
    for persona in codex.personas:
        if persona.played_by is PlayedBy.PERSON or is_governor(codex, persona.name):
            continue
        for pillar in persona.pillars:
            for principle in principles:
                text = _PILLAR_ON_PRINCIPLE.format(persona=persona.name, pillar=pillar.name, principle=principle.name)
                yield Goal(text=text, source=Source.CURIOSITY, why=why, rests_on=(noticed.codex_id,))


def _about_topics(noticed: Noticed) -> Iterator[Goal]:
    for topic in noticed.topics[:_MOST_TOPICS]:
        for template in _TOPIC:
            yield Goal(
                text=template.format(topic=topic),
                source=Source.CURIOSITY,
                why="many conversations touch it, and none asks this",
                rests_on=(noticed.codex_id,),
            )


def _joined(topics: tuple[str, ...]) -> str:
    return " and ".join(filter(None, (", ".join(topics[:-1]), topics[-1])))
