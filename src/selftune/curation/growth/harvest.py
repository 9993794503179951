"""Turns of a log that cite the state rightly: the real half of a grown set (mission D11)."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from selftune.curation.render import conversation_of
from selftune.records import Trigger
from selftune.scoring.inference import infer_expectation
from selftune.scoring.state import parse_state
from selftune.scoring.state_obedience import check_answer

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selftune.records import Interaction, Message


@dataclass(frozen=True, kw_only=True)
class Cited:
    """One turn: the state it stood under, the question and the answer, and the interaction it was taken from."""

    interaction: Interaction
    messages: tuple[Message, ...]


def harvest(interactions: Iterable[Interaction]) -> Iterator[Cited]:
    """Every turn whose answer the checks find right, in any place of a conversation.

    None without consent, and none of what nobody asked: a grown turn must not come back as a real one.
    """
    for interaction in interactions:
        agreed = interaction.consent.keep and interaction.consent.train
        if agreed and interaction.trigger is not Trigger.SIMULATED:
            yield from _right_turns(interaction)


def _right_turns(interaction: Interaction) -> Iterator[Cited]:
    messages = conversation_of(interaction)
    system = next((message for message in messages if message.role == "system"), None)
    state = None if system is None else parse_state(system.content)
    if system is None or state is None:
        return
    for asked, said in pairwise(messages):
        if (asked.role, said.role) == ("user", "assistant"):
            wanted = infer_expectation(state, asked.content)
            if wanted is not None and check_answer(wanted, said.content, state).passed:
                yield Cited(interaction=interaction, messages=(system, asked, said))
