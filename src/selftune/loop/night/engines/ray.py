"""Ray, an engine that others make: a cluster of this machine's processes, as long as a block lasts.

It is spoken to by lines through a process of its own (`cluster.py`); every wait for it ends, and so does it.
"""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import ConfigError
from selftune.loop.night.engines.base import STOP, EngineError
from selftune.loop.night.engines.cluster import settings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

START_SECONDS: Final = 90.0
STOP_SECONDS: Final = 20.0
"""So long it may take to shut down, and jobs that were asked to stop to reach their next safe place."""
_LOOK_SECONDS: Final = 0.2
_CLUSTER: Final = (sys.executable, "-m", "selftune.loop.night.engines.cluster")


class Ray:
    """A cluster that is up."""

    def __init__(
        self,
        process: subprocess.Popen[str],
        workers: int,
        *,
        stop_seconds: float = STOP_SECONDS,
        elapsed: Callable[[], float] = time.monotonic,
    ) -> None:
        self.workers = workers
        self._process = process
        self._stop_seconds = stop_seconds
        self._elapsed = elapsed
        self._lines: SimpleQueue[str] = SimpleQueue()
        threading.Thread(target=self._read, name="ray-cluster", daemon=True).start()

    def train(
        self, folders: Sequence[Path], *, should_stop: Callable[[], bool], seconds: float
    ) -> tuple[str | None, ...]:
        """Train so many at once as there are workers; as the Protocol says.

        Raises:
            EngineError: the cluster is gone, or hangs.
        """
        self._send({"folders": [str(folder) for folder in folders], "seconds": seconds})
        lost: dict[int, str | None] = {}
        until, asked = self._elapsed() + seconds + self._stop_seconds, False
        while len(lost) < len(folders):
            told = self.hear(_LOOK_SECONDS)
            if told is not None:
                lost[told["place"]] = told["lost"]
            elif self._elapsed() >= until:
                raise EngineError("the Ray cluster hangs.", next_step="What it had finished is kept.")
            elif not asked and should_stop():
                asked, until = True, self._elapsed() + self._stop_seconds
                for folder in folders:
                    (folder / STOP).touch()
        return tuple(lost[place] for place in range(len(folders)))

    def hear(self, seconds: float) -> dict[str, Any] | None:
        """The next line that it says within these seconds.

        Raises:
            EngineError: it is gone.
        """
        try:
            line = self._lines.get(timeout=seconds)
        except Empty:
            return None
        if not line:
            raise EngineError(
                f"the Ray cluster ended (exit code {self._process.poll()}).", next_step="What it had finished is kept."
            )
        told: dict[str, Any] = json.loads(line)
        return told

    def _send(self, asked: dict[str, Any]) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it was asked for
        with suppress(BrokenPipeError):  # it is gone, which is heard at once
            self._process.stdin.write(json.dumps(asked) + "\n")
            self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process.stdout is not None  # noqa: S101 - it was asked for
        for line in self._process.stdout:
            self._lines.put(line)
        self._lines.put("")


def refuse_without_ray() -> None:
    """Return where Ray is installed; it is not imported.

    Raises:
        ConfigError: it is not.
    """
    if importlib.util.find_spec("ray") is None:
        raise ConfigError(
            "Ray is not installed.",
            next_step="""Run `pip install 'selftune[ray]'`, or set engine = "serial" under [nightly].""",
        )


@contextmanager
def ray_cluster(
    workers: int, *, command: Sequence[str] = _CLUSTER, start_seconds: float = START_SECONDS
) -> Iterator[Ray]:
    """A cluster of so many workers on this machine until the block is left; nothing of it is left then.

    Raises:
        EngineError: it did not come up in its time, or listens beyond this machine.
    """
    folder = Path(tempfile.mkdtemp(prefix="selftune-ray-"))
    words = [*command, str(workers), str(folder)]
    try:
        with (
            (folder / "said.txt").open("w", encoding="utf-8") as said,
            subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env=os.environ | settings(),
                start_new_session=True,  # Ctrl-C is ours to pass on
            ) as process,
        ):
            try:
                cluster = Ray(process, workers)
                _see_ready(cluster, start_seconds)
                yield cluster
            finally:
                _end(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _see_ready(cluster: Ray, seconds: float) -> None:
    told = cluster.hear(seconds)
    if told is None:
        raise EngineError(f"no Ray cluster came up within {seconds:.0f} s.", next_step="Look at this machine's load.")
    if told["open"]:
        raise EngineError(
            f"the Ray cluster listens beyond this machine, at {', '.join(told['open'])}.",
            next_step="It was ended. Report this with the version of Ray.",
        )


def _end(process: subprocess.Popen[str]) -> None:
    """Let it shut down; what is left of it after its time is killed."""
    import psutil

    with suppress(psutil.NoSuchProcess):
        began = psutil.Process(process.pid).children(recursive=True)
        assert process.stdin is not None  # noqa: S101 - it was asked for
        with suppress(BrokenPipeError):
            process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        for one in began:
            with suppress(psutil.NoSuchProcess):
                one.kill()
    process.kill()
