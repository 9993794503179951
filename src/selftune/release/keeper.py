"""The program that serves a project when no command runs.

    python -m selftune.release.keeper PROJECT_FOLDER [--port N] [--idle-minutes M] [--beat S] [--probe S] [--within S]

It prints one line of JSON when it is up, or why it is not, and then talks to `.selftune/logs/keeper.log` only.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import filelock

from selftune.errors import IntegrityError
from selftune.plugins import load_plugin
from selftune.release.control import describe_error
from selftune.release.patience import START_SECONDS
from selftune.release.supervisor import Keeper, StartServer, Terms

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    from selftune.release.manifest import Manifest
    from selftune.serving.base import Relayed, Server

log = logging.getLogger("selftune.keeper")

LOCK: Final = "keeper.lock"
_SPARE_BYTES: Final = 256 << 20
_SECONDS_PER_MINUTE: Final = 60


def main(arguments: Sequence[str], start: StartServer) -> int:
    """Keep the project's server until told to stop; returns the exit code."""
    asked = _parse(arguments)
    hidden = asked.folder.resolve() / ".selftune"
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    lock = filelock.FileLock(hidden / LOCK)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        _say({"error": "LockedError", "message": "another keeper serves this project.", "next_step": "Use that one."})
        return 6
    idle = asked.idle_minutes * _SECONDS_PER_MINUTE or None
    terms = Terms(
        port=asked.port, idle=idle, beat=asked.beat, probe=asked.probe, within=asked.within, fits=fits_in_memory
    )
    try:
        asyncio.run(_keep(hidden, start, terms))
    except IntegrityError as error:
        log.exception("gave up")
        _say(describe_error(error))
        return error.exit_code
    finally:
        lock.release()
    return 0


async def _keep(hidden: Path, start: StartServer, terms: Terms) -> None:
    keeper = Keeper(hidden, start=start, terms=terms)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        if os.name == "posix":
            loop.add_signal_handler(number, keeper.stop)
        else:
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(keeper.stop))
    await keeper.run(lambda problem: _say({"up": True, **(describe_error(problem) if problem else {})}))


def fits_in_memory(manifest: Manifest) -> bool:
    """Whether the machine has room for a second server: what it loads, a quarter more for buffers, something spare."""
    import psutil

    loaded = sum(entry.size_bytes for entry in manifest.build.gguf_files)
    return int(psutil.virtual_memory().available) > loaded * 5 // 4 + _SPARE_BYTES


def _say(message: Mapping[str, object]) -> None:
    """The one line for who started us; they may be gone already."""
    try:
        print(json.dumps(message), flush=True)  # noqa: T201 - the line is the interface
    except OSError:
        log.info("nobody waits for %s", message)
    # Whoever reads the line must also see its end, however long we live.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="selftune.release.keeper", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--idle-minutes", type=float, default=0.0)
    parser.add_argument("--beat", type=float, default=2.0, help="seconds between two looks at the server")
    parser.add_argument("--probe", type=float, default=5.0, help="seconds within which it must answer a look")
    parser.add_argument("--within", type=float, default=START_SECONDS, help="seconds that its first start may take")
    return parser.parse_args(arguments)


def start_by_driver(manifest: Manifest, files: Mapping[str, Path], *, logs: Path) -> AbstractContextManager[Relayed]:
    """The kind of server that the build was evaluated on."""
    server: Server = load_plugin("selftune.servers", manifest.driver)(files.__getitem__, logs)
    return server(manifest.build, slots=manifest.slots, name=manifest.name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], start_by_driver))
