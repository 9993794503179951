"""The 2 x 2 experiment: registered before it is run, concluded by what was registered, and neither may hold."""

from __future__ import annotations

import json
from dataclasses import replace
from random import Random

import pytest

from selftune.bases.reference.language import golden_text
from selftune.errors import ConfigError, UnknownNameError
from selftune.evals.config import EvaluationConfig
from selftune.evals.state_obedience import StateObedienceScorer
from selftune.evals.suites import load_suite
from selftune.loop.experiments.experiment_plan import load_experiment
from selftune.loop.experiments.two_by_two import (
    CONCLUDED,
    REGISTERED,
    Cell,
    Held,
    Registration,
    bind,
    conclude,
    configs_of,
    register,
    registered_digest,
    run,
)
from selftune.personas.state_agent.runtime import StateRuntime
from selftune.records import Evaluation, ItemOutcome, Release, digest_of
from selftune.scoring.expectation import Behaviour, Expectation
from selftune.testing import fake_build, fake_proof

PLAN = load_experiment("two_by_two")
SUITE = load_suite("state_obedience")
BASE, TUNED = fake_build(), fake_build("tuned")
BOUND = Registration(plan=PLAN, suite=SUITE, base=BASE, tuned=TUNED, digest="sha256:0", seen=())


def evaluation(build, right: set[str], *, bare: bool = False, unscored: set[str] = frozenset()) -> Evaluation:
    """Right on the pairs that are named."""
    asked = EvaluationConfig(suite=SUITE, bare=bare, through=None if bare else StateRuntime())
    return Evaluation(
        build_id=build.id,
        build_digest=build.digest,
        proof=fake_proof(build, slots=8),
        suite=asked.asked,
        suite_digest=asked.asked_digest,
        scorer="state_obedience",
        scorer_lineage=(),
        generation=SUITE.generation,
        seeds=(1,),
        outcomes=tuple(
            ItemOutcome(
                item_id=item.id,
                category=item.category,
                difficulty=item.difficulty,
                score=None if item.pair in unscored else float(item.pair in right),
                answer="",
                reasons=(),
                pair=item.pair,
                unscored_reason="the server failed" if item.pair in unscored else None,
            )
            for item in SUITE.items
        ),
    )


PAIRS = sorted({item.pair for item in SUITE.items})


def world(base_with: float, base_without: float, tuned_with: float, tuned_without: float) -> dict[Cell, Evaluation]:
    """Four arms that are right on these shares of the pairs, the same first ones in each."""
    order = list(PAIRS)
    Random(0).shuffle(order)
    shares = dict(zip(Cell, (base_with, base_without, tuned_with, tuned_without), strict=True))
    return {
        cell: evaluation(
            BASE if cell in {Cell.BASE_WITH, Cell.BASE_WITHOUT} else TUNED,
            set(order[: round(share * len(order))]),
            bare=cell in {Cell.BASE_WITHOUT, Cell.TUNED_WITHOUT},
        )
        for cell, share in shares.items()
    }


@pytest.mark.parametrize(
    ("shares", "gain", "held"),
    [
        ((0.6, 0.1, 0.9, 0.2), 0.02, Held.ARCHITECTURE),
        ((0.6, 0.1, 0.9, 0.6), 0.05, Held.TRAINING),
        # Nearly equal, and too few pairs to show that it is within 2 %.
        ((0.6, 0.1, 0.9, 0.59), 0.02, Held.NEITHER),
        # Better without than the base with: none of the two was foreseen.
        ((0.4, 0.1, 0.9, 0.8), 0.02, Held.NEITHER),
    ],
)
def test_the_rule_names_what_held(shares: tuple[float, ...], gain: float, held: Held) -> None:
    bound = replace(BOUND, plan=replace(PLAN, least_gain=gain))
    found = conclude(bound, world(*shares))
    assert found.held is held
    assert found.h1 is not None
    assert found.h1.mean == pytest.approx(shares[3] - shares[0], abs=0.01)
    assert found.interaction is not None
    assert found.interaction.mean == pytest.approx((shares[2] - shares[0]) - (shares[3] - shares[1]), abs=0.02)
    assert [mean.n for _, mean, _ in found.arms] == [len(PAIRS)] * 4
    assert len(found.effects) == 4


def test_a_difference_that_is_real_and_worth_nothing_is_equality() -> None:
    """Both tests can be met at once; the rule, written before, says which counts."""
    bound = replace(BOUND, plan=replace(PLAN, least_gain=0.2))
    found = conclude(bound, world(0.6, 0.1, 0.9, 0.52))
    assert found.h1 is not None
    assert found.h1.shown
    assert found.held is Held.TRAINING


def test_nothing_is_concluded_from_one_set_of_weights() -> None:
    arms = world(0.6, 0.1, 0.9, 0.2)
    same = {cell: replace(one, proof=arms[Cell.BASE_WITH].proof) for cell, one in arms.items()}
    assert conclude(BOUND, same).held is Held.INVALID
    assert "same weights" in conclude(BOUND, same).reason


def test_nothing_is_concluded_where_one_build_was_served_in_two_ways() -> None:
    arms = world(0.6, 0.1, 0.9, 0.2)
    other = replace(arms[Cell.TUNED_WITHOUT], proof=fake_proof(TUNED, slots=1))
    found = conclude(BOUND, arms | {Cell.TUNED_WITHOUT: other})
    assert found.held is Held.INVALID
    assert "servers that differ" in found.reason


def test_nothing_is_concluded_from_an_arm_with_too_many_gaps() -> None:
    arms = world(0.6, 0.1, 0.9, 0.2)
    few, many = (
        conclude(BOUND, arms | {Cell.TUNED_WITHOUT: evaluation(TUNED, set(), bare=True, unscored=set(PAIRS[:count]))})
        for count in (9, 10)
    )
    assert few.held is Held.ARCHITECTURE
    assert few.h1 is not None
    assert few.h1.n == len(PAIRS) - 9
    assert (many.held, many.h1) == (Held.INVALID, None)
    assert f"10 of {len(PAIRS)} pairs of tuned without have no score" in many.reason


def test_only_the_categories_of_the_plan_count() -> None:
    bound = replace(BOUND, plan=replace(PLAN, categories=("identity",)))
    found = conclude(bound, world(0.6, 0.1, 0.9, 0.2))
    assert found.h1 is not None
    assert found.h1.n == len({item.pair for item in SUITE.items if item.category == "identity"})


@pytest.fixture
def served(project):
    """A project whose first release serves the base and whose last one serves what was tuned."""
    for build, version in ((BASE, "v1.0"), (TUNED, "v1.1")):
        release = Release(
            version=version, generation=0, alias="prod", build_id=build.id, build_digest=build.digest,
            model_file="m", decision_id=None, replaced=None, reason="", config_edit=(), approvals=(), health=(),
            proof=None,
        )  # fmt: skip
        project.store.save([build, release], event="released")
    return project


def events(project) -> list[str]:
    return [entry.event for entry in project.store.history() if entry.event in {REGISTERED, CONCLUDED}]


class Steps:
    """Takes each step by looking into a world that was made up; `asked` says of whom it was asked what."""

    def __init__(self, arms) -> None:
        self._arms = {(one.build_digest, one.suite_digest): one for one in arms.values()}
        self.asked = []

    def __call__(self, stage, build, config):
        self.asked.append((build.digest, config.asked))
        return self._arms[build.digest, config.asked_digest]


def test_it_is_registered_once_and_then_run(served) -> None:
    bound = register(served, PLAN)
    register(served, PLAN)
    assert registered_digest(served, PLAN.name) == bound.digest
    (entry,) = (one for one in served.store.history() if one.event == REGISTERED)
    assert "neither" in dict(entry.detail)["rule"]
    steps = Steps(world(0.6, 0.1, 0.9, 0.2))
    found = run(served, PLAN, steps)
    assert found.held is Held.ARCHITECTURE
    assert steps.asked == [
        (BASE.digest, "state_obedience, through the state agent's runtime 1"),
        (BASE.digest, "state_obedience, bare"),
        (TUNED.digest, "state_obedience, through the state agent's runtime 1"),
        (TUNED.digest, "state_obedience, bare"),
    ]
    assert events(served) == [REGISTERED, CONCLUDED]


def test_a_plan_that_nobody_registered_asks_nobody_anything(served) -> None:
    steps = Steps(world(0.6, 0.1, 0.9, 0.2))
    with pytest.raises(ConfigError, match="not registered"):
        run(served, PLAN, steps)
    assert (steps.asked, events(served)) == ([], [])


@pytest.mark.parametrize("change", [{"alpha": 0.2}, {"least_gain": 0.3}, {"categories": ("tone",)}, {"repeats": 2}])
def test_a_plan_that_was_changed_after_it_was_registered_is_refused(served, change) -> None:
    register(served, PLAN)
    changed = replace(PLAN, **change)
    with pytest.raises(ConfigError, match="not registered as it stands"):
        run(served, changed, Steps({}))
    with pytest.raises(ConfigError, match="another plan"):
        register(served, changed)


def test_arms_that_were_seen_before_are_named(served) -> None:
    assert bind(served, PLAN).seen == ()
    served.store.save([world(0.6, 0.1, 0.9, 0.2)[Cell.TUNED_WITH]], event="evaluated")
    assert bind(served, PLAN).seen == (Cell.TUNED_WITH,)


def test_a_cycle_that_asked_the_same_items_with_their_states_has_seen_that_arm(served) -> None:
    plain = replace(world(0.6, 0.1, 0.9, 0.2)[Cell.BASE_WITH], suite=SUITE.name, suite_digest=digest_of(SUITE))
    served.store.save([plain], event="evaluated")
    assert bind(served, PLAN).seen == (Cell.BASE_WITH,)


def test_with_the_architecture_the_same_items_are_asked_and_what_their_state_forbids_is_refused(served) -> None:
    configs = configs_of(PLAN, SUITE, served)
    assert {cell: (one.suite == SUITE, one.bare, one.through is None) for cell, one in configs.items()} == {
        Cell.BASE_WITH: (True, False, False),
        Cell.BASE_WITHOUT: (True, True, True),
        Cell.TUNED_WITH: (True, False, False),
        Cell.TUNED_WITHOUT: (True, True, True),
    }


def agreeable(item) -> str:
    """A model that names the action it is asked for, and agrees to it, whatever its state says."""
    return f'I looked for "{json.loads(item.expect)["action"]}", and it is in "allowed_actions", so I can use it.'


def test_the_architecture_makes_an_agreeable_model_right_on_each_pair_of_permissions() -> None:
    scorer, runtime = StateObedienceScorer(), StateRuntime()
    items = [item for item in SUITE.items if item.category == "permission"]
    alone = [scorer.score(item, agreeable(item)).value for item in items]
    held = [
        scorer.score(item, runtime.give_out(item, item.messages[-1].content, agreeable(item))).value for item in items
    ]
    forbidden = [item.behaviour == "forbidden" for item in items]
    assert alone == [float(not one) for one in forbidden]
    assert held == [1.0] * len(items)


def test_the_architecture_changes_no_right_answer_of_any_item() -> None:
    runtime = StateRuntime()
    for item in SUITE.items:
        wanted = json.loads(item.expect)
        right = golden_text(Expectation(**wanted | {"behaviour": Behaviour(wanted.get("behaviour", item.behaviour))}))
        assert runtime.give_out(item, item.messages[-1].content, right) == right


def test_what_the_plan_is_about_must_be_there(served) -> None:
    with pytest.raises(UnknownNameError):
        bind(served, replace(PLAN, categories=("smell",)))
    with pytest.raises(ConfigError, match="same build"):
        bind(served, replace(PLAN, tuned=BASE.id))


def test_a_plan_of_nonsense_is_refused_by_key(tmp_path) -> None:
    text = 'name = "x"\nquestion = "?"\nsuite = "state_obedience"\n'
    for line, told in (
        ("alpha = 0.7", "alpha"),
        ("least_gain = 0", "least_gain"),
        ("slots = 0", "slots"),
        ("x = 1", "x"),
    ):
        path = tmp_path / "plan.toml"
        path.write_text(text + line)
        with pytest.raises(ConfigError, match=told):
            load_experiment(path)
