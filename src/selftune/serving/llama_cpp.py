"""llama.cpp from the `xllamacpp` wheel: one process per build, proved before anyone is let in, gone afterwards."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from selftune.errors import DamagedFileError, ServingError
from selftune.serving.client import AS_EVALUATED, LoopbackClient
from selftune.serving.ordering import Hello, Order, Refusal
from selftune.serving.processor import fitting_servers, fitting_threads, require_avx2
from selftune.serving.program import NAME, find_program
from selftune.serving.prompts import prompted
from selftune.serving.proof import confirm, prove

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from selftune.context import Answer, ChatRequest
    from selftune.records import Build, GenerationParameters, ServingProof

_STOP_SECONDS: Final = 10.0
_LOG_LINES: Final = 8


@dataclass(frozen=True, kw_only=True)
class LlamaCppConfig:
    """How llama.cpp runs.

    Attributes:
        context_tokens: Prompt and answer together, per slot.
        threads: 0 takes as many as serve the model's size best here, see `processor.fitting_threads`.
        port: 0 lets the system choose.
        exact: Float32 cache, no flash attention: for parity checks.
        program: What serves in place of the wheel, by name or path; empty for the wheel.
    """

    context_tokens: int = 2048
    threads: int = 0
    port: int = 0
    program: str = ""
    exact: bool = False
    start_seconds: float = 300.0


class LlamaCpp:
    """Starts llama.cpp servers; finds a build's files by digest and keeps each server's log.

    Args:
        find: Where the file with this digest lies.
        logs: Folder for the logs, one per server.
    """

    def __init__(self, find: Callable[[str], Path], logs: Path, config: LlamaCppConfig | None = None) -> None:
        self._find = find
        self._logs = logs
        self._config = config or LlamaCppConfig()

    @contextmanager
    def __call__(
        self, build: Build, *, slots: int = 1, context_tokens: int = 0, name: str = ""
    ) -> Iterator[ServedBuild]:
        """A server for the build, with that many parallel slots; stopped on leaving. Its log goes by the name.

        Each slot has room for as many tokens as the config says, or for `context_tokens` where these are more. Where
        no name puts it into service under one address, a small model is served by several servers side by side.

        Raises:
            DamagedFileError: a file is not what the build says; it was not loaded.
            ServingError: it did not start, or could not prove that it is the build.
        """
        config = self._config
        order = replace(
            order_for(build, self._find),
            slots=slots,
            servers=1 if name or config.threads else fitting_servers(build.size_bytes, slots),
            context_tokens=max(config.context_tokens, context_tokens),
            threads=config.threads or fitting_threads(build.size_bytes),
            port=config.port,
            exact=config.exact,
            program=find_program(config.program) if config.program else None,
        )
        log = self._logs / f"{name or build.digest.removeprefix('sha256:')[:12]}.log"
        with run_server(order, log, start_seconds=self._config.start_seconds) as server:
            confirm(server.proof, build)
            yield ServedBuild(server, build)


class LlamaServer(LlamaCpp):
    """The same with the `llama-server` that is on the PATH, such as one that was built for a graphics card."""

    def __init__(self, find: Callable[[str], Path], logs: Path, config: LlamaCppConfig | None = None) -> None:
        super().__init__(find, logs, config or LlamaCppConfig(program=NAME))


def order_for(build: Build, find: Callable[[str], Path]) -> Order:
    """What llama.cpp is to open for a build; `ServingError` where the build holds no GGUF model."""
    model, adapter = build.file("model.gguf"), build.file("adapter.gguf")
    if model is None:
        raise ServingError(f"{build.id[:18]} holds no model.gguf.", next_step="Build it in a served form.")
    return Order(
        model=str(find(model.digest)),
        model_digest=model.digest,
        adapter=str(find(adapter.digest)) if adapter else None,
        adapter_digest=adapter.digest if adapter else None,
    )


class ServedBuild:
    """A build that answers, with its system prompt before every conversation."""

    def __init__(self, server: LlamaCppServer, build: Build) -> None:
        self._server = server
        self._system_prompt = build.prompt

    @property
    def fields(self) -> Mapping[str, Any]:
        """What a relay adds to every request: what the evaluation fixed, and the adapter."""
        return AS_EVALUATED | self._server.client.extra

    @property
    def proof(self) -> ServingProof:
        """What the server showed itself to be when it started."""
        return self._server.proof

    @property
    def address(self) -> str:
        """Where it listens, as an OpenAI-compatible base URL."""
        return f"{self._server.url}/v1"

    @property
    def server(self) -> LlamaCppServer:
        """The process behind it."""
        return self._server

    def chat(self, request: ChatRequest, parameters: GenerationParameters) -> Answer:
        """One answer; `ServingError` when the server is gone or refuses."""
        with self._server.watched() as client:
            return client.chat(prompted(request, self._system_prompt), parameters)

    def chat_many(self, requests: Iterable[ChatRequest], parameters: GenerationParameters) -> Iterator[Answer]:
        """Answers in the order of the requests, asked as many at a time as the server has slots."""
        with self._server.watched() as client:
            own = (prompted(request, self._system_prompt) for request in requests)
            yield from client.chat_many(own, parameters)


class LlamaCppServer:
    """One running server process; made by `run_server`."""

    def __init__(self, process: subprocess.Popen[bytes], hello: Hello, order: Order, log: Path) -> None:
        self._process = process
        self._log = log
        self.order = order
        self.hello = hello
        self.url = hello.address
        # Without an explicit adapter in each request, an answer could come from another one's cache.
        extra = {"lora": [{"id": 0, "scale": 1.0}]} if order.adapter else {}
        first, *others = (
            LoopbackClient(urlsplit(address).port or 0, extra=extra) for address in (hello.address, *hello.beside)
        )
        self.client = LoopbackClient(first.port, slots=order.slots, extra=extra, beside=others)
        with self.watched():
            self.proof, *further = (prove(client, hello, slots=order.slots) for client in (first, *others))
        if any(proof != self.proof for proof in further):
            raise ServingError(
                "servers side by side on one file do not answer alike.",
                next_step=f"Look at {log}; then start it again.",
            )

    def alive(self) -> bool:
        """Whether the process still runs."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id of the server."""
        return self._process.pid

    @contextmanager
    def watched(self) -> Iterator[LoopbackClient]:
        """The client; an error while the process has died says how it died."""
        try:
            yield self.client
        except ServingError as error:
            if self._died():
                raise ServingError(
                    f"llama.cpp died ({_how(self._process)}). {_last_lines(self._log)}",
                    next_step=f"Look at {self._log}; then start it again.",
                ) from error
            raise

    def _died(self) -> bool:
        """A refused connection is seen a moment before the process is."""
        try:
            self._process.wait(timeout=1.0)
        except subprocess.TimeoutExpired:
            return False
        return True


@contextmanager
def run_server(order: Order, log: Path, *, start_seconds: float = 300.0) -> Iterator[LlamaCppServer]:
    """A llama.cpp process that serves the order and has answered the challenge; stopped on leaving.

    Raises:
        DamagedFileError: a file has another digest than ordered, or is no readable model.
        ServingError: no wheel, no AVX2, port taken, or no hello in time.
    """
    if order.program is None:
        require_avx2()
    if order.program is None and find_spec("xllamacpp") is None:
        raise ServingError("llama.cpp is not installed.", next_step="Run `pip install 'selftune[serve]'`.")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as stream:
        process = _start(order, stream)
        try:
            hello = _await_hello(process, order, log, start_seconds)
            yield LlamaCppServer(process, hello, order, log)
        finally:
            _stop(process)


def _start(order: Order, log: IO[bytes]) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(
        [sys.executable, "-m", "selftune.serving.child"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=log,
        env=os.environ | {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"},  # idle threads sleep, not spin
    )
    assert process.stdin is not None  # noqa: S101 - it was asked for
    process.stdin.write(json.dumps(asdict(order)).encode() + b"\n")
    process.stdin.flush()
    return process


def _await_hello(process: subprocess.Popen[bytes], order: Order, log: Path, seconds: float) -> Hello:
    line = _first_line(process, seconds)
    if line is None:
        raise ServingError(
            f"llama.cpp said nothing for {seconds:.0f} s while it loaded {Path(order.model).name}.",
            next_step="Free memory or take a smaller model; its log is " + str(log) + ".",
        )
    said: dict[str, Any] = json.loads(line) if line else {}
    if "hello" in said:
        return Hello(**said["hello"] | {"beside": tuple(said["hello"]["beside"])})
    _wait_or_kill(process)
    if "refusal" not in said:
        raise ServingError(
            f"llama.cpp died while it loaded {Path(order.model).name} ({_how(process)}). {_last_lines(log)}",
            next_step=f"Look at {log}; a damaged or too large model is the usual cause.",
        )
    raise _refused(Refusal(**said["refusal"]), order, log)


def _first_line(process: subprocess.Popen[bytes], seconds: float) -> bytes | None:
    """What the process says first; empty when it ended, None when the time is up."""
    assert process.stdout is not None  # noqa: S101 - it was asked for
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        return process.stdout.readline() if selector.select(timeout=seconds) else None


def _refused(refusal: Refusal, order: Order, log: Path) -> ServingError | DamagedFileError:
    if refusal.kind == "damaged":
        return DamagedFileError(
            f"{refusal.message}; it was not served.", next_step="Build it again, or roll back to an older release."
        )
    lines = _last_lines(log)
    if "bind" in lines and order.port:
        return ServingError(
            f"port {order.port} is taken.", next_step="Stop what uses it, or set port = 0 in [serving]."
        )
    if "failed to load model" in lines:
        return DamagedFileError(
            f"llama.cpp can't load {Path(order.model).name}. {lines}", next_step="Build it again; the file is damaged."
        )
    return ServingError(
        f"llama.cpp did not start with {Path(order.model).name}: {refusal.message} {lines}", next_step=f"Look at {log}."
    )


def _stop(process: subprocess.Popen[bytes]) -> None:
    """Close its standard input, which ends it; kill it if it lingers."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            stream.close()
    _wait_or_kill(process)


def _wait_or_kill(process: subprocess.Popen[bytes]) -> None:
    try:
        process.wait(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _how(process: subprocess.Popen[bytes]) -> str:
    code = process.poll()
    if code is None or code >= 0:
        return f"exit code {code}"
    name = signal.Signals(-code).name
    if name == "SIGILL":
        return "SIGILL: an instruction that this processor does not have"
    return f"signal {name}"


def _last_lines(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.is_file() else []
    return "Its last words: " + " | ".join(lines[-_LOG_LINES:]) if lines else "It left no log."
