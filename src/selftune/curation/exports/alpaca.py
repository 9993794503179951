"""Rows of `instruction`, `input` and `output`, with the rounds before in `history`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.curation.exports.base import CannotCarryError, Carries, Row, fit

if TYPE_CHECKING:
    from selftune.records import Example


_CARRIES: Final = Carries(rejected=True)


class Alpaca:
    """Alpaca as LLaMA-Factory extends it: `system`, `history`; a pair as `chosen` and `rejected`."""

    note = ""

    def row(self, example: Example) -> Row:
        """The example, its last question as the instruction."""
        fitted = fit(example, _CARRIES)
        prompt = list(fitted.prompt)
        body: dict[str, Any] = {}
        if prompt[0].role == "system":
            body["system"] = prompt.pop(0).content
            if not body["system"]:
                raise CannotCarryError("its system turn is empty")
        if not prompt:
            raise CannotCarryError("nobody asks anything in it")
        asked = prompt.pop().content
        said = [message.content for message in prompt]
        body |= {"instruction": asked, "input": ""}
        if fitted.rejected is None:
            body["output"] = fitted.answer.content
        else:
            body |= {"chosen": fitted.answer.content, "rejected": fitted.rejected}
        if said:
            body["history"] = [list(pair) for pair in zip(said[::2], said[1::2], strict=True)]
        return Row(body=body, lost=fitted.lost)
