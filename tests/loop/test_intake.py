"""Files come in once, whatever they are called; what grew is a new version; a cut import goes on where it was."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from selftune.app.ways import way_of
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.loop.incoming.intake import import_files, preview_files
from selftune.loop.incoming.news import read_news
from selftune.loop.plan import judged_log, learnt_ids
from selftune.loop.runner import hold_lease
from selftune.records import (
    Dataset,
    DatasetKind,
    Example,
    Interaction,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
)


def turns(count: int) -> list[dict]:
    return [{"role": ("user", "assistant")[number % 2], "content": f"turn {number}"} for number in range(count)]


def log(path, *entries):
    path.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    return path


def counts(project, *paths) -> list[tuple[int, int, int]]:
    return [(one.added, one.known, one.broken) for one in import_files(project, paths)]


def test_an_export_that_is_imported_again_with_later_turns_makes_a_new_version(project, tmp_path):
    path = tmp_path / "log.jsonl"
    other = {"conversation_id": "b", "messages": turns(2)}
    log(path, {"conversation_id": "a", "messages": turns(2)}, other)
    assert counts(project, path) == [(2, 0, 0)]
    log(path, {"conversation_id": "a", "messages": turns(6)}, other)
    assert counts(project, path) == [(1, 1, 0)]
    assert counts(project, path) == [(0, 2, 0)]
    assert len(project.store.superseded()) == 1
    assert project.store.count(Interaction) == 3


def test_a_renamed_and_moved_file_is_known(project, tmp_path):
    entries = [{"messages": turns(2)}, {"messages": turns(4)}, {"messages": []}]
    assert counts(project, log(tmp_path / "log.jsonl", *entries)) == [(2, 0, 1)]
    (tmp_path / "moved").mkdir()
    assert counts(project, log(tmp_path / "moved" / "old.jsonl", *entries)) == [(0, 3, 0)]
    # The same entries in another file beside a new one: known each by itself.
    assert counts(project, log(tmp_path / "more.jsonl", {"messages": turns(3)}, *entries)) == [(1, 3, 0)]


def bytes_of(folder) -> dict[str, bytes]:
    """Every file of the project; the write-ahead log's index is SQLite's own and holds no data."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.name.endswith("-shm")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def test_a_dry_run_says_what_would_come_in_and_leaves_store_and_ledger_byte_for_byte(project, tmp_path):
    first = {"conversation_id": "a", "messages": turns(2)}
    import_files(project, [log(tmp_path / "log.jsonl", first)])
    log(tmp_path / "log.jsonl", first, first | {"messages": turns(4)}, {"messages": []}, {"messages": turns(3)})
    log(tmp_path / "other.jsonl", {"messages": turns(3)}, {"messages": turns(5)})
    paths = [tmp_path / "log.jsonl", tmp_path / "other.jsonl"]
    before = bytes_of(project.folder)
    told = preview_files(project, paths)
    assert bytes_of(project.folder) == before
    assert [(one.added, one.known, one.broken) for one in told] == [(2, 1, 1), (1, 1, 0)]
    assert [one.format for one in told] == ["openai", "openai"]
    assert import_files(project, paths) == told


def test_a_dry_run_of_the_very_first_import_makes_no_key(project, tmp_path):
    before = bytes_of(project.folder)
    (told,) = preview_files(project, [log(tmp_path / "log.jsonl", {"messages": turns(2)})])
    assert (told.added, told.known, told.broken) == (1, 0, 0)
    assert bytes_of(project.folder) == before


def test_a_dry_run_works_while_another_runner_has_the_project(project, tmp_path):
    with hold_lease(project):
        assert preview_files(project, [log(tmp_path / "log.jsonl", {"messages": turns(2)})])[0].added == 1


def test_the_way_of_an_item_names_the_version_before_and_the_one_after(project, tmp_path):
    path = tmp_path / "log.jsonl"
    for count in (2, 4):
        import_files(project, [log(path, {"conversation_id": "a", "messages": turns(count)})])
    first, second = (one for _, one in project.store.each(Interaction))
    assert f"its conversation went on: {second.id} is used in its place" in way_of(project, first)
    assert f"a later version of {first.id}" in way_of(project, second)


def allowed(project) -> list[tuple[bool, bool, bool]]:
    """What may be done with what readers take."""
    superseded = project.store.superseded()
    used = (one.consent for _, one in project.store.each(Interaction) if one.id not in superseded)
    return [(one.keep, one.train, one.send) for one in used]


@pytest.mark.parametrize("named", [{}, {"id": "row"}, {"conversation_id": "c"}])
def test_the_same_file_under_a_stricter_level_tightens_what_is_kept_and_a_looser_one_does_not_widen_it(
    project, tmp_path, named
):
    path = log(tmp_path / "log.jsonl", {"messages": turns(2)} | named)
    import_files(project, [path], consent=ConsentLevel.SEND)
    (told,) = import_files(project, [path], consent=ConsentLevel.KEEP)
    assert (told.added, told.known, told.tightened) == (0, 1, 1)
    assert allowed(project) == [(True, False, False)]
    again = [import_files(project, [path], consent=level) for level in (ConsentLevel.SEND, ConsentLevel.KEEP)]
    assert [(one.added, one.known, one.tightened) for (one,) in again] == [(0, 1, 0)] * 2
    assert allowed(project) == [(True, False, False)]


@pytest.mark.parametrize("mark", ["none", "keep"])
@pytest.mark.parametrize("named", [{}, {"id": "row"}, {"conversation_id": "c"}])
def test_a_mark_that_is_written_into_the_file_later_tightens_what_is_kept(project, tmp_path, named, mark):
    first, other = {"messages": turns(2)} | named, {"messages": turns(4)}
    import_files(project, [log(tmp_path / "log.jsonl", first, other)])
    log(tmp_path / "log.jsonl", first | {"consent": mark}, other)
    (foreseen,) = preview_files(project, [tmp_path / "log.jsonl"])
    (told,) = import_files(project, [tmp_path / "log.jsonl"])
    assert (told.added, told.known, told.tightened, told.broken) == (0, 2, 1, 0)
    assert (foreseen.added, foreseen.known, foreseen.tightened) == (0, 2, 1)
    assert sorted(allowed(project)) == [(mark == "keep", False, False), (True, True, False)]
    assert len(read_news(project, 0).fresh) == 1


JUDGE = JudgeIdentity(name="checks", version="1")


def judged(project):
    """Everything kept, scored by a judge."""
    verdicts = [
        Judgement(
            salt=one.salt,
            interaction_id=one.id,
            rubric_digest="rubric:1",
            judge=JUDGE,
            status=JudgementStatus.SCORED,
            overall=5.0,
        )
        for _, one in project.store.each(Interaction)
    ]
    project.store.save(verdicts, event="judged")


def curated(project) -> set[tuple[str, int]]:
    """Source and number of turns of what curation takes in."""
    pairs = judged_log(project.store, JUDGE, "rubric:1")
    return {(pair.interaction.source, len(pair.interaction.messages)) for pair in pairs}


def test_what_was_taken_back_is_in_no_later_dataset_nor_is_what_was_made_of_it(project, tmp_path):
    path = log(tmp_path / "log.jsonl", {"messages": turns(2)})
    import_files(project, [path, log(tmp_path / "other.jsonl", {"messages": turns(4)})])
    for _, one in list(project.store.each(Interaction)):
        project.store.save([replace(one, source="resampled", position=f"again {one.id}")], event="captured")
    judged(project)
    everything = {("openai:log.jsonl", 2), ("openai:other.jsonl", 4), ("resampled", 2), ("resampled", 4)}
    assert curated(project) == everything
    import_files(project, [path], consent=ConsentLevel.KEEP)
    assert curated(project) == {("openai:other.jsonl", 4), ("resampled", 4)}


def test_words_that_may_only_no_longer_be_sent_are_judged_anew_and_no_new_lesson(project, tmp_path):
    path = log(tmp_path / "log.jsonl", {"messages": turns(2)})
    import_files(project, [path], consent=ConsentLevel.SEND)
    ((_, first),) = project.store.each(Interaction)
    dataset = Dataset(
        kind=DatasetKind.SFT,
        train=(Example(salt="", messages=first.messages, interaction_id=first.id, judgement_id=None),),
        holdout=(),
        rejects=(),
        mixture=(),
        watermark=0,
        config_digest="",
        card="",
    )
    assert learnt_ids(project.store, dataset) == {first.id}
    import_files(project, [path], consent=ConsentLevel.TRAIN)
    (fresh,) = read_news(project, 0).fresh
    assert learnt_ids(project.store, dataset) == {first.id, fresh.id}


def test_what_may_be_used_for_less_says_so_to_whoever_asks_why(project, tmp_path):
    path = log(tmp_path / "log.jsonl", {"messages": turns(2)})
    import_files(project, [path])
    import_files(project, [path], consent=ConsentLevel.KEEP)
    first, second = (one for _, one in project.store.each(Interaction))
    assert any("no longer agreed that it may be learnt from" in line for line in way_of(project, first))
    assert "its author did not agree to training" in list(way_of(project, second))
