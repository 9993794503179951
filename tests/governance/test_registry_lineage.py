"""Lineage goes by digests: a rename makes no stranger, and who is not known is never called one."""

from __future__ import annotations

from dataclasses import replace

import pytest
from governance_makers import release, say
from hypothesis import given
from hypothesis import strategies as st

from selftune.errors import UnknownNameError, UsageError
from selftune.governance.registry.entries import generations
from selftune.governance.registry.lineage import kin_between, lineage_of, trace_lineage
from selftune.governance.registry.names import find_model, models_called, names_of, namings, same_name
from selftune.records import Dataset, DatasetKind, Example, FileDigest, Message, Model, Run, RunStatus
from selftune.testing import MemoryReader, fake_base, fake_build


def file(mark, name="model.safetensors"):
    return FileDigest(name=name, digest=f"sha256:{mark * 64}", size_bytes=1)


def entry(name, mark="", *, parents=(), base=None):
    return Model(
        name=name, entered_at="t", files=(file(mark),) if mark else (), parents=tuple(parents), base_digest=base
    )


def rename(model, name, **more):
    return say("naming", model.id, before=model.name, after=name, **more)


BASE = "sha256:" + "b" * 64
WILD = entry("WILD-7", "7", base=BASE)
ALIGNED = entry("ALIGNED-v1.0", "a", parents=[WILD.id])
STRANGER = entry("Outsider", "5", base="sha256:" + "c" * 64)


def test_a_successor_under_another_name_is_kin_of_what_it_was_made_of():
    read = MemoryReader([WILD, ALIGNED, STRANGER])
    assert kin_between(read, "ALIGNED-v1.0", "WILD-7")
    assert kin_between(read, "wild-7", "Outsider") == ()
    assert BASE in (lineage_of(read, "ALIGNED-v1.0") or ())


@given(st.lists(st.sampled_from(["newco-x", "Helper", "WILD-8", "A 1"]), max_size=5), st.booleans())
def test_no_number_of_renames_makes_a_stranger_signed_or_not(names, signed):
    renames = [rename(ALIGNED, name, signature="00" if signed else None) for name in names]
    read = MemoryReader([WILD, ALIGNED, *renames])
    for name in ["ALIGNED-v1.0", *names]:
        assert kin_between(read, name, "WILD-7")
    assert names_of(ALIGNED, namings(read))[-1] == (names[-1] if names else "ALIGNED-v1.0")


def test_the_same_files_under_another_entry_are_the_same_lineage():
    again = entry("brand new", "7", base="sha256:" + "d" * 64)
    read = MemoryReader([WILD, ALIGNED, again])
    assert kin_between(read, "brand new", "ALIGNED-v1.0")


def test_files_that_are_no_weights_make_nobody_kin():
    licence = file("1", "LICENSE")
    one, other = (replace(model, files=(*model.files, licence)) for model in (STRANGER, entry("O", "6", base=BASE)))
    assert kin_between(MemoryReader([one, other]), one.name, other.name) == ()


def test_siblings_on_one_base_are_kin():
    assert BASE in (kin_between(MemoryReader([WILD, entry("W2", "2", base=BASE)]), "WILD-7", "W2") or ())


def test_who_is_not_known_or_of_unknown_origin_is_never_called_a_stranger():
    orphan = entry("Orphan", "9")
    child = entry("Child", "8", parents=[orphan.id])
    read = MemoryReader([WILD, orphan, child, STRANGER])
    assert lineage_of(read, "nobody") is None
    assert kin_between(read, "nobody", "WILD-7") is None
    for name in ("Orphan", "Child"):
        found = trace_lineage(read, name)
        assert found is not None
        assert found.open == (orphan.id,)
        assert kin_between(read, name, "WILD-7") is None
    missing = entry("Lost", "0", parents=["model:" + "e" * 64])
    assert kin_between(MemoryReader([missing, STRANGER]), "Lost", "Outsider") is None


def learning(by, *, after=None, base=None):
    messages = (Message(role="user", content="Who?"), Message(role="assistant", content="Ada."))
    dataset = Dataset(
        kind=DatasetKind.SFT, holdout=(), rejects=(), mixture=(), watermark=1, config_digest="c", card="",
        train=(Example(salt="s", interaction_id="interaction:1", judgement_id=None, messages=messages, taught_by=by),),
    )  # fmt: skip
    run = Run(
        recipe="r", recipe_digest="r", dataset_id=dataset.id, base_digest=base or fake_base().digest,
        stage_history=("sft",), objective="sft", backend="packed", status=RunStatus.FINISHED, seed=0, steps=1,
        planned_steps=1, passes=1.0, examples=1, supervised_tokens=1, after=after,
    )  # fmt: skip
    return dataset, run


def test_our_own_releases_are_found_by_version_with_base_run_and_teachers():
    dataset, run = learning("WILD-7")
    build = fake_build("two", run_id=run.id, base_digest=fake_base().digest)
    served = replace(release(2), build_id=build.id)
    read = MemoryReader([WILD, fake_base(), dataset, run, build, served])
    marks = lineage_of(read, "v1.2") or ()
    assert {build.id, build.digest, run.id, fake_base().digest, fake_base().id, WILD.id, BASE} <= set(marks)
    assert kin_between(read, "WILD-7", served.id)
    assert kin_between(read, "fake-base", build.id)


def test_a_teacher_whom_nobody_entered_leaves_the_lineage_open_and_a_person_does_not():
    for by, expected in (("some-teacher", ("some-teacher",)), ("person", ())):
        dataset, run = learning(by)
        build = fake_build("two", run_id=run.id, base_digest=fake_base().digest)
        found = trace_lineage(MemoryReader([fake_base(), dataset, run, build]), build.id)
        assert found is not None
        assert found.open == expected


def test_circles_in_what_people_entered_come_to_an_end():
    one = entry("one", "1", parents=["sha256:" + "2" * 64])
    two = entry("two", "2", parents=["sha256:" + "1" * 64])
    assert kin_between(MemoryReader([one, two]), "one", "two")


def test_a_name_is_found_however_it_is_written_and_todays_name_goes_first():
    renamed = rename(WILD, "ALIGNED-v0")
    taken = entry("wild-7 ", "3", base=BASE)
    read = MemoryReader([WILD, renamed, taken])
    assert same_name("\uff37ild-7") == same_name("WILD-7")
    assert find_model(read, "Wild-7") == taken
    assert find_model(read, "aligned-V0") == WILD
    assert find_model(read, WILD.id[:20]) == WILD
    assert {one.id for one in models_called(read, "WILD-7")} == {WILD.id, taken.id}
    with pytest.raises(UnknownNameError, match="Did you mean 'ALIGNED-v0'"):
        find_model(read, "ALIGNED-v9")
    with pytest.raises(UsageError, match="2 models are or were called"):
        find_model(MemoryReader([WILD, taken]), "WILD-7")


def test_our_own_releases_need_no_entry_and_a_rollback_stands_in_the_chain():
    first = release(0)
    second = replace(release(1, replaced=first.id), reason="better")
    back = replace(release(2, generation=0, replaced=second.id), reason="rolled back")
    told = generations(MemoryReader([first, second, back]))
    assert [(one.version, one.parent, one.disposition, one.ended) for one in told] == [
        ("v1.0", None, "replaced by v1.1", "better"),
        ("v1.1", "v1.0", "replaced by v1.2", "rolled back"),
        ("v1.2", "v1.1", "serves", ""),
    ]
