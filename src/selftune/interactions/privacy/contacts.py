"""How a person can be reached: e-mail, telephone, street."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from selftune.interactions.privacy.hints import holds_any

if TYPE_CHECKING:
    from collections.abc import Iterator

NEW_LINE: Final = r"[ \t]*\r?\n[ \t>#]*"

# --- E-mail -----------------------------------------------------------------------------------------------------------

EMAIL_HINTS: Final = ("@", "%40", "(at)", "[at]", " dot ")

_LOCAL: Final = r"(?<![A-Za-zÀ-ɏ0-9._%+-])[A-Za-zÀ-ɏ0-9._%+-]{1,64}"
_LABEL: Final = r"[A-Za-zÀ-ɏ0-9](?:[A-Za-zÀ-ɏ0-9-]{0,61}[A-Za-zÀ-ɏ0-9])?"
_EMAIL: Final = re.compile(
    rf"{_LOCAL}(?:@|%40|\s?[(\[]at[)\]]\s?)(?:{_LABEL}(?:\.|\s?[(\[]dot[)\]]\s?))+[A-Za-z]{{2,24}}(?![A-Za-z0-9])"
)
# As people write it to hide it from machines; `look at the dot` is none.
_EMAIL_IN_WORDS: Final = re.compile(
    rf"{_LOCAL} at (?!(?:the|a|an|our|this|that|your|my)\b){_LABEL}(?: dot {_LABEL}){{0,3}} dot [A-Za-z]{{2,24}}\b"
)
# Cut within the host, never right before the at sign: that is where the decorators of Python begin a line.
_EMAIL_OVER_LINES: Final = re.compile(
    rf"{_LOCAL}@(?:(?:{_LABEL}\.)*(?:{_LABEL})?-?{NEW_LINE}\.?(?:{_LABEL}\.)+"
    rf"|(?:{_LABEL}\.)+{NEW_LINE}|(?:{_LABEL}\.)*{_LABEL}{NEW_LINE}\.)[A-Za-z]{{2,24}}(?![A-Za-z0-9.@(=])"
)
# Cut before the at sign: what stands on the line before must look like the beginning of one (`o.connor`, not `See`).
_EMAIL_CUT_EARLY: Final = re.compile(
    rf"(?<![A-Za-zÀ-ɏ0-9._%+/-])[A-Za-zÀ-ɏ0-9]{{1,32}}(?:[._+-][A-Za-zÀ-ɏ0-9]{{1,32}}){{1,4}}{NEW_LINE}"
    rf"[A-Za-zÀ-ɏ0-9._%+-]{{1,64}}@(?:{_LABEL}\.){{1,4}}[A-Za-z]{{2,24}}(?![A-Za-z0-9(=])"
)

# --- Telephone --------------------------------------------------------------------------------------------------------

_GAP: Final = r"[ .()/-]{0,2}(?:\r?\n[ \t>#]*(?=\d{3}|\d{1,2}[ .-]\d\d))?"
_DIALLED: Final = r"(?P<number>\(?\d[\d ()./-]{5,18}\d)(?!\d)"
# E.164, behind its plus sign or what is dialled for it
_INTERNATIONAL: Final = rf"[1-9]\d{{0,2}}{_GAP}(?:\d{_GAP}){{5,11}}\d(?![\w%])"
_PHONES: Final = (
    re.compile(rf"(?<![\w+])\+{_INTERNATIONAL}"),
    re.compile(rf"(?<![\w+.,-])(?<!\d\d )00[ .-]?{_INTERNATIONAL}"),
    re.compile(  # NANP, as it is printed
        r"(?<![\w.,$-])(?:1[ .-])?(?:\([2-9]\d{2}\) ?|[2-9]\d{2}[.-])[2-9]\d{2}"
        r"[.-](?:\r?\n[ \t>#]*)?\d{4}(?![\w.-]*\d)"
    ),
    re.compile(  # within a country of Europe: a nought, and groups
        r"(?<![\w.,/-])(?<!\d\d )(?=(?:\D{0,2}\d){9,12}(?!\d))"
        r"\(?0\d{1,4}\)?[ /.-]\d{2,8}(?:[ .-]\d{2,8}){0,3}(?![\d.,-]*\d)"
    ),
    re.compile(rf"\b(?:tele)?(?:phone|fon|fono|fone|téléphone)\b[^\n\d+]{{0,24}}{_DIALLED}", re.IGNORECASE),
    re.compile(
        rf"\b(?:tel|mobile|mobil|cell|call|fax|whatsapp|handy|rufnummer|sms)\b[^\n\d+]{{0,16}}{_DIALLED}", re.IGNORECASE
    ),
)
_PHONE_DIGITS: Final = range(7, 15)  # E.164 allows 15; sums in columns have them, telephones do not
_DATE: Final = re.compile(r"(?:19|20)\d\d([-/.])\d{1,2}\1\d{1,2}|\d{1,2}([-/.])\d{1,2}\2(?:19|20)\d\d")

# --- Street -----------------------------------------------------------------------------------------------------------

_CAPITAL: Final = r"[A-ZÀ-Þ][\w'’.-]{0,24}"  # noqa: RUF001 - the apostrophe of printed text
_CITY: Final = rf"(?:,?\s{{1,3}}{_CAPITAL}(?: {_CAPITAL}){{0,2}})"
_UNIT: Final = r",?\s(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|#)\.?\s?[\w-]{1,6}"
_US_END: Final = rf"{_CITY}?,?\s{{1,3}}[A-Z]{{2}}\s{{1,3}}\d{{5}}(?:-\d{{4}})?"
_UK_END: Final = rf"{_CITY}?,?\s{{1,3}}[A-Z]{{1,2}}\d[A-Z\d]?\s\d[A-Z]{{2}}\b"
_ENGLISH: Final = (
    *("Street", "St", "Avenue", "Ave", "Road", "Rd", "Boulevard", "Blvd", "Lane", "Ln", "Terrace", "Parkway", "Pkwy"),
    *("Crescent", "Highway", "Hwy"),
)
# Words with other meanings (a Supreme Court, a hard drive) make an address only with more of one behind them.
_PERHAPS: Final = ("Court", "Ct", "Drive", "Dr", "Place", "Way", "Row", "Close", "Square", "Gardens")
# As people type it: nothing capital, so only behind a word that leads to an address.
_SMALL: Final = ("street", "avenue", "road", "boulevard", "lane", "drive")
_SMALL_END: Final = r"(?:,\s[a-z]{2,20}(?:\s[a-z]{2,20})?,?\s[a-z]{2}\s\d{5})?"
# Without their first letter, which may be a capital.
_GERMAN: Final = ("traße", "trasse", "tr.", "latz", "llee", "asse", "amm", "fer")
_FRENCH: Final = ("rue", "avenue", "boulevard", "place", "chemin", "allée", "impasse", "quai")
_ROMANCE: Final = ("Via", "Viale", "Piazza", "Corso", "Calle", "Avenida", "Plaza", "Paseo", "Carrer", "Rua")

_NUMBER_AND_NAME: Final = (
    r"(?<![\w.,$€£#-])\d{1,5}[A-Za-z]?\s(?:[NSEW]\.?\s)?"
    rf"(?:(?:{_CAPITAL}|\d{{1,3}}(?:st|nd|rd|th))\s){{1,3}}"
)
# Patterns, and the literals of which a text must hold one.
_STREETS: Final = (
    (
        (*_ENGLISH, *_PERHAPS),
        re.compile(
            rf"{_NUMBER_AND_NAME}(?:{'|'.join((*_ENGLISH, *_PERHAPS))})\b\.?"
            rf"(?:(?:{_UNIT})?{_UK_END}|(?:{_UNIT})?{_US_END}|{_UNIT})"
        ),
    ),
    # A number that may be a year is no house: the 1929 Wall Street crash.
    (_ENGLISH, re.compile(rf"(?!(?:1[5-9]|20)\d\d\s){_NUMBER_AND_NAME}(?:{'|'.join(_ENGLISH)})\b\.?")),
    (
        _SMALL,
        re.compile(
            r"(?<=\b(?:at|to|is|on)\s)\d{1,5}\s(?!(?:way|of|in|more|or|and|the|a|different)\b)[a-z]{2,20}(?:\s[a-z]{2,20})?"
            rf"\s(?:{'|'.join(_SMALL)})\b{_SMALL_END}"
        ),
    ),
    (
        _GERMAN,
        re.compile(
            r"\b[A-ZÄÖÜ][a-zäöüß]{2,24}(?:[ -][A-ZÄÖÜ][a-zäöüß]{2,24}){0,2}[ -]?"
            r"(?:[Ss]tra(?:ß|ss)e|[Ss]tr\.|[Pp]latz|[Aa]llee|[Gg]asse|[Dd]amm|[Uu]fer)\s\d{1,4}\s?[a-z]?\b"
            rf"(?:,?\s{{1,3}}(?:[A-Z]{{1,2}}-)?\d{{4,5}}{_CITY})?"
        ),
    ),
    (
        _FRENCH,
        re.compile(
            rf"(?<![\w.,-])\d{{1,4}}(?:\s?(?:bis|ter))?,?\s(?:{'|'.join(_FRENCH)})\s"
            rf"(?:(?:de|du|des|la|le|les|d'|l')\s?){{0,3}}{_CAPITAL}(?:[ -]{_CAPITAL}){{0,3}}"
            rf"(?:,?\s{{1,3}}\d{{5}}{_CITY})?"
        ),
    ),
    (
        _ROMANCE,
        re.compile(
            rf"\b(?:{'|'.join(_ROMANCE)})\s(?:(?:de|del|della|di|da|la|los)\s){{0,2}}"
            rf"{_CAPITAL}(?:\s{_CAPITAL}){{0,3}},?\s\d{{1,4}}\b(?:,?\s{{1,3}}\d{{4,5}}{_CITY})?"
        ),
    ),
    (
        ("ul.", "al."),
        re.compile(
            rf"\b(?:ul|al)\.\s{_CAPITAL}(?:\s{_CAPITAL}){{0,2}}\s\d{{1,4}}[a-z]?\b(?:,\s\d{{2}}-\d{{3}}{_CITY})?"
        ),
    ),
    ((" Box ", " box "), re.compile(r"\bP\.?\s?O\.?\s?Box\s\d{1,7}\b", re.IGNORECASE)),
)
# A street of any name shows by what follows it: house number, comma, postal code, city.
_POSTAL_CODE: Final = re.compile(r",\s(?:\d{5}|\d{2}-\d{3}|\d{4}\s?[A-Z]{2})\s[A-ZÀ-Þ][\w-]{1,24}")
_LINE_BEFORE_CODE: Final = re.compile(rf"\b{_CAPITAL}(?:\s[\w'-]{{2,24}}){{0,3}}\s\d{{1,3}}[a-z]?\Z")
_LONGEST_LINE: Final = 100


def find_emails(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each e-mail address; the host may be cut by a line break, the signs written as words."""
    for pattern in (_EMAIL_CUT_EARLY, _EMAIL_OVER_LINES):
        yield from (match.span() for match in pattern.finditer(text))
    yield from (match.span() for match in _EMAIL.finditer(text))
    yield from (match.span() for match in _EMAIL_IN_WORDS.finditer(text))


def find_phones(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each telephone number: with a plus sign, in a national form, or behind a word for it."""
    for pattern in _PHONES:
        for match in pattern.finditer(text):
            group = match.lastgroup or 0
            if _could_be_dialled(match[group]):
                yield match.span(group)


def _could_be_dialled(number: str) -> bool:
    digits = sum(character.isdigit() for character in number)
    return digits in _PHONE_DIGITS and not _DATE.search(number)


def find_addresses(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each street with its number, with the city where it follows; and of each P.O. box."""
    for hints, pattern in _STREETS:
        if holds_any(text, hints):
            yield from (match.span() for match in pattern.finditer(text))
    for code in _POSTAL_CODE.finditer(text):
        begin = max(0, code.start() - _LONGEST_LINE)
        line = _LINE_BEFORE_CODE.search(text[begin : code.start()])
        if line:
            yield begin + line.start(), code.end()


def street_of(address: str) -> str:
    """Number and street alone, in lower case: what two spellings of an address have in common."""
    return " ".join(address.lower().partition(",")[0].split())
