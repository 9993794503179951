"""Every serving form of a run is built, served and asked by steps of its own; what can't be served is told."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "gate"))

import gate_worlds as worlds

from selftune.app.forms import as_document, heading, next_step, notes_on, rows_of_categories, rows_of_forms, use_form
from selftune.builds.config import FORMS, BuildConfig
from selftune.builds.stage import ParityError, build
from selftune.errors import ServingError, UnknownNameError
from selftune.evals.config import EvaluationConfig
from selftune.evals.stage import evaluate
from selftune.gate.policies import load_policy
from selftune.loop.deciding.forms import Comparison, compare_forms
from selftune.records import Distance, Parity, ServingForm
from selftune.testing import FakeClock, FakeServe, fake_build, fake_context

SUITE = worlds.make_suite(60)
BESIDE = replace(
    worlds.make_suite(20),
    name="beside",
    items=tuple(replace(item, pair=f"beside-{item.pair}") for item in worlds.make_suite(20).items),
)
SIZES = {"adapter": 500, "f16": 400, "q8_0": 200, "q6_k": 180, "q5_k_m": 150, "q4_k_m": 100}
NAMES = {(form.value, quantisation.value): name for name, (form, quantisation) in FORMS.items()}
RUN = worlds.make_run()


class Steps:
    """Takes each step from a table: forms of known sizes, of which some break a category, and some can't be made."""

    def __init__(self, *, broken=(), failing=()) -> None:
        self.broken, self.failing = dict(broken), dict(failing)
        self.asked: list[str] = []

    def __call__(self, stage, inputs, config):
        if stage is build:
            name = NAMES[config.form, config.quantisation]
            if name in self.failing:
                raise self.failing[name]
            return fake_build(
                name, form=ServingForm(config.form), quantisation=config.quantisation, size_bytes=SIZES[name],
                run_id=inputs.id, parity=(Parity(name="greedy", measured=1.0, threshold=0.9, n=20),),
                distance=Distance(
                    divergence=0.3 if name in self.broken else 0.001, interval=(0.0, 0.5), same_top=1.0, n=9, prompts=3,
                    effect=0.2,
                ),
            )  # fmt: skip
        assert stage is evaluate
        name = NAMES[inputs.form.value, inputs.quantisation]
        self.asked.append(name)
        lost = self.broken.get(name, "none")
        pairs = dict.fromkeys(item.pair for item in config.suite.items)
        return worlds.make_evaluation(inputs, config.suite, {pair: not pair.startswith(lost) for pair in pairs})


@pytest.fixture
def compare(tmp_path):
    clock = FakeClock()

    def answer(_build, _request):
        clock.advance(0.5)
        return "two words"

    def run(steps, names=tuple(FORMS), largest=None, further=()):
        wanted = Comparison(
            layout=BuildConfig(),
            asked=EvaluationConfig(suite=SUITE),
            further=further,
            policy=load_policy("small"),
            largest_bytes=largest,
        )
        return compare_forms(RUN, names, wanted, steps, fake_context(tmp_path, serve=FakeServe(answer), clock=clock))

    return run


def test_every_form_is_asked_the_same_and_its_speed_is_taken(compare):
    steps = Steps()
    found = compare(steps)
    assert steps.asked == list(FORMS)
    assert found.choice.climb.chosen == "q4_k_m"
    assert {one.tokens_per_second for one in found.tried} == {4.0}


def test_the_adapter_is_asked_though_another_form_was_named(compare):
    steps = Steps()
    found = compare(steps, ("q8_0",))
    assert steps.asked == ["adapter", "q8_0"]
    assert found.choice.against == "adapter"


def test_a_form_that_breaks_a_category_is_told_with_it_and_with_what_it_undid(compare):
    found = compare(Steps(broken={"q4_k_m": "identity"}))
    assert found.choice.climb.chosen == "q5_k_m"
    told = "\n".join(notes_on(found))
    assert "Refused: q4_k_m: category_cap:identity" in told
    assert "Beware: q4_k_m lies 0.3 nats from what was trained, which lies 0.2 from the base (n = 9 tokens)" in told
    assert 'quantisation = "Q5_K_M"' in next_step("q5_k_m")


@pytest.mark.parametrize("error", [ParityError("it babbles.", next_step=""), ServingError("it died.", next_step="")])
def test_a_form_that_can_not_be_served_is_told_and_the_others_go_on(compare, error):
    found = compare(Steps(failing={"q6_k": error}))
    assert found.choice.climb.chosen == "q4_k_m"
    assert f"Broken: q6_k: {error.message}" in list(notes_on(found))
    assert "q6_k" not in {row[0] for row in rows_of_forms(found)}


def test_without_the_adapter_there_is_nothing_to_hold_against(compare):
    with pytest.raises(ServingError, match="it died"):
        compare(Steps(failing={"adapter": ServingError("it died.", next_step="")}))


def test_what_is_too_large_is_built_and_not_asked(compare):
    steps = Steps()
    found = compare(steps, largest=180)
    assert steps.asked == ["adapter", "q6_k", "q5_k_m", "q4_k_m"]
    told = list(notes_on(found))
    assert "Not asked: f16: 400 bytes are more than the 180 that fit." in told
    assert "Refused: adapter: 500 bytes are more than the 180 that fit." in told


def test_an_unknown_form_names_the_nearest():
    with pytest.raises(UnknownNameError, match="q4_k_m"):
        BuildConfig().laid_out_as("q4_km")


def test_the_tables_have_a_row_for_each_form_and_each_category_and_the_json_all_figures(compare):
    found = compare(Steps(broken={"q4_k_m": "identity"}))
    assert "6 forms" in heading(found)
    assert [row[0] for row in rows_of_forms(found)] == list(FORMS)
    categories = {row[0]: row[1:] for row in rows_of_categories(found)}
    assert list(categories) == ["all", *worlds.CATEGORIES]
    assert categories["identity"][0] == "60"
    assert categories["identity"][1].startswith("-1.00\n[-")
    document = as_document(found)
    assert document["chosen"] == "q5_k_m"
    assert [one["name"] for one in document["forms"]] == list(FORMS)
    assert all(one["figures"].score.n == 240 for one in document["forms"])


def test_suites_beside_the_one_that_decides_are_asked_of_every_form_and_may_stop_one(compare):
    steps = Steps(broken={"q4_k_m": "beside-identity"})
    found = compare(steps, ("q8_0", "q4_k_m"), further=(EvaluationConfig(suite=BESIDE),))
    assert steps.asked == ["adapter", "adapter", "q8_0", "q8_0", "q4_k_m", "q4_k_m"]
    assert found.choice.climb.chosen == "q8_0"
    (refused,) = (line for line in notes_on(found) if line.startswith("Refused"))
    assert "q4_k_m: no_worse:beside" in refused
    assert "category_cap:identity of beside" in refused
    rows = {row[0]: row[1:] for row in rows_of_categories(found)}
    assert list(rows)[5:] == ["beside: all", *(f"beside: {name}" for name in worlds.CATEGORIES)]
    assert rows["beside: identity"][:2] == ("20", "-1.00\n[-1.00, -0.74]")
    assert "and on suite 'beside'" in heading(found)
    assert {tuple(one["further"]) for one in as_document(found)["forms"]} == {("beside",)}


def test_using_a_form_sets_two_keys_and_keeps_the_rest_of_the_file(tmp_path):
    file = tmp_path / "selftune.toml"
    file.write_text("[project]\nname = 'x'  # mine\n\n[build]\nprompting = 'as_served'\n")
    assert use_form(tmp_path, "q5_k_m") == 'form = "quantised" and quantisation = "Q5_K_M"'
    said = file.read_text()
    assert "name = 'x'  # mine" in said
    assert 'prompting = \'as_served\'\nform = "quantised"\nquantisation = "Q5_K_M"\n' in said
    use_form(tmp_path, "adapter")
    assert file.read_text() == said.replace("quantised", "adapter").replace("Q5_K_M", "F16")
