"""What was erased can't be read again from any byte of the store, and all that names it still holds."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from kept_records import entries_that_verify, interaction, judgement, mirror_of, quarantined, table, tamper

from selftune.errors import IntegrityError, LockedError
from selftune.records import (
    Dataset,
    DatasetKind,
    Evaluation,
    Example,
    Gravity,
    Interaction,
    Judgement,
    Message,
    Quarantined,
    Statement,
    StatementKind,
    Thread,
    has_words,
)
from selftune.store import Store
from selftune.store.dialect import sqlite, sqlite_module
from selftune.store.erasure import Erasure
from selftune.store.facts import Span

SECRET = "the heron sleeps under the third bridge"


def said(number: int, words: str = SECRET) -> Interaction:
    """What one person said, as an importer brings it: named by a digest of its text."""
    return replace(
        interaction(number),
        messages=(Message(role="user", content=f"{words} {number}"), Message(role="assistant", content="I see.")),
        position=f"{number:064x}:1",
        author="person-1",
    )


def lessons(*interactions: Interaction) -> Dataset:
    examples = tuple(
        Example(salt=one.salt, interaction_id=one.id, judgement_id=None, messages=one.messages) for one in interactions
    )
    return Dataset(
        kind=DatasetKind.SFT,
        train=examples,
        holdout=(),
        rejects=(),
        mixture=(),
        watermark=3,
        config_digest="d",
        card="c",
    )


def concern(subject: str) -> Statement:
    return Statement(
        salt="s",
        author="Ana Nightingale",
        author_is_model=False,
        subject=subject,
        kind=StatementKind.CONCERN,
        text=SECRET,
        said_at="2026-01-01",
        gravity=Gravity.BLOCKING,
    )


def bytes_of(project) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(project.rglob("*")) if path.is_file())


def kept(store: Store, *records):
    return store.save(records, event="captured")


def test_no_byte_of_what_was_erased_is_left_and_the_ledger_verifies_against_what_was_signed_before(store, project):
    ids = kept(store, *(said(number) for number in range(40)), quarantined(1))
    store.close()
    with Store.open(project) as again:
        size = again.last_entry()
        assert set(again.erase(Erasure(whole=frozenset(ids[:40])))) == set(ids[:40])
    assert SECRET.encode() not in bytes_of(project)
    assert entries_that_verify(project) == size + 40
    assert {one["event"] for one in mirror_of(project)[size:]} == {"erased"}


def test_walks_pass_over_what_was_erased_and_an_id_says_so(store):
    ids = kept(store, said(1), said(2), said(3))
    store.erase(Erasure(whole=frozenset([ids[1], ids[2]])))
    assert [record.id for _, record in store.each(Interaction)] == [ids[0]]
    assert store.count(Interaction) == 1
    assert store.last(Interaction).id == ids[0]
    assert [record.id for record in store.kept_records(ids, Interaction)] == [ids[0]]
    assert list(store.damaged()) == []
    assert [one.interaction_id for one in store.said(Span())] == [ids[0]]
    with pytest.raises(IntegrityError, match="were erased"):
        store.record(ids[1], Interaction)


def test_a_whole_log_that_was_erased_is_an_empty_one(store):
    ids = kept(store, *(said(number) for number in range(3)))
    store.erase(Erasure(whole=frozenset(ids)))
    assert list(store.each(Interaction)) == []
    assert store.last(Interaction) is None


def test_verdicts_on_what_was_erased_are_told_of_no_more(store):
    first, second = kept(store, said(1), said(2))
    kept(store, *(replace(judgement(number), interaction_id=one) for number, one in enumerate((first, second))))
    store.erase(Erasure(whole=frozenset([first])))
    assert [verdict.interaction_id for verdict in store.verdicts()] == [second]


@pytest.mark.parametrize("source", ["log.jsonl", "log.jsonl:renamed.jsonl", "other:elsewhere.jsonl"])
def test_the_same_words_add_nothing_when_they_come_in_again_from_anywhere(store, project, source):
    (first,) = kept(store, said(1))
    store.erase(Erasure(whole=frozenset([first])))
    store.close()
    with Store.open(project) as again:
        assert kept(again, replace(said(1), source=source)) == []
        assert again.count(Interaction) == 0
    assert SECRET.encode() not in bytes_of(project)


def test_a_thread_that_goes_on_does_not_bring_its_beginning_back(store):
    first = replace(said(1), thread=Thread.EXCHANGE)
    store.erase(Erasure(whole=frozenset(kept(store, first))))
    longer = replace(
        first,
        messages=(*first.messages, Message(role="user", content="and"), Message(role="assistant", content="so")),
        position=f"{9:064x}:1",
    )
    assert kept(store, longer) == []


def test_the_same_words_elsewhere_by_the_same_person_stay_known(store):
    one, other = said(1), replace(said(1), conversation="another", position=f"{7:064x}:1")
    ids = kept(store, one, other)
    assert ids[0] != ids[1]
    store.erase(Erasure(whole=frozenset([ids[1]])))
    again = replace(one, conversation="a third", position=f"{8:064x}:1", consent=replace(one.consent, train=False))
    kept(store, again)
    assert [record.consent.train for _, record in store.each(Interaction)][-1] is False


def test_a_lesson_leaves_its_dataset_and_the_others_stay(store, project):
    mine, others = said(1), said(2, "nobody's secret at all")
    (dataset,) = kept(store, lessons(mine, others))
    store.erase(Erasure(origins=frozenset([mine.id]), quoting=frozenset([dataset])))
    found = store.record(dataset, Dataset)
    assert [has_words(example) for example in found.train] == [False, True]
    assert found.train[1].messages == others.messages
    assert found.train[0].interaction_id == mine.id
    assert SECRET.encode() not in bytes_of(project)


def test_a_concern_without_its_words_is_still_that_concern(store):
    (subject,) = kept(store, said(1))
    (name,) = kept(store, concern(subject))
    store.erase(Erasure(bare=frozenset([name])))
    found = store.record(name, Statement)
    assert (found.id, found.kind, found.subject, found.gravity) == (
        name,
        StatementKind.CONCERN,
        subject,
        Gravity.BLOCKING,
    )
    assert (found.text, found.author, has_words(found)) == ("", "", False)


def test_done_twice_it_finds_nothing_and_writes_nothing(store):
    (mine,) = kept(store, said(1))
    ids = [mine, *kept(store, lessons(store.record(mine, Interaction)), concern("project"))]
    wanted = Erasure(
        whole=frozenset(ids[:1]),
        bare=frozenset(ids[2:]),
        origins=frozenset(ids[:1]),
        quoting=frozenset(ids[1:2]),
    )
    assert set(store.erase(wanted)) == set(ids)
    size = store.last_entry()
    assert store.erase(wanted) == ()
    assert store.last_entry() == size


def test_what_an_id_covers_stays_beside_it_where_no_words_stand_in_it(store, project):
    ids = kept(store, said(1), quarantined(1))
    store.erase(Erasure(whole=frozenset(ids)))
    for _, name, _, body, sealed, _ in table(project, "records"):
        assert body is None
        assert name.partition(":")[2] == sha256(sealed.encode()).hexdigest()
        assert SECRET not in sealed


def test_scratch_and_the_errors_of_steps_may_quote_and_go(store, project):
    (name,) = kept(store, said(1))
    store.step_work("sha256:aa").put("answer", SECRET.encode())
    (store.step_work("sha256:aa").folder("rows") / "rows.jsonl").write_text(SECRET)
    store.fail_step("sha256:aa", "judge", f"IntegrityError: {SECRET}")
    store.erase(Erasure(whole=frozenset([name])))
    assert SECRET.encode() not in bytes_of(project)
    assert store.failure("sha256:aa") == "IntegrityError"


def test_a_step_whose_one_record_is_gone_is_taken_again(store):
    record = lessons(said(1))
    store.finish_step("sha256:bb", "curate", [record], elapsed=lambda: 1.0)
    store.erase(Erasure(whole=frozenset([record.id])))
    assert not store.is_finished("sha256:bb")


def test_the_copy_that_an_upgrade_left_goes_too(store, project):
    (name,) = kept(store, said(1))
    copy = project / ".selftune" / "store.db.before-0004"
    copy.write_text(SECRET)
    store.erase(Erasure(whole=frozenset([name])))
    assert not copy.exists()


def test_what_is_not_there_is_refused_by_nobody_and_changes_nothing(store):
    assert store.erase(Erasure(whole=frozenset([f"interaction:{'0' * 64}"]))) == ()
    assert store.last_entry() == 0


def test_a_tampered_row_that_puts_words_back_beside_the_digest_is_found(store, project):
    (name,) = kept(store, concern("project"))
    store.erase(Erasure(bare=frozenset([name])))
    tamper(project, 'UPDATE records SET body = replace(body, \'"text":""\', \'"text":"never said"\')')
    assert list(store.damaged()) == [name]
    with pytest.raises(IntegrityError, match="holds some"):
        store.record(name, Statement)


def test_kinds_are_counted_as_they_are(store):
    kept(store, said(1), quarantined(1))
    assert (store.count(Quarantined), store.count(Judgement), store.count(Evaluation)) == (1, 0, 0)


@pytest.mark.sqlite_only
def test_while_somebody_reads_the_file_it_is_said_that_its_free_pages_hold_words(store, project, monkeypatch):
    ids = kept(store, *(said(number) for number in range(40)))
    store.close()
    monkeypatch.setattr(sqlite, "_BUSY_MILLISECONDS", 50)
    reader = sqlite_module().connect(project / ".selftune" / "store.db")
    with Store.open(project) as again:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM records").fetchone()
        with pytest.raises(LockedError, match="is being"):
            again.erase(Erasure(whole=frozenset(ids)))
        assert SECRET.encode() in bytes_of(project)
        reader.close()
        again.sweep_erased()
        assert SECRET.encode() not in bytes_of(project)
