"""Ledgers for tests, written through the mirror as the store does, and the ways to tamper with one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

from selftune.ledger.entries import Entry
from selftune.ledger.keys import MachineKey, make_machine_key
from selftune.ledger.mirror import Checkpoint, Mirror
from selftune.ledger.verify import NO_HASH, Frontier, canonical

Tamper = Callable[[Path, Random], None]


def entries_after(seq: int, prev: str, count: int, *, word: str = "saved") -> list[Entry]:
    """So many entries behind place `seq`."""
    made: list[Entry] = []
    for number in range(seq + 1, seq + count + 1):
        prev = made[-1].hash if made else prev
        made.append(
            Entry(
                seq=number,
                at="2026-01-01T00:00:00+00:00",
                event=word,
                kind="run",
                record_id=f"run:{number:064x}",
                detail=(("note", f"\u00fcber {number}"),),
                prev=prev,
            )
        )
    return made


class Writer:
    """A project folder whose ledger grows; `key` signs its checkpoints."""

    def __init__(self, project: Path, key: MachineKey | None = None) -> None:
        self.project = project
        self.folder = project / ".selftune" / "ledger"
        self.folder.mkdir(parents=True)
        self.key = key or make_machine_key(project / ".selftune" / "keys")
        self.mirror = Mirror(self.folder)
        self.tree = Frontier()
        self.last = NO_HASH

    def add(self, count: int, *, word: str = "saved") -> None:
        """Append so many entries."""
        made = entries_after(self.tree.size, self.last, count, word=word)
        self.mirror.append(made)
        for entry in made:
            self.tree.append(bytes.fromhex(entry.hash))
            self.last = entry.hash

    def sign(self) -> Checkpoint:
        """Sign the tree as it stands."""
        return self.mirror.add_checkpoint(
            size=self.tree.size, root=self.tree.root().hex(), at="2026-01-01T00:00:00+00:00", key=self.key
        )


def lines_of(folder: Path) -> list[bytes]:
    """All lines of the first file."""
    return (folder / "00000001.jsonl").read_bytes().splitlines()


def write_lines(folder: Path, lines: list[bytes]) -> None:
    """Replace the first file."""
    (folder / "00000001.jsonl").write_bytes(b"".join(line + b"\n" for line in lines))


def edit_a_byte(folder: Path, chance: Random) -> None:
    """Another byte anywhere in the entries or in the checkpoints."""
    path = folder / chance.choice(["00000001.jsonl", "checkpoints.jsonl"])
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= chance.randrange(1, 256)
    path.write_bytes(bytes(data))


def drop_a_line(folder: Path, chance: Random) -> None:
    """One entry is gone that another follows; the last one, under no checkpoint, nobody could miss."""
    lines = lines_of(folder)
    del lines[chance.randrange(len(lines) - 1)]
    write_lines(folder, lines)


def swap_two_lines(folder: Path, chance: Random) -> None:
    """Two entries change places."""
    lines = lines_of(folder)
    one, other = chance.sample(range(len(lines)), 2)
    lines[one], lines[other] = lines[other], lines[one]
    write_lines(folder, lines)


def repeat_a_line(folder: Path, chance: Random) -> None:
    """One entry stands there twice."""
    lines = lines_of(folder)
    place = chance.randrange(len(lines))
    write_lines(folder, [*lines[: place + 1], *lines[place:]])


def cut_before_the_checkpoint(folder: Path, chance: Random) -> None:
    """The end is gone, into what the last checkpoint covers."""
    signed = json.loads((folder / "checkpoints.jsonl").read_bytes().splitlines()[-1])["size"]
    write_lines(folder, lines_of(folder)[: chance.randrange(signed)])


def cut_inside_a_line(folder: Path, chance: Random) -> None:
    """The last line is torn."""
    path = folder / "00000001.jsonl"
    data = path.read_bytes()
    path.write_bytes(data[: -chance.randrange(1, len(lines_of(folder)[-1]))])


def fork(folder: Path, chance: Random) -> None:
    """Another history from one entry on, each hash and link made to fit; only the signed root can tell."""
    signed = json.loads((folder / "checkpoints.jsonl").read_bytes().splitlines()[-1])["size"]
    lines = lines_of(folder)
    place = chance.randrange(signed)
    prev = NO_HASH if place == 0 else json.loads(lines[place - 1])["hash"]
    rewritten = entries_after(place, prev, len(lines) - place, word="rewritten")
    write_lines(folder, lines[:place] + [entry.line for entry in rewritten])


def replace_an_entry(folder: Path, chance: Random) -> None:
    """Other content with a hash that fits it; the entry behind it still names the old one."""
    lines = lines_of(folder)
    place = chance.randrange(len(lines) - 1)
    entry = json.loads(lines[place]) | {"event": "replaced"}
    del entry["hash"]
    made = Entry(**(entry | {"detail": tuple(entry["detail"].items())}))
    write_lines(folder, [*lines[:place], made.line, *lines[place + 1 :]])


def drop_an_inner_checkpoint(folder: Path, chance: Random) -> None:
    """One signed root that is not the last is gone."""
    path = folder / "checkpoints.jsonl"
    lines = path.read_bytes().splitlines()
    del lines[chance.randrange(len(lines) - 1)]
    path.write_bytes(b"".join(line + b"\n" for line in lines))


def loosen_a_line(folder: Path, chance: Random) -> None:
    """A space more, which changes nothing but the bytes."""
    path = folder / chance.choice(["00000001.jsonl", "checkpoints.jsonl"])
    lines = path.read_bytes().splitlines()
    place = chance.randrange(len(lines))
    lines[place] = lines[place].replace(b":", b": ", 1)
    path.write_bytes(b"".join(line + b"\n" for line in lines))


TAMPERINGS: tuple[Tamper, ...] = (
    edit_a_byte,
    drop_a_line,
    swap_two_lines,
    repeat_a_line,
    cut_before_the_checkpoint,
    cut_inside_a_line,
    fork,
    replace_an_entry,
    drop_an_inner_checkpoint,
    loosen_a_line,
)


def sign_by_hand(key: MachineKey, **fields: object) -> bytes:
    """A checkpoint line with any content and a signature that holds."""
    from selftune.ledger.verify import DOMAIN, message_of

    body = {"at": "2026-01-01T00:00:00+00:00", "key": key.public} | fields
    return canonical(body | {"signature": key.sign(message_of(DOMAIN, body))}) + b"\n"
