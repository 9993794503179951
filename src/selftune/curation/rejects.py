"""Who is not learnt from, and why: every room of curation adds to one list, in the order in which it rejects."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from selftune.records import Reject

if TYPE_CHECKING:
    from collections.abc import Iterable

    from selftune.curation.base import Pair


class Rejects:
    """Collects who was rejected and why, in the order of the rejections."""

    def __init__(self) -> None:
        self._listed: list[Reject] = []

    def add(self, pair: Pair, reason: str) -> None:
        """Reject a pair for a reason whose class stands before the colon."""
        self._listed.append(Reject(interaction_id=pair.key.interaction_id, reason=reason))

    def listed(self) -> tuple[Reject, ...]:
        """All of them."""
        return tuple(self._listed)


def count_reasons(rejects: Iterable[Reject]) -> Counter[str]:
    """How often each class of reason was given."""
    return Counter(reject.reason.split(":")[0] for reject in rejects)
