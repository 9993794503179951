"""Secrets in text, replaced by numbered placeholders before the first write.

A small set of our own patterns: private keys, keys of well-known services, e-mail addresses, payment cards (with their
checksum). It promises these and no more: names, street addresses and telephone numbers pass.
"""

from __future__ import annotations

import re
from typing import Final

PATTERNS: Final[dict[str, re.Pattern[str]]] = {
    "private_key": re.compile(
        r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----(?:[A-Za-z0-9+/=:,\s-]|\\[nr])*?"
        r"(?:-----END (?:[A-Z]+ )*PRIVATE KEY-----|(?=[\"'`])|\Z)"
    ),
    "api_key": re.compile(
        r"(?<![A-Za-z0-9])(?:"
        r"sk-(?:[a-z]+-)*[A-Za-z0-9_-]{20,}"  # OpenAI, Anthropic and the many that follow them
        r"|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_[A-Za-z0-9_]{40,}|glpat-[A-Za-z0-9_-]{20,}"
        r"|(?:AKIA|ASIA)[A-Z0-9]{16}"  # AWS access key id
        r"|AIza[A-Za-z0-9_-]{35}"  # Google
        r"|xox[abeoprs]-[A-Za-z0-9-]{10,}"  # Slack
        r"|hf_[A-Za-z0-9]{30,}|npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{50,}"
        r"|(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{16,}"  # Stripe
        r"|eyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}"  # JSON Web Token, RFC 7519
        r")(?![A-Za-z0-9])"
    ),
    "email": re.compile(
        r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}(?![A-Za-z0-9])"
    ),
    "card": re.compile(r"(?<![\d.-])(?:4|5[1-5]|2[2-7]|3[0-8]|6)\d{0,2}(?:[ -]?\d){10,17}(?![\d-]|\.\d)"),
}

_CARD_DIGITS: Final = range(13, 20)
_JSON_NUMBER_BEFORE: Final = re.compile(r"[:\[,]\s*\Z")
_JSON_NUMBER_AFTER: Final = re.compile(r"\s*[,}\]]")


class Redactor:
    """Replaces secrets in the texts of one interaction; equal secrets get equal numbers, different ones different.

    The numbers keep what a judge needs: an answer that names another address than the state holds stays wrong.
    """

    def __init__(self, kinds: tuple[str, ...]) -> None:
        self._kinds = kinds
        self._seen: dict[tuple[str, str], int] = {}

    def redact(self, text: str) -> str:
        """The text with each secret as `[email-1]`, `[card-2]` and so on."""
        for kind in self._kinds:
            text = PATTERNS[kind].sub(lambda match, kind=kind: self._placeholder(kind, match), text)  # type: ignore[misc]
        return text

    def _placeholder(self, kind: str, match: re.Match[str]) -> str:
        secret = re.sub(r"[ -]", "", match[0]) if kind == "card" else match[0].lower() if kind == "email" else match[0]
        if kind == "card" and not passes_luhn(secret):
            return match[0]
        number = self._seen.setdefault((kind, secret), 1 + sum(known == kind for known, _ in self._seen))
        placeholder = f"[{kind}-{number}]"
        return f'"{placeholder}"' if kind == "card" and _is_json_number(match) else placeholder


def passes_luhn(digits: str) -> bool:
    """Whether 13 to 19 digits carry the checksum of a payment card (ISO/IEC 7812-1, annex B)."""
    if len(digits) not in _CARD_DIGITS:
        return False
    doubled = (int(digit) * (1 + place % 2) for place, digit in enumerate(reversed(digits)))
    return sum(value // 10 + value % 10 for value in doubled) % 10 == 0


def _is_json_number(match: re.Match[str]) -> bool:
    """Whether the digits stand bare in a JSON text, where only a quoted placeholder keeps the text valid."""
    before, after = match.string[: match.start()], match.string[match.end() :]
    bare = match[0].isdigit() and _JSON_NUMBER_BEFORE.search(before[-40:]) and _JSON_NUMBER_AFTER.match(after[:40])
    return bool(bare)
