"""The project's live server as a command sees it: start, stop, status, ask, switch. It outlives the command."""

from __future__ import annotations

import http.client
import json
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from selftune.errors import IntegrityError, ServingError
from selftune.records import Message, canonical_json
from selftune.release.control import REST, SWITCH, WAKE, control_headers, read_switched, revive_error
from selftune.release.note import forget_idle, is_copied, keeper_process, read_note
from selftune.release.patience import START_SECONDS
from selftune.release.resting import rest_of_ours
from selftune.serving.addresses import told_addresses
from selftune.serving.streaming import stream_chat

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from selftune.records import ServingProof
    from selftune.release.base import Switched
    from selftune.release.config import Target
    from selftune.release.note import Note
    from selftune.serving.streaming import Streamed

KEEPER: Final = (sys.executable, "-P", "-m", "selftune.release.keeper")
_BESIDE_STARTS: Final = 120.0
_ASK_SECONDS: Final = 600.0
_STOP_SECONDS: Final = 45.0
_OK: Final = 200
_LOG_BYTES: Final = 1 << 20
_LOOK: Final = "Look at .selftune/logs/keeper.log."


@dataclass(frozen=True, kw_only=True)
class LiveStatus:
    """What serves now; `version` is None before the first release, `problem` says why it is not the active one.

    `resting` says why nothing serves, where a command asked for that.
    """

    address: str
    port: int
    pid: int
    version: str | None
    build_digest: str | None
    proof: ServingProof | None
    started_at: str
    problem: str | None
    resting: str | None = None


class LiveServer:
    """A project's server. Cheap to make; nothing starts before it is asked to.

    Args:
        target: The project, its port and its patience.
        keeper: The command line of the keeper, to which the folder is added.
        patience: How many seconds a start of a release may take before it counts as hung, and is ended.
    """

    def __init__(self, target: Target, *, keeper: tuple[str, ...] = KEEPER, patience: float = START_SECONDS) -> None:
        self._target = target
        self._patience = patience
        self._hidden = target.hidden.resolve()
        self._keeper = keeper
        # Kept so that a keeper that ends while we live is collected, and no zombie passes for a server.
        self._started: subprocess.Popen[bytes] | None = None

    def status(self) -> LiveStatus | None:
        """What serves, or None. A note that a dead keeper left, or that was copied with its folder, is not believed.

        Raises:
            DamagedFileError: the note can't be read.
        """
        note = self._note()
        return None if note is None else _status_of(note)

    def original(self) -> str | None:
        """Where the project serves that this folder is a copy of; None where it is none, or nothing serves there.

        Raises:
            DamagedFileError: the note can't be read.
        """
        note = read_note(self._hidden)
        copied = note is not None and is_copied(note, self._hidden) and keeper_process(note) is not None
        return note.address if note is not None and copied else None

    def address(self) -> str:
        """The OpenAI-compatible base URL; `ServingError` when nothing serves."""
        return self._running().address

    def start(self) -> LiveStatus:
        """Start the keeper unless it runs, wake one that rests; returns when the active release answers.

        Raises:
            IntegrityError: neither the active release nor its fallback can be served, or the port is taken.
        """
        problem = self._open()
        if problem is not None:
            self.stop()
            raise problem
        return _status_of(self._running())

    def stop(self, *, seconds: float = _STOP_SECONDS) -> bool:
        """Stop keeper and server, letting running answers end within so many seconds; False when nothing ran."""
        import psutil

        note = self._note()
        process = keeper_process(note) if note else None
        if process is not None:
            process.terminate()
            _, alive = psutil.wait_procs([process], timeout=seconds)
            for stubborn in alive:
                stubborn.kill()
            self._collect()
        forget_idle(self._hidden)
        return process is not None

    def rest(self, why: str, *, seconds: float | None = None) -> None:
        """Let go of the device until `start`; the address stays, and says why it has no answer.

        The keeper wakes by itself after so many seconds, and within some of them when this process is gone.

        Raises:
            ServingError: nothing serves.
        """
        asked = canonical_json(rest_of_ours(why, seconds, within=self._patience)).encode()
        self._tell(self._running(), REST, asked)

    def switch(self, name: str, placed: str | None = None) -> Switched:
        """Serve the release of this name; starts the keeper if there is none.

        Raises:
            DamagedFileError: its files are damaged; what served before still does.
            ServingError: it did not start or is not what was evaluated; what served before still does.
        """
        # An address is enough: when all that served is damaged, another release is the way out.
        self._open()
        note = self._running()
        asked = {"name": name, "placed": placed, "within": self._patience, "addresses": told_addresses()}
        code, text = _post(note, SWITCH, json.dumps(asked).encode(), control_headers(note.token), self._answer_seconds)
        if code == _OK:
            return read_switched(text)
        if self._running().version is None:
            self.stop()
        raise revive_error(_json(text))

    def ask(self, text: str, *, max_tokens: int | None = None) -> str:
        """One answer to a person's words; `ServingError` when nothing serves, or it refused."""
        return self.chat((Message(role="user", content=text),), max_tokens=max_tokens)

    def chat(self, messages: Sequence[Message], *, max_tokens: int | None = None) -> str:
        """One answer to a conversation, drawn with the build's own parameters, but for its length where it is given.

        Raises:
            ServingError: nothing serves, or it refused.
        """
        said = [{"role": message.role, "content": message.content} for message in messages]
        wanted = {"messages": said} if max_tokens is None else {"messages": said, "max_tokens": max_tokens}
        body = json.dumps(wanted).encode()
        headers = {"Content-Type": "application/json"}
        code, answer = _post(self._running(), "/v1/chat/completions", body, headers, _ASK_SECONDS)
        if code != _OK:
            raise ServingError(f"the server refused: {answer[:300].decode(errors='replace')}", next_step=_LOOK)
        return str(_json(answer)["choices"][0]["message"]["content"])

    def stream(
        self, body: Mapping[str, Any], heard: Callable[[str], None], *, timeout_seconds: float = _ASK_SECONDS
    ) -> tuple[Streamed, str | None]:
        """One answer to a chat completion request, given to `heard` as it comes; and the digest of the build behind it.

        Raises:
            ServingError: nothing serves, or it broke off.
            RequestRefusedError: it will not answer this one request.
        """
        note = self._running()
        return stream_chat(note.port, body, heard, timeout_seconds=timeout_seconds), note.build_digest

    def _note(self) -> Note | None:
        self._collect()
        note = read_note(self._hidden)
        # Whoever believed a copied note would stop or switch what another project serves.
        if note is None or is_copied(note, self._hidden) or keeper_process(note) is None:
            return None
        return note

    def _running(self) -> Note:
        note = self._note()
        if note is None:
            address = self.original()
            copied = f"; what serves at {address} is the project that this folder was copied from" if address else ""
            raise ServingError(
                f"nothing serves now{copied}.", next_step="Run `selftune start` to start the active release."
            )
        return note

    def _open(self) -> IntegrityError | None:
        """Have a keeper at the address; returns why it serves nothing, when that is so for a reason."""
        import filelock

        self._hidden.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(self._hidden / "keeper-start.lock"):
            note = self._note()
            if note is None:
                return self._spawn()
        if note.resting is not None:
            try:
                self._tell(note, WAKE, json.dumps({"addresses": told_addresses()}).encode())
            except IntegrityError as error:
                return error
        elif note.version is None and note.problem is not None:
            return ServingError(note.problem, next_step="Run `selftune rollback` to serve an earlier release.")
        return None

    def _spawn(self) -> IntegrityError | None:
        logs = self._hidden / "logs"
        logs.mkdir(parents=True, exist_ok=True)
        forget_idle(self._hidden)
        target = self._target
        terms = ("--port", target.port, "--idle-minutes", target.idle_minutes, "--within", self._patience)
        with _open_log(logs / "keeper.log") as log:
            process = subprocess.Popen(
                [*self._keeper, str(self._hidden.parent), *map(str, terms)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                # Not the project folder: a `json.py` in it would be imported.
                cwd=self._hidden,
                start_new_session=True,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            )
        self._started = process
        assert process.stdout is not None, "it is a pipe"  # noqa: S101 - what cannot happen
        with process.stdout as pipe:
            line = pipe.readline()
        if not line:
            raise ServingError(f"the keeper ended with code {process.wait()}.", next_step=_LOOK)
        hello = _json(line)
        problem = revive_error(hello) if "error" in hello else None
        if problem is not None and "up" not in hello:
            process.wait()
            raise problem
        return problem

    def _tell(self, note: Note, path: str, body: bytes) -> None:
        code, text = _post(note, path, body, control_headers(note.token), self._answer_seconds)
        if code != _OK:
            raise revive_error(_json(text))

    @property
    def _answer_seconds(self) -> float:
        """When a keeper that does not answer hangs itself: two starts, the release before included, and the rest."""
        return 2 * self._patience + _BESIDE_STARTS

    def _collect(self) -> None:
        if self._started is not None and self._started.poll() is not None:
            self._started = None


def _status_of(note: Note) -> LiveStatus:
    return LiveStatus(
        address=note.address,
        port=note.port,
        pid=note.pid,
        version=note.version,
        build_digest=note.build_digest,
        proof=note.proof,
        started_at=note.started_at,
        problem=note.problem,
        resting=note.resting,
    )


def _post(note: Note, path: str, body: bytes, headers: dict[str, str], timeout: float) -> tuple[int, bytes]:
    """Status and body of a POST to the keeper; `http.client` knows no proxy."""
    connection = http.client.HTTPConnection("127.0.0.1", note.port, timeout=timeout)
    try:
        with closing(connection):
            connection.request("POST", path, body, headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
    except (OSError, http.client.HTTPException) as error:
        raise ServingError(f"the server at {note.address} broke off: {error!r}.", next_step=_LOOK) from error


def _json(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise ServingError(f"the keeper spoke no JSON: {text[:200]!r}.", next_step=_LOOK) from error


def _open_log(path: Path) -> BinaryIO:
    """The log to append to; a long one makes room first, and one older log is kept."""
    if path.exists() and path.stat().st_size > _LOG_BYTES:
        path.replace(path.with_suffix(".1.log"))
    return path.open("ab")
