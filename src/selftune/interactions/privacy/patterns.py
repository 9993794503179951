"""Every kind of secret and personal data that is looked for, one `Kind` each.

A kind says which literals it can't do without, so that most texts cost a search for a few words and no pattern at all.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.interactions.privacy.checksums import IBAN_LENGTHS, passes_iban, passes_luhn
from selftune.interactions.privacy.contacts import (
    EMAIL_HINTS,
    NEW_LINE,
    find_addresses,
    find_emails,
    find_phones,
    street_of,
)
from selftune.interactions.privacy.hints import holds_any
from selftune.interactions.privacy.passwords import PASSWORD_HINTS, find_api_keys, find_passwords, find_private_keys

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Span = tuple[int, int]

_NEAR_DIGITS: Final = {count: re.compile(rf"\d(?:\D{{0,6}}\d){{{count - 1}}}") for count in (1, 7, 9, 12)}


@dataclass(frozen=True, kw_only=True)
class Kind:
    """One kind of secret.

    Attributes:
        find: Start and end of each, in a text.
        hints: Literals in lower case of which the text must hold one; none where digits decide.
        digits: How many digits the text must hold near each other.
        key: What two spellings of one secret have in common.
        joined: Whether it is also looked for where a line break may have cut it.
    """

    find: Callable[[str], Iterator[Span]]
    hints: tuple[str, ...] = ()
    digits: int = 0
    key: Callable[[str], str] = str
    joined: bool = False

    def may_occur(self, lowered: str) -> bool:
        """Whether a text, in lower case, holds what every secret of this kind holds."""
        if self.hints and not holds_any(lowered, self.hints):
            return False
        return not self.digits or _NEAR_DIGITS[self.digits].search(lowered) is not None


_CARD: Final = re.compile(
    r"(?<![\d.-])(?:4|5[1-5]|2[2-7]|3[0-8]|6)"
    r"(?:\d{13,18}|\d{2,3}(?:[ -]\d{2,7}){2,5}|\d?[ -](?:\d[ -]){11,17}\d)(?![\d-]|\.\d)"
)
_CARD_OVER_LINES: Final = re.compile(
    r"(?<![\d.-])(?:4|5[1-5]|2[2-7]|3[47]|6)\d{2,3}"
    rf"(?:[ -]?\d{{1,4}}){{0,3}}-?{NEW_LINE}-?\d{{1,4}}(?:[ -]?\d{{1,7}}){{0,3}}(?![\d-]|\.\d)"
)
# Lengths that issuers give out today, by how the number begins (ISO/IEC 7812-1 allows 8 to 19 digits).
_CARD_LENGTHS: Final = {
    ("4",): (16, 19),
    ("2", "5"): (16,),
    ("34", "37"): (15,),
    ("3",): range(14, 20),
    ("6",): range(16, 20),
}
_IBAN_START: Final = re.compile(r"(?<![A-Za-z0-9])(?P<country>[A-Z]{2})\d{2}(?=[ -]{0,2}(?:\r?\n[ \t>#]*)?[A-Z0-9]{2})")
_SSN: Final = re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])")


def _digits_of(text: str) -> str:
    return re.sub(r"\D", "", text)


def _capitals_of(text: str) -> str:
    return re.sub(r"[^A-Z0-9]", "", text)


def _find_cards(text: str) -> Iterator[Span]:
    for pattern in (_CARD_OVER_LINES, _CARD):
        yield from (match.span() for match in pattern.finditer(text) if _is_card(_digits_of(match[0])))


def _is_card(digits: str) -> bool:
    lengths = next(lengths for prefix, lengths in _CARD_LENGTHS.items() if digits.startswith(prefix))
    return len(digits) in lengths and passes_luhn(digits)


def _find_ibans(text: str) -> Iterator[Span]:
    for start in _IBAN_START.finditer(text):
        length = IBAN_LENGTHS.get(start["country"])
        whole = length and _iban_pattern(length).match(text, start.start())
        if whole and passes_iban(_capitals_of(whole[0])):
            yield whole.span()


def _iban_pattern(length: int) -> re.Pattern[str]:
    return re.compile(rf"[A-Z]{{2}}\d{{2}}(?:[ -]?(?:\r?\n[ \t>#]*)?[A-Z0-9]){{{length - 4}}}(?![A-Za-z0-9])")


def _find_social_security_numbers(text: str) -> Iterator[Span]:
    return (match.span() for match in _SSN.finditer(text))


KINDS: Final = {
    "private_key": Kind(find=find_private_keys, hints=("private key-----",)),
    "api_key": Kind(find=find_api_keys, joined=True),
    "password": Kind(find=find_passwords, hints=PASSWORD_HINTS, joined=True),
    "email": Kind(find=find_emails, hints=EMAIL_HINTS, key=str.lower),
    "iban": Kind(find=_find_ibans, digits=9, key=_capitals_of),
    "card": Kind(find=_find_cards, digits=12, key=_digits_of),
    "ssn": Kind(find=_find_social_security_numbers, digits=9, key=_digits_of),
    "phone": Kind(find=find_phones, digits=7, key=_digits_of),
    "address": Kind(find=find_addresses, digits=1, key=street_of),
}
"""Every kind by name, in the order in which they claim a text: of two that overlap, the first one has it."""
