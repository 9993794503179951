"""Prompts and answers in the shapes that training files share: OpenAI or ShareGPT turns, plain text, Alpaca fields."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from selftune.interactions.formats.openai import parse_messages
from selftune.interactions.formats.sharegpt import parse_turns
from selftune.interactions.reading.assemble import said_by_assistant
from selftune.interactions.reading.expect import as_list, as_mapping, as_text
from selftune.interactions.reading.lines import UnreadableError
from selftune.records import Message

if TYPE_CHECKING:
    from collections.abc import Mapping


class Turns(NamedTuple):
    """Messages in their order, and the flags that reading them called for."""

    messages: tuple[Message, ...] = ()
    flags: tuple[str, ...] = ()

    def then(self, after: Turns) -> Turns:
        """These turns, and those after them."""
        return Turns(self.messages + after.messages, self.flags + after.flags)


def conversation_of(value: Any, what: str) -> Turns:
    """A list of turns, each with `from` and `value` or with `role` and `content`.

    Raises:
        UnreadableError: no such list.
    """
    values = [as_mapping(turn, f"a turn of {what}") for turn in as_list(value, what)]
    return Turns(*(parse_turns(values) if values and "from" in values[0] else parse_messages(values)))


def prompt_of(entry: Mapping[str, Any]) -> Turns:
    """What was asked: `conversations`, `messages`, `prompt`, `question`, or Alpaca's `instruction`; else nothing.

    Raises:
        UnreadableError: it is there and has the wrong type.
    """
    system = _said("system", entry["system"]) if entry.get("system") else Turns()
    for key in ("conversations", "messages"):
        if entry.get(key) is not None:
            return system.then(conversation_of(entry[key], repr(key)))
    for key in ("prompt", "question"):
        if entry.get(key) is not None:
            asked = entry[key]
            return system.then(_said("user", asked) if isinstance(asked, str) else conversation_of(asked, repr(key)))
    return system.then(instruction_of(entry)) if "instruction" in entry else system


def instruction_of(entry: Mapping[str, Any]) -> Turns:
    """Alpaca's question: earlier rounds of `history`, then `instruction` and `input` with a line end between them.

    The line end is the one that LLaMA-Factory's `data/README.md` documents.

    Raises:
        UnreadableError: a part has the wrong type.
    """
    rounds = as_list(entry.get("history") or [], "'history'")
    turns = Turns()
    for number, pair in enumerate(rounds, start=1):
        said = as_list(pair, f"round {number} of 'history'")
        if len(said) != 2:  # noqa: PLR2004 - a question and its answer
            raise UnreadableError(f"round {number} of 'history' is no pair of question and answer")
        turns = turns.then(_said("user", said[0])).then(answer_of(said[1], f"the answer of round {number}"))
    asked = as_text(entry.get("instruction"), "'instruction'")
    given = as_text(entry.get("input") or "", "'input'")
    return turns.then(_said("user", f"{asked}\n{given}" if given else asked))


def answer_of(value: Any, what: str) -> Turns:
    """What was answered: plain text, one turn, or a list of turns.

    Raises:
        UnreadableError: it is something else.
    """
    if isinstance(value, str):
        message, flags = said_by_assistant(value)
        return Turns((message,), flags)
    return conversation_of([value] if isinstance(value, dict) else value, what)


def _said(role: str, text: Any) -> Turns:
    return Turns((Message(role=role, content=as_text(text, f"what the {role} said")),))
