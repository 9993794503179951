"""The line on the judge that every report carries."""

from __future__ import annotations

from dataclasses import replace

from selftune.judges.calibration.human import HumanJudge
from selftune.judges.rubric import load_rubric
from selftune.loop.measuring.calibrating import calibration_line
from selftune.records import JudgeIdentity

RUBRIC = load_rubric("golden")


def line(project, lineage, base="qwen2.5-7b"):
    judge = JudgeIdentity(name="oracle:a", version="1", lineage=lineage)
    return calibration_line(replace(project, base=replace(project.base, name=base)), judge, RUBRIC)


def test_a_judge_that_nobody_checked_is_said_to_be_so(project):
    assert "not calibrated: 0 of 200 labels" in line(project, ("llama-70b",))


def test_a_judge_of_the_models_own_family_is_called_kin(project):
    assert "kin of the model that it chooses lessons for (qwen)" in line(project, ("Qwen/Qwen2.5-72B-Instruct",))
    assert "kin" not in line(project, ("llama-70b",))
    assert "kin" not in line(project, ())


def test_people_are_held_against_nobody(project):
    assert calibration_line(project, HumanJudge.identity, RUBRIC).startswith("people judge")
