"""What can be set about capture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from selftune.interactions.privacy.pseudonyms import Pseudonyms

REDACTED: Final = ("private_key", "api_key", "password", "email", "iban", "card", "ssn", "phone", "address")


@dataclass(frozen=True, kw_only=True)
class Capture:
    """What happens at the door, before anything is written.

    Attributes:
        repair: Mend text that was decoded with the wrong encoding; what was mended is flagged `repaired_text`.
        redact: Kinds of secrets to replace by a numbered placeholder (see `patterns.KINDS`); flagged `redacted`.
        quarantine: Kinds that are also held back: what holds one is set aside, redacted, instead of going in.
        pseudonyms: Puts a pseudonym in place of each author's name; without, names stay. A project always has one.
        owners: Names whose words are an owner's, compared before they become pseudonyms.
    """

    repair: bool = True
    redact: tuple[str, ...] = REDACTED
    quarantine: tuple[str, ...] = ()
    pseudonyms: Pseudonyms | None = None
    owners: tuple[str, ...] = ()
