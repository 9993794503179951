"""A night costs what is new, and gives what a night over everything would have given."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

import pytest
from curation_pairs import pair
from hypothesis import given, settings
from hypothesis import strategies as st

from selftune.curation.base import Judged, Key, Yardstick
from selftune.curation.config import Curation
from selftune.curation.notes import Notebook, Recalled
from selftune.curation.stage import curate
from selftune.errors import BudgetError
from selftune.records import Consent, DatasetKind, Feedback, JudgeIdentity, Message, Rejected
from selftune.testing import fake_context

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.curation.base import Pair
    from selftune.records import Dataset, Interaction

SET = Curation(trigger=1, holdout_share=0.2, clean_room_share=0.3, near_duplicate=0.7, one_sided_above=1.0)
WORDS = ("harbour", "master", "writes", "every", "arrival", "into", "green", "book", "before", "second", "bell", "noon")


@dataclass
class KeptLog:
    """A log whose pairs lie in a drawer; counts which of them were taken out."""

    pairs: Sequence[Pair]
    taken: list[str] = field(default_factory=list)

    def __iter__(self) -> Iterator[Pair]:
        return iter(self.pairs)

    def keys(self) -> Iterator[Key]:
        return (one.key for one in self.pairs)

    def read(self, keys: Sequence[Key]) -> Iterator[Pair]:
        drawer = {one.key: one for one in self.pairs}
        for key in keys:
            self.taken.append(key.interaction_id)
            # As a store would: nothing that was measured comes with it.
            yield replace(drawer[key])

    def said(self, keys: Sequence[Key]) -> Iterator[Interaction]:
        return (one.interaction for one in self.read(keys))


def made_up(count: int, seed: int = 0) -> list[Pair]:
    """A log of near-duplicates, equal prompts, low scores, missing consent, corrections and answers drawn again."""
    rng = Random(seed)
    found: list[Pair] = []
    for number in range(count):
        asked = " ".join(rng.choices(WORDS, k=rng.choice((3, 9, 20))))
        if found and rng.random() < 0.4:
            words = rng.choice(found).interaction.messages[0].content.split()
            words[rng.randrange(len(words))] = rng.choice(WORDS)
            asked = " ".join(words)
        found.append(
            pair(
                f"{seed}-{number}",
                asked,
                " ".join(rng.choices(WORDS, k=rng.choice((2, 12)))),
                rng.choice((5.0, 4.8, 4.6, 3.0, None)),
                criterion=rng.choice(("use", "tone")),
                conversation=f"{seed}-{rng.choice((number, number, max(0, number - 1)))}",
                consent=Consent(train=rng.random() > 0.1),
                feedback=Feedback(correction="Quite another answer.") if rng.random() < 0.1 else None,
                author=rng.choice(("a", "b", None)),
                flags=("resampled",) if rng.random() < 0.1 else (),
            )
        )
    return found


def night(pairs: Sequence[Pair], folder: Path, config: Curation = SET, **judged) -> tuple[Dataset, list[str]]:
    """The dataset of a night with notes in a folder, and what was read for it."""
    log = KeptLog(pairs)
    context = replace(fake_context(folder), notes=folder / "notes")
    return curate(Judged(pairs=log, watermark=len(pairs), **judged), config, context), log.taken


def from_scratch(pairs: Sequence[Pair], folder: Path, config: Curation = SET, **judged) -> Dataset:
    """The same with no notes at all, from pairs that nobody has measured."""
    fresh = tuple(replace(one) for one in pairs)
    return curate(Judged(pairs=fresh, watermark=len(pairs), **judged), config, fake_context(folder))


@pytest.mark.parametrize("order", range(20))
def test_in_twenty_orders_of_arrival_three_nights_give_what_one_night_gives(order, tmp_path):
    pairs = made_up(60)
    Random(order).shuffle(pairs)
    for until in (20, 45, 60):
        kept, _ = night(pairs[:until], tmp_path)
        assert kept.id == from_scratch(pairs[:until], tmp_path).id
    assert kept.rejects
    assert kept.holdout
    assert kept.train


@given(st.permutations(range(14)), st.lists(st.integers(1, 13), max_size=3, unique=True), st.integers(0, 50))
@settings(max_examples=40, deadline=None)
def test_however_a_log_is_split_into_nights_the_dataset_is_that_of_one_night(tmp_path_factory, order, cuts, seed):
    folder = tmp_path_factory.mktemp("law")
    golden = [replace(pair(f"sure{number}", f"Sure {number}?"), opinions=()) for number in range(8)]
    pairs = [*golden, *made_up(14, seed)]
    pairs = [*golden, *(pairs[8 + place] for place in order)]
    for until in (*(8 + cut for cut in sorted(cuts)), len(pairs)):
        kept, _ = night(pairs[:until], folder)
    assert kept.id == from_scratch(pairs, folder).id


def test_a_night_reads_what_is_new_and_what_it_learns_and_nothing_else(tmp_path):
    pairs = made_up(120)
    first, read_first = night(pairs[:110], tmp_path)
    assert {one.interaction.id for one in pairs[:110]} <= set(read_first)
    second, read_second = night(pairs, tmp_path)
    shown = {example.interaction_id for example in (*second.train, *second.holdout)}
    assert set(read_second) <= {one.interaction.id for one in pairs[110:]} | shown
    assert len(first.train) < len(second.train)


def test_a_new_exam_is_held_against_what_was_learnt_before(tmp_path):
    pairs = made_up(40)
    before, _ = night(pairs, tmp_path)
    learnt = next(one for one in pairs if one.interaction.id == before.train[0].interaction_id)
    exam = Yardstick(name="item 1", text=learnt.interaction.messages[0].content)
    after, _ = night(pairs, tmp_path, yardsticks=(exam,))
    assert learnt.interaction.id not in {example.interaction_id for example in after.train}
    assert after.id == from_scratch(pairs, tmp_path, yardsticks=(exam,)).id
    assert night(pairs, tmp_path)[0].id == before.id


@pytest.mark.parametrize(
    "change",
    [
        {"threshold": 4.7},
        {"near_duplicate": 0.9},
        {"same_in_meaning": 0.9},
        {"filters": ()},
        {"selection": "worst", "threshold": 4.9},
        {"holdout_share": 0.5},
        {"sure": 0.6},
        {"kind": "preference", "judge_noise": 0.1},
    ],
)
def test_another_config_gets_what_it_asks_for_over_notes_of_the_old_one(change, tmp_path):
    pairs = made_up(60)
    night(pairs, tmp_path)
    config = replace(SET, **change)
    assert night(pairs, tmp_path, config)[0].id == from_scratch(pairs, tmp_path, config).id


def test_a_second_opinion_and_a_new_judgement_count_at_once(tmp_path):
    pairs = made_up(40)
    before, _ = night(pairs, tmp_path)
    place = next(at for at, one in enumerate(pairs) if one.interaction.id == before.train[0].interaction_id)
    human = replace(pairs[place].judgement, judge=JudgeIdentity(name="human:ab", version="1"), overall=1.0)
    heard = [replace(one, opinions=(human,)) if at == place else one for at, one in enumerate(pairs)]
    after, read = night(heard, tmp_path)
    assert pairs[place].interaction.id in read
    assert pairs[place].interaction.id not in {example.interaction_id for example in after.train}
    assert after.id == from_scratch(heard, tmp_path).id


def test_what_leaves_the_log_leaves_the_notes_word_for_word(tmp_path):
    secret = pair("x", "Where does the quincunxmarker grow?", "In quincunxmarker meadows.")
    night([*made_up(40), secret], tmp_path)
    assert holds(tmp_path / "notes", b"quincunxmarker")  # the control: it was there
    left, _ = night(made_up(40), tmp_path)
    assert not holds(tmp_path / "notes", b"quincunxmarker")
    assert left.id == from_scratch(made_up(40), tmp_path).id


def holds(folder: Path, words: bytes) -> bool:
    return any(words in path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("damage", ["cut", "overwritten", "one word changed", "another form", "no database"])
def test_damaged_notes_are_made_again(damage, tmp_path):
    pairs = made_up(60)
    before, _ = night(pairs, tmp_path)
    path = tmp_path / "notes" / "notes.db"
    body = path.read_bytes()
    match damage:
        case "cut":
            path.write_bytes(body[: len(body) // 2])
        case "overwritten":
            path.write_bytes(body[:4096] + bytes(len(body) - 4096))
        case "one word changed":
            path.write_bytes(body.replace(b"harbour", b"mendour"))
        case "another form":
            with sqlite3.connect(path) as database:
                database.execute("UPDATE form SET name = 'older'")
        case _:
            path.write_bytes(b"this was never a database, but it is long enough to look like a file of something")
    after, _ = night(pairs, tmp_path)
    assert after.id == before.id


def test_while_another_process_writes_the_notes_a_night_does_without(tmp_path):
    pairs = made_up(40)
    before, _ = night(pairs, tmp_path)
    with Notebook(tmp_path / "notes"), Notebook(tmp_path / "notes") as second:
        recalled = second.recall(KeptLog(pairs))
    assert recalled == tuple(pairs)
    assert not any(isinstance(one, Recalled) for one in recalled)
    assert night(pairs, tmp_path)[0].id == before.id


def test_pairs_that_were_chosen_in_the_log_are_found_again_in_a_second_night(tmp_path):
    lost = Rejected(at=1, messages=(Message(role="assistant", content="Worse one."),))
    pairs = [pair(f"p{number}", f"Question {number} of many?", rejected=(lost,)) for number in range(6)]
    config = replace(SET, kind=DatasetKind.PREFERENCE, holdout_share=0.0)
    night(pairs, tmp_path, config)
    kept, _ = night(pairs, tmp_path, config)
    assert len(kept.train) > 0
    assert kept.id == from_scratch(pairs, tmp_path, config).id


@pytest.mark.needs("tmpfs")
def test_a_full_disk_under_the_notes_is_told_in_our_words_and_costs_no_note(tmp_path):
    steps = 'mount -t tmpfs -o size=2m tmpfs "$0" && cd "$0" && "$1" -c "import test_notes; test_notes.fill_the_disk()"'
    done = subprocess.run(
        ["unshare", "--map-root-user", "--mount", "bash", "-c", steps, tmp_path, sys.executable],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines() == ["the disk is full: notes could not be written.", "reads no more than before"], (
        done
    )


def fill_the_disk() -> None:
    """Nights here with room, without, and with room again."""
    pairs, ballast = [*made_up(40), *made_up(400, 1)], Path("ballast")
    _, once = night(pairs[:40], Path())
    _, usual = night(pairs[:40], Path())
    assert len(usual) < len(once)
    ballast.touch()
    os.posix_fallocate(os.open(ballast, os.O_RDWR), 0, shutil.disk_usage(".").free)
    with pytest.raises(BudgetError) as stopped:
        night(pairs, Path())
    ballast.unlink()
    assert night(pairs[:40], Path())[1] == usual
    print(f"{stopped.value.message}\nreads no more than before")  # noqa: T201 - what the other process is asked
