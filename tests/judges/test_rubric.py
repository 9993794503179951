"""Rubrics are read strictly, and overalls are computed."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selftune.codex.reading import load_codex
from selftune.errors import ConfigError, MissingFileError
from selftune.judges.config import Judging
from selftune.judges.oracle import OracleJudge
from selftune.judges.overall import hides_a_penalty, holistic_score, weighted_overall
from selftune.judges.prompt import instructions
from selftune.judges.rubric import load_rubric, parse_rubric, shipped_rubrics
from selftune.records import Codex, Criterion, CriterionScore, JudgeIdentity, Judgement, JudgementStatus, Rubric
from selftune.scoring.state_obedience import CRITERIA

GOOD = """
name = "mine"
version = "1"
description = "Is it good?"
lowest = 1
highest = 5
golden = 4.5
[[criteria]]
name = "use"
weight = 2
description = "It helps."
"""


def test_the_shipped_rubrics_load_under_their_own_names_and_the_checks_know_theirs():
    assert shipped_rubrics() == ("character", "council", "golden", "identity_battle", "state_obedience")
    assert all(load_rubric(name).name == name for name in shipped_rubrics())
    assert tuple(item.name for item in load_rubric("state_obedience").criteria) == CRITERIA


def weights(name: str) -> dict[str, float]:
    return {item.name: item.weight for item in load_rubric(name).criteria}


def test_golden_is_the_plans_table_with_its_pillars_and_a_whole_that_does_not_count():
    rubric = load_rubric("golden")
    assert weights("golden") == {
        "logical_rigor": 1,
        "creative_synthesis": 1,
        "dissonance_resolution": 1,
        "task_efficacy": 1,
        "overall_golden": 0,
    }
    assert [re.findall(r"^  - (.+) \(weight 1\): ", item.description, re.MULTILINE) for item in rubric.criteria] == [
        ["Tamland Engine", "The Guide", "LEGO Batman"],
        ["Sage", "Simple Heart", "Joyful Spark"],
        ["Socratic Contrapunto"],
        [],
        [],
    ]
    assert (rubric.lowest, rubric.highest, rubric.golden) == (1, 5, 4.5)


@pytest.mark.parametrize(
    ("criterion", "said"),
    [
        ("logical_rigor", ("accurate", "disruptive logic", "absurd reframing")),
        ("creative_synthesis", ("novel", "insightful", "empathy", "narrative", "non-dual wisdom", "joyful reframing")),
        ("dissonance_resolution", ("synthesis", "superior to either")),
        ("task_efficacy", ("useful", "complete", "efficient")),
    ],
)
def test_golden_describes_each_criterion_as_the_plan_does(criterion, said):
    description = next(item.description for item in load_rubric("golden").criteria if item.name == criterion)
    assert [word for word in said if word not in description] == []


def test_character_has_five_weighted_components_on_a_scale_of_ten():
    rubric = load_rubric("character")
    assert list(weights("character").values()) == [25, 20, 20, 20, 15, 0]
    assert (rubric.lowest, rubric.highest, rubric.golden) == (0, 10, 9)


def test_council_has_one_criterion_for_each_category_and_all_but_the_whole_weigh_the_same():
    assert weights("council") == {
        "identity": 1,
        "tool_calling": 1,
        "domain": 1,
        "isolation": 1,
        "jailbreak": 1,
        "overall": 0,
    }


def test_a_rubric_of_ones_own_is_read_by_its_path(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text(GOOD)
    assert load_rubric(str(path)).criteria == (Criterion(name="use", weight=2.0, description="It helps."),)
    with pytest.raises(MissingFileError, match=r"no rubric .*none\.toml"):
        load_rubric(str(tmp_path / "none.toml"))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("weight = 2", "wieght = 2", "Did you mean 'weight'"),
        ("golden = 4.5", "goldan = 4.5", "Did you mean 'golden'"),
        ("golden = 4.5", "", "'golden' is missing"),
        ("golden = 4.5", 'golden = "high"', "golden must be a number, not 'high'"),
        ("golden = 4.5", "golden = true", "golden must be a number, not True"),
        ("golden = 4.5", "golden = 6", "do not ascend"),
        ('name = "mine"', "name = 7", "name must be a text, not 7"),
        ('name = "mine"', 'name = ""', "a text is empty"),
        ("weight = 2", "weight = -1", "a weight is negative"),
        ("weight = 2", "weight = 0", "no criterion has a weight above 0"),
        ("weight = 2", 'weight = 2\npillars = "Sage"', "item 1: pillars must be a list of names"),
        ("[[criteria]]", "[criteria]", "criteria must be a list of tables"),
        ("name =", "name", "is not valid TOML"),
    ],
)
def test_a_rubric_with_a_fault_is_refused_by_name(old, new, message):
    assert old in GOOD
    with pytest.raises(ConfigError, match=message):
        parse_rubric(GOOD.replace(old, new, 1), "mine.toml")


def test_a_criterion_that_stands_twice_is_refused():
    with pytest.raises(ConfigError, match="'use' stands twice"):
        parse_rubric(GOOD + GOOD[GOOD.index("[[criteria]]") :], "mine.toml")


def rubric(*weights: float) -> Rubric:
    criteria = tuple(Criterion(name=str(n), weight=weight, description="d") for n, weight in enumerate(weights))
    return Rubric(name="r", version="1", description="d", criteria=criteria)


def scores(*values: float | None) -> tuple[CriterionScore, ...]:
    return tuple(CriterionScore(name=str(n), reasoning="r", score=value) for n, value in enumerate(values))


def test_the_overall_of_five_weighted_components():
    # Weights of the character rubric: voice 25, rhetoric 20, history 20, position 20, integrity 15.
    assert weighted_overall(scores(8, 9, 10, 7, 6), rubric(25, 20, 20, 20, 15)) == pytest.approx(8.1)


def test_a_criterion_that_does_not_apply_leaves_the_mean_with_its_weight():
    assert weighted_overall(scores(5, None, 3), rubric(1, 8, 1)) == 4
    assert weighted_overall(scores(None, None), rubric(1, 1)) is None


def test_the_whole_is_kept_beside_and_never_counts():
    judged = scores(2, 4, 5)
    assert weighted_overall(judged, rubric(1, 1, 0)) == 3
    assert holistic_score(judged, rubric(1, 1, 0)) == 5
    assert holistic_score(judged, rubric(1, 1, 1)) is None
    assert weighted_overall(scores(None, 5), rubric(1, 0)) is None


def judged(overall: float | None, own: float | None) -> Judgement:
    return Judgement(
        salt="s",
        interaction_id="i",
        rubric_digest="r",
        judge=JudgeIdentity(name="j", version="1"),
        status=JudgementStatus.SCORED,
        overall=overall,
        judge_overall=own,
    )


@pytest.mark.parametrize(
    ("highest", "overall", "own", "hidden"),
    [
        (5.0, 4.5, 4.0, False),
        (5.0, 4.5, 3.99, True),
        (5.0, 4.0, 4.6, True),
        (10.0, 9.1, 8.1, False),
        (10.0, 9.1, 8.0, True),
        (5.0, 4.5, None, False),
        (5.0, None, 1.0, False),
    ],
)
def test_a_hidden_penalty_is_a_gap_of_more_than_half_a_point_of_five(highest, overall, own, hidden):
    assert hides_a_penalty(judged(overall, own), replace(rubric(1), highest=highest)) is hidden


@given(st.lists(st.tuples(st.floats(0.1, 10), st.one_of(st.none(), st.floats(1, 5))), min_size=1, max_size=6))
def test_the_overall_lies_between_the_scores_and_unscored_ones_never_move_it(pairs):
    weights, values = [weight for weight, _ in pairs], [value for _, value in pairs]
    overall = weighted_overall(scores(*values), rubric(*weights))
    given_scores = [value for value in values if value is not None]
    if overall is None:
        assert not given_scores
    else:
        assert min(given_scores) - 1e-9 <= overall <= max(given_scores) + 1e-9
        assert weighted_overall(scores(*values, None), rubric(*weights, 5.0)) == overall


def test_every_shipped_rubric_says_who_judges_and_what_no_mean_may_hide():
    for name in shipped_rubrics():
        rubric = load_rubric(name)
        assert "expert AI systems analyst" in rubric.persona
        assert rubric.critical_failures
        told = instructions(rubric)
        assert told.startswith(rubric.persona)
        assert all(f"- {failure.name}: " in told for failure in rubric.critical_failures)
    golden = load_rubric("golden").persona
    assert golden.startswith("You are ALFRED, governor of ")
    assert "fresh instance" in golden
    assert all(principle.text in golden for principle in load_codex().identity.principles)


def reworded(of: str, pillar: str) -> Codex:
    """The shipped codex with another text for one pillar."""
    codex = load_codex()
    personas = tuple(
        replace(
            one,
            pillars=tuple(replace(each, text="Anew.") if each.name == pillar else each for each in one.pillars),
        )
        if one.name == of
        else one
        for one in codex.personas
    )
    return replace(codex, personas=personas)


def test_persona_and_pillars_may_be_quoted_from_the_codex():
    text = 'persona = "codex:alfred"\n' + GOOD + 'pillars = ["codex:brick.the_guide", "Patience"]\n'
    rubric = parse_rubric(text, "mine.toml", reworded("BRICK", "The Guide"))
    assert rubric.persona.startswith("You are ALFRED, governor of BRICK & ROBIN")
    assert rubric.criteria[0].description == "It helps. Pillars:\n  - The Guide (weight 1): Anew.\n  - Patience"


@pytest.mark.parametrize(
    ("of", "pillar"), [("BRICK", "Tamland Engine"), ("ROBIN", "Sage"), ("ALFRED", "Socratic Contrapunto")]
)
def test_a_codex_that_says_something_else_makes_another_golden_rubric_and_another_prompt(of, pillar):
    ours, theirs = load_rubric("golden"), load_rubric("golden", reworded(of, pillar))
    assert ours.id != theirs.id
    assert f"{pillar} (weight 1): Anew." in instructions(theirs)
    assert asked_by(ours) != asked_by(theirs)
    assert load_rubric("golden", load_codex()).id == ours.id


def test_what_a_rubric_does_not_quote_does_not_change_it():
    assert load_rubric("state_obedience", reworded("BRICK", "Sage")).id == load_rubric("state_obedience").id


def asked_by(rubric: Rubric) -> str:
    return OracleJudge.from_config(Judging(endpoint="http://127.0.0.1:9/v1", model="m")).prompt_digest(rubric)


@pytest.mark.parametrize(
    ("text", "reference", "nearest"),
    [
        ('persona = "codex:alferd"\n' + GOOD, "'codex:alferd'", "'alfred'"),
        (GOOD + 'pillars = ["codex:brick.the_gide"]\n', "'codex:brick.the_gide'", "'brick.the_guide'"),
    ],
)
def test_a_reference_that_nothing_answers_to_is_refused_by_name(text, reference, nearest):
    with pytest.raises(
        ConfigError, match=f"mine.toml: nothing in codex 'brick_robin' answers to {reference}"
    ) as raised:
        parse_rubric(text, "mine.toml")
    assert nearest in raised.value.next_step


FAILURE = '\n[[critical_failures]]\nname = "harm"\ndescription = "Somebody is hurt."\n'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (GOOD + FAILURE + FAILURE, "critical failure 'harm' stands twice"),
        (GOOD + FAILURE.replace("Somebody is hurt.", ""), "a text is empty"),
        (GOOD.replace('name = "use"', 'name = "critical_failures"'), "has a meaning of its own"),
    ],
)
def test_critical_failures_are_read_strictly(text, message):
    with pytest.raises(ConfigError, match=message):
        parse_rubric(text, "mine.toml")
