"""A character card out of a file: `chara_card_v2` or `chara_card_v3`, as JSON or inside a PNG.

Source: the two public specifications. What their fields mean is theirs; the reading is strict and bounded, for cards
come from anywhere.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.codex.cards.png import MOST_TEXT_BYTES, SIGNATURE, read_texts
from selftune.errors import MissingFileError, UsageError
from selftune.records import digest_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

MOST_BYTES: Final = 64 << 20

_LONGEST_FIELD: Final = 200_000
_NEWER, _OLDER = "ccv3", "chara"
_SPECS: Final = {"chara_card_v2": "2.", "chara_card_v3": "3."}
_ZIP: Final = b"PK\x03\x04"
_TEXTS: Final = (
    "name", "nickname", "description", "personality", "scenario", "first_mes", "mes_example", "system_prompt",
    "post_history_instructions", "creator_notes", "creator", "character_version",
)  # fmt: skip


class CardError(UsageError):
    """A file is no card that can be read, or one that can't become a codex."""

    def __init__(self, message: str, *, next_step: str = "Get the card again, as PNG or JSON.") -> None:
        super().__init__(message, next_step=next_step)


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a card says.

    Attributes:
        spec: Its form, as it names it.
        digest: Of the file.
        texts: Its texts by their fields' names; a field that is not there is empty.
        others: Every other field that holds something, by name.
        remarks: What was found in the file beside the card.
    """

    spec: str
    digest: str
    texts: Mapping[str, str]
    others: Mapping[str, Any]
    remarks: tuple[str, ...] = ()


def load_card(path: Path) -> Card:
    """The card in a file.

    Raises:
        MissingFileError: there is no such file.
        CardError, PictureError: it is no card of either form, damaged, or larger than a card may be.
    """
    if not path.is_file():
        raise MissingFileError(f"there is no file {path}.", next_step="Name a character card, as PNG or JSON.")
    if path.stat().st_size > MOST_BYTES:
        raise CardError(f"{path.name} has more than {MOST_BYTES >> 20} MiB.")
    return read_card(path.read_bytes())


def read_card(data: bytes) -> Card:
    """The card in the bytes of a file.

    Raises:
        CardError, PictureError: as `load_card`.
    """
    remarks: tuple[str, ...] = ()
    text = data
    if data.startswith(SIGNATURE):
        text, remarks = _out_of_picture(data)
    elif data.startswith(_ZIP):
        raise CardError(
            "this is a CHARX archive, which is not read here.", next_step="Unpack it and import its card.json."
        )
    elif len(data) > MOST_TEXT_BYTES:
        raise CardError(f"a card's JSON may have {MOST_TEXT_BYTES >> 20} MiB at most.")
    spec, said = _checked(_parsed(text))
    texts = {name: _text(said, name) for name in _TEXTS}
    if not texts["name"].strip():
        raise CardError("the card gives its character no name.", next_step="Write one into the card.")
    others = {name: value for name, value in said.items() if name not in _TEXTS and value}
    return Card(spec=spec, digest=digest_bytes(data), texts=texts, others=others, remarks=remarks)


def _out_of_picture(data: bytes) -> tuple[bytes, tuple[str, ...]]:
    """The card's JSON, the newer one of two, and what else was found."""
    found = read_texts(data, frozenset({_NEWER, _OLDER}))
    remarks = [f"{found.behind_the_end} bytes behind the picture's end"] if found.behind_the_end else []
    name = next((name for name in (_NEWER, _OLDER) if name in found.by_keyword), None)
    if name is None:
        raise CardError("the picture carries no card: it has no text named ccv3 or chara.")
    if len(found.by_keyword) > 1:
        remarks.append(f"an older copy of the card in the same picture ({_OLDER})")
    try:
        return base64.b64decode(found.by_keyword[name].strip(), validate=True), tuple(remarks)
    except (binascii.Error, ValueError) as error:
        raise CardError(f"the text {name!r} of the picture is no base64: {error}.") from error


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text.decode("utf-8-sig"), object_pairs_hook=_once, parse_constant=_no_number)
    except RecursionError as error:
        raise CardError("the card is nested too deeply.") from error
    except ValueError as error:
        raise CardError(f"the card is no JSON: {error}.") from error


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object each of whose keys stands once: of two, readers differ on which one counts."""
    table = dict(pairs)
    if len(table) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return table


def _no_number(name: str) -> None:
    raise ValueError(f"{name} is no number of JSON")


def _checked(value: Any) -> tuple[str, Mapping[str, Any]]:
    """The card's form and its fields."""
    spec = value.get("spec") if isinstance(value, dict) else None
    if not isinstance(spec, str) or spec not in _SPECS:
        raise CardError(
            "this is no chara_card_v2 and no chara_card_v3.",
            next_step="Save it in one of these two forms; older cards have neither.",
        )
    version, said = value.get("spec_version"), value.get("data")
    if not isinstance(version, str) or not version.startswith(_SPECS[spec]):
        raise CardError(f"the card calls itself {spec} and gives {version!r} as the version of that.")
    if not isinstance(said, dict):
        raise CardError("the card has no 'data'.")
    return spec, said


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise CardError(f"the card's {name!r} must be a text.")
    if len(value) > _LONGEST_FIELD:
        raise CardError(f"the card's {name!r} has more than {_LONGEST_FIELD:,} characters.")
    return value
