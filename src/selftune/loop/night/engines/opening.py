"""Which engine a night has, and that it can be had: by its name under [nightly], or by the command's."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Final

from selftune.errors import ConfigError
from selftune.loop.config import EngineChoice
from selftune.loop.night.engines.base import EngineError
from selftune.loop.night.engines.ray import ray_cluster, refuse_without_ray
from selftune.loop.night.engines.serial import Serial
from selftune.loop.night.engines.working import THREADS
from selftune.training.machine import compute_with, device_here

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selftune.loop.night.engines.base import Engine

PACKED: Final = "packed"


def engine_called(name: str) -> EngineChoice:
    """The engine of this name.

    Raises:
        ConfigError: there is none.
    """
    if name not in set(EngineChoice):
        raise ConfigError(f"there is no engine {name!r}.", next_step=f"Take one of {', '.join(EngineChoice)}.")
    return EngineChoice(name)


def refuse_engine(choice: EngineChoice, *, workers: int, backend: str) -> None:
    """Return where this engine can train by this back-end on this machine.

    Raises:
        ConfigError: it can't.
    """
    if choice is EngineChoice.SERIAL:
        return
    refuse_without_ray()
    why = ""
    if workers < 1:
        why = f"{workers} workers train nothing"
    elif backend != PACKED:
        why = f"what trains here is the back-end {backend!r}, and its workers train by {PACKED!r}"
    elif device_here() == "cuda":
        why = "this machine trains on a card, and several trainings on one card wait for each other"
    if why:
        raise ConfigError(
            f"the engine {choice.value!r} can't be had: {why}.", next_step='Set engine = "serial" under [nightly].'
        )


@contextmanager
def open_engine(choice: EngineChoice, workers: int, told: Callable[[str], None]) -> Iterator[Engine]:
    """The engine, as long as the block lasts; one that does not come up is told of, and tries go one by one.

    Around an engine of several workers this process computes with as many threads as each of them does.
    """
    if choice is EngineChoice.SERIAL or workers == 1:
        yield Serial()
        return
    before = compute_with(THREADS)
    try:
        with ExitStack() as held:
            engine: Engine = Serial()
            try:
                engine = held.enter_context(ray_cluster(workers))
            except EngineError as error:
                told(f"{error.message} Tries are trained one after the other.")
            yield engine
    finally:
        compute_with(before)
