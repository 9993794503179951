"""What a person has before them to review: drawn once, and in memory alone, for each pick is on record at once."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.records import Interaction

if TYPE_CHECKING:
    from selftune.app.reviewing import Sheet
    from selftune.records import Rubric
    from selftune.store import Store

_MOST: Final = 20


@dataclass(frozen=True, kw_only=True)
class Sitting:
    """Some answers to judge by one rubric, in the order in which they were drawn."""

    name: str
    rubric: Rubric
    sheets: tuple[Sheet, ...]
    passed_over: frozenset[str] = frozenset()

    @property
    def next(self) -> Sheet | None:
        """The next sheet that is not judged whole; None where all is judged or passed over."""
        left = (one for one in self.sheets if one.interaction_id not in self.passed_over and not self.is_whole(one))
        return next(left, None)

    @property
    def done(self) -> int:
        """How many are judged whole."""
        return sum(map(self.is_whole, self.sheets))

    def is_whole(self, sheet: Sheet) -> bool:
        """Whether each criterion has its mark."""
        return all(one.name in sheet.picks for one in self.rubric.criteria)

    def sheet(self, interaction_id: str) -> Sheet | None:
        """The sheet of one answer."""
        return next((one for one in self.sheets if one.interaction_id == interaction_id), None)

    def with_sheet(self, sheet: Sheet) -> Sitting:
        """The same with what was judged."""
        at_its_place = (sheet if one.interaction_id == sheet.interaction_id else one for one in self.sheets)
        return replace(self, sheets=tuple(at_its_place))


class Sittings:
    """The sittings of one dashboard, by the session of whoever sits there."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, Sitting] = {}

    def put(self, session: str, sitting: Sitting) -> None:
        """Keep a sitting as it stands now."""
        with self._lock:
            self._known.pop(session, None)
            self._known[session] = sitting
            for name in list(self._known)[:-_MOST]:
                del self._known[name]

    def get(self, session: str, store: Store) -> Sitting | None:
        """The sitting of a session, without what was erased since it was drawn; None where none was begun."""
        with self._lock:
            sitting = self._known.get(session)
            if sitting is None:
                return None
            kept = {one.id for one in store.kept_records([one.interaction_id for one in sitting.sheets], Interaction)}
            left = tuple(one for one in sitting.sheets if one.interaction_id in kept)
            self._known[session] = replace(sitting, sheets=left)
            return self._known[session]

    def end(self, session: str) -> None:
        """Forget it; its picks stay on record."""
        with self._lock:
            self._known.pop(session, None)
