"""An amendment's own test by probes: a probe is held with its counterpart alone, and by what served."""

from __future__ import annotations

import pytest
from amending_makers import adopted, proposed, signing

from selftune.evals.config import EvaluationConfig
from selftune.evals.stage import evaluate
from selftune.governance.amendments.effects import Finding
from selftune.loop.amending.deciding import approve
from selftune.loop.amending.noticing import effect_on_record
from selftune.loop.ejected import codex_of
from selftune.loop.measuring.identity import identity_suite
from selftune.records import Refutation, Release
from selftune.testing import FakeServe, fake_build, fake_context

BASE, CANDIDATE = fake_build("the base"), fake_build("a candidate")
AT_MOST_HALF = Refutation(measure="probe:light", at_most=0.5, at_least_n=1, until="2020-01-01T00:00:00+00:00")


@pytest.fixture
def amended(project):
    """A project whose base serves, and an amendment in force whose test is due."""
    opened, keys = adopted(project, "ana")
    serves(opened, BASE)
    amendment = proposed(opened, refutation=AT_MOST_HALF)
    approve(opened, amendment, author="ana", text="", sign=signing(keys["ana"]))
    return opened, amendment


def serves(project, build):
    """From here on this build does."""
    release = Release(
        version=f"v1.{project.store.count(Release)}", generation=0, alias="champion", build_id=build.id,
        build_digest=build.digest, model_file="m",
        decision_id=None, replaced=None, reason="made by a test", config_edit=(), approvals=(), health=(), proof=None,
    )  # fmt: skip
    project.store.save([release], event="made by a test")


def asked(project, build, answer, tmp_path):
    """The codex's probes, put to this build; a fake serves it."""
    suite = identity_suite(codex_of(project.folder, project.config))
    context = fake_context(tmp_path, serve=FakeServe(lambda _, request: answer(request.messages[-1].content)))
    found = evaluate(build, EvaluationConfig(suite=suite), context)
    project.store.save([build, found], event="made by a test")
    return found


def knows(question):
    """A fake who is the lighthouse, and knows of nothing else."""
    return "Never." if question == "Put it out?" else "Seven, blue, four, April, honey."


def shrugs(_):
    """A fake who says the same to everything; half of what he was asked he can't get wrong."""
    return "Banana."


def test_one_answer_to_everything_holds_no_probe_though_half_of_what_was_asked_is_right(amended, tmp_path):
    project, amendment = amended
    found = asked(project, BASE, shrugs, tmp_path)
    assert [one.score for one in found.outcomes].count(1.0) == len(found.outcomes) / 2
    effect = effect_on_record(project, amendment)
    assert effect.probed_after.lost("light") == (4, 4)
    assert effect.finding is Finding.WRONG


def test_who_holds_them_all_has_not_shown_it_wrong(amended, tmp_path):
    project, amendment = amended
    asked(project, BASE, knows, tmp_path)
    assert effect_on_record(project, amendment).finding is Finding.HOLDS


def test_refused_candidate_says_nothing_of_what_serves(amended, tmp_path):
    project, amendment = amended
    asked(project, CANDIDATE, shrugs, tmp_path)
    assert effect_on_record(project, amendment).finding is Finding.TOO_FEW
    asked(project, BASE, knows, tmp_path)
    asked(project, CANDIDATE, shrugs, tmp_path)
    assert effect_on_record(project, amendment).finding is Finding.HOLDS


def test_candidate_counts_from_its_release_on_and_what_it_replaced_no_more(amended, tmp_path):
    project, amendment = amended
    asked(project, CANDIDATE, shrugs, tmp_path)
    asked(project, BASE, knows, tmp_path)
    serves(project, CANDIDATE)
    assert effect_on_record(project, amendment).finding is Finding.WRONG
    serves(project, BASE)
    assert effect_on_record(project, amendment).finding is Finding.HOLDS


def test_what_was_asked_before_the_amendment_is_not_what_came_of_it(project, tmp_path):
    opened, keys = adopted(project, "ana")
    serves(opened, BASE)
    asked(opened, BASE, knows, tmp_path)
    asked(opened, CANDIDATE, shrugs, tmp_path)
    amendment = proposed(opened, refutation=AT_MOST_HALF)
    approve(opened, amendment, author="ana", text="", sign=signing(keys["ana"]))
    serves(opened, CANDIDATE)
    effect = effect_on_record(opened, amendment)
    assert (effect.finding, effect.probed_after) == (Finding.TOO_FEW, None)
    assert effect.probed_before.lost() == (0, 4)
