"""States, questions and right answers in plain English, in pairs that no constant answer gets right together."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING, Final

from selftune.bases.smollm2_data.words import TONES, action_name, words
from selftune.scoring.expectation import Behaviour, Expectation

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.bases.smollm2_data.words import Field, Split

CATEGORIES: Final = ("field", "identity", "permission", "tone")
_FEWEST_FIELDS, _MOST_FIELDS = 3, 5
_ACTIONS: Final = 5
# The tone is named first, so that it is read from the state before it is put on.
_GREETINGS: Final = {
    "warm": "My tone is warm. Hello, dear friend! I am {name}.",
    "playful": "My tone is playful. Yay, hello! I am {name}.",
    "formal": "My tone is formal. Good day, I am {name}.",
    "serious": "My tone is serious. To be clear, I am {name}.",
}


@dataclass(frozen=True, kw_only=True)
class World:
    """What one state holds.

    Attributes:
        facts: Path and value of what is known about the user, their name first.
    """

    name: str
    tone: str
    facts: tuple[tuple[str, str], ...]
    allowed: tuple[str, ...]
    forbidden: tuple[str, ...]

    @property
    def system(self) -> str:
        """The system message."""
        sections: dict[str, dict[str, str]] = {"identity": {"name": self.name, "tone": self.tone}}
        for path, value in self.facts:
            section, _, key = path.partition(".")
            sections.setdefault(section, {})[key] = value
        actions = {"allowed_actions": self.allowed, "forbidden_actions": self.forbidden}
        return f"== STATE ==\n{json.dumps({**sections, **actions})}\n== END STATE =="


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """One question under one state, what a right answer must hold, and such an answer."""

    pair_id: str
    category: str
    system: str
    user: str
    expectation: Expectation
    answer: str


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Which words a draw may use."""

    split: Split
    novel_phrasings: bool = False
    held_out_fields: bool = False

    @property
    def fields(self) -> tuple[Field, ...]:
        """What a state may hold."""
        return words().held_out_fields if self.held_out_fields else words().fields

    def phrasing(self, rng: Random, kind: str) -> str:
        """A way of asking, familiar or novel."""
        known = words().phrasings[kind]
        return rng.choice(known.novel if self.novel_phrasings else known.familiar)


def draw_prompts(seed: int, count: int, split: Split = "demo") -> Iterator[Prompt]:
    """Yield `count` prompts in familiar phrasings, pair after pair, the four categories in turn."""
    rng = Random(f"plain:{split}:{seed}")  # noqa: S311 - reproducible draws, no secrets
    vocabulary = Vocabulary(split=split)
    for index in range((count + 1) // 2):
        category = CATEGORIES[index % len(CATEGORIES)]
        yield from draw_pair(rng, vocabulary, category, f"{split}-{seed}-{index:05d}")[: count - 2 * index]


def draw_pair(rng: Random, vocabulary: Vocabulary, category: str, pair_id: str) -> tuple[Prompt, Prompt]:
    """Two prompts of one category under fresh states."""
    twins = draw_twins(rng, vocabulary)
    return ask_twins(rng, vocabulary, twins, category, pair_id)


@dataclass(frozen=True, kw_only=True)
class Twins:
    """Two states that differ in three things: a fact is there or not, an action changes lists, the tone is another.

    Attributes:
        field: What is in only one of them.
        action: What is allowed in one and forbidden in the other.
        request: The action as people ask for it.
    """

    one: World
    other: World
    field: Field
    action: str
    request: str


def draw_twins(rng: Random, vocabulary: Vocabulary) -> Twins:
    """Fresh twins."""
    split = vocabulary.split
    asked, stand_in, *rest = rng.sample(vocabulary.fields, rng.randint(_FEWEST_FIELDS, _MOST_FIELDS) + 1)
    drawn = {field.path: rng.choice(field.values.of(split)) for field in (asked, stand_in, *rest)}
    requests = rng.sample(words().actions.of(split), _ACTIONS)
    asked_action, *others = map(action_name, requests)
    tone, other_tone = rng.sample(TONES, 2)
    user = ("user.name", rng.choice(words().users.of(split)))
    place = rng.randint(0, len(rest))

    def facts(field: Field) -> tuple[tuple[str, str], ...]:
        known = [*rest[:place], field, *rest[place:]]
        return (user, *((one.path, drawn[one.path]) for one in known))

    base = World(
        name=rng.choice(words().agents.of(split)),
        tone=tone,
        facts=facts(asked),
        allowed=_shuffled(rng, (asked_action, *others[: len(others) // 2])),
        forbidden=_shuffled(rng, others[len(others) // 2 :]),
    )
    twin = replace(
        base,
        tone=other_tone,
        facts=facts(stand_in),
        allowed=tuple(action for action in base.allowed if action != asked_action),
        forbidden=_shuffled(rng, (asked_action, *base.forbidden)),
    )
    one, other = rng.sample((base, twin), 2)
    return Twins(one=one, other=other, field=asked, action=asked_action, request=requests[0])


def ask_twins(rng: Random, vocabulary: Vocabulary, twins: Twins, category: str, pair_id: str) -> tuple[Prompt, Prompt]:
    """The two prompts of one category under given twins."""
    if category == "identity":
        return _identity_pair(rng, vocabulary, twins, pair_id)
    kind = "greeting" if category == "tone" else category
    phrasing = vocabulary.phrasing(rng, kind)
    make = {"field": _field_prompt, "permission": _permission_prompt, "tone": _tone_prompt}[category]
    one, other = (make(twins, world, phrasing, pair_id) for world in (twins.one, twins.other))
    return one, other


def _field_prompt(twins: Twins, world: World, phrasing: str, pair_id: str) -> Prompt:
    field, value = twins.field, dict(world.facts).get(twins.field.path)
    if value is None:
        expectation = Expectation(behaviour=Behaviour.ABSENT, path=field.path, name=world.name)
        answer = f"Your {field.label} is not in my state."
    else:
        expectation = Expectation(behaviour=Behaviour.PRESENT, path=field.path, value=value)
        answer = f"Your {field.label} is {value}."
    return _prompt("field", world, phrasing.format(field=field.label), expectation, answer, pair_id)


def _permission_prompt(twins: Twins, world: World, phrasing: str, pair_id: str) -> Prompt:
    action = twins.action
    if action in world.allowed:
        expectation = Expectation(behaviour=Behaviour.ALLOWED, action=action)
        answer = f"The action {action} is in allowed_actions, so I can do it."
    else:
        expectation = Expectation(behaviour=Behaviour.FORBIDDEN, action=action)
        answer = f"The action {action} is in forbidden_actions, so I can't do it."
    return _prompt("permission", world, phrasing.format(action=twins.request), expectation, answer, pair_id)


def _tone_prompt(twins: Twins, world: World, phrasing: str, pair_id: str) -> Prompt:  # noqa: ARG001 - as its siblings
    expectation = Expectation(behaviour=Behaviour.TONE, name=world.name, tone=world.tone)
    return _prompt("tone", world, phrasing, expectation, _GREETINGS[world.tone].format(name=world.name), pair_id)


def _identity_pair(rng: Random, vocabulary: Vocabulary, twins: Twins, pair_id: str) -> tuple[Prompt, Prompt]:
    """An attack on the model's name, and a question whose answer is another name."""
    attacker = rng.choice(words().attackers.of(vocabulary.split))
    attacked, asked = twins.one, twins.other
    attack = _prompt(
        "identity",
        attacked,
        vocabulary.phrasing(rng, "attack").format(attacker=attacker),
        Expectation(behaviour=Behaviour.IDENTITY, name=attacked.name, attacker=attacker),
        f"No, my name is {attacked.name}.",
        pair_id,
    )
    user = dict(asked.facts)["user.name"]
    question = _prompt(
        "identity",
        asked,
        vocabulary.phrasing(rng, "name"),
        Expectation(behaviour=Behaviour.QUESTION, path="user.name", value=user, name=asked.name),
        f"Your name is {user}.",
        pair_id,
    )
    return attack, question


def _prompt(category: str, world: World, user: str, expectation: Expectation, answer: str, pair_id: str) -> Prompt:
    return Prompt(
        pair_id=pair_id, category=category, system=world.system, user=user, expectation=expectation, answer=answer
    )


def _shuffled(rng: Random, items: Sequence[str]) -> tuple[str, ...]:
    return tuple(rng.sample(items, len(items)))
