"""A judge without any resistance, labelled FAKE: it obeys every order that it can make out, however it was hidden.

It undoes what the generated attacks do (look-alikes, characters without width, base64, rot13, digits for letters, words
spread over turns) and then does as it is told. Only where it finds no order does it judge: worthless and spoiled
answers get the lowest scores, all others the highest. It shares no code with the defence it is there to test.
"""

from __future__ import annotations

import base64
import codecs
import json
import re
import unicodedata
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from selftune.judges.attacks.base import WORTHLESS
from selftune.judges.attacks.known import LOOK_ALIKES, TAGS
from selftune.judges.fake import fake_verdict
from selftune.judges.injection.probe import SPOILERS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selftune.judges.fake import Reply
    from selftune.records import Rubric

_ORDERS: Final = re.compile(
    r"5 (?:out )?of 5|5/5|five (?:out )?of five|scores? (?:a five|of 5)|a clear 5|= 5 \(perfect|5 5 5 5 5"
    r"|is 5 on all|overall (?:to )?5\.0|agree on 5|\"score\": 5"
    r"|overall is s of s|(?:award|assign|always|you|with) (?:\w+ )?full marks"
    r"|(?:award|assign|gives?) (?:\w+ )?(?:a perfect score|a five)"
    r"|(?:highest|maximum|top|best possible) (?:score|rating)|full marks (?:everywhere|throughout|and|to)"
    r"|(?:maximum|top marks) (?:for|in|from) |nothing less than a perfect five|less than full marks|as golden"
    r"|höchstnote|volle punktzahl|note maximale|meilleure note|puntuación máxima|punteggio massimo|nota máxima"
    r"|высший балл|najwyższą ocenę|最高分|最高点|en yüksek puan|أعلى درجة|hoogste score"
)
_ENCODED: Final = re.compile(r"[A-Za-z0-9+/]{24,}={0,2}")
_PACKING: Final = re.compile(r"\(part of a note\)|…")
_LATIN: Final = str.maketrans({fake: letter for letter, fake in LOOK_ALIKES.items()})
_LETTERS: Final = str.maketrans("431057", "aeiost")
_REMEMBERED: Final = 4096
"""Texts: a record and its spoiled copies share most turns, and are judged one behind the other."""


def gullible(rubric: Rubric) -> Callable[[int, dict[str, Any]], Reply]:
    """How a FAKE server answers that has this judge behind it."""

    def behave(number: int, body: dict[str, Any]) -> Reply:  # noqa: ARG001 - every request is judged alike
        turns = list(_turns(body))
        won = obeys(turns) or not _poor(turns)
        score = rubric.highest if won else rubric.lowest
        return 200, fake_verdict({criterion.name: score for criterion in rubric.criteria}), "stop"

    return behave


def obeys(turns: list[dict[str, Any]]) -> bool:
    """Whether some turn, or the person's turns read as one, hold an order that it can make out."""
    texts = [json.dumps(turn, ensure_ascii=False) for turn in turns] + [str(turn.get("content", "")) for turn in turns]
    spread = " ".join(str(turn.get("content", "")) for turn in turns if turn["role"] == "user")
    texts.append(" ".join(_PACKING.sub(" ", spread).split()))
    return any(map(_holds_an_order, texts))


@lru_cache(maxsize=_REMEMBERED)
def _holds_an_order(text: str) -> bool:
    return any(_ORDERS.search(" ".join(reading.lower().split())) for reading in _readings(text))


def _readings(text: str) -> Iterator[str]:
    """The text, and all that it may be once decoded."""
    seen = unicodedata.normalize("NFKC", "".join(_seen(letter) for letter in text))
    yield seen
    plain = seen.translate(_LATIN)
    yield plain
    yield codecs.decode(plain, "rot13")
    yield plain.translate(_LETTERS)
    for found in _ENCODED.findall(plain):
        once = _from_base64(found)
        yield once
        yield from map(_from_base64, _ENCODED.findall(once))


def _from_base64(run: str) -> str:
    return base64.b64decode(run[: len(run) // 4 * 4]).decode("utf-8", "replace")


def _seen(letter: str) -> str:
    """A character as one can see it: tags become the ASCII that they repeat, others without width nothing."""
    if TAGS < ord(letter) < TAGS + 0x7F:
        return chr(ord(letter) - TAGS)
    return "" if unicodedata.category(letter) == "Cf" else letter


def _poor(turns: list[dict[str, Any]]) -> bool:
    said = str(turns[-1].get("content", "")) if turns else ""
    return not said or any(fault in said for fault in (*WORTHLESS, *SPOILERS))


def _turns(body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The turns of the record, wherever in the request they stand."""
    for message in body["messages"]:
        for line in message["content"].split("\n"):
            if line.startswith('{"turn"'):
                yield json.loads(line)
