from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from selftune.context import Progress
from selftune.curation.stage import curate
from selftune.errors import BudgetError, NothingNewError, SelftuneError, WaitingForPersonError
from selftune.evals.config import EvaluationConfig
from selftune.evals.stage import evaluate
from selftune.evals.suites import load_suite
from selftune.loop.executor import Executor, Silent, Stored, describe, step_key
from selftune.records import (
    Build,
    Evaluation,
    GenerationParameters,
    ItemOutcome,
    Quarantined,
    Statement,
    StatementKind,
)
from selftune.store import Store
from selftune.testing import FakeClock, fake_build, fake_context, fake_proof

STAGE_VERSION = 1


@dataclass(frozen=True)
class Config:
    text: str = "hello"


def statement(text: str) -> Statement:
    return Statement(
        salt="00", author="a", author_is_model=False, subject="s", kind=StatementKind.REVIEW, text=text, said_at="now"
    )


class Counted:
    """A stage that counts how often it ran; a stage is known by its name and its module's version."""

    def __init__(self, name: str = "say"):
        self.calls = 0
        self.__name__ = name

    def __call__(self, inputs, config, context):
        self.calls += 1
        return statement(config.text)


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path) as opened:
        yield opened


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def make(tmp_path, store, clock):
    def build(**options):
        context = fake_context(tmp_path, clock=clock)
        return Executor(store=store, context=context, observer=Silent(), **options)

    return build


def test_a_finished_step_is_not_run_again_even_by_another_executor(make):
    stage = Counted()
    first = make()(stage, (), Config())
    second = make()(stage, (), Config())
    assert first == second
    assert stage.calls == 1


class Telling(Counted):
    """Tells that it has come half way."""

    def __call__(self, inputs, config, context):
        context.report(Progress(done=1, total=2))
        return super().__call__(inputs, config, context)


def refuse(stage):
    raise WaitingForPersonError(f"{stage} is stopped.", next_step="Lift it.")


def test_what_may_not_begin_runs_no_stage_and_what_is_finished_is_found_all_the_same(make):
    stage = Counted()
    with pytest.raises(WaitingForPersonError, match="say is stopped"):
        make(before=refuse)(stage, (), Config())
    assert stage.calls == 0
    made = make()(stage, (), Config())
    assert make(before=refuse)(stage, (), Config()) == made


def test_a_step_that_is_stopped_half_way_is_not_finished(make):
    stage = Telling()
    with pytest.raises(WaitingForPersonError):
        make(amid=refuse)(stage, (), Config())
    assert stage.calls == 0
    make()(stage, (), Config())
    assert stage.calls == 1


def evaluation(scores):
    build = fake_build()
    outcomes = (ItemOutcome(item_id=str(place), category="c", difficulty="easy", score=score, answer="", reasons=())
                for place, score in enumerate(scores))  # fmt: skip
    return Evaluation(
        build_id=build.id, build_digest=build.digest, proof=fake_proof(build), suite="s", suite_digest="sha256:0",
        scorer="s", scorer_lineage=(), generation=GenerationParameters(), seeds=(1,), outcomes=tuple(outcomes),
    )  # fmt: skip


class Outage:
    """Evaluates ten items, and the first time leaves so many of them without a score, the second so many."""

    __name__ = "evaluate"

    def __init__(self, *unscored: int):
        self.unscored = unscored
        self.calls = 0

    def __call__(self, inputs, config, context):
        lost = self.unscored[self.calls]
        self.calls += 1
        return evaluation([None if place < lost else 1.0 for place in range(10)])


def test_what_sets_a_step_off_is_in_the_ledger_before_it_runs_and_not_when_it_is_found_again(make, store):
    stage = Counted("say")
    for _ in range(2):
        step = make()
        step.note_before("say", "saying began", lambda inputs, config: {"of": inputs, "with": config.text})
        step(stage, "a", Config())
        step(Counted("other"), "a", Config())
    assert [detail for _, detail in store.noted("saying began")] == [{"of": "a", "with": "hello"}]
    events = [entry.event for entry in store.history()]
    assert events.index("saying began") < events.index("say")


def test_an_evaluation_that_an_outage_spoilt_is_asked_again_by_the_next_command_until_it_has_its_scores(make):
    stage, asked = Outage(10, 3, 0), EvaluationConfig(suite=load_suite("state_obedience"))
    step = make()
    assert len(step(stage, (), asked).unscored) == 10
    assert len(step(stage, (), asked).unscored) == 10, "one command sees one evaluation"
    assert stage.calls == 1
    assert len(make()(stage, (), asked).unscored) == 3
    assert make()(stage, (), asked).unscored == ()
    assert make()(stage, (), asked).unscored == ()
    assert stage.calls == 3


def test_a_build_that_no_stage_made_is_on_record_when_it_is_asked(make, store):
    control = fake_build("control")
    make()(Counted(), control, Config())
    assert store.record(control.id, Build) == control


@pytest.mark.parametrize("change", ["config", "inputs", "stage"])
def test_another_config_input_or_stage_is_another_step(make, change):
    stage = Counted()
    step = make()
    step(stage, (), Config())
    other = Counted("other") if change == "stage" else stage
    step(other, ("more",) if change == "inputs" else (), Config("bye") if change == "config" else Config())
    assert stage.calls + (other.calls if other is not stage else 0) == 2


def test_many_records_come_back_as_a_collection_that_can_be_walked_twice_without_broken_lines(make):
    def tell(inputs, config, context) -> Iterator[Statement | Quarantined]:
        yield statement("one")
        yield Quarantined(salt="00", source="f", position="1", reason="broken", raw="{")
        yield statement("two")

    told = make()(tell, (), Config())
    assert isinstance(told, Stored)
    assert len(told) == 3
    assert [one.text for one in told] == [one.text for one in told] == ["one", "two"]


def test_a_failure_is_recorded_and_raised_and_the_next_try_runs_again(make, store):
    class Fails(Counted):
        def __call__(self, inputs, config, context):
            super().__call__(inputs, config, context)
            if self.calls == 1:
                raise SelftuneError("no luck.", next_step="Try again.")
            return statement("done")

    stage = Fails()
    with pytest.raises(SelftuneError, match="no luck"):
        make()(stage, (), Config())
    assert any(entry.event == "step failed" for entry in store.history())
    assert make()(stage, (), Config()).text == "done"


def test_a_halt_is_noted_and_is_no_failure(make, store):
    def wait(inputs, config, context):
        raise NothingNewError("nothing new.", next_step="Wait.")

    with pytest.raises(NothingNewError):
        make()(wait, (), Config())
    events = [entry.event for entry in store.history()]
    assert "halted" in events
    assert "step failed" not in events


def test_no_step_begins_after_the_deadline_but_a_finished_one_is_still_found(make, clock):
    stage = Counted()
    make()(stage, (), Config())
    late = make(deadline=clock.elapsed() + 1)
    clock.advance(2)
    assert late(stage, (), Config()).text == "hello"
    with pytest.raises(BudgetError):
        late(stage, (), Config("new"))


def test_a_step_is_named_by_what_a_file_holds_not_by_where_it_lies(tmp_path):
    one, two = tmp_path / "a.txt", tmp_path / "b.txt"
    one.write_text("same")
    two.write_text("same")
    assert describe(one) == describe(two)
    two.write_text("other")
    assert describe(one) != describe(two)


def test_what_serves_names_what_is_measured_as_served_and_nothing_else(tmp_path):
    plain = fake_context(tmp_path)
    other = replace(plain, driver="ollama")
    assert step_key(evaluate, (), Config(), plain) != step_key(evaluate, (), Config(), other)
    assert step_key(curate, (), Config(), plain) == step_key(curate, (), Config(), other)


def test_what_has_no_identity_can_not_name_a_step(tmp_path):
    with pytest.raises(TypeError, match="can't be named"):
        step_key(Counted(), object(), Config(), fake_context(tmp_path))


@pytest.mark.parametrize("place", ["before", "kept"])
def test_a_step_that_is_cut_off_at_any_of_its_edges_runs_at_most_once_more(make, monkeypatch, place):
    stage = Counted()
    monkeypatch.setenv("SELFTUNE_FAILPOINTS", f"{place}-say=raise")
    with pytest.raises(SelftuneError, match="failpoint"):
        make()(stage, (), Config())
    monkeypatch.delenv("SELFTUNE_FAILPOINTS")
    assert make()(stage, (), Config()).text == "hello"
    assert stage.calls == 1
