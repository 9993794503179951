"""Commands as processes of their own, without the seconds that each spends on the same imports.

One process imports what commands import, and forks for each command that is typed: what runs is a process with its own
arguments, environment, folder and streams, that has done nothing before and can be killed; only its modules lie in
memory already. What a test starts at a terminal, or to see it start, it starts as people do, without this.
"""

from __future__ import annotations

import atexit
import contextlib
import gc
import importlib
import json
import os
import pkgutil
import select
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from contextlib import ExitStack, contextmanager
from pathlib import Path

# What a cycle wakes, the heaviest of it; none of it does anything before it is called.
HEAVY = (
    *("torch", "transformers.models.llama.modeling_llama", "transformers.models.auto.modeling_auto", "peft"),
    *("alembic.command", "sqlalchemy.dialects.sqlite", "selftune.app.cli.main", "selftune.app.projects"),
    *("selftune.loop.runner", "selftune.app.summary", "selftune.app.cli.screen", "selftune.training.trl_backend"),
    *("gguf", "msgspec.json", "tomlkit", "pysqlite3", "cryptography.hazmat.primitives.asymmetric.ed25519"),
    *("typer._adapters", "pydantic.fields", "pydantic.type_adapter", "pydantic.types", "rich.progress"),
    *("ftfy", "detect_secrets.core.scan", "numpy.ma", "stringprep"),
)
# And the small modules of these rooms: hundreds, of which each command would import its own hundred anew.
ROOMS = ("selftune.app.cli", "selftune.app", "selftune.app.suites", "selftune.interactions.formats")
STREAMS = 3
_LONGEST = 1 << 20
_SHIM = """#!{python} -IS
import os, socket, sys
sys.path.append({here!r})
from warm_cli import type_in
asked = {{"words": ["selftune", *sys.argv[1:]], "environment": dict(os.environ), "folder": os.getcwd()}}
ending = type_in({address!r}, asked, (0, 1, 2))
if ending < 0:
    os.kill(os.getpid(), -ending)
sys.exit(ending)
"""


class WarmCli:
    """The process that forks, as those who want commands run see it."""

    def __init__(self, address: str) -> None:
        self.address = address

    def run(self, words, *, cwd, env) -> subprocess.CompletedProcess[str]:
        """Run `selftune` with these words, as `subprocess.run(capture_output=True, text=True)` would."""
        return self._run({"words": ["selftune", *words]}, cwd, env, "")

    def run_code(self, code, *arguments, env=os.environ, text="") -> subprocess.CompletedProcess[str]:
        """Run `python -c CODE ARGUMENTS` in this folder, with `text` to read."""
        return self._run({"words": ["-c", *map(str, arguments)], "code": code}, Path.cwd(), env, text)

    def _run(self, asked, cwd, env, text) -> subprocess.CompletedProcess[str]:
        with ExitStack() as stack:
            files = [stack.enter_context(tempfile.TemporaryFile()) for _ in range(STREAMS)]
            files[0].write(text.encode())
            files[0].seek(0)
            place = {"environment": dict(env), "folder": str(cwd)}
            ending = type_in(self.address, asked | place, [file.fileno() for file in files])
            for file in files[1:]:
                file.seek(0)
            told, talk = (file.read().decode(errors="replace") for file in files[1:])
        return subprocess.CompletedProcess(asked["words"], ending, told, talk)

    def write_shim(self, folder: Path) -> None:
        """Put a program `selftune` into a folder, for a PATH."""
        path = folder / "selftune"
        path.write_text(_SHIM.format(python=sys.executable, here=str(Path(__file__).parent), address=self.address))
        path.chmod(0o755)


@contextmanager
def warm_cli():
    """The process, until the block ends; it ends with whoever began it, however that one ends."""
    with tempfile.TemporaryDirectory() as folder:
        address = str(Path(folder) / "typed")
        # Without a terminal of its own: what asks for a passphrase asks where it was typed, not where the tests were.
        process = subprocess.Popen(
            [sys.executable, __file__, address], stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
        )
        try:
            assert process.stdout.readline() == b"ready\n"
            yield WarmCli(address)
        finally:
            process.stdin.close()
            process.wait()
            process.stdout.close()


def type_in(address, asked, streams) -> int:
    """Have one command run on these three open files; its exit code, or less than zero for the signal it died of."""
    with socket.socket(socket.AF_UNIX) as typed:
        typed.connect(address)
        line = json.dumps(asked).encode("ascii")
        socket.send_fds(typed, [len(line).to_bytes(4, "big")], list(streams))
        typed.sendall(line)
        return int(typed.makefile().readline())


def main(address: str) -> None:
    """Import, then fork for whoever asks, until nobody is left who could ask."""
    for name in (*HEAVY, *_modules_of(ROOMS)):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)
    _read_what_all_read()
    gc.freeze()  # nobody looks through half a million objects again, nor copies their pages by looking
    asking = socket.socket(socket.AF_UNIX)
    asking.bind(f"{address}.new")
    asking.listen()
    Path(f"{address}.new").rename(address)  # whoever sees it is heard
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    while True:
        ready, _, _ = select.select([asking, sys.stdin], [], [])
        if sys.stdin in ready:
            return
        typed, _ = asking.accept()
        if os.fork() == 0:
            asking.close()
            _answer(typed)
        typed.close()
        _bury()


def _read_what_all_read() -> None:
    """What never changes and nearly each command would read or make anew: plug-ins, the suite of a new project.

    The last is how transformers renames the tensors of all its models, which it works out before it reads the first.
    """
    from selftune.evals.suites import load_suite
    from selftune.plugins import GROUPS, registered

    for group in GROUPS:
        registered(group)
    load_suite("state_obedience")
    with contextlib.suppress(ImportError):
        from transformers.conversion_mapping import get_checkpoint_conversion_mapping

        get_checkpoint_conversion_mapping("llama")


def _modules_of(rooms):
    for room in rooms:
        inside = pkgutil.iter_modules(importlib.import_module(room).__path__)
        yield from (f"{room}.{module.name}" for module in inside if not module.ispkg)


def _bury() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _answer(typed: socket.socket) -> None:
    """In a process for this command alone: fork it, wait for it, tell how it ended."""
    head, streams, _, _ = socket.recv_fds(typed, 4, STREAMS)
    asked = json.loads(_read(typed, int.from_bytes(head, "big")))
    command = os.fork()
    if command == 0:
        typed.close()
        _become(asked, streams)
    _, status = os.waitpid(command, 0)
    typed.sendall(f"{os.waitstatus_to_exitcode(status)}\n".encode())
    os._exit(0)


def _read(typed: socket.socket, length: int) -> bytes:
    whole = b""
    while len(whole) < length:
        whole += typed.recv(min(_LONGEST, length - len(whole)))
    return whole


def _become(asked, streams) -> None:
    """Be the command that was typed; comes back to nobody."""
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.chdir(asked["folder"])
    os.environ.clear()
    os.environ.update(asked["environment"])
    time.tzset()
    tempfile.tempdir = None
    _take_threads(asked["environment"].get("OMP_NUM_THREADS"))
    sys.argv = asked["words"]
    sys.stdin, sys.stdout = os.fdopen(0, closefd=False), os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)
    code = 1
    try:
        _do(asked.get("code"))
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else int(leaving.code is not None)
    except KeyboardInterrupt:
        code = 130
    except Exception:  # noqa: BLE001 - as the interpreter does with what nobody caught
        traceback.print_exc()
    finally:
        _leave(code)


def _take_threads(number) -> None:
    """What the library of threads reads as it is loaded, which was before this command."""
    if number and "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(int(number))


def _do(code) -> None:
    if code is not None:
        exec(compile(code, "<string>", "exec"), {"__name__": "__main__"})  # noqa: S102 - as `python -c` does
        return
    from selftune.app.cli.main import main as selftune

    selftune()


def _leave(code: int) -> None:
    """End as the interpreter does: what was to be done at the end is done, and what was said is out."""
    threading._shutdown()
    atexit._run_exitfuncs()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(ValueError, OSError):
            stream.flush()
    os._exit(code)


if __name__ == "__main__":
    main(sys.argv[1])
