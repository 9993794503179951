"""Facts: copies of what records say, made with them; what they count is what reading every record would count."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import HealthCheck as Check
from hypothesis import given, settings
from hypothesis import strategies as st
from kept_records import interaction, judgement, rubric, table, tamper

from selftune.errors import IntegrityError
from selftune.records import Consent, Interaction, JudgeIdentity, Judgement, JudgementStatus, Thread
from selftune.store import Span, Store
from selftune.store.facts import number_of
from selftune.testing import FakeClock, MemoryReader

FACTS = ("interactions", "sittings", "judgements")
OTHER = JudgeIdentity(name="oracle", version="2", lineage=("small", "Zo\u00eb"))


def verdict(on: str, number: int, **changes) -> Judgement:
    return replace(judgement(number), interaction_id=on, salt=f"salt {number}", **changes)


def fill(store) -> list[str]:
    """Interactions and judgements of every sort that the columns tell apart."""
    said = [
        interaction(1),
        replace(interaction(2), consent=Consent(train=False)),
        replace(interaction(3), source="resampled", happened_at="2026-01-02T00:00:00+00:00"),
        replace(interaction(4), last_turn_at="2026-01-01T00:00:00+00:00"),
        replace(interaction(5), last_turn_at="2026-01-01T00:00:00+00:00", closed=True),
    ]
    ids = store.save(said, event="captured")
    verdicts = [
        verdict(ids[0], 1),
        verdict(ids[0], 2, judge=OTHER, prompt_digest="p", reported_model="m", cost_usd=0.25),
        verdict(ids[1], 3, overall=None, status=JudgementStatus.UNSCORED, reason="no answer"),
        verdict(ids[2], 4, critical_failures=("harm",), flags=("unsupported", "disagreement")),
        judgement(9),
    ]
    store.save(verdicts, event="judged")
    return ids


@pytest.mark.sqlite_only
def test_an_upgrade_copies_what_a_save_would_have_copied(store, project):
    fill(store)
    long = replace(
        interaction(6),
        source="chatgpt:a.json",
        conversation="chatgpt:a.json:chat-1",
        thread=Thread.WHOLE,
        position=f"{6:064x}:0",
    )
    store.save([replace(long, messages=long.messages[:1])], event="captured")
    store.save([replace(long, position=f"{7:064x}:0")], event="captured")
    assert len(store.superseded()) == 1
    store.close()
    expected = {name: table(project, name) for name in FACTS}
    assert [len(rows) for rows in expected.values()] == [7, 2, 5]
    for name in reversed(FACTS):
        tamper(project, f"DROP TABLE {name}")
    tamper(project, "DROP TABLE sessions")  # it came with 0005
    tamper(project, "CREATE TABLE named_values (name VARCHAR PRIMARY KEY, value TEXT NOT NULL)")
    tamper(project, "UPDATE alembic_version SET version_num = '0003'")
    Store.open(project).close()
    assert {name: table(project, name) for name in FACTS} == expected


def test_what_may_be_learnt_from_is_told_in_its_newest_version(store):
    ids = fill(store)
    everything = list(store.said(Span()))
    assert [one.interaction_id for one in everything] == [ids[0], ids[2], ids[3], ids[4]]
    own_left_out = Span(after=1, before=5, passing_over=frozenset({"resampled"}))
    assert [one.interaction_id for one in store.said(own_left_out)] == [ids[3]]
    assert store.count_said(own_left_out) == (1, 4)
    assert store.count_said(Span(after=5)) == (0, 0)
    assert everything[1].happened_at == "2026-01-02T00:00:00+00:00"
    assert everything[1].conversation == number_of("c3")


def test_only_what_came_in_lately_and_may_go_on_is_unfinished(project):
    clock = FakeClock()
    with Store.open(project, clock=clock.now) as store:
        said = [replace(interaction(1), last_turn_at="2026-01-01"), interaction(2)]
        ids = store.save(said, event="captured")
        assert [one.interaction_id for one in store.unfinished(Span(), saved_since=clock.now())] == ids[:1]
        now = clock.now()
        clock.advance(60)
        assert store.unfinished(Span(), saved_since=clock.now()) == []
        assert store.unfinished(Span(after=1), saved_since=now) == []


def test_verdicts_are_told_without_their_reasons(store):
    ids = fill(store)
    told = list(store.verdicts())
    kept = [record for _, record in store.each(Judgement)][:4]
    assert [one.judgement_id for one in told] == [record.id for record in kept]
    assert [one.interaction_id for one in told] == [ids[0], ids[0], ids[1], ids[2]]
    assert [(one.judge, one.overall, one.status, one.flags, one.cost_usd) for one in told] == [
        (record.judge, record.overall, record.status, record.flags, record.cost_usd) for record in kept
    ]
    assert [one.critical for one in told] == [False, False, False, True]
    assert list(store.verdicts("sha256:00")) == told
    assert list(store.verdicts("sha256:11")) == []
    assert list(store.verdicts(since=told[1].sequence)) == told[2:]


@pytest.mark.sqlite_only
def test_pages_of_facts_hold_all_of_them(store):
    ids = store.save((interaction(number) for number in range(4100)), event="captured")
    store.save((verdict(name, number) for number, name in enumerate(ids)), event="judged")
    assert [one.interaction_id for one in store.said(Span())] == ids
    assert [one.interaction_id for one in store.verdicts()] == ids


def test_a_store_that_holds_no_interaction_has_no_progress(store):
    store.save([rubric("a")], event="imported")
    found = store.progress(Span(), rubric_digest="sha256:00", threshold=4.0)
    assert (found.conversations, found.judged, found.golden_at) == (0, 0, ())


SAID = st.tuples(
    st.integers(0, 3), st.sampled_from(["log", "resampled"]), st.booleans(), st.sampled_from([None, "2026-01-01"])
)
JUDGED = st.tuples(st.integers(0, 7), st.sampled_from([None, 1.0, 4.0, 5.0]), st.booleans(), st.booleans())


@settings(max_examples=40, deadline=None, suppress_health_check=[Check.too_slow])
@given(said=st.lists(SAID, max_size=8), judged=st.lists(JUDGED, max_size=10), after=st.integers(0, 4))
def test_progress_is_what_reading_every_record_would_tell(said, judged, after, tmp_path_factory):
    with Store.open(tmp_path_factory.mktemp("project")) as store:
        interactions = [
            replace(
                interaction(number),
                conversation=f"talk {talk}",
                source=source,
                consent=Consent(train=may_train),
                happened_at=at,
            )
            for number, (talk, source, may_train, at) in enumerate(said)
        ]
        ids = store.save(interactions, event="captured")
        verdicts = [
            verdict(
                ids[place % len(ids)],
                number,
                overall=overall,
                critical_failures=("harm",) * critical,
                rubric_digest="other" if other else "sha256:00",
            )
            for number, (place, overall, critical, other) in enumerate(judged)
            if ids
        ]
        store.save(verdicts, event="judged")
        span = Span(after=after, passing_over=frozenset({"resampled"}))
        found = store.progress(span, rubric_digest="sha256:00", threshold=4.0)
        assert (found.conversations, found.judged, sorted(map(str, found.golden_at))) == slow_progress(store, span)


def slow_progress(store, span: Span):
    """The same by reading all that is there."""
    said = {}
    for sequence, one in store.each(Interaction, since=span.after):
        if one.consent.train and one.source not in span.passing_over:
            said[one.conversation] = (one.happened_at, sequence)
    latest = {
        record.interaction_id: record.overall is not None and record.overall >= 4 and not record.critical_failures
        for _, record in store.each(Judgement, since=span.after)
        if record.rubric_digest == "sha256:00"
    }
    judged, golden = set(), set()
    for name, is_golden in latest.items():
        talk = store.record(name, Interaction).conversation
        if talk in said:
            judged.add(talk)
            golden |= {talk} if is_golden else set()
    return len(said), len(judged), sorted(str(said[talk][0]) for talk in golden)


ASKED = st.tuples(st.integers(0, 2), st.sampled_from([None, "m", "n"]), st.booleans(), st.sampled_from(JudgementStatus))


@settings(max_examples=40, deadline=None, suppress_health_check=[Check.too_slow])
@given(judged=st.lists(ASKED, max_size=8))
def test_the_verdicts_that_stand_are_those_that_a_reader_in_memory_finds(judged, tmp_path_factory):
    with Store.open(tmp_path_factory.mktemp("project")) as store:
        ids = store.save([interaction(number) for number in range(3)], event="captured")
        verdicts = [
            verdict(ids[place], number, reported_model=model, prompt_digest="p" if ours else None, status=status)
            for number, (place, model, ours, status) in enumerate(judged)
        ]
        store.save(verdicts, event="judged")
        question = {"judge": judgement(0).judge, "rubric_digest": "sha256:00", "prompt_digest": "p"}
        found = store.standing_verdicts(**question)(ids)
        assert found == MemoryReader(verdicts).standing_verdicts(**question)(ids)


def test_a_verdict_that_is_recalled_is_held_against_its_name(store, project):
    ids = fill(store)
    tamper(project, "UPDATE records SET body = replace(body, '4.5', '4.75') WHERE kind = 'judgement'")
    find = store.standing_verdicts(judgement(0).judge, rubric_digest="sha256:00", prompt_digest=None)
    with pytest.raises(IntegrityError, match="is damaged"):
        find(ids)
