"""A later word on an answer: a thumb, a correction, a remark; as it stands in the spool, already redacted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import UsageError
from selftune.interactions.door import clean_text
from selftune.records import Feedback

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selftune.interactions.config import Capture

_THUMBS: Final[Mapping[Any, int]] = {"up": 1, "down": -1, 1: 1, -1: -1, "1": 1, "-1": -1, "good": 1, "bad": -1}
_KNOWN: Final = ("completion_id", "thumbs", "rating", "correction", "comment")
MOST_LETTERS: Final = 200_000


@dataclass(frozen=True, kw_only=True)
class Word:
    """What somebody said of an answer after it was given.

    Attributes:
        id: Names this word, so that it is taken once however often it comes.
        completion_id: The answer's.
        key_id: Whose key said it.
        thumbs: 1 or -1; None where it says nothing of that.
        correction: What the answer should have been.
        comment: A remark in words.
        said_at: UTC, ISO 8601.
    """

    id: str
    completion_id: str
    key_id: str
    thumbs: int | None = None
    correction: str | None = None
    comment: str | None = None
    said_at: str

    @property
    def feedback(self) -> Feedback:
        """What of it a record of the answer holds."""
        return Feedback(thumbs=self.thumbs, correction=self.correction)


def read_word(body: Mapping[str, Any], *, name: str, key_id: str, said_at: str) -> Word:
    """A word out of what a client sent.

    Raises:
        UsageError: it names no answer, says nothing, holds a field that nobody reads, or one of the wrong type.
    """
    foreign = sorted(set(body) - set(_KNOWN))
    if foreign:
        raise UsageError(f"nobody reads {', '.join(map(repr, foreign))}.", next_step=f"Send {', '.join(_KNOWN)}.")
    texts = {key: _text(body, key) for key in ("completion_id", "correction", "comment")}
    thumbs = _thumbs(body)
    if not texts["completion_id"]:
        raise UsageError("no answer is named.", next_step="Send its id as 'completion_id'.")
    if thumbs is None and not texts["correction"] and not texts["comment"]:
        raise UsageError("nothing is said of it.", next_step="Send 'thumbs', 'correction' or 'comment'.")
    return Word(
        id=name,
        completion_id=texts["completion_id"],
        key_id=key_id,
        thumbs=thumbs,
        correction=texts["correction"] or None,
        comment=texts["comment"] or None,
        said_at=said_at,
    )


def clean_word(word: Word, door: Capture) -> Word:
    """The word with secrets taken out of what it says."""
    correction = None if word.correction is None else clean_text(word.correction, door)
    comment = None if word.comment is None else clean_text(word.comment, door)
    return replace(word, correction=correction, comment=comment)


def _thumbs(body: Mapping[str, Any]) -> int | None:
    """A thumb, or what a rating says: 1 or -1."""
    given = [body[key] for key in ("thumbs", "rating") if body.get(key) is not None]
    if not given:
        return None
    known = all(not isinstance(value, bool) and isinstance(value, str | int) and value in _THUMBS for value in given)
    if not known or len({_THUMBS[value] for value in given}) > 1:
        raise UsageError(f"a thumb can't be {given[0]!r}.", next_step='Send "up" or "down", or 1 or -1.')
    return _THUMBS[given[0]]


def _text(body: Mapping[str, Any], key: str) -> str:
    value = body.get(key)
    if value is None:
        return ""
    if not isinstance(value, str):
        raise UsageError(f"{key!r} is no text.", next_step="Send it as a string.")
    if len(value) > MOST_LETTERS:
        raise UsageError(f"{key!r} is too long.", next_step=f"Keep it below {MOST_LETTERS} characters.")
    return value
