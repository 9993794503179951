"""OpenAI's stored completions: what was asked in `messages`, what came back in `choices`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.interactions.formats.openai import parse_messages
from selftune.interactions.reading.assemble import Origin, assemble, read_from
from selftune.interactions.reading.expect import as_list, as_mapping
from selftune.interactions.reading.lines import UnreadableError, read_entries, unfold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from selftune.context import Context
    from selftune.records import Interaction, Quarantined

_ASKED: Final = ("messages", "input_messages", "input")
_CUT_OFF: Final = {"length": "cut_short", "content_filter": "content_filtered"}


@dataclass(frozen=True)
class StoredCompletions:
    """Chat completions with their requests: in one object, or apart as `request` and `response`; lists of them too.

    A completion that was listed without its messages can't be learnt from and is set aside with that reason.
    """

    path: Path

    @staticmethod
    def recognises(entry: Mapping[str, Any]) -> str | None:
        """Why the entry looks like this format; None when it does not."""
        if isinstance(entry.get("data"), list) and entry.get("object") == "list":
            inner = entry["data"][0] if entry["data"] else None
            found = isinstance(inner, dict) and isinstance(inner.get("choices"), list)
            return "it is a list whose `data` holds completions with `choices`" if found else None
        answer = entry.get("response") if isinstance(entry.get("response"), dict) else entry
        held = isinstance(answer, dict) and isinstance(answer.get("choices"), list)
        return "its entries hold completions with `choices`" if held else None

    def read(self, context: Context) -> Iterator[Interaction | Quarantined]:
        """Each completion as one interaction; more than one choice is flagged `choices_not_kept`."""
        entries = unfold(read_entries(self.path), lambda value: value.get("data") if "choices" not in value else None)
        return read_from(entries, self.path.name, "completions", _parse, context)


def _parse(entry: Mapping[str, Any], origin: Origin) -> Interaction:
    request = as_mapping(entry.get("request") or entry, "'request'")
    response = as_mapping(entry.get("response") or entry, "'response'")
    asked = next((request[key] for key in _ASKED if request.get(key) is not None), None)
    if asked is None:
        raise UnreadableError("it holds the answer and not what was asked; store it with its messages")
    choices = [as_mapping(choice, "a choice") for choice in as_list(response.get("choices"), "'choices'")]
    if not choices:
        raise UnreadableError("'choices' holds no answer")
    values = [as_mapping(value, "a message") for value in as_list(asked, "what was asked")]
    messages, flags = parse_messages([*values, as_mapping(choices[0].get("message"), "the answer")])
    noticed = (
        *(("tool_definitions_not_kept",) if request.get("tools") else ()),
        *(("choices_not_kept",) if len(choices) > 1 else ()),
        *_cut(choices[0]),
    )
    return assemble(messages, _facts(request, response), origin, (*flags, *noticed))


def _facts(request: Mapping[str, Any], response: Mapping[str, Any]) -> dict[str, Any]:
    facts = {
        "id": response.get("id"),
        "model": response.get("model") or request.get("model"),
        "author": request.get("user") or response.get("input_user"),
        "created_at": response.get("created"),
    }
    return facts | {key: response[key] for key in ("feedback", "consent") if key in response}


def _cut(choice: Mapping[str, Any]) -> tuple[str, ...]:
    reason = choice.get("finish_reason")
    return (_CUT_OFF[reason],) if isinstance(reason, str) and reason in _CUT_OFF else ()
