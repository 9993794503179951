"""What serves while a night trains: it makes room where it must, comes back each time, and how long nothing served.

The server is asked to rest rather than stopped: its keeper stays at the address and takes the model back by itself
when this process is killed, or hangs past the time that it named.
"""

from __future__ import annotations

import json
import math
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final, Protocol

from selftune.bases.shape import read_shape
from selftune.context import LLAMA_CPP
from selftune.errors import IntegrityError
from selftune.failpoints import reach
from selftune.governance.brake.file import is_braked
from selftune.loop.config import FreeDevice
from selftune.loop.executor import Silent
from selftune.loop.incoming.taking_back import withdrawn_from_prompt
from selftune.loop.night.overrun import GRACE_SECONDS
from selftune.loop.releasing.service import make_target, serving_release
from selftune.records import Build, Outage, Release
from selftune.release.live import LiveServer
from selftune.release.publish import publish_bytes
from selftune.release.stage import take_back
from selftune.training.machine import machine_for, needed_bytes, trains_here, trains_on_card
from selftune.training.preflight import tokenise
from selftune.training.rows import load_tokenizer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from selftune.loop.executor import Observer
    from selftune.loop.night.clock import Clock
    from selftune.loop.night.window import Window
    from selftune.loop.project import Project
    from selftune.records import Dataset
    from selftune.release.base import Switched
    from selftune.release.live import LiveStatus
    from selftune.training.config import Recipe

STARTS: Final = "starts.json"
UNMEASURED_SECONDS: Final = 30.0
"""What a server's start is taken for while none was measured: as long as it may be gone outside a training."""
NOTICED_SECONDS: Final = 2.5
"""Within so many a keeper sees that its rest is over: it looks every two."""
NOT_BACK: Final = "did not come back after a training"
"""What a sentence about a release that another one had to replace says; the morning note has it first."""
_KEPT: Final = 8
_RESERVE: Final = 2.0
_TRIES: Final = 2
LEAST_PATIENCE_SECONDS: Final = 45.0
"""A start that takes less never counts as hung, however quick the ones before were."""
_PATIENCE: Final = 3.0
_STARTS_OF_A_TRY: Final = 2
"""What is active and, where it hangs, the release before it."""
_STARTS_OF_A_SWITCH: Final = 3
"""Where nothing serves, those two and then what is switched to."""


def must_make_room(project: Project, recipe: Recipe, dataset: Dataset) -> str:
    """Why what serves must rest while this recipe trains on these lessons; empty where it may go on.

    By `[nightly] free_device`. A training on another machine needs nothing here, whatever stands there.
    """
    choice = project.config.nightly.free_device
    if choice is FreeDevice.NEVER or not trains_here(recipe):
        return ""
    if choice is FreeDevice.ALWAYS:
        return "free_device is always"
    if trains_on_card(recipe) and project.config.serving.driver != LLAMA_CPP:
        return "it serves from the card that trains"
    # What serves holds its memory already: what is free now is what is free beside it.
    needed, free = memory_bytes_for(project, recipe, dataset), machine_for(recipe).free_bytes
    if free is not None and needed > free:
        return f"a training takes about {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free beside what serves"
    return ""


def memory_bytes_for(project: Project, recipe: Recipe, dataset: Dataset) -> int:
    """The estimated peak of a training by this recipe on these lessons; those that it would leave out count as none."""
    folder = project.base_folder
    rows, _ = tokenise(dataset.taught, recipe, load_tokenizer(folder))
    return needed_bytes(rows, recipe, read_shape(folder))


class LiveModel(Protocol):
    """The project's server, as `LiveServer` is."""

    def status(self) -> LiveStatus | None:
        """What serves, or None."""
        ...

    def start(self) -> LiveStatus:
        """Have the active release, or else its fallback, served; `IntegrityError` when neither can be."""
        ...

    def stop(self) -> bool:
        """Stop it; False when nothing ran."""
        ...

    def rest(self, why: str, *, seconds: float | None = None) -> None:
        """Let go of the device until `start`, for so many seconds at most."""
        ...

    def switch(self, name: str, placed: str | None = None) -> Switched:
        """Serve the release of this name."""
        ...

    def ask(self, text: str, *, max_tokens: int | None = None) -> str:
        """One answer through the public address."""
        ...


class Service:
    """The live server around the trainings of one night. Only for who holds the project's lease.

    Args:
        project: Whose server it is.
        because: Why it must make room for a training, as `must_make_room` says; empty: it goes on serving.
        observer: Is told of everything that a person should know.
        live: The server; the project's own by default.
        clock: What outages are measured by.
        window: Of the night, before whose end it must be back; None where there is no night.

    Attributes:
        outages: The times in which nothing served, oldest first.
        told: What a person should know in the morning, in sentences.
        gone: Why nothing serves any more, where nothing could be brought back; the night's command ends with
            `ServingError.exit_code` then.
        spare_seconds: What was left to the deadline when it last answered again; below 0 where it came too late.
    """

    def __init__(
        self,
        project: Project,
        *,
        because: str = "",
        observer: Observer | None = None,
        live: LiveModel | None = None,
        clock: Clock,
        window: Window | None = None,
    ) -> None:
        self._project = project
        self._because = because
        self._observer = observer or Silent()
        self._clock = clock
        self._window = window
        self._starts = project.hidden / "notes" / STARTS
        self._live = live or LiveServer(make_target(project), patience=self.patience_seconds)
        self.outages: list[Outage] = []
        self.told: list[str] = []
        self.gone: str | None = None
        self.spare_seconds: float | None = None

    @property
    def reserve_seconds(self) -> float:
        """What must be left to the deadline when a training ends: twice what the server may take to be back.

        That is the longest of its last starts, and the pause between two looks of its keeper, which is to wake by
        itself at the half of it. 0 where it goes on serving.
        """
        if not self._because:
            return 0.0
        return _RESERVE * (self._longest_start() + NOTICED_SECONDS)

    @property
    def patience_seconds(self) -> float:
        """What a start may take before it counts as hung and is ended: three times the longest of its last ones."""
        return max(LEAST_PATIENCE_SECONDS, _PATIENCE * self._longest_start())

    def _longest_start(self) -> float:
        return max(_read_starts(self._starts), default=UNMEASURED_SECONDS)

    def must_be_back(self) -> bool:
        """Whether it is time to end a training, so that it serves before the deadline; once true it stays so.

        For `interrupts.stopped_by`.
        """
        return self._seconds_left() <= self.reserve_seconds

    @contextmanager
    def paused(self, why: str) -> Iterator[None]:
        """Make room for the block where room must be made, and serve again however it is left, unless by the brake.

        What did not serve before is not started. Where the release in service does not come back it is tried once
        more, then the one before it is put back, on record. `gone` says so where nothing could be.
        """
        if not self._because or self._live.status() is None:
            yield
            return
        # One that rests still for a night that was killed rests for this one from now on.
        began = self._clock.elapsed()
        self._live.rest(f"{why} ({self._because})", seconds=self._seconds_at_most())
        reach("service-rests")
        try:
            yield
        finally:
            reach("before-service-wakes")
            if is_braked(self._project.hidden):
                self._tell("It was not brought back into service: a person stopped all work here.")
                self.outages.append(Outage(why=why, seconds=self._clock.elapsed() - began))
            else:
                self._come_back(why, began)
            reach("service-woken")

    def _seconds_left(self) -> float:
        return max(0.0, self._spare_seconds())

    def _spare_seconds(self) -> float:
        return math.inf if self._window is None else self._window.spare_seconds(self._clock)

    def _has_time_for(self, starts: int) -> bool:
        """Whether so many starts, should all of them hang, end before the night's process is ended."""
        return self._spare_seconds() + GRACE_SECONDS > starts * self.patience_seconds

    def _seconds_at_most(self) -> float | None:
        """When the keeper wakes by itself: after the orderly end of a training, and still before the deadline."""
        left = self._seconds_left() - self.reserve_seconds / 2
        return max(0.0, left) if left < math.inf else None

    def _come_back(self, why: str, began: float) -> None:
        is_back = self._bring_back()
        self.outages.append(Outage(why=why, seconds=self._clock.elapsed() - began if is_back else None))
        left = self._spare_seconds()
        self.spare_seconds = left if is_back and left < math.inf else None

    def _bring_back(self) -> bool:
        active = serving_release(self._project)
        trouble = ""
        for attempt in range(_TRIES):
            if attempt:
                if not self._has_time_for(_STARTS_OF_A_TRY):
                    break
                self._live.stop()
            began = self._clock.elapsed()
            try:
                status = self._live.start()
            except IntegrityError as error:
                trouble = error.message
                continue
            if status.version == active.version:
                with suppress(OSError):  # a full disk costs a figure, never the service
                    _keep_start(self._starts, self._clock.elapsed() - began)
                return True
            trouble = status.problem or f"{status.version} serves in its place"
        return self._put_earlier_back(active, trouble)

    def _put_earlier_back(self, active: Release, trouble: str) -> bool:
        """Release an earlier build again, the newest that can be served, since the active one does not come back."""
        project = self._project
        for earlier in _earlier(project, active):
            if not self._serves() and not self._has_time_for(_STARTS_OF_A_SWITCH):
                break
            reason = f"{active.version} {NOT_BACK}: {trouble}"
            try:
                release = take_back(
                    earlier, active, make_target(project), project.context(), live=self._live, reason=reason
                )
            except IntegrityError as error:
                trouble = error.message
                continue
            detail = {"from": active.version, "to": earlier.version}
            project.store.save([release], event="rolled back by itself", detail=detail)
            self._tell(f"{reason} {earlier.version} serves again, as {release.version}.")
            return True
        self.gone = f"Nothing serves: {active.version} {NOT_BACK}: {trouble}"
        self._tell(f"{self.gone} Look at .selftune/logs/keeper.log, then run `selftune start`.")
        return False

    def _serves(self) -> bool:
        status = self._live.status()
        return status is not None and status.version is not None

    def _tell(self, text: str) -> None:
        self.told.append(text)
        self._observer.told(text)


def _earlier(project: Project, active: Release) -> Iterator[Release]:
    """Releases of other builds than the active one, the newest first, each build once.

    None that shows words which their author took back.
    """
    seen = {active.build_id}
    for release in reversed([one for _, one in project.store.each(Release)]):
        if release.build_id in seen:
            continue
        seen.add(release.build_id)
        if not withdrawn_from_prompt(project.store.record(release.build_id, Build), project.store):
            yield release


def _read_starts(path: Path) -> list[float]:
    """Seconds that the server's last starts took, oldest first; none where nothing legible was kept."""
    try:
        kept = json.loads(path.read_bytes())
    except (FileNotFoundError, ValueError):
        return []
    return [float(one) for one in kept if isinstance(one, int | float)] if isinstance(kept, list) else []


def _keep_start(path: Path, seconds: float) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    kept = [*_read_starts(path), round(seconds, 3)][-_KEPT:]
    publish_bytes(path, json.dumps(kept).encode())
