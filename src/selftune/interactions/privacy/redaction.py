"""Secrets and personal data in text, replaced by numbered placeholders before the first write.

Found: what `patterns.KINDS` names, in plain text and in code, also escaped as JSON does it, laced with invisible
characters, cut by a line break, or in base64 (twice at most). Not found: names of people and places (unless Presidio
is installed and asked for), passwords that are plain words, telephone numbers in national forms other than American and
European ones without a word such as `phone` before them, addresses in other shapes than those of `contacts`, and what
is spread over several messages.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from selftune.interactions.privacy.disguises import Undisguised, decode_candidates, join_lines, show_hidden, unescape
from selftune.interactions.privacy.passwords import is_opaque
from selftune.interactions.privacy.patterns import KINDS
from selftune.interactions.privacy.presidio import PRESIDIO_KINDS, find_with_presidio
from selftune.interactions.privacy.remembered import Remembered

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selftune.interactions.privacy.patterns import Span

ENCODED: Final = "encoded"
ALL_KINDS: Final = (*KINDS, *PRESIDIO_KINDS)

_DEEPEST: Final = 2
_NOTHING_IN: Final = Remembered()
_PLACEHOLDER: Final = re.compile(rf"\[(?P<kind>{'|'.join((*ALL_KINDS, ENCODED))})-(?P<number>\d{{1,9}})\]")
_JSON_NUMBER_BEFORE: Final = re.compile(r"[:\[,]\s*\Z")
_JSON_NUMBER_AFTER: Final = re.compile(r"\s*[,}\]]")

Found = tuple[int, int, str]
Disguise = tuple[Callable[[str], Undisguised | None], frozenset[str]]

# How to see through each disguise, and which kinds are looked for behind it.
DISGUISES: Final[tuple[Disguise, ...]] = (
    (unescape, frozenset(ALL_KINDS)),
    (show_hidden, frozenset(ALL_KINDS)),
    (join_lines, frozenset(name for name, kind in KINDS.items() if kind.joined)),
)


class Redactor:
    """Replaces secrets in the texts of one interaction; equal secrets get equal numbers, different ones different.

    The numbers keep what a judge needs: an answer that names another address than the state holds stays wrong.

    Attributes:
        found: Kinds of secrets replaced so far.
    """

    def __init__(self, kinds: Iterable[str]) -> None:
        self.found: set[str] = set()
        self._kinds = tuple(kind for kind in ALL_KINDS if kind in set(kinds))
        self._name = " ".join(self._kinds)
        self._seen: dict[tuple[str, str], int] = {}
        self._taken: dict[str, int] = {}

    def redact(self, text: str) -> str:
        """The text with each secret as `[email-1]`, `[card-2]` and so on; a redacted text stays as it is."""
        key = _NOTHING_IN.key(self._name, text)
        if key in _NOTHING_IN:
            return text
        original = text
        reserved = self._reserve(text)
        # What is replaced may join its neighbours; each round takes away characters that are no placeholder's.
        while found := _without_overlaps(self._search(text, self._kinds), text):
            text = self._replaced(text, found)
        if text is original and not reserved:
            _NOTHING_IN.add(key)
        return text

    def _search(self, text: str, kinds: Iterable[str], disguises: tuple[Disguise, ...] = DISGUISES) -> Iterator[Found]:
        """Secrets under a disguise before plain ones, for a plain search would find the first half of a cut key."""
        for after, (uncover, hideable) in enumerate(disguises, start=1):
            view = uncover(text)
            if view is not None:
                within = [kind for kind in kinds if kind in hideable]
                # JSON in JSON is escaped twice; each time makes the text shorter, so this comes to an end.
                deeper = disguises if uncover is unescape else disguises[after:]
                for start, end, kind in self._search(view.text, within, deeper):
                    yield *view.original_span(start, end), kind
        for kind in _possible(kinds, text):
            yield from ((start, end, kind) for start, end in _finder(kind)(text))
        for start, end, meaning in decode_candidates(text):
            inner = self._kinds_in(meaning, _DEEPEST - 1)
            if inner:
                self.found |= inner
                yield start, end, ENCODED

    def _kinds_in(self, text: str, depth: int) -> set[str]:
        found = {kind for kind in _possible(self._kinds, text) if next(iter(_finder(kind)(text)), None)}
        if "api_key" in self._kinds and is_opaque(text):
            found.add("api_key")
        if not found and depth:
            return {kind for _, _, meaning in decode_candidates(text) for kind in self._kinds_in(meaning, depth - 1)}
        return found

    def _reserve(self, text: str) -> bool:
        """Numbers that stand in the text already belong to what they stood for; whether there are any."""
        found = False
        for match in _PLACEHOLDER.finditer(text):
            found = True
            self._taken[match["kind"]] = max(self._taken.get(match["kind"], 0), int(match["number"]))
        return found

    def _replaced(self, text: str, found: Iterable[Found]) -> str:
        parts, at = [], 0
        for start, end, kind in found:
            placeholder = self._placeholder(kind, text[start:end])
            quoted = f'"{placeholder}"' if _is_json_number(text, start, end) else placeholder
            parts += [text[at:start], quoted]
            at = end
        return "".join([*parts, text[at:]])

    def _placeholder(self, kind: str, secret: str) -> str:
        if kind != ENCODED:
            self.found.add(kind)
        key = KINDS[kind].key(_plainly(secret)) if kind in KINDS else secret
        if (kind, key) not in self._seen:
            self._taken[kind] = self._seen[kind, key] = self._taken.get(kind, 0) + 1
        return f"[{kind}-{self._seen[kind, key]}]"


def _possible(kinds: Iterable[str], text: str) -> list[str]:
    """The kinds whose hints the text holds."""
    lowered = text.lower()
    return [kind for kind in kinds if kind in PRESIDIO_KINDS or KINDS[kind].may_occur(lowered)]


def _plainly(secret: str) -> str:
    view = show_hidden(secret)
    return secret if view is None else view.text


def _finder(kind: str) -> Callable[[str], Iterable[Span]]:
    return KINDS[kind].find if kind in KINDS else lambda text: find_with_presidio(kind, text)


def _without_overlaps(found: Iterable[Found], text: str) -> list[Found]:
    """The spans in the order of the text; of two that overlap, the one that was found first."""
    taken = [match.span() for match in _PLACEHOLDER.finditer(text)]
    kept: list[Found] = []
    for start, end, kind in found:
        place = bisect(taken, (start, end))
        free_before = place == 0 or taken[place - 1][1] <= start
        free_after = place == len(taken) or end <= taken[place][0]
        if start < end and free_before and free_after:
            taken.insert(place, (start, end))
            kept.append((start, end, kind))
    return sorted(kept)


def _is_json_number(text: str, start: int, end: int) -> bool:
    """Whether digits stand bare in a JSON text, where only a quoted placeholder keeps the text valid."""
    if not text[start:end].isdigit():
        return False
    before, after = text[max(0, start - 40) : start], text[end : end + 40]
    return bool(_JSON_NUMBER_BEFORE.search(before) and _JSON_NUMBER_AFTER.match(after))
