"""Preference pairs: the better answer in `chosen`, the worse one in `rejected`."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile
from typing import TYPE_CHECKING, Any

from selftune.interactions.reading.assemble import Origin, assemble, read_file
from selftune.interactions.reading.expect import as_text
from selftune.interactions.reading.lines import UnreadableError
from selftune.interactions.reading.turns import Turns, answer_of, prompt_of
from selftune.records import Interaction, Rejected

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from selftune.context import Context
    from selftune.records import Message, Quarantined


@dataclass(frozen=True)
class Pairs:
    """Pairs of answers, the prompt apart (`prompt`, `conversations`, `instruction`) or repeated in both.

    The chosen answer is the interaction's, the one that lost stands beside it in `rejected`, with the place where the
    two part. So a pair stays one thing with one prompt that no split can tear, and nothing that only learns from
    `messages` ever meets the answer that somebody refused.
    """

    path: Path

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        return "its entries hold `chosen` and `rejected`" if {"chosen", "rejected"} <= entry.keys() else None

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each pair as one interaction; two answers that do not differ are flagged `pair_without_difference`."""
        return read_file(self.path, "pairs", parse_pair, context)


def parse_pair(entry: Mapping[str, Any], origin: Origin) -> Interaction:
    """One pair as one interaction.

    Raises:
        UnreadableError: an answer is missing, or the two answer different prompts.
    """
    prompt = prompt_of(entry)
    chosen, rejected = (_whole(prompt, entry, side) for side in ("chosen", "rejected"))
    facts = {**entry, "generated_by": _model(entry, "chosen") or entry.get("generated_by")}
    flags = (*chosen.flags, *rejected.flags)
    lost = _lost(chosen.messages, rejected.messages, _model(entry, "rejected"))
    return assemble(chosen.messages, facts, origin, flags if lost else (*flags, "pair_without_difference"), lost)


def _whole(prompt: Turns, entry: Mapping[str, Any], side: str) -> Turns:
    """The conversation that ends with one of the answers, whether or not the answer repeats the prompt."""
    answer = answer_of(entry.get(side), repr(side))
    if not answer.messages:
        raise UnreadableError(f"{side!r} holds no message")
    if answer.messages[0].role == "assistant":
        if not prompt.messages:
            raise UnreadableError(f"{side!r} answers a prompt that the entry does not hold")
        return prompt.then(answer)
    if any(message not in answer.messages for message in prompt.messages):
        raise UnreadableError(f"{side!r} repeats another prompt than the entry's")
    return answer


def _lost(chosen: tuple[Message, ...], rejected: tuple[Message, ...], model: str | None) -> tuple[Rejected, ...]:
    """The turns that lost, from where the two part; none when they do not.

    Raises:
        UnreadableError: the two part at something that the model did not say.
    """
    if chosen == rejected:
        return ()
    same = takewhile(lambda pair: pair[0] == pair[1], zip(chosen, rejected, strict=False))
    at = sum(1 for _ in same)
    if any(turns[at : at + 1] and turns[at].role != "assistant" for turns in (chosen, rejected)):
        raise UnreadableError("'chosen' and 'rejected' answer different prompts")
    if at in {len(chosen), len(rejected)}:
        raise UnreadableError("one of 'chosen' and 'rejected' only goes on where the other ends")
    return (Rejected(at=at, messages=rejected[at:], generated_by=model),)


def _model(entry: Mapping[str, Any], side: str) -> str | None:
    """Who wrote the answer, as sets of pairs say it: `chosen_model` or `model_chosen`."""
    name = entry.get(f"{side}_model") or entry.get(f"model_{side}")
    return None if name is None else as_text(name, f"the model of {side!r}")
