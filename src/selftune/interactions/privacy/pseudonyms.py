"""People's names as keyed hashes: the same person is recognised, and nobody without the key learns who it is."""

from __future__ import annotations

import hmac
import json
import re
import unicodedata
from dataclasses import dataclass, field
from typing import Final

_PREFIX: Final = "person"
_NAME_HEX: Final = 16
_PROOF_HEX: Final = 8
_SHAPE: Final = re.compile(rf"{_PREFIX}-(?P<name>[0-9a-f]{{{_NAME_HEX}}})-(?P<proof>[0-9a-f]{{{_PROOF_HEX}}})")
# Fields that the importers take for an author, and those that name a speaker who is the user.
_NAME_IN_JSON: Final = re.compile(
    r'(?P<before>"(?:author|user|user_id|userId|user\.id|enduser\.id|user_name|username|input_user)"\s*:\s*"'
    r'|"role"\s*:\s*"user"\s*,\s*"name"\s*:\s*"'
    r'|"name"\s*:\s*"(?=(?:[^"\\]|\\.)+"\s*,\s*"is_user"\s*:\s*true))'
    r'(?P<name>(?:[^"\\]|\\.)+)(?=")'
)


@dataclass(frozen=True)
class Pseudonyms:
    """Names under one project's key, by HMAC-SHA256 (RFC 2104), cut to 64 bits.

    A pseudonym carries a proof of 32 bits that this key made it. So what passes the door twice is not hashed twice, and
    a name in a file that only looks like a pseudonym is hashed like any other.
    """

    key: bytes = field(repr=False)

    @property
    def identity(self) -> str:
        """Names the key without telling it, for the name of a step."""
        return self._mac("key", "")[:_NAME_HEX]

    def of(self, name: str) -> str:
        """The pseudonym of a name, whatever its case and the spaces around it; a pseudonym of ours stays."""
        if self.is_ours(name):
            return name
        digest = self._mac("name", _normal(name))[:_NAME_HEX]
        return f"{_PREFIX}-{digest}-{self._proof(digest)}"

    def hide(self, text: str) -> str:
        """A keyed hash for a name that is no person's and may not be kept as it is, such as a file's."""
        return f"hidden-{self._mac('hidden', text)[:_NAME_HEX]}"

    def is_ours(self, text: str) -> bool:
        """Whether the text is a pseudonym under this key."""
        match = _SHAPE.fullmatch(text)
        return match is not None and hmac.compare_digest(match["proof"], self._proof(match["name"]))

    def in_raw(self, text: str) -> str:
        """A line of JSON, broken or not, with pseudonyms for the names in its fields of authors and users."""
        return _NAME_IN_JSON.sub(lambda match: f"{match['before']}{self.of(_unquoted(match['name']))}", text)

    def _proof(self, digest: str) -> str:
        return self._mac("proof", digest)[:_PROOF_HEX]

    def _mac(self, purpose: str, text: str) -> str:
        return hmac.digest(self.key, f"{purpose}\0{text}".encode("utf-8", "surrogatepass"), "sha256").hex()


def _normal(name: str) -> str:
    return unicodedata.normalize("NFKC", name).strip().casefold()


def _unquoted(name: str) -> str:
    """What a string in JSON says, so that an escaped letter makes no other person; as it stands if it says nothing."""
    try:
        return str(json.loads(f'"{name}"'))
    except ValueError:
        return name
