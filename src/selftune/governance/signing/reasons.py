"""Every reason for which something is not ready, or a signature does not count, by a name of its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable


class Weight(StrEnum):
    """What a reason asks for: a person, another result, or a look at what is broken."""

    WAITING = "waiting"
    AGAINST = "against"
    INVALID = "invalid"


class Reason(StrEnum):
    """Why not. The order is that in which a person is told."""

    LEDGER_BROKEN = "ledger_broken"
    RECORD_DAMAGED = "record_damaged"
    COLUMNS_DIFFER = "columns_differ"

    HOLD = "hold"
    BLOCKING_CONCERN = "blocking_concern"
    CLOSED_BY_QUESTIONED = "closed_by_questioned"
    TOO_FAST = "too_fast"
    TOO_CLEAN = "too_clean"
    TOO_EVEN = "too_even"
    COLLAPSE = "collapse"
    HAND_PICKED = "hand_picked"
    NOT_AS_PROJECTED = "not_as_projected"
    LONE_SCALAR = "lone_scalar"
    UNVERIFIED_CLAIM = "unverified_claim"
    KIN_AUDITOR = "kin_auditor"
    NOT_PROMOTED = "not_promoted"
    SELF_APPROVAL = "self_approval"
    SAME_PERSON = "same_person"
    MODEL_SIGNER = "model_signer"
    FORGED_SIGNATURE = "forged_signature"
    FALSE_FACT = "false_fact"

    NO_BUNDLE = "no_bundle"
    OUTDATED_BUNDLE = "outdated_bundle"
    DOCUMENT_MISSING = "document_missing"
    SIGNATURE_MISSING = "signature_missing"
    WRONG_BUNDLE = "wrong_bundle"
    OUT_OF_ORDER = "out_of_order"
    EXPIRED = "expired"
    REVOKED = "revoked"
    NO_ROLE = "no_role"
    UNSIGNED = "unsigned"
    STRANGER = "stranger"
    UNANSWERED_CONCERN = "unanswered_concern"
    BROKEN_OFF = "broken_off"
    ABBREVIATED_RETIREMENT = "abbreviated_retirement"

    @property
    def weight(self) -> Weight:
        """What it asks for."""
        if self in _INVALID:
            return Weight.INVALID
        return Weight.WAITING if self in _WAITING else Weight.AGAINST


_INVALID: Final = frozenset({Reason.LEDGER_BROKEN, Reason.RECORD_DAMAGED, Reason.COLUMNS_DIFFER})
_WAITING: Final = frozenset(
    {
        Reason.NO_BUNDLE,
        Reason.OUTDATED_BUNDLE,
        Reason.DOCUMENT_MISSING,
        Reason.SIGNATURE_MISSING,
        Reason.WRONG_BUNDLE,
        Reason.OUT_OF_ORDER,
        Reason.EXPIRED,
        Reason.REVOKED,
        Reason.NO_ROLE,
        Reason.UNSIGNED,
        Reason.STRANGER,
        Reason.UNANSWERED_CONCERN,
        Reason.BROKEN_OFF,
        Reason.ABBREVIATED_RETIREMENT,
    }
)


OF_THE_CHAIN: Final = frozenset(
    {Reason.NO_BUNDLE, Reason.OUTDATED_BUNDLE, Reason.SIGNATURE_MISSING, Reason.DOCUMENT_MISSING, Reason.OUT_OF_ORDER}
)
"""What only says that not everybody has signed yet."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """A reason with what it is about.

    Attributes:
        told: One sentence with its figures.
        about: Id of the record that it is about; empty where there is none.
    """

    reason: Reason
    told: str
    about: str = ""

    @property
    def weight(self) -> Weight:
        """What it asks for."""
        return self.reason.weight


def in_order(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """The findings as a person is told of them, each once."""
    order = list(Reason)
    return tuple(sorted(dict.fromkeys(findings), key=lambda one: order.index(one.reason)))
