"""Built-in reasons not to learn from an item."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from selftune.curation.render import correction_of, lesson_of

if TYPE_CHECKING:
    from selftune.curation.base import Pair

_INCOMPLETE: Final = {
    "cut_short": "cut short: the server stopped the answer at its length limit",
    "reasoning_unclosed": "reasoning unclosed: nobody can tell where the answer begins",
    "quarantined": "quarantined: held back when it came in",
    "call_not_parsed": "call not parsed: a function call that is no JSON",
}
# What the judging room says of verdicts that are none: the words addressed the judge, or it did not judge at all.
_SUSPECT: Final = {
    "injection_suspected": "addresses the judge: its words ask for a score",
    "unmoved": "judge unmoved: it found a spoiled copy just as good",
}
# Control tokens of ChatML, Llama 2 and 3, Mistral, Gemma and GPT-2; in a lesson they would open a turn of their own.
_CONTROL: Final = re.compile(
    r"<\|(?:im_start|im_end|endoftext|eot_id|start_header_id|end_header_id|begin_of_text)\|>"
    r"|\[/?INST\]|<<SYS>>|<(?:start|end)_of_turn>|</s>"
)


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
            found = _CONTROL.search(message.content)
            if found:
                return f"control token: {found[0]!r} in the text of the {message.role}"
        return None


class NotSuspected:
    """Objects to verdicts that the transcript may have talked its judge into."""

    def objection(self, item: Pair) -> str | None:
        """The reason, or None; a person's correction does not clear the words before it."""
        return next((_SUSPECT[flag] for flag in item.judgement.flags if flag in _SUSPECT), None)
