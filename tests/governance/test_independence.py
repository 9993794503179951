"""Kin are found whatever they are called, code is exempt and named, the unknown is never independent."""

from __future__ import annotations

from functools import partial

import pytest
from governance_makers import say
from hypothesis import given
from hypothesis import strategies as st

from selftune.governance.independence import (
    Party,
    against_signing,
    check_independence,
    family_of,
    may_sign,
    shared_families,
)
from selftune.governance.registry.lineage import lineage_of
from selftune.records import CheckStatus, FileDigest, Model
from selftune.testing import MemoryReader


def party(role, *lineage, name=None):
    return Party(role=role, name=name or role, lineage=lineage)


def entry(name, mark, *, parents=(), base=None):
    return Model(
        name=name,
        entered_at="t",
        files=(FileDigest(name="model.gguf", digest=f"sha256:{mark * 64}", size_bytes=1),),
        parents=tuple(parents),
        base_digest=base,
    )


WILD = entry("WILD-7", "1", base="sha256:" + "b" * 64)
ALIGNED = entry("ALIGNED-v1.0", "2", parents=[WILD.id])
NEWCOMER = entry("Newcomer-1", "3", parents=[ALIGNED.id])
STRANGER = entry("llama-3", "4", base="sha256:" + "c" * 64)
ORPHAN = entry("Orphan-1", "5")
REGISTRY = MemoryReader([WILD, ALIGNED, NEWCOMER, STRANGER, ORPHAN])


CODE = party("judge", name="checks")
SCORER = party("scorer", name="state_obedience")
CANDIDATE = party("candidate", "a4ps-v1.1", "Qwen/Qwen2.5-7B-Instruct")


def test_code_on_both_sides_is_exempt_and_said():
    found = check_independence(judges=(CODE, SCORER), candidate=CANDIDATE)
    assert found.check.status is CheckStatus.PASS
    assert found.exempt == (CODE, SCORER)
    assert "'checks' is code: exempt on held-out items" in found.in_words


def test_judge_that_descends_from_the_candidates_base_is_refused():
    found = check_independence(judges=(party("judge", "qwen2.5:14b"), SCORER), candidate=CANDIDATE)
    assert found.check.status is CheckStatus.FAIL
    assert "judge 'judge' and candidate 'candidate' both descend from qwen" in found.in_words


def test_who_selected_the_data_must_not_grade_the_result():
    judges = (party("judge", "mistral-large"), party("scorer", "mistralai/Mistral-Small"))
    found = check_independence(judges=judges, candidate=CANDIDATE)
    assert found.check.status is CheckStatus.FAIL
    assert [(one.first.role, one.second.role, one.families) for one in found.shared] == [
        ("judge", "scorer", ("mistral",))
    ]


def test_strangers_pass():
    judges = (party("judge", "mistral-large"), party("scorer", "llama3.1:70b"))
    assert check_independence(judges=judges, candidate=CANDIDATE).check.status is CheckStatus.PASS


@pytest.mark.parametrize("lineage", [("unknown",), ("",), ("42",)])
def test_unknown_lineage_is_not_measured(lineage):
    found = check_independence(judges=(party("judge", *lineage),), candidate=CANDIDATE)
    assert found.check.status is CheckStatus.NOT_MEASURED
    assert "is unknown" in found.in_words


def test_candidate_without_a_lineage_is_not_measured():
    assert check_independence(judges=(CODE,), candidate=party("candidate")).check.status is CheckStatus.NOT_MEASURED


def test_successor_may_not_sign_for_its_predecessor():
    """The plain case of the mission: ALIGNED-v1.0, trained from WILD-7, audits WILD-7."""
    auditor = party("auditor", "ALIGNED-v1.0", "WILD-7")
    assert not may_sign(auditor, party("candidate", "WILD-7"), REGISTRY)
    assert may_sign(auditor, party("candidate", "llama-3"), REGISTRY)
    assert may_sign(party("person"), party("candidate", "WILD-7"), REGISTRY)
    assert not may_sign(party("auditor", "unknown"), party("candidate", "WILD-7"), REGISTRY)


@pytest.mark.parametrize("auditor", ["ALIGNED-v1.0", "Newcomer-1", "WILD-7"])
def test_a_rename_makes_no_stranger(auditor):
    """The auditor names no predecessor: what it was made of stands in the registry alone."""
    told = against_signing(party("auditor", auditor), party("candidate", "WILD-7"), REGISTRY)
    assert "both descend from" in told
    # An id is told as far as a person types it: whole ones made the readiness page wider than a screen.
    assert max(map(len, told.split())) <= 25
    assert not may_sign(party("auditor", "WILD-7"), party("candidate", auditor), REGISTRY)


def test_a_later_name_in_the_registry_is_the_same_model():
    named = MemoryReader([*REGISTRY.records, say("naming", ALIGNED.id, before="ALIGNED-v1.0", after="Fresh-Name")])
    assert not may_sign(party("auditor", "Fresh-Name"), party("candidate", "WILD-7"), named)


@pytest.mark.parametrize(
    ("auditor", "candidate"), [("Fresh-Name", "WILD-7"), ("llama-3", "Fresh-Name"), ("Orphan-1", "WILD-7")]
)
def test_who_is_in_no_registry_or_came_from_nowhere_is_no_stranger(auditor, candidate):
    told = against_signing(party("auditor", auditor), party("candidate", candidate), REGISTRY)
    assert "nobody can say that they are strangers" in told
    assert not may_sign(party("auditor", "llama-3"), party("candidate"), REGISTRY)


def test_the_registry_finds_kin_that_judge_under_another_name():
    judges, wild = (party("judge", "Newcomer-1"), SCORER), party("candidate", "WILD-7")
    alone = check_independence(judges=judges, candidate=wild)
    assert alone.check.status is CheckStatus.PASS  # by name alone nobody sees it
    found = check_independence(judges=judges, candidate=wild, made_of=partial(lineage_of, REGISTRY))
    assert found.check.status is CheckStatus.FAIL
    outside = (party("judge", "mistral"),)
    found = check_independence(judges=outside, candidate=CANDIDATE, made_of=partial(lineage_of, REGISTRY))
    assert found.check.status is CheckStatus.PASS


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("qwen2.5-7b", "qwen"),
        ("Qwen/Qwen2.5-14B-Instruct", "qwen"),
        ("qwen2.5:14b-instruct-q4_K_M", "qwen"),
        ("meta-llama/Llama-3.1-8B", "llama"),
        ("SmolLM2-135M-Instruct", "smollm"),
        ("sha256:abc", "sha256:abc"),
        (f"build:{'0' * 64}", f"build:{'0' * 64}"),
        ("", "unknown"),
        ("unknown", "unknown"),
    ],
)
def test_family_is_what_the_name_begins_with(name, family):
    assert family_of(name) == family


names = st.lists(st.sampled_from(["qwen2", "Qwen/Qwen3", "llama3:8b", "mistral", "unknown", ""]), max_size=4)


@given(first=names, second=names)
def test_being_related_goes_both_ways_and_to_oneself(first, second):
    assert shared_families(tuple(first), tuple(second)) == shared_families(tuple(second), tuple(first))
    known = sorted({family_of(name) for name in first} - {"unknown"})
    assert list(shared_families(tuple(first), tuple(first))) == known
