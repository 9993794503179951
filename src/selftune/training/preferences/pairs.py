"""From a preference to two rows of tokens that begin with one and the same prompt."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from selftune.records import Message
from selftune.training.rows import RowMaker

if TYPE_CHECKING:
    from selftune.records import Example
    from selftune.training.base import Row


class PairMaker:
    """Turns preferences into rows with one tokenizer: the chosen answer's, which carries the rejected one's."""

    def __init__(self, tokenizer: Any) -> None:
        self._rows = RowMaker(tokenizer, "last_answer")

    def make(self, example: Example) -> Row:
        """The pair as tokens; refuses with the reason as a `ValueError` what can't be compared.

        The prompt's tokens must be a true prefix of both sides: where a tokenizer joins the end of the prompt with the
        beginning of an answer, the two answers would follow different prompts.
        """
        if example.rejected is None:
            raise ValueError("it has no rejected answer")
        prompt = self._rows.prompt_of(example)
        rival = replace(example.messages[-1], content=example.rejected)
        chosen, rejected = (
            _completed(self._rows.make(replace(example, messages=(*example.messages[:-1], last))), prompt)
            for last in (example.messages[-1], rival)
        )
        if chosen.tokens == rejected.tokens:
            raise ValueError("its two answers are the same")
        return replace(chosen, rejected=rejected)


class ThumbMaker:
    """Turns answers that a person liked, or did not, into rows with one tokenizer."""

    def __init__(self, tokenizer: Any) -> None:
        self._rows = RowMaker(tokenizer, "last_answer")

    def make(self, example: Example) -> Row:
        """The answer as tokens behind its prompt; refuses with the reason as a `ValueError` what can't be told apart.

        One that was disliked stands in the example as `rejected`, behind the question that its messages end with.
        """
        liked = example.rejected is None
        if not liked:
            disliked = Message(role="assistant", content=str(example.rejected))
            example = replace(example, messages=(*example.messages, disliked), rejected=None)
        return replace(_completed(self._rows.make(example), self._rows.prompt_of(example)), liked=liked)


def _completed(row: Row, prompt: tuple[int, ...]) -> Row:
    """The row up to its stop token, with everything after the prompt under the loss."""
    learnt = sum(row.supervised)
    stop = row.first_supervised + learnt
    if not prompt:
        raise ValueError("it has no prompt")
    if row.tokens[: len(prompt)] != prompt or row.first_supervised != len(prompt):
        raise ValueError("the tokenizer joins the end of its prompt with the beginning of an answer")
    return replace(row, tokens=row.tokens[:stop], supervised=row.supervised[:stop])
