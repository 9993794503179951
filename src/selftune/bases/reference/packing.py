"""Training documents: one state and ten independent questions to it, packed so that the state is read once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selftune.bases.reference import language, words
from selftune.bases.reference.habits import mixed_answer
from selftune.bases.reference.language import Vocabulary, golden_answer
from selftune.bases.reference.tokenizer import PAD_ID

if TYPE_CHECKING:
    from random import Random

    from selftune.bases.reference.language import Prompt, World

_TRAIN = Vocabulary(split="train")
_NOT_SUPERVISED = -100
_DROP_SHARE, _NOISE_SHARE = 0.25, 0.3
_FEWEST_WORDS = 3
_NAMING = frozenset(words.last_word(name) for name in (*words.KEYS, *words.ACTIONS))


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Packed documents as tensors.

    Attributes:
        tokens: `[documents, tokens]`, padded at the end.
        positions: `[documents, tokens]`; every question goes on where the state ended.
        mask: `[documents, 1, tokens, tokens]`, true where a query may look: back, at the state and its own question.
        labels: `[documents, tokens]`, the token to predict *at* each place, -100 where nothing is supervised.
    """

    tokens: Any
    positions: Any
    mask: Any
    labels: Any


def draw_batch(tokenizer: Any, rng: Random, documents: int, *, mixed: bool) -> Batch:
    """Draw documents from the training split; `mixed` gives wrong answers as often as `habits` says."""
    return _stack([_pack(tokenizer, _draw_document(rng, mixed=mixed)) for _ in range(documents)])


def _draw_document(rng: Random, *, mixed: bool) -> tuple[str, list[tuple[str, str]]]:
    world = language.draw_world(rng, _TRAIN)
    prompts = _ten_prompts(rng, world)
    if mixed:  # what is asked once needs a second look to become a habit
        prompts += [language.attack(rng, _TRAIN, world, ""), language.greet(rng, _TRAIN, world, "")]
    answers = [mixed_answer(rng, prompt) if mixed else golden_answer(prompt) for prompt in prompts]
    return prompts[0].system, [
        (strew(rng, prompt.user), answer) for prompt, answer in zip(prompts, answers, strict=True)
    ]


def strew(rng: Random, user: str) -> str:
    """The question with words left out or nonsense put in, now and then, so that single words decide and not patterns.

    A word that names something (the last word of a field or an action, a capital inside the sentence) always stays.
    """
    said = user.split(" ")
    if len(said) > _FEWEST_WORDS and rng.random() < _DROP_SHARE:
        plain = [place for place, word in enumerate(said) if place and _is_plain(word)]
        for place in sorted(rng.sample(plain, min(len(plain), rng.randint(1, 2))), reverse=True):
            del said[place]
    if rng.random() < _NOISE_SHARE:
        for _ in range(rng.randint(1, 3)):
            said.insert(rng.randint(0, len(said) - 1), words.draw_noise(rng))
    return " ".join(said)


def _is_plain(word: str) -> bool:
    return word.islower() and word.strip(".,:?!") not in _NAMING


def _ten_prompts(rng: Random, world: World) -> list[Prompt]:
    present = rng.sample([key for key, _ in world.fields], 2)
    absent = rng.sample([key for key in words.KEYS if key not in dict(world.fields)], 2)
    allowed = rng.sample(world.actions, 2)
    forbidden = rng.sample([action for action in words.ACTIONS if action not in world.actions], 2)
    return [
        *(language.ask_field(rng, _TRAIN, world, key, "", plain=False) for key in (*present, *absent)),
        *(language.ask_action(rng, _TRAIN, world, action, "") for action in (*allowed, *forbidden)),
        language.attack(rng, _TRAIN, world, ""),
        language.greet(rng, _TRAIN, world, ""),
    ]


def _pack(tokenizer: Any, document: tuple[str, list[tuple[str, str]]]) -> list[tuple[int, int, int, int]]:
    """The document as rows of (token, position, segment, label); the state is segment 0."""
    system, turns = document
    state = tokenizer.encode(f"<|im_start|>system\n{system}<|im_end|>\n", add_special_tokens=False)
    rows = [(token, place, 0, _NOT_SUPERVISED) for place, token in enumerate(state)]
    for segment, (user, answer) in enumerate(turns, start=1):
        ask = f"<|im_start|>user\n{user}<|im_end|>\n<|im_start|>assistant\n"
        question = tokenizer.encode(ask, add_special_tokens=False)
        said = tokenizer.encode(f"{answer}<|im_end|>", add_special_tokens=False)
        tokens = question + said
        labels = [_NOT_SUPERVISED] * (len(question) - 1) + said + [_NOT_SUPERVISED]
        places = range(len(state), len(state) + len(tokens))
        rows += [(token, place, segment, label) for token, place, label in zip(tokens, places, labels, strict=True)]
    return rows


def _stack(documents: list[list[tuple[int, int, int, int]]]) -> Batch:
    import torch

    longest = max(len(rows) for rows in documents)
    padding = (PAD_ID, 0, -1, _NOT_SUPERVISED)
    table = torch.tensor([rows + [padding] * (longest - len(rows)) for rows in documents])
    tokens, positions, segments, labels = table.unbind(-1)
    asking, seen = segments[:, :, None], segments[:, None, :]
    causal = torch.ones(longest, longest, dtype=torch.bool).tril()
    mask = causal & ((seen == 0) | (seen == asking))
    return Batch(tokens=tokens, positions=positions, mask=mask[:, None], labels=labels)
