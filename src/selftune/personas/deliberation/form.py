"""The one form in which a model may propose a change of the codex, read strictly; anything else proposes nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

BEGIN: Final = "AMENDMENT"
END: Final = "END"
NONE: Final = "NO AMENDMENT"
_LABELS: Final = ("PLACE", "TEXT", "FOR", "AGAINST", "EXPECTED", "AT_MOST")
_LONGEST: Final = 4000
_HUNDRED: Final = 100

FORM: Final = f"""\
{BEGIN}
PLACE: one of the places above, and only one
TEXT: the whole new text of that place
FOR: why it should be changed
AGAINST: the strongest thing that speaks against it
EXPECTED: what will be different
AT_MOST: the percentage of dialogues in high dissonance above which the change was wrong, a whole number from 0 to 99
{END}"""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a model proposes: one place of the codex and its new text, with both sides and a test."""

    place: str
    text: str
    because: str
    against: str
    expected: str
    at_most: float


def read_form(answer: str) -> Wanted | None:
    """What an answer proposes; None where it says that nothing should be changed.

    Raises:
        UsageError: it is neither; the message says what is wrong, for the model to be told.
    """
    lines = [line.rstrip() for line in answer.splitlines()]
    begins = [at for at, line in enumerate(lines) if line.strip() == BEGIN]
    if not begins and any(line.strip() == NONE for line in lines):
        return None
    if len(begins) != 1:
        raise _unfit(f"there must be one line {BEGIN}, and there are {len(begins)}")
    ends = [at for at, line in enumerate(lines) if line.strip() == END and at > begins[0]]
    if len(ends) != 1:
        raise _unfit(f"there must be one line {END} after it, and there are {len(ends)}")
    parts = _parts(lines[begins[0] + 1 : ends[0]])
    return Wanted(
        place=parts["PLACE"],
        text=parts["TEXT"],
        because=parts["FOR"],
        against=parts["AGAINST"],
        expected=parts["EXPECTED"],
        at_most=_share(parts["AT_MOST"]),
    )


def _parts(lines: Iterable[str]) -> dict[str, str]:
    """Each label with its words, which may go over several lines."""
    found: dict[str, list[str]] = {}
    current = ""
    for line in lines:
        label, colon, rest = line.partition(":")
        if colon and label.strip() in _LABELS:
            current = label.strip()
            if current in found:
                raise _unfit(f"{current} stands there twice")
            found[current] = [rest.strip()]
        elif not current:
            raise _unfit(f"a line stands before the first label: {line[:40]!r}")
        else:
            found[current].append(line)
    parts = {label: "\n".join(words).strip() for label, words in found.items()}
    for label in _LABELS:
        if not parts.get(label):
            raise _unfit(f"{label} is missing")
        if len(parts[label]) > _LONGEST:
            raise _unfit(f"{label} has more than {_LONGEST} characters")
    return parts


def _share(text: str) -> float:
    number = text.removesuffix("%").strip()
    if not (number.isascii() and number.isdigit() and int(number) < _HUNDRED):
        raise _unfit(f"AT_MOST must be a whole number from 0 to 99, not {text[:20]!r}")
    return int(number) / _HUNDRED


def _unfit(why: str) -> UsageError:
    return UsageError(f"this is no proposal: {why}.", next_step=f"Write exactly this form, or only {NONE}:\n{FORM}")
