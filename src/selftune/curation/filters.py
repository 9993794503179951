"""Built-in reasons not to learn from an item."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from selftune.curation.render import correction_of, lesson_of
from selftune.scoring.breaks import character_break

if TYPE_CHECKING:
    from selftune.curation.base import Pair
    from selftune.records import Interaction

_INCOMPLETE: Final = {
    "cut_short": "cut short: the server stopped the answer at its length limit",
    "reasoning_unclosed": "reasoning unclosed: nobody can tell where the answer begins",
    "quarantined": "quarantined: held back when it came in",
    "call_not_parsed": "call not parsed: a function call that is no JSON",
    # How a dialogue of personas broke off: what would be learnt is half of it.
    "broke_off": "broken off: what spoke failed before the dialogue was over",
    "interrupted": "interrupted: somebody ended the dialogue before it was over",
    "out_of_time": "out of time: the dialogue was cut at its limit of seconds",
    "out_of_tokens": "out of tokens: the dialogue was cut at its limit of tokens",
    "empty_turn": "empty turn: a persona said nothing, twice",
    "repeated_itself": "repeated itself: a persona went round in a circle",
}
# What the judging room says of verdicts that are none: the words addressed the judge, or it did not judge at all.
_SUSPECT: Final = {
    "injection_suspected": "addresses the judge: its words ask for a score",
    "unmoved": "judge unmoved: it found a spoiled copy just as good",
}
# What it says of answers that are none, whatever they were judged to be.
_POSED: Final = {
    "empty_answer": "empty answer: no word, or the name of nothing",
    "echoed_question": "echo: the answer is the question",
    "constant_answer": "constant answer: the same to many questions about different things",
}
# Control tokens of ChatML, Llama 2 and 3, Mistral, Gemma and GPT-2; in a lesson they would open a turn of their own.
_CONTROL: Final = re.compile(
    r"<\|(?:im_start|im_end|endoftext|eot_id|start_header_id|end_header_id|begin_of_text)\|>"
    r"|\[/?INST\]|<<SYS>>|<(?:start|end)_of_turn>|</s>"
)
_GENERATED: Final = "generated"


def control_token_in(text: str) -> str | None:
    """The first control token of a chat template that stands in a text."""
    found = _CONTROL.search(text)
    return None if found is None else found[0]


class Consented:
    """Objects to words whose author did not agree that a model learns from them."""

    def objection(self, item: Pair) -> str | None:
        """The reason, or None."""
        consent = item.interaction.consent
        return None if consent.keep and consent.train else "no consent: its author did not agree to training"


class Answered:
    """Objects to conversations in which the assistant says nothing."""

    def objection(self, item: Pair) -> str | None:
        """The reason, or None."""
        messages = lesson_of(item.interaction)
        if len(messages) > 1 and (messages[-1].content.strip() or messages[-1].tool_calls):
            return None
        return "no answer: the assistant said nothing"


class Complete:
    """Objects to answers that were cut off or could not be told apart from what the model thought."""

    def objection(self, item: Pair) -> str | None:
        """The reason, or None; a person's correction is complete whatever became of the answer."""
        if correction_of(item.interaction):
            return None
        return next((_INCOMPLETE[flag] for flag in item.interaction.flags if flag in _INCOMPLETE), None)


class NoControlTokens:
    """Objects to texts that hold a chat template's control tokens: learnt from, they would open turns of their own."""

    def objection(self, item: Pair) -> str | None:
        """The reason, or None."""
        for message in lesson_of(item.interaction):
            token = control_token_in(message.content)
            if token:
                return f"control token: {token!r} in the text of the {message.role}"
        return None


class NotSuspected:
    """Objects to verdicts that the transcript may have talked its judge into, and to any on what is no answer."""

    def objection(self, item: Pair) -> str | None:
        """The reason, or None; a correction stands in for no answer, but does not clear the words before it."""
        against = _SUSPECT if correction_of(item.interaction) else _SUSPECT | _POSED
        return next((against[flag] for flag in item.judgement.flags if flag in against), None)


class InCharacter:
    """Objects to generated answers in which the teacher fell out of its role; what a real model said is the judge's."""

    def objection(self, item: Pair) -> str | None:
        """The reason, or None; the words that broke the character are quoted in it."""
        return self.breaks(item.interaction)

    @staticmethod
    def breaks(interaction: Interaction) -> str | None:
        """The same of an interaction that nobody has judged."""
        if _GENERATED not in interaction.flags:
            return None
        found = character_break(lesson_of(interaction)[-1].content)
        return None if found is None else f"out of character: {found!r} in a generated answer"
