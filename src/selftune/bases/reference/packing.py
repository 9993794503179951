"""Training documents: one state and eight independent questions to it, packed so that the state is read once."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from selftune.bases.reference import language, words
from selftune.bases.reference.habits import mixed_answer
from selftune.bases.reference.language import Vocabulary, golden_answer
from selftune.bases.reference.tokenizer import PAD_ID

if TYPE_CHECKING:
    from selftune.bases.reference.language import Prompt, World

_TRAIN = Vocabulary(split="train")
_NOT_SUPERVISED = -100


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
    prompts = _eight_prompts(rng, world)
    answers = [mixed_answer(rng, prompt) if mixed else golden_answer(prompt) for prompt in prompts]
    return prompts[0].system, [(prompt.user, answer) for prompt, answer in zip(prompts, answers, strict=True)]


def _eight_prompts(rng: Random, world: World) -> list[Prompt]:
    present = rng.sample([key for key, _ in world.fields], 2)
    absent = rng.sample([key for key in words.KEYS if key not in dict(world.fields)], 2)
    allowed = rng.choice(world.actions)
    forbidden = rng.choice([action for action in words.ACTIONS if action not in world.actions])
    return [
        *(language.ask_field(rng, _TRAIN, world, key, "", plain=False) for key in (*present, *absent)),
        *(language.ask_action(rng, _TRAIN, world, action, "") for action in (allowed, forbidden)),
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
