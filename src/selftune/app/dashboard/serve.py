"""`python -P -m selftune.app.dashboard.serve FOLDER --port N`: the dashboard, until it is told to end."""

from __future__ import annotations

import argparse
import errno
import json
import os
import socket
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selftune.app.dashboard.sessions import ADDRESS, FOLDER, Sessions
from selftune.errors import SelftuneError, UsageError
from selftune.loop.config import load_config
from selftune.loop.project import HIDDEN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.loop.fronting import DashboardSection

HOST: Final = "127.0.0.1"


def serve(folder: Path, *, port: int | None, told: Callable[[str], None]) -> None:
    """Answer on this machine's own address until a signal comes; `told` hears the link to come in by.

    Raises:
        MissingFileError: there is no project in the folder.
        ConfigError: its config can't be read.
        UsageError: the port is taken.
    """
    import uvicorn

    from selftune.app.dashboard.server import make_app

    section = load_config(folder).dashboard
    listening = listen(section.port if port is None else port)
    taken: int = listening.getsockname()[1]
    app = make_app(folder.resolve(), port=taken, hours=section.session_hours, behind=section.hosts)
    _note_address(folder, taken)
    told(link_to(folder, section, taken))
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        ws="none",
        timeout_keep_alive=15,
        timeout_graceful_shutdown=2,
        limit_concurrency=200,
    )
    # The server ends in order, and then raises once more the signal that ended it.
    with suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listening])


def listen(port: int) -> socket.socket:
    """A socket on this machine's own address; port 0 takes any.

    Raises:
        UsageError: another program has the port, or it may not be had.
    """
    # Named as TCP, else asyncio does not know it as such and lets each answer's second half wait 40 ms (Nagle).
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    # Else the port stays taken for a minute after the dashboard ended.
    if os.name == "posix":
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((HOST, port))
        # Whoever reads the link may come before the server is up: it waits then, and is not refused.
        listening.listen(128)
    except (OSError, OverflowError) as error:
        listening.close()
        if isinstance(error, OSError) and error.errno not in {errno.EADDRINUSE, errno.EACCES}:
            raise
        raise UsageError(
            f"port {port} of this machine can't be had for the dashboard.",
            next_step="Where it is this project's dashboard that runs: selftune dashboard --link. Else set another "
            "port under [dashboard], or give --port.",
        ) from error
    return listening


def link_to(folder: Path, section: DashboardSection, port: int) -> str:
    """A new link to the dashboard on this port, good for one browser."""
    link = Sessions(folder / HIDDEN, hours=section.session_hours).new_link()
    return f"http://{HOST}:{port}/enter?link={link}"


def link_to_running(folder: Path) -> str:
    """A new link to the dashboard that runs for this project.

    Raises:
        UsageError: none does.
    """
    section = load_config(folder).dashboard
    try:
        port = _noted_port(folder)
        with socket.create_connection((HOST, port), timeout=1):
            pass
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(
            "no dashboard runs for this project.", next_step="Start it: selftune up, or selftune dashboard alone."
        ) from error
    return link_to(folder, section, port)


def _noted_port(folder: Path) -> int:
    """The port that this folder's own dashboard noted; a copy of a folder holds the note of the other one's.

    Raises:
        OSError, ValueError, KeyError, TypeError: there is no such note.
    """
    here = str(folder.resolve())
    told = json.loads((folder / HIDDEN / FOLDER / ADDRESS).read_text(encoding="utf-8"))
    if told.get("folder", here) != here:
        raise ValueError(told)
    return int(told["port"])


def _note_address(folder: Path, port: int) -> None:
    file = folder / HIDDEN / FOLDER / ADDRESS
    file.parent.mkdir(parents=True, exist_ok=True)
    told = {"port": port, "pid": os.getpid(), "folder": str(folder.resolve())}
    file.write_text(json.dumps(told), encoding="utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the arguments, and serve; the link stands on standard output."""
    parser = argparse.ArgumentParser(prog="selftune.app.dashboard.serve")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--port", type=int)
    wanted = parser.parse_args(arguments)
    try:
        serve(wanted.folder, port=wanted.port, told=lambda link: print(f"Dashboard: {link}", flush=True))  # noqa: T201 - it is what this prints
    except SelftuneError as error:
        from selftune.app.cli.screen import show_error

        show_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
