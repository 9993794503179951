"""`selftune registry`: a rename breaks no chain, and an end that lacks parts is refused or named by what it lacks."""

from __future__ import annotations

import json

import pytest

from selftune.app.cli.registry import _lines_of_end, _lines_of_entry
from selftune.app.registering import (
    Offered,
    add_model,
    bring_in,
    files_at,
    find_entry,
    list_models,
    rename_model,
    retire_model,
)
from selftune.errors import MissingFileError, UnknownNameError, UsageError
from selftune.governance.keys import statement_is_signed
from selftune.governance.registry.lineage import kin_between
from selftune.governance.registry.retirement import Ending, stands_as_told
from selftune.records import Model, Statement
from selftune.testing import fake_base, fake_build


@pytest.fixture
def weights(tmp_path):
    folder = tmp_path / "wild"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"wild weights")
    (folder / "config.json").write_text("{}")
    return folder


@pytest.fixture
def wild(project, weights):
    project.store.save([fake_base("fake")], event="base pinned")
    return add_model(project, Offered(name="WILD-7", files=files_at([weights]), base="fake"))


def full(project, weights, **changes):
    build = fake_build()
    project.store.save([build], event="made by a test")
    told = {"why": "It is replaced.", "disposition": "archived", "scores": (build.id[:20],), "restore": str(weights)}
    return Ending(**told | {"until": "2030-01-01"} | changes)


def test_parents_are_recorded_successors_and_disposition_derived_and_a_rename_breaks_nothing(project, wild):
    after = add_model(project, Offered(name="ALIGNED-v1.0", parents=("wild-7",)))
    rename_model(project, "WILD-7", "Prototype", because="marketing")
    rename_model(project, "ALIGNED-v1.0", "Helper", because="marketing")
    entry = find_entry(project, "WILD-7")
    assert (entry.name, entry.names, entry.successors) == ("Prototype", ("WILD-7", "Prototype"), (after.id,))
    assert entry.disposition == "has a successor"
    assert find_entry(project, "Helper").model.parents == (wild.id,)
    assert kin_between(project.store, "ALIGNED-v1.0", "Prototype")
    told = "\n".join(_lines_of_entry(entry))
    assert "was called WILD-7" in told
    assert after.id in told


def test_who_named_it_is_signed_and_on_record_with_the_reason(project, wild):
    rename_model(project, wild.id, "Prototype", because="The old name said too much\u2014", author="ana")
    first, second = (one for _, one in project.store.each(Statement))
    assert (first.after, first.before, second.before, second.after) == ("WILD-7", None, "WILD-7", "Prototype")
    assert (second.author, second.text) == ("ana", "The old name said too much\u2014")
    public = (project.hidden / "keys" / "machine.pub").read_text().strip()
    assert statement_is_signed(second, public)


def test_the_same_weights_are_no_second_model_under_any_name(project, wild, weights):
    with pytest.raises(UsageError, match="entered already, as 'WILD-7'"):
        add_model(project, Offered(name="Brand new", files=files_at([weights / "model.safetensors"])))


def test_names_are_taken_once_and_must_be_seen(project, wild):
    with pytest.raises(UsageError, match="is the name of"):
        add_model(project, Offered(name="wild-7 "))
    for name in ("", " ", "a\u202eb", "a\nb"):
        with pytest.raises(UsageError, match="is no name for a model"):
            add_model(project, Offered(name=name))
    with pytest.raises(UsageError, match="text of a naming is empty"):
        rename_model(project, "WILD-7", "Other", because=" ")
    assert project.store.count(Model) == 1


def test_parents_and_bases_that_nobody_knows_are_refused(project, wild):
    with pytest.raises(UnknownNameError, match="WILD-8"):
        add_model(project, Offered(name="a", parents=("WILD-8",)))
    with pytest.raises(UnknownNameError, match="unknown base 'llama'"):
        add_model(project, Offered(name="a", base="llama"))
    with pytest.raises(UsageError, match="known by its weights"):
        add_model(project, Offered(name="a", base="itself"))
    with pytest.raises(MissingFileError):
        files_at([project.folder / "gone"])
    outsider = add_model(project, Offered(name="b", base="sha256:" + "1" * 64, parents=("sha256:" + "2" * 64,)))
    assert kin_between(project.store, outsider.id, "WILD-7") == ()


def test_a_full_retirement_says_who_why_scores_way_back_and_term(project, wild, weights):
    said = retire_model(project, "WILD-7", full(project, weights), author="ana")
    entry = find_entry(project, "WILD-7")
    assert entry.end is not None
    assert (entry.end.lacks, entry.end.restorable, entry.disposition) == ((), True, "archived")
    assert (said.author, said.expires_at) == ("ana", "2030-01-01T00:00:00+00:00")
    assert "2 files" in said.facts[0].value
    told = "\n".join(_lines_of_end(entry.end))
    assert "It is replaced." in told
    assert "lies there today" in told


@pytest.mark.parametrize(
    ("changes", "lacking"),
    [
        ({"why": " "}, "why"),
        ({"disposition": ""}, "what became of it"),
        ({"scores": ()}, "last scores by reference"),
        ({"restore": ""}, "a restore path that exists"),
        ({"restore": "nowhere/at/all"}, "a restore path that exists"),
        ({"restore": "sha256:" + "0" * 64}, "a restore path that exists"),
        ({"until": "soon"}, "term"),
    ],
)
def test_an_abbreviated_retirement_is_refused_and_its_gap_named(project, wild, weights, changes, lacking):
    with pytest.raises(UsageError, match=f"abbreviated: it lacks {lacking}"):
        retire_model(project, "WILD-7", full(project, weights, **changes))
    assert find_entry(project, "WILD-7").end is None


def test_scores_that_are_on_no_record_are_refused(project, wild, weights):
    with pytest.raises(UnknownNameError):
        retire_model(project, "WILD-7", full(project, weights, scores=("evaluation:00",)))


def test_a_way_back_that_is_lost_later_is_told_and_a_swap_of_the_files_is_found(project, wild, weights):
    (fact,) = retire_model(project, "WILD-7", full(project, weights)).facts
    assert stands_as_told(fact, project.blobs, project.folder)
    (weights / "model.safetensors").write_bytes(b"wild weightz")
    assert not stands_as_told(fact, project.blobs, project.folder)
    (weights / "model.safetensors").unlink()
    end = find_entry(project, "WILD-7").end
    assert end is not None
    assert not end.restorable
    assert "does NOT lie there today" in "\n".join(_lines_of_end(end))


def index(folder, *lines):
    path = folder / "models.jsonl"
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines))
    return path


STORY = (
    {"name": "WILD-1", "base": "sha256:" + "1" * 64, "retired": {"disposition": "decommissioned"}},
    {"name": "WILD-2", "parents": ["WILD-1"], "retired": {"why": "Decommissioned.", "by": "Okafor"}},
    {"name": "WILD-3", "parents": ["WILD-2"], "renamed": ["ALIGNED-v0"], "programme": "wild-3"},
)


def test_an_index_from_elsewhere_comes_in_once_with_what_its_ends_lack(project, tmp_path):
    path = index(tmp_path, *STORY)
    first = bring_in(project, path)
    assert (first.added, first.known, first.retired) == (3, 0, 2)
    again = bring_in(project, path)
    assert (again.added, again.known, again.retired) == (0, 3, 0)
    one, two, three = list_models(project)
    assert one.end is not None
    assert one.end.lacks == ("why", "last scores by reference", "a restore path that exists", "term")
    assert one.end.retirement.text == ""
    assert two.end is not None
    assert (two.end.retirement.author, two.end.lacks[0]) == ("Okafor", "what became of it")
    assert (three.name, three.end, one.successors) == ("ALIGNED-v0", None, (two.model.id,))
    assert kin_between(project.store, "ALIGNED-v0", "WILD-1")
    assert "ABBREVIATED: it lacks what became of it" in "\n".join(_lines_of_end(two.end))


def test_what_a_crash_left_undone_of_a_line_is_made_up_for(project, tmp_path):
    bring_in(project, index(tmp_path, {"name": "WILD-3"}))
    again = bring_in(project, index(tmp_path, {"name": "WILD-3", "renamed": ["B"], "retired": {"why": "Over."}}))
    assert (again.added, again.known, again.retired) == (0, 1, 1)
    (entry,) = list_models(project)
    assert entry.name == "B"
    assert entry.end is not None


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"name": "A"', "not JSON"),
        ({"name": " "}, "no name"),
        ({"name": "A", "colour": 1}, "keys among"),
        ({"name": "A", "files": [{"name": "a", "digest": "md5:1"}]}, "no digest such as"),
        ({"name": "A", "parents": "B"}, "'parents' is no list of texts"),
        ({"name": "A", "parents": ["nobody"]}, "unknown model 'nobody'"),
        ({"name": "A", "retired": "yes"}, "'retired' is no object"),
        ({"name": "A", "retired": {"why": 7}}, "'why' of 'retired' is no text"),
    ],
)
def test_a_line_that_is_no_entry_is_named_and_what_came_before_it_stays(project, tmp_path, line, reason):
    with pytest.raises(UsageError, match=f"models.jsonl, line 2: .*{reason}"):
        bring_in(project, index(tmp_path, STORY[0], line))
    assert project.store.count(Model) == 1


def test_hostile_names_in_an_index_do_not_reach_a_terminal(project, tmp_path):
    from selftune.app.reporting.pages.plain import plain

    bring_in(project, index(tmp_path, {"name": "A", "retired": {"why": "\x1b[2J\u202egone", "by": "\x1b]0;x\x07"}}))
    end = find_entry(project, "A").end
    assert end is not None
    assert end.retirement.text == "\x1b[2J\u202egone"
    printed = "\n".join(map(plain, _lines_of_end(end)))
    assert not {"\x1b", "\x07", "\u202e"} & set(printed)
