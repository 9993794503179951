"""Keys and passwords: what opens something, wherever it stands in prose or code."""

from __future__ import annotations

import math
import re
from collections import Counter
from typing import TYPE_CHECKING, Final

from selftune.interactions.privacy.tokens import find_tokens

if TYPE_CHECKING:
    from collections.abc import Iterator

PASSWORD_HINTS: Final = (
    *("pass", "pwd", "secret", "key", "token", "bearer", "credential", "kennwort", "contraseña", "basic"),
    "://",
)

_PRIVATE_KEY: Final = re.compile(
    r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:[A-Za-z0-9+/=:,\s-]|\\[nr])*?"
    r"(?:-----END (?:[A-Z]+ )*PRIVATE KEY-----|(?=[\"'`])|\Z)"
)
_API_KEY: Final = re.compile(
    r"(?<![A-Za-z0-9])(?:"
    r"sk-(?:[a-z]+-)*[A-Za-z0-9_-]{20,}"  # OpenAI, Anthropic and the many that follow them
    r"|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,}|glpat-[A-Za-z0-9_-]{20,}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{16}"  # AWS access key id
    r"|AIza[A-Za-z0-9_-]{35}"  # Google
    r"|xox[abeoprs]-[A-Za-z0-9-]{10,}"  # Slack
    r"|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,}"
    r"|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}"  # Stripe
    # JSON Web Token, RFC 7519; bounded, or a long run that begins like one many times takes the square of its length
    r"|eyJ[A-Za-z0-9_-]{10,2000}+\.eyJ[A-Za-z0-9_-]{10,8000}+\.[A-Za-z0-9_-]{10,2000}"
    r")(?![A-Za-z0-9])"
)
# The shortest key, Slack's, has so many characters in one run; most texts have no such run.
_LONG_RUN: Final = re.compile(r"[A-Za-z0-9_-]{15}")

_DIGIT: Final = re.compile(r"\d")
_PASSWORD: Final = re.compile(
    r"(?:pass(?:word|wd|phrase|code)|pwd|\bpass\b|secret|(?:api|access|account|auth|private|signing)[_ -]?key"
    r"|token|bearer|credentials?|passwort|kennwort|mot de passe|contraseña)"
    r"[\w-]{0,20}[\"'`*]{0,3}(?:\s{0,2}(?:=>|:=|[:=]|\b(?:is|to|was|ist|lautet)\b)|(?<=[Bb]earer))\s{0,2}[\"'`*]{0,3}"
    r"(?P<value>[^\s\"'`,;<>{}\[\]()]{8,256})",
    re.IGNORECASE,
)
# A key is also the key of a table, so its value must be longer and wilder.
_KEY: Final = re.compile(
    r"\bkey[\"'`*]{0,3}(?:\s{0,2}[:=]|\sis)\s{0,2}[\"'`*]{0,3}(?P<value>[A-Za-z0-9+=!@#$%^&*-]{14,256})",
    re.IGNORECASE,
)
_URL_PASSWORD: Final = re.compile(r"://[^\s:/@\[\]\"'<>]{0,64}:(?P<value>[^\s/@\[\]\"'<>{}$]{3,256})@")
# User and password of HTTP's basic scheme (RFC 7617), whatever they decode to.
_BASIC: Final = re.compile(
    r"authorization[\"']?\s{0,2}[:=]\s{0,2}[\"']?basic\s+(?P<value>[A-Za-z0-9+/_-]{6,2048}={0,2})", re.IGNORECASE
)
# What stands where a password would: instructions, variables, addresses, file names.
_NO_PASSWORD: Final = re.compile(
    r"your|example|placeholder|changeme|xxx|\*\*\*|\.\.\.|%[sd(]|\$|env\b|environ|config|://|^\w+\.\w+", re.IGNORECASE
)
_OPAQUE: Final = re.compile(r"(?<![A-Za-z0-9])(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{32,}(?![A-Za-z0-9])")
_LEAST_ENTROPY_BITS: Final = 2.5
_LEAST_KEY_ENTROPY_BITS: Final = 3.2

_NAMED: Final = (
    (
        _PASSWORD,
        (
            *("pass", "pwd", "secret", "api", "access", "account", "auth", "private", "signing", "token", "bearer"),
            *("credential", "kennwort", "mot de passe", "contraseña"),
        ),
        _LEAST_ENTROPY_BITS,
    ),
    (_KEY, ("key",), _LEAST_KEY_ENTROPY_BITS),
)


def find_private_keys(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each private key in PEM (RFC 7468), cut off ones too."""
    return (match.span() for match in _PRIVATE_KEY.finditer(text))


def find_api_keys(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each key of a service that can be told by its shape."""
    if _LONG_RUN.search(text):
        yield from (match.span() for match in _API_KEY.finditer(text))
        yield from find_tokens(text)


def find_passwords(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each password in an address, or behind a word such as `password:`."""
    yield from (match.span("value") for match in _URL_PASSWORD.finditer(text))
    yield from (match.span("value") for match in _BASIC.finditer(text))
    if not _DIGIT.search(text):
        return
    for pattern, beginnings, least in _NAMED:
        for match in _matches(pattern, beginnings, text):
            value = match["value"].rstrip(".:!?*")
            if _looks_chosen(value, least):
                yield match.start("value"), match.start("value") + len(value)


def _matches(pattern: re.Pattern[str], beginnings: tuple[str, ...], text: str) -> Iterator[re.Match[str]]:
    """What `finditer` gives, found faster: the pattern is tried only where one of its beginnings stands."""
    lowered = text.lower()
    if len(lowered) != len(text):
        # A letter whose small form is longer: places in the one are no places in the other.
        yield from pattern.finditer(text)
        return
    for beginning in beginnings:
        at = lowered.find(beginning)
        while at >= 0:
            match = pattern.match(text, at)
            if match:
                yield match
            at = lowered.find(beginning, at + 1)


def is_opaque(text: str) -> bool:
    """Whether a text holds a long run of random characters: read out of base64, that is somebody's key."""
    return any(entropy_bits(run[0]) >= _LEAST_KEY_ENTROPY_BITS for run in _OPAQUE.finditer(text))


def _looks_chosen(value: str, least_bits: float) -> bool:
    """Whether this could be a password and no word, variable or instruction: letters, digits and some disorder."""
    mixed = _DIGIT.search(value) and re.search(r"[^\W\d_]", value)
    return bool(mixed) and not _NO_PASSWORD.search(value) and entropy_bits(value) >= least_bits


def entropy_bits(text: str) -> float:
    """Bits a character by the frequencies of the characters in the text (Shannon, 1948); 0 for no text."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)
