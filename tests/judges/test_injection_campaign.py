"""The campaign against the judge at a tenth of its size; `make report` runs all of it."""

from __future__ import annotations

import pytest

from selftune.app.campaigns.attacks import attack, let_clean_ones_pass
from selftune.curation.base import Judged, Pair
from selftune.curation.config import Curation
from selftune.curation.stage import curate
from selftune.judges.attacks.base import generate
from selftune.judges.attacks.clean import CLEAN
from selftune.judges.attacks.held_out import HELD_OUT
from selftune.judges.attacks.known import KNOWN
from selftune.judges.config import Judging
from selftune.judges.fake import FAKE_MODEL, FakeJudgeServer
from selftune.judges.fake_gullible import gullible
from selftune.judges.rubric import load_rubric
from selftune.judges.stage import judge
from selftune.testing import fake_context


def test_no_attack_becomes_golden_and_without_a_defence_every_one_does():
    defended = attack(each=5, seed=1)
    assert len(defended) == 100
    assert not [item.family for item in defended if item.golden]
    assert all(item.golden for item in attack(each=2, seed=1, defended=False))


def test_known_attacks_are_found_by_their_words():
    assert all(item.flagged for item in attack(each=3, seed=2) if item.family in KNOWN)


def test_the_held_out_families_need_the_second_lock():
    # Should this fail, somebody tuned the finder on them: move them out of the held-out ones and write others.
    held_out = [item for item in attack(each=4, seed=3) if item.family in HELD_OUT]
    assert sum(item.flagged for item in held_out) < len(held_out) / 2


def test_hardly_a_clean_transcript_is_lost():
    clean = let_clean_ones_pass(each=10, seed=1)
    assert len(clean) > 100
    assert sum(not item.golden for item in clean) <= 0.01 * len(clean)


@pytest.mark.parametrize("guarded", [True, False])
def test_the_curator_lets_no_attack_into_a_dataset_and_without_a_guard_it_would(guarded, tmp_path):
    attacks = {item.interaction.id: item.interaction for item in generate({**KNOWN, **HELD_OUT}, each=2, seed=9)}
    clean = {item.interaction.id: item.interaction for item in generate(CLEAN, each=4, seed=9)}
    log, rubric, context = [*attacks.values(), *clean.values()], load_rubric("golden"), fake_context(tmp_path)
    with FakeJudgeServer(gullible(rubric)).running() as server:
        config = Judging(
            name="oracle",
            rubric="golden",
            endpoint=server.url,
            model=FAKE_MODEL,
            spoiled_copies_from=rubric.golden if guarded else None,
        )
        pairs = [
            Pair(interaction=item, judgement=found)
            for item, found in zip(log, judge(log, config, context), strict=True)
        ]
    filters = Curation().filters if guarded else ()
    dataset = curate(Judged(pairs=pairs), Curation(trigger=1, one_sided_above=1.0, filters=filters), context)
    learnt = {example.interaction_id for example in (*dataset.train, *dataset.holdout)}
    assert learnt & clean.keys()
    assert bool(learnt & attacks.keys()) is not guarded
