"""The process around llama.cpp: `python -m selftune.serving.child`.

The first line of standard input is the order, a JSON object of `Order`. Then one line goes out, the hello or the
refusal, and the process serves until its standard input ends: a parent that is killed closes the pipe, so no server is
ever left behind. What llama.cpp prints goes to standard error.
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, Final

from selftune.serving.ordering import Hello, Order, Refusal
from selftune.serving.program import Program, program_version, start_program

_CHUNK_BYTES: Final = 1 << 20
_WARNINGS: Final = 2
_F32_CACHE: Final = 0  # ggml_type
_FLASH_ATTENTION_OFF: Final = 0


def main() -> None:
    """Serve one order until standard input ends."""
    say = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # a library that prints must not write into the hello
    order = Order(**json.loads(sys.stdin.buffer.readline()))
    gone, started = threading.Event(), list[Any]()
    threading.Thread(target=_wait_for_end, args=(gone, started), daemon=True).start()
    try:
        files = _OpenedFiles(order)
        for share in shares_of(order):
            started.append(start_server(share) if share.program is None else start_program(share.program, share))
        files.confirm_unchanged()
    except (_NotOrderedError, OSError, RuntimeError, ImportError) as error:
        kind = "damaged" if isinstance(error, _NotOrderedError) else "failed"
        _say(say, refusal=asdict(Refusal(kind=kind, message=str(error))))
        sys.exit(1)  # an orderly end: llama.cpp writes its last words from a thread of its own
    hello = Hello(
        address=started[0].listening_address,
        model_digest=files.digests[0],
        adapter_digest=files.digests[1] if order.adapter else None,
        server=server_version() if order.program is None else program_version(order.program),
        beside=tuple(server.listening_address for server in started[1:]),
    )
    _say(say, hello=asdict(hello))
    gone.wait()
    os._exit(0)


class _NotOrderedError(Exception):
    """The file is not the one that was ordered."""


class _OpenedFiles:
    """The files of an order, read through one descriptor each before anything else touches them."""

    def __init__(self, order: Order) -> None:
        ordered = [(Path(order.model), order.model_digest)]
        if order.adapter is not None:
            ordered.append((Path(order.adapter), order.adapter_digest))
        self._seen: list[tuple[Path, tuple[int, ...]]] = []
        self.digests: list[str] = []
        for path, expected in ordered:
            digest, identity = _digest_through_descriptor(path)
            if expected is not None and digest != expected:
                raise _NotOrderedError(f"{path.name} has digest {digest}, not {expected}")
            self._seen.append((path, identity))
            self.digests.append(digest)

    def confirm_unchanged(self) -> None:
        """The server opened the paths later than we did: they must still name the same, untouched files."""
        for path, identity in self._seen:
            if _identity(path.stat()) != identity:
                raise _NotOrderedError(f"{path.name} changed while it was loaded")


def _digest_through_descriptor(path: Path) -> tuple[str, tuple[int, ...]]:
    state = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK_BYTES):
            state.update(chunk)
        return f"sha256:{state.hexdigest()}", _identity(os.fstat(stream.fileno()))


def _identity(stat: os.stat_result) -> tuple[int, ...]:
    return stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns


def shares_of(order: Order) -> tuple[Order, ...]:
    """What each of the servers side by side is to serve: all of it, in its share of the slots."""
    share = replace(order, slots=-(-order.slots // order.servers), servers=1)
    return share, *[replace(share, port=0)] * (order.servers - 1)


def start_server(order: Order) -> Any:
    """An `xllamacpp.Server` that listens; `RuntimeError` when it can't, with the reason on standard error."""
    import xllamacpp

    return xllamacpp.Server(parameters_for(order))


def parameters_for(order: Order) -> Any:
    """What llama.cpp is told; `program.arguments_for` tells a program the same."""
    import xllamacpp

    parameters = xllamacpp.CommonParams()
    parameters.model.path = order.model
    parameters.hostnames = ["127.0.0.1"]
    parameters.port = order.port
    parameters.n_parallel = order.slots
    parameters.n_ctx = order.slots * order.context_tokens  # the slots share it
    parameters.cpuparams.n_threads = order.threads
    parameters.cpuparams_batch.n_threads = order.threads
    parameters.cache_ram_mib = 0  # answers under one adapter must not leak into another's cache (llama.cpp #26207)
    parameters.cache_idle_slots = False
    parameters.fit_params = False
    parameters.ui = False
    parameters.verbosity = _WARNINGS  # a line per request would fill the disk
    if order.adapter is not None:
        parameters.lora_adapters = [xllamacpp.CommonAdapterLoraInfo(order.adapter, 0.0)]
    if order.exact:
        parameters.cache_type_k = parameters.cache_type_v = xllamacpp.ggml_type(_F32_CACHE)
        parameters.flash_attn_type = xllamacpp.llama_flash_attn_type(_FLASH_ATTENTION_OFF)
    return parameters


def server_version() -> str:
    """Name and version of the server in this environment."""
    from importlib.metadata import version

    return f"llama.cpp (xllamacpp {version('xllamacpp')})"


def _say(stream: Any, **line: Any) -> None:
    stream.write(json.dumps(line) + "\n")
    stream.flush()


def _wait_for_end(gone: threading.Event, started: list[Any]) -> None:
    """Standard input ends when the parent closes it or dies; a load that still runs is left at once."""
    # Not through `sys.stdin`: a thread that waits inside it breaks the interpreter's orderly end.
    while os.read(0, _CHUNK_BYTES):
        pass
    for server in started:
        if isinstance(server, Program):
            server.process.kill()
    gone.set()
    os._exit(0)


if __name__ == "__main__":
    main()
