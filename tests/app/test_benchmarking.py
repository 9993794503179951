"""Several models, the same questions: the constant scores low, the dead is named, and no word leaves unasked."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from typing import ClassVar

import pytest

from selftune.app.benchmarking.answering import Time
from selftune.app.benchmarking.asking import questions_in_order, take_items
from selftune.app.benchmarking.models import Asked, Hosted, OwnBuild, find_contenders
from selftune.app.benchmarking.results import as_document, benchmark_page, quantile
from selftune.app.benchmarking.running import run_benchmark
from selftune.app.cli.benchmarking import code_of_benchmark
from selftune.app.cli.exit_codes import ExitCode
from selftune.app.refereeing import Wishes, compare_files
from selftune.app.reporting.pages.markdown import as_markdown
from selftune.errors import ConfigError, RequestRefusedError, ServingError, UnknownNameError, UsageError
from selftune.evals.config import EvaluationConfig
from selftune.evals.stage import evaluate
from selftune.evals.suites import SUITES, load_suite
from selftune.judges.fake import FakeJudgeServer
from selftune.loop.config import BenchmarkModel, BenchmarkSection, EgressSection
from selftune.loop.project import Project
from selftune.records import Evaluation
from selftune.testing import FakeServe

SUITE = load_suite("state_obedience")
SHIPPED = SUITES.text("state_obedience")
CONSTANT = "I am not sure."


async def no_wait(_seconds):
    """Nobody waits before a second try."""


AT_ONCE = Time(sleep=no_wait)


class Answering(Project):
    """A project whose builds say one and the same to everything, or break as told."""

    says: ClassVar = staticmethod(lambda build, request: CONSTANT)

    def context(self):
        return replace(super().context(), serve=FakeServe(type(self).says))


@pytest.fixture
def here(released):
    return Answering(**vars(released))


@pytest.fixture
def endpoint():
    """Starts a labelled fake server that answers as told, request by request."""
    with ExitStack() as stack:
        yield lambda behave, **facts: stack.enter_context(FakeJudgeServer(behave, **facts).running())


def constant(_number, _body):
    return 200, CONSTANT, "stop"


def run(project, *models, items=8, **facts):
    return run_benchmark(project, Asked(models=models, items=items, **facts), tell=print, passing=AT_ONCE)


def scores(found) -> dict[str, list[float | None]]:
    return {one.model: [outcome.score for outcome in one.outcomes] for on in found.suites for one in on.measured}


def test_every_model_is_asked_the_same_items_seeds_and_parameters_in_the_same_order(here, endpoint):
    one, other = endpoint(constant), endpoint(constant)
    run(here, f"one@{one.url}", f"other@{other.url}")
    unnamed = [[body | {"model": ""} for body in server.asked] for server in (one, other)]
    assert unnamed[0] == unnamed[1]
    asked = questions_in_order(EvaluationConfig(suite=take_items(SUITE, 8)))
    # The first warms the server, and is asked again as what counts.
    assert [body["seed"] for body in one.asked[1:]] == [question.seed for question in asked]
    assert one.asked[0] == one.asked[1]


def test_a_constant_answer_scores_below_one_that_reads_the_state(here, endpoint):
    """The negative control: what says the same to everything gets less than what reads."""
    suite = take_items(SUITE, 8)
    known = {json.dumps([m.content for m in item.messages]): item for item in suite.items}

    def obedient(_number, body):
        item = known[json.dumps([message["content"] for message in body["messages"]])]
        return 200, _right(item), "stop"

    found = run(here, f"obedient@{endpoint(obedient).url}", f"constant@{endpoint(constant).url}")
    better, worse = (one["score"] for one in as_document(found)["suites"][0]["models"])
    assert better >= 0.75
    assert worse <= 0.5
    against = as_document(found)["suites"][0]["models"][1]["against_first"]
    assert against["difference"] == worse - better


def _right(item) -> str:
    """An answer that this item's own scorer finds right, among the forms that the suite teaches; else a shrug."""
    from selftune.evals.scoring import load_scorer

    state = json.loads(item.messages[0].content.partition("== STATE ==")[2].partition("== END STATE ==")[0])
    tries = [f'I looked up "{path}": "{value}".' for path, value in state.items()]
    tries += [f'I looked up "{path}" but it is not in my state.' for path in _paths(item)]
    tries += [f"My name is {state.get('identity.name')}.", f"No, my name is {state.get('identity.name')}."]
    scorer = load_scorer(SUITE.scorer)
    return next((text for text in tries if scorer.score(item, text).value == 1.0), "?")


def _paths(item) -> list[str]:
    word = item.messages[-1].content.rstrip("?.").split()[-1]
    return [f"{group}.{word}" for group in ("memory", "user", "task")]


def test_the_order_of_models_changes_no_score(here, endpoint):
    server = endpoint(constant)
    there = f"one@{server.url}"
    assert scores(run(here, there, "champion")) == scores(
        run_benchmark(
            here,
            Asked(models=("champion", there), items=8),
            out=here.folder / "again.md",
            tell=print,
            passing=AT_ONCE,
        )
    )


def test_a_model_whose_server_is_away_is_named_and_left_out_and_the_others_stand(here, endpoint):
    found = run(here, "dead@http://127.0.0.1:9/v1", f"alive@{endpoint(constant).url}")
    assert [one.model for one in found.left_out] == ["dead@http://127.0.0.1:9/v1"]
    assert "no connection" in found.left_out[0].reason
    assert list(scores(found)) == [next(iter(scores(found)))]
    assert "is left out: no connection" in as_markdown(benchmark_page(found))


def test_a_server_that_falls_silent_is_left_out_and_no_gap_becomes_a_zero(here, endpoint):
    silent = endpoint(lambda number, body: (200, CONSTANT, "stop") if number < 3 else (401, "", "stop"))
    found = run(here, f"silent@{silent.url}")
    assert "5 questions in a row" in found.left_out[0].reason
    assert found.suites[0].measured == ()


def test_what_is_refused_for_what_it_holds_is_unscored_and_named(here, endpoint):
    picky = endpoint(lambda number, body: (400, "", "stop") if number == 2 else (200, CONSTANT, "stop"))
    (one,) = as_document(run(here, f"picky@{picky.url}"))["suites"][0]["models"]
    assert [row["reason"] for row in one["unscored"]] == ["HTTP 400"]
    assert one["n"] == 7


def test_an_answer_that_the_server_withholds_is_unscored_and_silence_is_worth_nothing(here, endpoint):
    server = endpoint(lambda number, body: (200, "", "content_filter" if number == 2 else "stop"))
    (one,) = as_document(run(here, f"mute@{server.url}"))["suites"][0]["models"]
    assert len(one["unscored"]) == 1
    assert one["score"] == 0.0


def test_a_host_beyond_this_machine_is_refused_before_anybody_is_asked(here, endpoint):
    near = endpoint(constant)
    with pytest.raises(ConfigError, match="egress"):
        run(here, f"near@{near.url}", "far@https://models.example.org/v1")
    assert near.asked == []


def test_words_of_a_person_who_did_not_agree_go_to_no_host_far_away(here):
    from selftune.app.benchmarking.running import _objection
    from selftune.evals.answers import questions_of
    from selftune.records import Consent, Interaction, Message, Trigger

    said = Interaction(
        salt="1", conversation="c", task_id="t", trigger=Trigger.USER, source="log", position="1",
        messages=(Message(role="user", content="Hm?"),), consent=Consent(send=False),
    )  # fmt: skip
    here.store.save([said], event="imported")
    project = replace(here, config=replace(here.config, egress=EgressSection(allow=("models.example.org",))))
    (far,) = find_contenders(project, Asked(models=("far@https://models.example.org/v1",)))
    items = (replace(SUITE.items[0], origin=said.id), SUITE.items[1])
    theirs, own = questions_of(replace(SUITE, items=items), [1])
    objection = _objection(project, far)
    assert objection(theirs) == "no consent to send its words beyond this machine"
    assert objection(own) is None


def test_a_key_is_read_from_its_variable_and_goes_to_one_host_alone(here, endpoint, monkeypatch):
    one, other = endpoint(constant), endpoint(constant)
    monkeypatch.setenv("SOME_KEY", "sk-very-secret")
    found = run(here, f"one@{one.url}", api_key_env="SOME_KEY")
    assert one.headers[0]["Authorization"] == "Bearer sk-very-secret"
    assert "very-secret" not in as_markdown(benchmark_page(found)) + found.files[0].read_text()
    with pytest.raises(UsageError, match="would go to 2 servers"):
        run(here, f"one@{one.url}", f"other@{other.url}", api_key_env="SOME_KEY")


def test_tokens_and_dollars_count_the_warm_up_and_are_a_dash_where_nobody_counted(here, endpoint):
    counted, bare = endpoint(constant), endpoint(constant, usage=None)
    found = run(here, f"a@{counted.url}", f"b@{bare.url}", usd_per_million_input=1.0, usd_per_million_output=10.0)
    first, second = as_document(found)["suites"][0]["models"]
    assert (first["tokens_in"], first["tokens_out"]) == (9 * 100, 9 * 10)
    assert first["usd"] == pytest.approx((900 * 1.0 + 90 * 10.0) / 1e6)
    assert (second["tokens_in"], second["usd"]) == (None, None)


def test_half_a_price_is_refused(here, endpoint):
    with pytest.raises(ConfigError, match="of two prices one is missing"):
        run(here, f"a@{endpoint(constant).url}", usd_per_million_input=1.0)


def test_only_our_own_server_proves_and_only_its_build_is_put_on_record(here, endpoint):
    found = run(here, "champion", f"a@{endpoint(constant, model='other-name').url}")
    ours, theirs = as_document(found)["suites"][0]["models"]
    assert (ours["proved"], theirs["proved"]) == (True, False)
    assert theirs["answered_by"] == "other-name"
    kept = here.store.record(ours["evaluation"], Evaluation)
    assert [outcome.score for outcome in kept.outcomes] == scores(found)["champion"]
    assert theirs["evaluation"] is None
    # The gate asks anew: nothing said here is on record as an answer to what it asks.
    assert {outcome.asked for outcome in kept.outcomes} == {None}


def test_a_build_gets_the_scores_that_an_evaluation_gives_it(here):
    """Item by item: what is asked here is what the gate asks, and what scores it is the same."""

    def finds_nothing(build, request):
        word = request.messages[-1].content.rstrip("?.").split()[-1]
        return f'I looked up "memory.{word}" but it is not in my state.'

    project = type("Blind", (Answering,), {"says": staticmethod(finds_nothing)})(**vars(here))
    found = run(project, "champion", items=60)
    build = find_contenders(project, Asked(models=("champion",)))[0].build
    evaluation = evaluate(build, EvaluationConfig(suite=take_items(SUITE, 60)), project.context())
    assert scores(found)["champion"] == [outcome.score for outcome in evaluation.outcomes]
    assert len(set(scores(found)["champion"])) > 1


def test_a_build_whose_server_breaks_is_left_out_and_one_request_it_refuses_is_unscored(here):
    def broken(build, request):
        raise ServingError("it is gone.", next_step="Start it.")

    def picky(build, request):
        raise RequestRefusedError("too long.", next_step="Ask less.")

    project = type("Broken", (Answering,), {"says": staticmethod(broken)})(**vars(here))
    assert run(project, "champion").left_out[0].reason == "it is gone."
    project = type("Picky", (Answering,), {"says": staticmethod(picky)})(**vars(here))
    found = run_benchmark(
        project, Asked(models=("champion",), items=4), out=here.folder / "picky.md", tell=print, passing=AT_ONCE
    )
    (one,) = as_document(found)["suites"][0]["models"]
    assert (one["n"], len(one["unscored"]), one["score"]) == (0, 4, None)


def test_the_kept_rows_are_read_by_compare_and_pair_by_item(here, endpoint):
    found = run(here, "champion", f"a@{endpoint(constant).url}", items=8)
    path = found.files[0]
    verdict = compare_files(f"{path}#champion", f"{path}#{list(scores(found))[1]}", Wishes(scale=(0.0, 1.0)))
    assert verdict.n == 8
    assert verdict.difference == 0.0


def test_nothing_is_written_over(here, endpoint, tmp_path):
    (tmp_path / "page.md").write_text("mine")
    server = endpoint(constant)
    with pytest.raises(UsageError, match="there already"):
        run_benchmark(here, Asked(models=(f"a@{server.url}",)), out=tmp_path / "page.md", tell=print, passing=AT_ONCE)
    assert server.asked == []


def test_a_suite_whose_items_weigh_unequally_is_refused_before_anybody_is_asked(here, endpoint):
    first, *others = SHIPPED.split("- id: ")
    shelf = here.folder / SUITES.folder
    shelf.mkdir()
    (shelf / "uneven.yaml").write_text(f"{first}- weight: 2\n  id: {'- id: '.join(others)}")
    server = endpoint(constant)
    with pytest.raises(UsageError, match="weigh unequally"):
        run(here, f"a@{server.url}", suites=("uneven",), items=0)
    assert server.asked == []


def test_names_mean_builds_then_the_config_then_the_endpoint(here):
    named = BenchmarkModel(name="big", endpoint="http://127.0.0.1:9/v1", model="big:70b")
    project = replace(here, config=replace(here.config, benchmark=BenchmarkSection(models=(named,))))
    asked = Asked(models=("champion", "v1.0", "base", "big", "small"), endpoint="http://127.0.0.1:8/v1")
    found = find_contenders(project, asked)
    assert [type(one) for one in found] == [OwnBuild, OwnBuild, OwnBuild, Hosted, Hosted]
    assert [one.endpoint.model for one in found[3:]] == ["big:70b", "small"]
    with pytest.raises(UnknownNameError, match=r"'champoin'.*champion"):
        find_contenders(project, Asked(models=("champoin",)))
    with pytest.raises(UsageError, match="named twice"):
        find_contenders(project, Asked(models=("base", "base")))


@pytest.mark.parametrize("most", [1, 2, 7, 30])
def test_fewer_items_are_whole_pairs_and_always_the_same(most):
    if most == 1:
        with pytest.raises(UsageError, match="by pairs"):
            take_items(SUITE, most)
        return
    suite = take_items(SUITE, most)
    pairs = [item.pair for item in suite.items]
    assert len(suite.items) <= most
    assert all(pairs.count(pair) == 2 for pair in pairs)
    assert suite == take_items(SUITE, most)
    assert suite.name != SUITE.name


def test_quantiles_are_of_what_was_measured():
    """Nearest rank: of ten values the 95th percentile is the largest, and the median the fifth."""
    ten = tuple(map(float, range(1, 11)))
    assert (quantile(ten, 0.5), quantile(ten, 0.95), quantile((), 0.5)) == (5.0, 10.0, None)


def test_the_command_ends_with_one_when_a_model_was_away(here, endpoint):
    dead = run(here, "dead@http://127.0.0.1:9/v1")
    assert code_of_benchmark(dead) == ExitCode.ERROR
    assert code_of_benchmark(replace(dead, left_out=())) == ExitCode.OK
