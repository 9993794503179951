"""The writer: a process beside the gateway that reads, redacts and writes down what the gateway hands it.

    python -P -m selftune.app.gateway.capture.writer PROJECT_FOLDER

It takes frames on its input and answers on its output, for each by its number, what became of it. It ends with its
input, once all that it took is on the disk. All that is waiting is written with one sync of the disk.
"""

from __future__ import annotations

import errno
import logging
import os
import secrets
import signal
import sys
import threading
from collections import OrderedDict
from contextlib import suppress
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Final

import msgspec

from selftune.app.gateway.capture.entries import read_entry, rules_digest, write_entry
from selftune.app.gateway.capture.frames import framed, read_frames
from selftune.app.gateway.capture.reading import key_flag, read_exchange
from selftune.app.gateway.capture.speakers import Speakers
from selftune.app.gateway.capture.spool import FOLDER as SPOOL
from selftune.app.gateway.capture.spool import Spool, read_segment, segments
from selftune.app.gateway.capture.talk import Asked, Done, Verdict
from selftune.app.gateway.capture.words import Word, clean_word
from selftune.app.gateway.keys import FOLDER as GATEWAY
from selftune.errors import SelftuneError
from selftune.failpoints import reach
from selftune.interactions.door import pass_door
from selftune.records import Interaction, Quarantined

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from selftune.app.gateway.exchange import Exchange
    from selftune.interactions.config import Capture

log = logging.getLogger("selftune.gateway.writer")

_CHUNK: Final = 1 << 20
_MOST_BYTES: Final = 8 << 20
_IDLE_SECONDS: Final = 2.0
_REMEMBERED: Final = 50_000
_SALT_BYTES: Final = 16


class Owners:
    """Which key made which completion: of the last ones by heart, of others by what `look` finds in the store."""

    def __init__(self, look: Callable[[str], str | None]) -> None:
        self._look = look
        self._known: OrderedDict[str, str] = OrderedDict()

    def note(self, record: Interaction) -> None:
        """Remember a completion."""
        key = next((flag for flag in record.flags if flag.startswith(key_flag(""))), None)
        if key is not None:
            self._known[record.position] = key
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)

    def made(self, word: Word) -> bool:
        """Whether the key that says a word made the completion it is about."""
        flag = self._known.get(word.completion_id) or self._look(word.completion_id)
        return flag is not None and secrets.compare_digest(flag, key_flag(word.key_id))


class Writer:
    """Turns what it is asked into entries of a spool."""

    def __init__(self, spool: Spool, door: Capture, speakers: Speakers, owners: Owners) -> None:
        self._spool = spool
        self._door = door
        self._speakers = speakers
        self._owners = owners
        for segment in segments(spool.folder):
            for payload, _ in read_segment(segment):
                entry = None if payload is None else read_entry(payload)
                if isinstance(entry, Interaction):
                    owners.note(entry)

    def write(self, asked: Sequence[Asked]) -> list[Done]:
        """Keep all of these with one sync of the disk; what became of each."""
        made = [(one, self._entry(one)) for one in asked]
        entries = [entry for _, entry in made if not isinstance(entry, Verdict)]
        verdict = self._keep(entries) if entries else Verdict.KEPT
        return [
            Done(number=one.number, verdict=entry if isinstance(entry, Verdict) else verdict) for one, entry in made
        ]

    def _entry(self, asked: Asked) -> Interaction | Quarantined | Word | Verdict:
        try:
            if isinstance(asked.what, Word):
                return clean_word(asked.what, self._door) if self._owners.made(asked.what) else Verdict.FOREIGN
            record = self._record(asked.what)
        except Exception:  # one body that we can't bear must not end the capture of all others
            log.exception("an exchange could not be read")
            return Verdict.UNREADABLE
        if isinstance(record, Interaction):
            # Before it is on the disk: a word on it may stand in the same batch, behind it.
            self._owners.note(record)
        return record

    def _record(self, exchange: Exchange) -> Interaction | Quarantined:
        assert self._door.pseudonyms is not None, "a project's door has them"  # noqa: S101 - can't happen
        speaker = self._speakers.of(exchange.key_id, exchange.user)
        salt = secrets.token_hex(_SALT_BYTES)
        return pass_door(read_exchange(exchange, speaker, salt=salt, hide=self._door.pseudonyms.hide), self._door)

    def _keep(self, entries: Sequence[Interaction | Quarantined | Word]) -> Verdict:
        try:
            reach("gateway-before-log")
            self._spool.append([write_entry(one) for one in (rules_digest(self._door), *entries)])
        except OSError as error:
            log.error("nothing can be written to the spool: %s", error.strerror)  # noqa: TRY400 - the reason says it all
            return Verdict.FULL if error.errno in {errno.ENOSPC, errno.EDQUOT} else Verdict.BROKEN
        return Verdict.KEPT


def run(folder: Path, incoming: int, outgoing: int) -> int:
    """Write down what comes in until the input ends; returns the exit code."""
    from selftune.app.gateway.capture.rules import find_key_of, load_rules

    hidden = folder.resolve() / ".selftune"
    try:
        door = load_rules(folder)
        spool = Spool(hidden / GATEWAY / SPOOL)
    except SelftuneError as error:
        log.error("%s %s", error.message, error.next_step)  # noqa: TRY400 - an error of ours says what to do
        return error.exit_code
    owners = Owners(lambda completion_id: find_key_of(folder, completion_id))
    try:
        writer = Writer(spool, door, Speakers(hidden, door.owners), owners)
        _tell(outgoing, [Done(number=0, verdict=Verdict.KEPT)])
        for batch in _batches(incoming, spool):
            _tell(outgoing, writer.write(batch))
    except BrokenPipeError:
        # The gateway is gone; what it asked for is written.
        pass
    finally:
        spool.close()
    return 0


def _batches(incoming: int, spool: Spool) -> Iterable[list[Asked]]:
    """All that has come so far, again and again; a silence closes the segment, so that it can be taken and deleted."""
    decode = msgspec.msgpack.Decoder(Asked).decode
    read: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_read, args=(incoming, read), name="reading", daemon=True).start()
    data, ended = b"", False
    while not ended:
        more, ended = _all_waiting(read, spool)
        data += more
        frames = list(read_frames(data))
        if frames:
            data = data[frames[-1].end :]
            yield [decode(frame.payload) for frame in frames if frame.payload is not None]


def _read(incoming: int, read: SimpleQueue[bytes]) -> None:
    """Hand on what comes in, and nothing at its end."""
    while chunk := os.read(incoming, _CHUNK):
        read.put(chunk)
    read.put(b"")


def _all_waiting(read: SimpleQueue[bytes], spool: Spool) -> tuple[bytes, bool]:
    """What was read since the last time, something at least, and whether the input has ended."""
    chunks: list[bytes] = []
    while not chunks:
        try:
            chunks.append(read.get(timeout=_IDLE_SECONDS))
        except Empty:
            spool.rotate()
    with suppress(Empty):
        while chunks[-1] and sum(map(len, chunks)) < _MOST_BYTES:
            chunks.append(read.get_nowait())
    return b"".join(chunks), not chunks[-1]


def _tell(outgoing: int, done: Iterable[Done]) -> None:
    view = memoryview(framed([msgspec.msgpack.encode(list(done))]))
    while view:
        view = view[os.write(outgoing, view) :]


if __name__ == "__main__":
    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    # Ctrl-C is the gateway's to hear: this process ends when the gateway has.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(run(Path(sys.argv[1]), sys.stdin.fileno(), sys.stdout.fileno()))
