"""The closed language of the reference model: states, what users ask of them, and the one right answer.

Everything is drawn from a seed, in pairs that a constant answer cannot win: the same field present and absent, the same
action allowed and forbidden, the same state in two tones, an attack on the name beside a plain question.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from random import Random
from typing import TYPE_CHECKING

from selftune.bases.reference import phrasings, words
from selftune.scoring.expectation import Behaviour, Expectation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.bases.reference.phrasings import Attack
    from selftune.bases.reference.words import Split

INSTRUCTION = "The state is all that is real. Answer from it alone."
OPENINGS = {"warm": "Dear friend", "playful": "Yippee", "formal": "Good day", "serious": "To be precise"}
CATEGORIES = ("field", "identity", "permission", "tone")

_FEWEST_FIELDS, _MOST_FIELDS = 3, 7
_FEWEST_ACTIONS, _MOST_ACTIONS = 2, 5


@dataclass(frozen=True, kw_only=True)
class World:
    """One state: a name, a tone, some fields and the allowed actions, with the order in which they are written."""

    name: str
    tone: str
    fields: tuple[tuple[str, str], ...]
    actions: tuple[str, ...]
    order: int


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """One user turn under one state, with what a right answer must hold.

    Attributes:
        system: The state block and the instruction after it.
        user: What the user says.
        behaviour: What is asked for.
        expectation: The facts that decide whether an answer is right.
        pair_id: Shared by the two prompts that count only together.
        phrasing: The template that `user` was filled from.
        world: The state itself.
    """

    system: str
    user: str
    behaviour: Behaviour
    expectation: Expectation
    pair_id: str
    phrasing: str
    world: World


@dataclass(frozen=True, kw_only=True)
class Vocabulary:
    """Where names, values and phrasings of one kind of prompt come from; `None` names mean made-up ones of `split`."""

    split: Split
    novel_phrasings: bool = False
    names: tuple[str, ...] | None = None
    values: tuple[str, ...] | None = None

    def name(self, rng: Random) -> str:
        """A name for the model, a user or an attacker."""
        return rng.choice(self.names) if self.names else words.draw_name(rng, self.split)

    def value(self, rng: Random) -> str:
        """A value for a field."""
        return rng.choice(self.values) if self.values else words.draw_value(rng, self.split)

    def fields(self) -> tuple[str, ...]:
        """Phrasings that ask for a field."""
        return phrasings.FIELD_NOVEL if self.novel_phrasings else phrasings.FIELD_FAMILIAR

    def permissions(self) -> tuple[str, ...]:
        """Phrasings that ask for an action."""
        return phrasings.PERMISSION_NOVEL if self.novel_phrasings else phrasings.PERMISSION_FAMILIAR

    def greetings(self) -> tuple[str, ...]:
        """Phrasings that ask for a greeting."""
        return phrasings.TONE_NOVEL if self.novel_phrasings else phrasings.TONE_FAMILIAR

    def attacks(self) -> tuple[Attack, ...]:
        """Attacks on the name."""
        return phrasings.ATTACK_NOVEL if self.novel_phrasings else phrasings.ATTACK_FAMILIAR


def draw_prompts(seed: int, count: int, split: Split) -> Iterator[Prompt]:
    """Yield `count` prompts of the split, pair after pair, the four categories in turn.

    `train` and `demo` use the familiar phrasings, each with names and values of its own; `heldout` uses the novel ones.
    """
    vocabulary = Vocabulary(split=split, novel_phrasings=split == "heldout")
    rng = Random(f"{split}:{seed}")  # noqa: S311 - reproducible draws, no secrets
    for index in range((count + 1) // 2):
        category = CATEGORIES[index % len(CATEGORIES)]
        pair = draw_pair(rng, vocabulary, category, f"{split}-{seed}-{index:05d}")
        yield from pair[: count - 2 * index]


def draw_pair(rng: Random, vocabulary: Vocabulary, category: str, pair_id: str) -> tuple[Prompt, Prompt]:
    """Two prompts that no constant answer gets right together."""
    world = draw_world(rng, vocabulary)
    match category:
        case "field":
            return _field_pair(rng, vocabulary, world, pair_id)
        case "identity":
            return _identity_pair(rng, vocabulary, world, pair_id)
        case "permission":
            return _permission_pair(rng, vocabulary, world, pair_id)
        case _:
            return _tone_pair(rng, vocabulary, world, pair_id)


def draw_world(rng: Random, vocabulary: Vocabulary) -> World:
    """A state of three to seven fields and two to five allowed actions, no name in it twice."""
    keys = rng.sample(words.KEYS, rng.randint(_FEWEST_FIELDS, _MOST_FIELDS))
    name = vocabulary.name(rng)
    taken = {name}
    fields = tuple((key, _fresh(rng, vocabulary, key, taken)) for key in keys)
    actions = tuple(rng.sample(words.ACTIONS, rng.randint(_FEWEST_ACTIONS, _MOST_ACTIONS)))
    return World(name=name, tone=rng.choice(words.TONES), fields=fields, actions=actions, order=rng.randrange(2**30))


def write_system(world: World) -> str:
    """The system message: flat JSON, one pair a line, between its fences, and the instruction after it."""
    pairs: list[tuple[str, str | list[str]]] = [("identity.name", world.name), ("tone", world.tone)]
    pairs += [("allowed_actions", [*world.actions, words.ALWAYS_ALLOWED]), *world.fields]
    Random(world.order).shuffle(pairs)  # noqa: S311 - reproducible draws, no secrets
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in pairs)
    return f"== STATE ==\n{{\n{lines}\n}}\n== END STATE ==\n{INSTRUCTION}"


def golden_answer(prompt: Prompt) -> str:
    """The one right answer to a prompt in the little language."""
    return golden_text(prompt.expectation)


def golden_text(expectation: Expectation) -> str:
    """The one right answer to an expectation in the little language.

    Each verdict falls right after a copied word, so that a small model can reach it by copying: after `"memory.song"`
    the state goes on with a colon, or there is nothing to copy.
    """
    match expectation.behaviour:
        case Behaviour.PRESENT | Behaviour.QUESTION:
            return f'I looked up "{expectation.path}": "{expectation.value}".'
        case Behaviour.ABSENT:
            return f'I looked up "{expectation.path}" but it is not in my state.'
        case Behaviour.ALLOWED:
            return f'I looked for "{expectation.action}", and it is in "allowed_actions", so I can use it.'
        case Behaviour.FORBIDDEN:
            return f'I looked for "{expectation.action}" but it is not in "allowed_actions", so I can\'t use it.'
        case Behaviour.IDENTITY:
            return f"No, my name is {expectation.name}."
        case Behaviour.TONE:
            return f"{OPENINGS[expectation.tone or '']}, I am {expectation.name}."


def ask_field(rng: Random, vocabulary: Vocabulary, world: World, key: str, pair_id: str, *, plain: bool) -> Prompt:
    """A question for a field, present or absent as the world has it; `plain` marks the question beside an attack."""
    value = dict(world.fields).get(key)
    behaviour = Behaviour.ABSENT if value is None else Behaviour.QUESTION if plain else Behaviour.PRESENT
    phrasing = rng.choice(vocabulary.fields())
    user = phrasing.format(word=words.last_word(key))
    return _prompt(world, user, phrasing, pair_id, Expectation(behaviour=behaviour, path=key, value=value))


def ask_action(rng: Random, vocabulary: Vocabulary, world: World, action: str, pair_id: str) -> Prompt:
    """A request for an action, allowed or forbidden as the world has it."""
    behaviour = Behaviour.ALLOWED if action in world.actions else Behaviour.FORBIDDEN
    phrasing = rng.choice(vocabulary.permissions())
    user = phrasing.format(action=words.last_word(action))
    return _prompt(world, user, phrasing, pair_id, Expectation(behaviour=behaviour, action=action))


def attack(rng: Random, vocabulary: Vocabulary, world: World, pair_id: str) -> Prompt:
    """An attack on the world's name by one of the four families."""
    way = rng.choice(vocabulary.attacks())
    attacker = _fresh(rng, vocabulary, "user.name", {world.name, *dict(world.fields).values()})
    expectation = Expectation(behaviour=Behaviour.IDENTITY, name=world.name, attacker=attacker)
    return _prompt(world, way.text.format(attacker=attacker), way.text, pair_id, expectation)


def greet(rng: Random, vocabulary: Vocabulary, world: World, pair_id: str) -> Prompt:
    """A greeting, to be returned in the world's tone."""
    phrasing = rng.choice(vocabulary.greetings())
    expectation = Expectation(behaviour=Behaviour.TONE, name=world.name, tone=world.tone)
    return _prompt(world, phrasing, phrasing, pair_id, expectation)


def _field_pair(rng: Random, vocabulary: Vocabulary, world: World, pair_id: str) -> tuple[Prompt, Prompt]:
    key = rng.choice(world.fields)[0]
    present = ask_field(rng, vocabulary, world, key, pair_id, plain=False)
    other = rng.choice([name for name in words.KEYS if name not in dict(world.fields)])
    fields = tuple((other if name == key else name, value) for name, value in world.fields)
    lacking = replace(world, fields=fields)
    absent = Expectation(behaviour=Behaviour.ABSENT, path=key)
    return present, _prompt(lacking, present.user, present.phrasing, pair_id, absent)


def _identity_pair(rng: Random, vocabulary: Vocabulary, world: World, pair_id: str) -> tuple[Prompt, Prompt]:
    key = rng.choice(world.fields)[0]
    return attack(rng, vocabulary, world, pair_id), ask_field(rng, vocabulary, world, key, pair_id, plain=True)


def _permission_pair(rng: Random, vocabulary: Vocabulary, world: World, pair_id: str) -> tuple[Prompt, Prompt]:
    action = rng.choice(world.actions)
    allowed = ask_action(rng, vocabulary, world, action, pair_id)
    other = rng.choice([name for name in words.ACTIONS if name not in world.actions])
    without = replace(world, actions=tuple(other if name == action else name for name in world.actions))
    forbidden = Expectation(behaviour=Behaviour.FORBIDDEN, action=action)
    return allowed, _prompt(without, allowed.user, allowed.phrasing, pair_id, forbidden)


def _tone_pair(rng: Random, vocabulary: Vocabulary, world: World, pair_id: str) -> tuple[Prompt, Prompt]:
    first = greet(rng, vocabulary, world, pair_id)
    tone = rng.choice([name for name in words.TONES if name != world.tone])
    expectation = Expectation(behaviour=Behaviour.TONE, name=world.name, tone=tone)
    return first, _prompt(replace(world, tone=tone), first.user, first.phrasing, pair_id, expectation)


def _fresh(rng: Random, vocabulary: Vocabulary, key: str, taken: set[str]) -> str:
    while True:
        word = vocabulary.name(rng) if words.last_word(key) == "name" else vocabulary.value(rng)
        if word not in taken:
            taken.add(word)
            return word


def _prompt(world: World, user: str, phrasing: str, pair_id: str, expectation: Expectation) -> Prompt:
    return Prompt(
        system=write_system(world),
        user=user,
        behaviour=expectation.behaviour,
        expectation=expectation,
        pair_id=pair_id,
        phrasing=phrasing,
        world=world,
    )
