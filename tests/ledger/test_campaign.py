"""Random tampering against a checkpoint that was kept elsewhere: each one is found, and its place is named."""

from __future__ import annotations

import json
import os
import re
import shutil
from pathlib import Path
from random import Random

import pytest
from ledgers import TAMPERINGS, Writer, entries_after, lines_of, write_lines

from selftune.ledger import verify
from selftune.ledger.mirror import Mirror
from selftune.ledger.verify import LINES_PER_FILE, NO_HASH, Damage, Frontier

QUICK, WHOLE = 50, 500
# A file and a line, a file that is not the one expected, or the checkpoint that was kept.
PLACE = re.compile(r"^(\d{8}\.jsonl|checkpoints\.jsonl|kept\.jsonl)(, line \d+(, entry \d+)?)?: ")


@pytest.fixture(scope="module")
def ledger(tmp_path_factory):
    """Forty entries under four checkpoints; the last one, over all of them, was carried away."""
    writer = Writer(tmp_path_factory.mktemp("campaign") / "project")
    for _ in range(4):
        writer.add(10)
        writer.sign()
    return writer


@pytest.fixture(scope="module")
def kept(ledger):
    path = ledger.project / "kept.jsonl"
    path.write_bytes((ledger.folder / "checkpoints.jsonl").read_bytes().splitlines(keepends=True)[-1])
    return path


# --- What only a checkpoint kept elsewhere finds: whoever does it holds the machine and its key -----------------------


def own_checkpoints(folder: Path, count: int) -> None:
    """Keep the first so many checkpoints."""
    path = folder / "checkpoints.jsonl"
    path.write_bytes(b"".join(path.read_bytes().splitlines(keepends=True)[:count]))


def sign_anew(folder: Path, writer: Writer, lines: list[bytes]) -> None:
    """These lines as all there ever was, under one checkpoint of the true machine key."""
    write_lines(folder, lines)
    (folder / "checkpoints.jsonl").unlink()
    tree = Frontier()
    for line in lines:
        tree.append(bytes.fromhex(json.loads(line)["hash"]))
    Mirror(folder).add_checkpoint(size=tree.size, root=tree.root().hex(), at="2026-01-02", key=writer.key)


def cut_the_end_and_its_checkpoints(folder: Path, chance: Random, _: Writer) -> None:
    """A shorter past, each byte of it genuine."""
    left = chance.randrange(1, 4)
    write_lines(folder, lines_of(folder)[: chance.randrange(left * 10, 40)])
    own_checkpoints(folder, left)


def sign_another_past(folder: Path, chance: Random, writer: Writer) -> None:
    """Another history from one entry on, all made to fit."""
    place = chance.randrange(40)
    lines = lines_of(folder)[:place]
    forged = entries_after(place, hash_of(lines), 40 - place + chance.randrange(3), word="forged")
    sign_anew(folder, writer, lines + [entry.line for entry in forged])


def put_one_in(folder: Path, chance: Random, writer: Writer) -> None:
    """One entry more, and those behind it made to fit."""
    place = chance.randrange(40)
    lines = lines_of(folder)[:place]
    (one,) = entries_after(place, hash_of(lines), 1, word="put in")
    moved = entries_after(place + 1, one.hash, 40 - place)
    sign_anew(folder, writer, [*lines, one.line, *(entry.line for entry in moved)])


def hash_of(lines: list[bytes]) -> str:
    """What the next entry names as its `prev`."""
    return json.loads(lines[-1])["hash"] if lines else NO_HASH


def swap_the_whole_folder(folder: Path, chance: Random, writer: Writer) -> None:
    """The ledger of another project in its place, under the same key."""
    shutil.rmtree(folder)
    other = Writer(folder.parent / f"{folder.name}-other", writer.key)
    other.add(40 + chance.randrange(5), word="other")
    other.sign()
    shutil.move(other.folder, folder)


def empty_the_folder(folder: Path, chance: Random, _: Writer) -> None:
    """No entry is left, or one file of them is."""
    for path in folder.glob("*.jsonl"):
        if path.name.startswith("0") or chance.random() < 0.5:
            path.unlink()


def outlive_the_key(folder: Path, chance: Random, writer: Writer) -> None:
    """The same entries under the checkpoints of a key that nobody knows."""
    (folder / "checkpoints.jsonl").unlink()
    stranger = Writer(folder.parent / f"{folder.name}-stranger")
    Mirror(folder).add_checkpoint(
        size=40, root=writer.tree.root().hex(), at=f"2026-01-{chance.randrange(1, 29):02d}", key=stranger.key
    )


INSIDERS = (
    cut_the_end_and_its_checkpoints,
    sign_another_past,
    put_one_in,
    swap_the_whole_folder,
    empty_the_folder,
    outlive_the_key,
)


def missed_of(count: int, ledger: Writer, kept: Path, tmp_path: Path) -> list[str]:
    """Which of so many draws were not found, or not located."""
    missed = []
    for number in range(count):
        chance, copy = Random(number), tmp_path / f"copy{number}"
        shutil.copytree(ledger.folder, copy)
        before = {path.name: path.read_bytes() for path in copy.glob("*.jsonl")}
        kinds = len(TAMPERINGS) + len(INSIDERS)
        if number % kinds < len(TAMPERINGS):
            tamper = TAMPERINGS[number % kinds]
            tamper(copy, chance)
        else:
            tamper = INSIDERS[number % kinds - len(TAMPERINGS)]
            tamper(copy, chance, ledger)
        assert {path.name: path.read_bytes() for path in copy.glob("*.jsonl")} != before, tamper.__name__
        try:
            verify.verify(copy, kept)
        except Damage as damage:
            if PLACE.match(str(damage)):
                continue
            missed.append(f"{number} {tamper.__name__}: no place: {damage}")
        else:
            missed.append(f"{number} {tamper.__name__}")
        shutil.rmtree(copy)
    return missed


def test_a_tenth_of_the_campaign_is_found_and_located(ledger, kept, tmp_path):
    assert verify.verify(ledger.folder, kept).covered == 40
    assert missed_of(int(os.environ.get("SELFTUNE_LEDGER_MUTATIONS", QUICK)), ledger, kept, tmp_path) == []


@pytest.mark.slow
def test_each_of_500_random_mutations_is_found_and_located(ledger, kept, tmp_path):
    assert missed_of(WHOLE, ledger, kept, tmp_path) == []


def test_what_insiders_do_is_unknown_without_the_kept_checkpoint(ledger, tmp_path):
    """Else the campaign would show nothing: these pass where nothing is kept elsewhere."""
    for number, tamper in enumerate(INSIDERS):
        copy = tmp_path / f"inside{number}"
        shutil.copytree(ledger.folder, copy)
        tamper(copy, Random(7), ledger)
        if tamper is not empty_the_folder:
            assert verify.verify(copy).entries <= LINES_PER_FILE
