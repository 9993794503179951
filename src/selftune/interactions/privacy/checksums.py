"""Numbers that carry their own proof: payment cards and bank accounts."""

from __future__ import annotations

from typing import Final

# Length of an IBAN by country, from the IBAN registry that SWIFT keeps for ISO 13616.
IBAN_LENGTHS: Final = {
    country: length
    for length, countries in {
        15: "NO",
        16: "BE",
        18: "DK FI FO GL NL",
        19: "MK SI",
        20: "AT BA EE KZ LT LU XK",
        21: "CH HR LI LV",
        22: "BG BH CR DE GB GE IE ME RS VA",
        23: "AE GI IL IQ TL",
        24: "AD CZ ES MD PK RO SA SE SK TN VG",
        25: "LY PT",
        26: "IS TR",
        27: "FR GR IT MC MR SM",
        28: "AL AZ BY CY DO GT HU LB PL SV",
        29: "BR EG PS QA UA",
        30: "JO KW MU",
        31: "MT SC",
    }.items()
    for country in countries.split()
}

_CARD_DIGITS: Final = range(13, 20)
_IBAN_MODULUS: Final = 97


def passes_luhn(digits: str) -> bool:
    """Whether 13 to 19 digits carry the checksum of a payment card (ISO/IEC 7812-1, annex B)."""
    if len(digits) not in _CARD_DIGITS:
        return False
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def passes_iban(text: str) -> bool:
    """Whether capitals and digits without spaces are an IBAN: its country's length, remainder 1 (ISO 7064, 97-10)."""
    if len(text) != IBAN_LENGTHS.get(text[:2]) or not (text.isascii() and text.isalnum()):
        return False
    return int("".join(str(int(char, 36)) for char in text[4:] + text[:4])) % _IBAN_MODULUS == 1
