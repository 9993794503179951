"""A `llama-server` that the owner of this machine has built, for its graphics card for instance, in the wheel's place.

It is told by arguments what the wheel's server is told by fields, so that both serve alike; what the environment would
change in silence (`LLAMA_ARG_…`) is taken out of it.
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.errors import ServingError
from selftune.platforms import die_with_parent

if TYPE_CHECKING:
    from selftune.serving.ordering import Order

NAME: Final = "llama-server"
_OK: Final = 200
_LOOK_SECONDS: Final = 0.05
_VERSION_SECONDS: Final = 30


@dataclass(frozen=True, kw_only=True)
class Program:
    """A server of this machine's own that answers; the process of ours ends with it."""

    process: subprocess.Popen[bytes]
    listening_address: str


def find_program(name: str) -> str:
    """The path of a program by its name or path.

    Raises:
        ServingError: it is not there.
    """
    found = shutil.which(name)
    if found is None:
        raise ServingError(
            f"{name} is not on the PATH.", next_step='Install llama.cpp, or set driver = "llama.cpp" under [serving].'
        )
    return found


def start_program(program: str, order: Order) -> Program:
    """The program, serving what was ordered; it says on standard error what it has to say.

    Raises:
        RuntimeError: it ended before it answered.
    """
    port = order.port or _free_port()
    process = subprocess.Popen(
        [program, *arguments_for(order, port)],
        stdin=subprocess.DEVNULL,
        env=plain_environment(),
        preexec_fn=die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 - no thread of ours holds a lock
    )
    while not _answers(port):
        if process.poll() is not None:
            raise RuntimeError(f"{program} ended with code {process.returncode}")
        time.sleep(_LOOK_SECONDS)
    threading.Thread(target=_end_with, args=(process,), daemon=True).start()
    return Program(process=process, listening_address=f"http://127.0.0.1:{port}")


def arguments_for(order: Order, port: int) -> list[str]:
    """What the wheel's server is told by its fields (`child.start_server`), as arguments."""
    told = {
        "--model": order.model,
        "--host": "127.0.0.1",
        "--port": port,
        "--parallel": order.slots,
        "--ctx-size": order.slots * order.context_tokens,
        "--threads": order.threads,
        "--threads-batch": order.threads,
        "--cache-ram": 0,
        "--fit": "off",
        "--verbosity": 2,
    }
    if order.adapter is not None:
        told["--lora-scaled"] = f"{order.adapter}:0.0"
    if order.exact:
        told |= {"--cache-type-k": "f32", "--cache-type-v": "f32", "--flash-attn": "off"}
    return [*(str(part) for pair in told.items() for part in pair), "--no-cache-idle-slots", "--no-webui"]


def plain_environment() -> dict[str, str]:
    """This process's environment without what llama-server would take arguments from."""
    return {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("LLAMA_ARG_") and name != "LLAMA_API_KEY"
    }


def program_version(program: str) -> str:
    """Name and version of the server, as it tells them itself."""
    told = subprocess.run(
        [program, "--version"], capture_output=True, text=True, errors="replace", check=False, timeout=_VERSION_SECONDS
    )
    found = re.search(r"version: (\S+(?: \(\w+\))?)", told.stdout + told.stderr)
    return f"llama.cpp ({NAME} {found.group(1) if found else 'of no known version'})"


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


def _answers(port: int) -> bool:
    """Whether it is up; while it loads, it says so by another status."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_VERSION_SECONDS)
    try:
        connection.request("GET", "/health")
        return connection.getresponse().status == _OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _end_with(process: subprocess.Popen[bytes]) -> None:
    """Whoever waits for an answer must see that nobody is there: a server that died ends us too."""
    os._exit(1 if process.wait() else 0)
