"""Kin are found whatever they are called, code is exempt and named, the unknown is never independent."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.governance.independence import Party, check_independence, family_of, may_sign, shared_families
from selftune.records import CheckStatus


def party(role, *lineage, name=None):
    return Party(role=role, name=name or role, lineage=lineage)


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
    assert not may_sign(auditor, party("candidate", "WILD-7"))
    assert may_sign(auditor, party("candidate", "llama-3"))
    assert may_sign(party("person"), party("candidate", "WILD-7"))
    assert not may_sign(party("auditor", "unknown"), party("candidate", "WILD-7"))


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
