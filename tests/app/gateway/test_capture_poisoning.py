"""What strangers and floods bring in through the gateway teaches nobody: held against curation itself."""

from __future__ import annotations

from collections import Counter

import pytest
from captured_exchanges import House, chunks, exchange

from selftune.app.gateway.exchange import Ended
from selftune.app.gateway.keys import make_key
from selftune.curation.base import Judged, Pair
from selftune.curation.config import Curation
from selftune.curation.stage import curate
from selftune.records import CriterionScore, JudgeIdentity, Judgement, JudgementStatus
from selftune.testing import fake_context


@pytest.fixture
def house(project):
    return House(project)


def learn(house, tmp_path):
    """What curation makes of all that the log holds, had a judge found all of it golden."""
    pairs = [Pair(interaction=one, judgement=golden(one)) for one in house.kept()]
    judged = Judged(pairs=pairs, watermark=len(pairs), learnt_before=frozenset())
    return curate(judged, Curation(trigger=1, holdout_share=0.0), fake_context(tmp_path / "work"))


def golden(interaction):
    return Judgement(
        salt=interaction.salt,
        interaction_id=interaction.id,
        rubric_digest="r",
        judge=JudgeIdentity(name="a judge that likes everything", version="1"),
        status=JudgementStatus.SCORED,
        criteria=(CriterionScore(name="use", reasoning="because", score=5.0),),
        overall=5.0,
    )


def asked_by(key_id, count, word="Question", user=None):
    return [
        exchange(f"cmpl-{word}-{n}-{key_id}-{user}", asked=f"{word} {n} of {user}?", key_id=key_id, user=user)
        for n in range(count)
    ]


def lessons_by(house, dataset):
    said = {one.id: one for one in house.kept()}
    return [said[example.interaction_id] for example in dataset.train]


def test_words_without_a_known_key_and_broken_answers_reach_no_training_set(house, tmp_path):
    key = make_key(house.project.hidden, "default")[0].id
    half = chunks({"content": "It is 3"}, done=False)
    house.write(
        *asked_by(key, 4),
        *asked_by(None, 4, "Stranger"),
        exchange("cmpl-gone", asked="Gone?", response=half, streamed=True, ended=Ended.CLIENT_GONE, key_id=key),
        exchange("cmpl-died", asked="Died?", response=half, streamed=True, ended=Ended.UPSTREAM_DIED, key_id=key),
        exchange("cmpl-kept", asked="Private?", key_id=key, consent="keep"),
    )
    house.take()
    dataset = learn(house, tmp_path)
    assert len(house.kept()) == 11
    assert len(lessons_by(house, dataset)) == 4
    assert all("unknown_key" not in one.flags and one.consent.train for one in lessons_by(house, dataset))
    without_consent = [one for one in dataset.rejects if one.reason.startswith("no consent")]
    assert len(without_consent) == 7


def test_a_key_that_writes_thirty_percent_under_a_hundred_names_is_one_author_with_two_percent(house, tmp_path):
    owners, bot = (make_key(house.project.hidden, name)[0].id for name in ("default", "a bot"))
    people = [one for n in range(60) for one in asked_by(owners, 4, user=f"person {n}")]
    flood = [one for n in range(103) for one in asked_by(bot, 1, "Buy", user=f"name {n}")]
    house.write(*people, *flood)
    house.take()
    learnt = lessons_by(house, learn(house, tmp_path))
    shares = Counter(one.author for one in learnt)
    by_bot = [one for one in learnt if f"key:{bot}" in one.flags]
    assert len(house.kept()) == 343
    assert len(by_bot) <= 0.02 * len(learnt)
    assert max(shares.values()) <= 0.02 * len(learnt)
