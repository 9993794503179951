"""The routing of a gateway that may try a candidate: every user on one side, and all back at the champion at once.

The note of the trial is looked at before each request, so that a command, a brake or another gateway ends it there and
then. What ends it here ends it in memory first: a full disk must not keep a candidate going that does harm.
"""

from __future__ import annotations

import logging
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.app.gateway.canary.outcomes import compare, outcome_of, text_of
from selftune.app.gateway.exchange import CANDIDATE, CHAMPION, SHADOW, Ended, Route, sticky_of
from selftune.errors import DamagedFileError, ServingError
from selftune.governance.brake.file import is_braked
from selftune.loop.canary.guards import Outcome
from selftune.loop.canary.journal import Journal, replay
from selftune.loop.canary.note import TrialEnd, note_path, read_canary, write_canary
from selftune.loop.canary.thumbs import thumbs_behind, thumbs_path

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from selftune.app.gateway.exchange import Exchange, Routing
    from selftune.loop.canary.guards import Guardrails
    from selftune.loop.canary.journal import Comparison
    from selftune.loop.canary.note import CanaryNote

log = logging.getLogger("selftune.gateway")

_SILENT_IN_A_ROW: Final = 3
"""Who gives no answer at all so many times in a row is sent back without waiting for a test to show it."""

_FAILED: Final = 500
"""What a server says that failed at a request, such as one its template has no words for; any model may then."""

_MOST_REMEMBERED: Final = 4096
_NONE: Final = "no candidate is being tried now."
_START: Final = "Ask for the champion, or start one with `selftune canary start candidate`."


@dataclass(frozen=True, kw_only=True)
class TrialState:
    """How a trial stands.

    Attributes:
        answers: How many it counted, by who gave them.
        lines_lost: Answers that could not be put on its journal.
    """

    share: float
    shadow: bool
    answers: Mapping[str, int]
    lines_lost: int


class _Trial:
    """A trial that runs: its note, its journal, and what its guards have seen, those lines included of before.

    Raises:
        OSError: its journal can't be read, or not written on.
        ValueError: what stands in its journal can't be counted.
    """

    def __init__(self, note: CanaryNote, hidden: Path) -> None:
        self.note = note
        self.guards: Guardrails = replay(note, hidden)[0]
        # How often in a row it gave no answer, and how often it failed at what the champion has not answered yet.
        self.silent = self.doubtful = 0
        self.lost = 0
        # Thumbs that come in beside the gateway, and how far they were read.
        self.thumbs, self.heard = thumbs_path(hidden, note.trial), 0
        # What was said to a client until its shadow has answered.
        self.said: OrderedDict[str, str] = OrderedDict()
        self._journal = Journal(hidden, note.trial)

    def write(self, entry: Outcome | Comparison) -> None:
        try:
            self._journal.write(entry)
        except OSError:
            self.lost += 1
            if self.lost == 1:
                log.exception("the trial's journal can't be written; it is watched all the same")

    def close(self) -> None:
        self._journal.close()


class CanaryRouting:
    """Stands before another routing, and sends a share of the champion's users to the candidate of a trial.

    Args:
        inner: What names mean without a trial.
        hidden: The project's folder of the machine's own files.
        settle: Called once when a trial was ended here, so that somebody puts it on record.
    """

    def __init__(self, inner: Routing, hidden: Path, *, settle: Callable[[], None]) -> None:
        self._inner = inner
        self._hidden = hidden
        self._path = note_path(hidden)
        self._settle = settle
        self._seen: tuple[int, int] | None = None
        self._trial: _Trial | None = None
        self._over: set[str] = set()
        # The journal of a trial of before can be long: it is read before anybody is served, not amid a request.
        self._look()

    def aliases(self) -> tuple[str, ...]:
        """The names of the inner routing, and the candidate's while it is shown to anybody."""
        trial = self._running()
        own = () if trial is None or trial.note.shadow else (CANDIDATE,)
        return (*self._inner.aliases(), *own)

    def pick(self, alias: str, sticky: str) -> Route:
        """Where a request under this name goes; the champion is behind a candidate that fails before its first byte.

        Raises:
            UnknownNameError: no model has this name.
            ServingError: the model that has it does not serve now, or is shown to nobody.
        """
        trial = self._running()
        if alias == SHADOW:
            raise ServingError("what is asked in the shadow is shown to nobody.", next_step=_START)
        if alias == CANDIDATE:
            if trial is None or trial.note.shadow:
                raise ServingError(_NONE, next_step=_START)
            return _route_of(trial.note)
        route = self._inner.pick(alias, sticky)
        if trial is None or route.upstream != CHAMPION or self._has_changed(trial, route.build_digest):
            return route
        if trial.note.shadow:
            return replace(route, shadow=_route_of(trial.note))
        return replace(_route_of(trial.note), fallback=route) if trial.note.is_on_candidate(sticky) else route

    def observe(self, exchange: Exchange) -> None:
        """Count how it went, and end the trial where that shows harm; the next request is the champion's then."""
        self._inner.observe(exchange)
        trial = self._running()
        if trial is None or exchange.upstream not in {CHAMPION, CANDIDATE} or exchange.alias == CANDIDATE:
            return
        if exchange.upstream == CHAMPION and self._has_changed(trial, exchange.build_digest):
            return
        sticky = sticky_of(exchange.user, exchange.key_id, exchange.conversation)
        if exchange.upstream == CHAMPION and trial.note.is_on_candidate(sticky):
            self._count_step_in(trial, exchange)
            return
        text = text_of(exchange) if exchange.ended is Ended.COMPLETE else None
        self._compare_shadow(trial, exchange, text)
        outcome = outcome_of(exchange, trial.note, text)
        if outcome is None:
            return
        if outcome.candidate:
            silent = exchange.ended is Ended.UPSTREAM_DIED and exchange.first_byte_seconds is None
            doubtful = silent and exchange.status == _FAILED
            trial.doubtful += doubtful
            trial.silent = trial.silent + (not doubtful) if silent else 0
        self._take(trial, outcome)

    def _count_step_in(self, trial: _Trial, exchange: Exchange) -> None:
        """The champion answered in the place of a candidate that failed, or failed at the same request as well."""
        if trial.doubtful:
            trial.doubtful -= 1
            trial.silent += exchange.ended is Ended.COMPLETE
            self._end_if_silent(trial)

    def thumb(self, completion_id: str, *, up: bool) -> None:
        """Count where a person's thumb points, the last one for each answer; what nobody remembers is not counted."""
        trial = self._running()
        if trial is not None:
            self._count_thumb(trial, trial.note.person(completion_id), up=up)

    def _count_thumb(self, trial: _Trial, answer: str, *, up: bool) -> None:
        given = trial.guards.given(answer)
        if given is not None and trial.guards.thumb(answer) is not (not up):
            thumb = Outcome(candidate=given.candidate, person=given.person, thumb_down=not up, answer=answer)
            self._take(trial, thumb)

    def state(self) -> TrialState | None:
        """How the trial stands, for whoever watches; None where none runs."""
        trial = self._running()
        if trial is None:
            return None
        answers = trial.guards.answers
        return TrialState(
            share=trial.note.share,
            shadow=trial.note.shadow,
            answers={CHAMPION: answers[False], CANDIDATE: answers[True]},
            lines_lost=trial.lost,
        )

    def close(self) -> None:
        """Let go of the journal."""
        if self._trial is not None:
            self._trial.close()

    def _take(self, trial: _Trial, outcome: Outcome) -> None:
        trial.write(outcome)
        trial.guards.take(outcome)
        harm = trial.guards.harm
        if harm is not None:
            self._end(trial.note, TrialEnd.RETURNED, f"harm is shown in {trial.guards.told(harm)}")
        else:
            self._end_if_silent(trial)

    def _end_if_silent(self, trial: _Trial) -> None:
        if trial.silent >= _SILENT_IN_A_ROW:
            why = f"the candidate gave no answer at all {trial.silent} times in a row"
            self._end(trial.note, TrialEnd.RETURNED, why)

    def _compare_shadow(self, trial: _Trial, exchange: Exchange, text: str | None) -> None:
        if not trial.note.shadow or text is None:
            return
        if not exchange.shadow:
            _remember(trial.said, exchange.completion_id, text)
            return
        given = trial.said.pop(exchange.completion_id, None)
        if given is not None:
            trial.write(compare(given, text))

    def _has_changed(self, trial: _Trial, digest: str | None) -> bool:
        """Whether another champion answers than the candidate is held against: then there is nothing to compare."""
        if digest is None or digest == trial.note.champion_digest:
            return False
        self._end(trial.note, TrialEnd.CHANGED, "another champion serves than the one that it was held against")
        return True

    def _end(self, note: CanaryNote, end: TrialEnd, why: str) -> None:
        self._over.add(note.trial)
        log.error("the trial of %s is over: %s", note.candidate_build_id[:18], why)
        self.close()
        self._trial = None
        try:
            write_canary(note.ended(end, why), self._hidden)
        except OSError:
            log.exception("its end can't be written; it is over all the same, until this gateway ends")
            return
        self._settle()

    def _running(self) -> _Trial | None:
        """The trial that runs; None where there is none, its note can't be read, or all work is stopped."""
        self._look()
        self._hear()
        if self._trial is None or is_braked(self._hidden):
            return None
        return self._trial

    def _look(self) -> None:
        try:
            state = self._path.stat()
        except OSError:
            self._set(None, None)
            return
        seen = (state.st_mtime_ns, state.st_ino)
        if seen == self._seen:
            return
        try:
            note = read_canary(self._hidden)
        except (DamagedFileError, OSError):
            log.exception("the note of the trial can't be read; the champion alone answers")
            note = None
        self._set(note, seen)

    def _hear(self) -> None:
        """Count the thumbs that came in beside the gateway since the last look."""
        trial = self._trial
        if trial is None:
            return
        try:
            if trial.thumbs.stat().st_size == trial.heard:
                return
            found, trial.heard = thumbs_behind(self._hidden, trial.note.trial, trial.heard)
        except OSError:
            return  # none came yet
        for answer, up in found:
            if self._trial is trial:  # one of them may have ended it
                self._count_thumb(trial, answer, up=up)

    def _set(self, note: CanaryNote | None, seen: tuple[int, int] | None) -> None:
        self._seen = seen
        runs = note is not None and note.runs and note.trial not in self._over
        if self._trial is not None and (not runs or note is None or note.trial != self._trial.note.trial):
            self._trial.close()
            self._trial = None
        if note is not None and runs and self._trial is None:
            self._begin(note)

    def _begin(self, note: CanaryNote) -> None:
        """Watch this trial from now on; one that nothing could be put on record of is ended instead."""
        try:
            self._trial = _Trial(note, self._hidden)
        except (OSError, ValueError) as error:
            log.exception("the trial's journal can't be used; the champion alone answers")
            told = error.strerror if isinstance(error, OSError) else None
            self._end(note, TrialEnd.STOPPED, f"its journal can't be used ({told or type(error).__name__})")


def _route_of(note: CanaryNote) -> Route:
    return Route(upstream=CANDIDATE, address=note.address, build_digest=note.candidate_digest)


def _remember(known: OrderedDict[str, str], name: str, value: str) -> None:
    known[name] = value
    if len(known) > _MOST_REMEMBERED:
        known.popitem(last=False)
