"""What can be set about capture."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Capture:
    """What happens at the door, before anything is written.

    Attributes:
        repair: Mend text that was decoded with the wrong encoding; what was mended is flagged `repaired_text`.
        redact: Kinds of secrets to replace by a numbered placeholder (see `redaction.PATTERNS`); flagged `redacted`.
    """

    repair: bool = True
    redact: tuple[str, ...] = ("private_key", "api_key", "password", "email", "iban", "card", "ssn", "phone", "address")
