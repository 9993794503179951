"""Conversations as they are learnt from, and the texts that they are written as."""

from __future__ import annotations

import json
import os
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from selftune.platforms import sync_folder
from selftune.records import Message, canonical_json, digest_bytes, encode_record, not_erased

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from selftune.curation.base import Pair
    from selftune.records import Dataset, Example, Interaction, ToolCall

GOLDEN_FILE: Final = "golden_interactions.jsonl"
CARD_FILE: Final = "card.md"
_NAME_LETTERS: Final = 12

_GOVERNORS: Final = frozenset({"ALFRED"})
_PERSONS: Final = frozenset({"ARCHITECT"})


def conversation_of(interaction: Interaction) -> tuple[Message, ...]:
    """The messages up to the assistant's last answer, as they are learnt from; empty when there is no answer.

    A dialogue of personas becomes one answer: their turns in order, each behind its name, those of the governor and
    of the person left out. Reasoning is not learnt from.
    """
    spoken = [message for message in interaction.messages if not _is_silent(message)]
    while spoken and spoken[-1].role != "assistant":
        spoken.pop()
    runs = groupby(spoken, key=lambda message: message.role == "assistant" and message.persona is not None)
    return tuple(
        message for personas, run in runs for message in (_joined(list(run)) if personas else map(_plain, run))
    )


def correction_of(interaction: Interaction) -> str | None:
    """The answer that a person put in place of the model's; None when there is none."""
    correction = interaction.feedback.correction if interaction.feedback else None
    return correction if correction and correction.strip() else None


def lesson_of(interaction: Interaction) -> tuple[Message, ...]:
    """The conversation with the person's correction as its answer, where there is one."""
    said, correction = conversation_of(interaction), correction_of(interaction)
    if correction is None:
        return said
    prompt = said[:-1] or tuple(map(_plain, interaction.messages))
    return (*prompt, Message(role="assistant", content=correction))


def is_left_out(persona: str) -> bool:
    """Whether this persona, governor or person, is left out of a dialogue that is learnt as one answer."""
    return persona.upper() in _GOVERNORS | _PERSONS


def is_known_as_person(persona: str) -> bool:
    """Whether turns under this name are taken for a person's."""
    return persona.upper() in _PERSONS


def _is_silent(message: Message) -> bool:
    return message.role == "assistant" and is_left_out(message.persona or "")


def _joined(turns: list[Message]) -> tuple[Message, ...]:
    if len(turns) == 1:
        return (_plain(turns[0]),)
    content = "\n\n".join(f"{turn.persona}: {turn.content}" for turn in turns)
    return (Message(role="assistant", content=content, tool_calls=tuple(c for turn in turns for c in turn.tool_calls)),)


def _plain(message: Message) -> Message:
    return Message(role=message.role, content=message.content, tool_calls=message.tool_calls)


def chatml(messages: Iterable[Message]) -> str:
    """The conversation in ChatML, for people to read; tokens for training come from the base's own template."""
    return "".join(f"<|im_start|>{message.role}\n{message.content}<|im_end|>\n" for message in messages)


def golden_line(example: Example) -> str:
    """One line of the golden file: a JSON object that holds `messages`."""
    body = {"messages": [_message(message) for message in example.messages]}
    return json.dumps(body, ensure_ascii=False, separators=(", ", ": "), allow_nan=False)


def _message(message: Message) -> dict[str, Any]:
    plain: dict[str, Any] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        plain["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
    return plain


def _tool_call(call: ToolCall) -> dict[str, Any]:
    return {"type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def staged(pair: Pair) -> str:
    """The whole case of one item as JSON: the raw transcript, the judge's reasoning and scores, and the ChatML."""
    return canonical_json(
        {
            "interaction": json.loads(encode_record(pair.interaction)),
            "judgement": json.loads(encode_record(pair.judgement)),
            "chatml": chatml(conversation_of(pair.interaction)),
        }
    )


def append_golden(dataset: Dataset, folder: Path) -> int:
    """Add each training example to the golden file of a folder, once; returns how many lines are new.

    The file is published whole: a crash leaves the old one or the new one, never half a line.
    """
    path = folder / GOLDEN_FILE
    known = set(_line_digests(path))
    fresh = []
    for line in map(golden_line, not_erased(dataset.train)):
        digest = digest_bytes(line.encode())
        if digest not in known:
            known.add(digest)
            fresh.append(line + "\n")
    if fresh:
        _publish(path, "".join(fresh))
    return len(fresh)


def publish_card(dataset: Dataset, folder: Path) -> Path:
    """Write a dataset's card and drawings into a folder of its own, once; returns where the card lies."""
    home = folder / dataset.id.partition(":")[2][:_NAME_LETTERS]
    card = home / CARD_FILE
    if not card.exists():
        home.mkdir(parents=True, exist_ok=True)
        for plot in dataset.plots:
            _write_whole(home / f"{plot.name}.svg", plot.svg)
        pictures = "".join(f"\n![{plot.name}]({plot.name}.svg)\n" for plot in dataset.plots)
        _write_whole(card, f"# Dataset {home.name}\n\n{dataset.card}{pictures}")
    return card


def _write_whole(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.draft")
    draft.write_text(text, encoding="utf-8", newline="\n")
    draft.replace(path)


def _line_digests(path: Path) -> Iterator[str]:
    if path.exists():
        with path.open("rb") as stream:
            yield from (digest_bytes(line.rstrip(b"\r\n")) for line in stream)


def _publish(path: Path, added: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".jsonl.draft")
    with draft.open("wb") as target:
        if path.exists():
            with path.open("rb") as source:
                while block := source.read(1 << 20):
                    target.write(block)
                    last = block[-1:]
            if last != b"\n":
                target.write(b"\n")
        target.write(added.encode())
        target.flush()
        os.fsync(target.fileno())
    draft.replace(path)
    sync_folder(path.parent)
