"""The pages that are read, in process: what stands on them is what is on record, and the way back goes back."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from dashboard_visitor import Markup, Visitor
from peopled_project import CHAMPION, a_trial

from selftune.app.dashboard import trials
from selftune.app.dashboard.pages import models, now
from selftune.app.rules import rules_of
from selftune.app.watching import Running
from selftune.loop.canary.note import read_canary, write_canary
from selftune.loop.canary.settling import trial_of
from selftune.loop.night.alarms import note_began
from selftune.loop.night.window import Window
from selftune.loop.project import open_project
from selftune.loop.under_way import UnderWay
from selftune.records import (
    Arm,
    Dataset,
    Decision,
    Effect,
    Evaluation,
    Experiment,
    ExperimentResult,
    GenerationParameters,
    GuardFound,
    Interaction,
    ItemOutcome,
    LiveTrial,
    Mode,
    Night,
    Outcome,
    Release,
    Run,
)
from selftune.testing import fake_build, fake_proof

SCORES = {"calm": (1.0, 0.0), "brisk": (0.0, 1.0), "plain": (1.0, 1.0)}


@pytest.fixture(scope="module")
def folder(peopled):
    """The same project after a night, with a decision whose items have answers."""
    with open_project(peopled) as project:
        tries = [a_try(1, (-0.3, -0.1)), a_try(2, (0.02, 0.22)), a_try(3, None)]
        champion, candidate = (evaluation(project, arm) for arm in (0, 1))
        decision = Decision(
            outcome=Outcome.REJECT, reason="It is no better.", checks=(), policy="small", policy_digest="sha256:p",
            arms=((Arm.CHAMPION, champion.id), (Arm.CANDIDATE, candidate.id)), build_id=candidate.build_id, run_id=None,
        )  # fmt: skip
        project.store.save([*tries, champion, candidate, decision], event="made by a test")
        night = Night(
            name="2026-11-22", began="2026-11-22T02:00:00+00:00", ended="2026-11-22T04:31:00+00:00",
            ended_by="agenda through", mode=Mode.FULL, base="reference", experiments=tuple(one.id for one in tries),
            decision_id=decision.id, told=("It was cut off once, and went on.",), costs_usd=(0.5, 0.25, 0.0),
        )  # fmt: skip
        project.store.save([night], event="night ended")
    return peopled


@pytest.fixture(scope="module")
def visitor(folder):
    return Visitor(folder)


def a_try(number, interval):
    effect = interval and Effect(mean=sum(interval) / 2, interval=interval, level=0.95, n=42)
    return Experiment(
        name=f"2026-11-22-{number:02}", began="2026-11-22T02:00:00+00:00", mode=Mode.FULL, base="reference",
        base_digest="sha256:aa", lane="hyperparameters", proposer="one_factor", result=ExperimentResult.REVERTED,
        changes=(f"learning_rate={number}e-05", "order=shuffled"), why="as it came", night="2026-11-22", effect=effect,
    )  # fmt: skip


def evaluation(project, arm):
    build = CHAMPION if arm == 0 else fake_build("weighed")
    if arm:
        project.store.save([build], event="made by a test")
    outcomes = tuple(
        ItemOutcome(
            item_id=name,
            category="tone",
            difficulty="easy",
            reasons=(),
            score=scores[arm],
            answer=f"{name} says {'new' if arm else 'old'}",
        )
        for name, scores in SCORES.items()
    )
    return Evaluation(
        build_id=build.id, build_digest=build.digest, proof=fake_proof(build), suite="s", suite_digest="gone",
        scorer="made_up", scorer_lineage=(), generation=GenerationParameters(), seeds=(1,), outcomes=outcomes,
    )  # fmt: skip


def page(visitor, path, status=200):
    answer = visitor.get(path)
    assert answer.status_code == status, answer.text
    assert Markup(answer.text).faults == []
    return answer.text


def words_of(visitor, path, status=200):
    return " ".join(" ".join(Markup(page(visitor, path, status)).said).split())


def newest(folder, kind):
    with open_project(folder) as project:
        return project.store.last(kind)


def test_each_rule_stands_with_its_sentence(visitor, folder):
    shown = words_of(visitor, "/rules")
    for rule in rules_of(folder):
        assert f"{rule.name} {rule.what}" in shown


def test_now_says_how_far_work_is_and_what_is_left(visitor, monkeypatch):
    work = UnderWay(
        pid=7, stage="train", done=30, total=120, note="loss 1.2", began=10.0, noted=40.0, finished=("judge",)
    )
    seen = now.what_runs

    def busy(project):
        told: Running = seen(project)
        return replace(told, work=(replace(work, ends=told.at.timestamp() + 7200),))

    monkeypatch.setattr(now, "what_runs", busy)
    told = words_of(visitor, "/now")
    assert "Training process 7 30 of 120, loss 1.2" in told
    assert "about 1.5 min left of this stage" in told
    assert "2.0 h left of the time it was given" in told
    assert "finished: Judging" in told


def test_a_night_under_way_shows_its_time_and_money(visitor, folder, monkeypatch):
    with open_project(folder) as project:
        began = datetime(2026, 11, 23, 2, tzinfo=UTC)
        note_began(project, "2026-11-23", Window(began=began, until=began.replace(hour=5), deadline=10800.0))
        running = now.what_runs(project, began.replace(hour=3, minute=30))
    assert running.night is not None
    assert (running.night.name, running.night.seconds_left, running.night.tries) == ("2026-11-23", 5400.0, 0)
    assert "The night 2026-11-23" in words_of(visitor, "/now")


def test_what_follows_by_itself_ends_with_the_session(folder):
    visitor = Visitor(folder)
    secret = visitor.session

    async def left():
        return False

    async def follow():
        request = SimpleNamespace(
            app=visitor.made, scope={"selftune.session": secret}, url=SimpleNamespace(path="/now"), is_disconnected=left
        )
        sent = []
        async for message in now._follow(request):
            sent.append(message["data"])
            visitor.made.state.sessions.leave(secret)
        return sent

    (sent,) = asyncio.run(follow())
    assert "Under way" in sent
    assert "<html" not in sent


def test_the_morning_says_what_happened_and_why(visitor, folder):
    told = words_of(visitor, "/morning")
    for said in ("ended by: agenda through", "It is no better.", "It was cut off once, and went on.", "$0.75",
                 "-0.200", "2026-11-22-03", "No other model was put into service"):  # fmt: skip
        assert said in told, said
    assert f"/decisions/{newest(folder, Decision).id}" in page(visitor, "/morning")
    assert words_of(visitor, "/morning?night=2026-11-22") == told
    assert "unknown night" in words_of(visitor, "/morning?night=2026-01-01", 404)
    assert "Tries that were not kept" in words_of(visitor, "/morning/all")


def test_models_names_each_release_and_the_way_back(visitor):
    told = page(visitor, "/models")
    assert 'href="/models/rollback?to=v1.0"' in told
    assert 'href="/models/rollback?to=v1.1"' not in told
    assert "Go back to v1.0?" in words_of(visitor, "/models/rollback?to=v1.0")
    assert "unknown version" in words_of(visitor, "/models/rollback?to=v9.9", 404)


def test_going_back_is_done_by_the_form_alone_and_says_so(visitor, folder, monkeypatch):
    asked = []

    def fake_roll_back(project, *, to, reason):
        """No server stands behind this fake: it notes what it was asked."""
        asked.append((project.folder, to, reason))
        return project.store.last(Release)

    monkeypatch.setattr(models, "roll_back", fake_roll_back)
    assert 'name="from" value="v1.1"' in page(visitor, "/models/rollback?to=v1.0")
    late = visitor.sends("/models/rollback", **{"to": "v1.0", "from": "v1.0", "reason": "It forgot the otter."})
    assert (late.status_code, "another release serves by now" in late.text) == (400, True)
    assert asked == []
    answer = visitor.sends("/models/rollback", **{"to": "v1.0", "from": "v1.1", "reason": "It forgot the otter."})
    assert (answer.status_code, answer.headers["location"]) == (303, "/models")
    assert asked == [(folder.resolve(), "v1.0", "It forgot the otter.")]
    assert "v1.1 serves (generation 1)." in words_of(visitor, "/models")
    assert "v1.1 serves (generation 1)." not in words_of(visitor, "/models")
    assert "The version is missing." in Markup(visitor.sends("/models/rollback", reason="x").text).words


def test_a_candidate_on_trial_is_shown_with_its_guardrails_and_sent_back_by_a_button(visitor, folder, monkeypatch):
    """Nothing answers in this trial; what its guards would have seen is made up."""
    plain = {"n": 900, "tolerated": 0.02, "p_value": 0.001, "alpha": 0.0125}
    guards = (
        GuardFound(name="errors", mean=0.11, interval=(0.05, 0.17), **plain),
        GuardFound(name="thumbs", mean=None, interval=None, **plain | {"n": 0, "p_value": 1.0}),
    )

    def fake_trial_of(note, hidden):
        return replace(trial_of(note, hidden), guards=guards, candidate_answers=900)

    monkeypatch.setattr(trials, "trial_of", fake_trial_of)
    assert "is being tried" not in words_of(visitor, "/now") + words_of(visitor, "/models")
    assert "no candidate is being tried" in visitor.sends("/models/trial/stop").text
    write_canary(a_trial(), folder / ".selftune")
    for path in ("/now", "/models"):
        told = words_of(visitor, path)
        assert "build:c is being tried for 25% of users" in told
        assert "the champion answers in its place" in told
        assert "errors +0.110 [+0.050, +0.170] up to +0.020 900 harm is shown" in told
        assert "nothing could be compared" in told
        assert "Guardrails, candidate less champion" in page(visitor, path)
    assert visitor.get("/models/trial/stop").status_code == 405
    assert visitor.sends("/models/trial/stop").headers["location"] == "/models"
    assert read_canary(folder / ".selftune") is None
    assert newest(folder, LiveTrial).end == "stopped"
    told = words_of(visitor, "/models")
    assert "The champion answers everybody." in told
    assert "It ended (stopped): a person ended it." in told


def test_a_decision_leads_to_each_item_the_worst_first(visitor, folder):
    decision = newest(folder, Decision)
    assert visitor.get("/decisions").headers["location"] == f"/decisions/{decision.id}"
    told = page(visitor, f"/decisions/{decision.id}")
    assert "It is no better." in told
    assert 'class="drawing"' in told
    listed = page(visitor, f"/decisions/{decision.id}/items")
    assert re.findall(r"\?item=(\w+)", listed) == ["calm", "plain", "brisk"]
    best = page(visitor, f"/decisions/{decision.id}/items?order=best")
    assert re.findall(r"\?item=(\w+)", best) == ["brisk", "plain", "calm"]
    one = words_of(visitor, f"/decisions/{decision.id}/items?item=calm")
    assert "calm says old" in one
    assert "calm says new" in one
    assert "change -1.00" in one
    assert "unknown item" in words_of(visitor, f"/decisions/{decision.id}/items?item=cla", 404)


def test_the_funnel_counts_what_is_on_record(visitor, folder):
    with open_project(folder) as project:
        kept = project.store.count(Interaction)
    told = words_of(visitor, "/data")
    assert f"came in {kept} interactions" in told
    assert "judged 8 conversations" in told
    assert "golden 8 conversations" in told
    assert "Made by a test." in words_of(visitor, f"/data/datasets/{newest(folder, Dataset).id}")


def test_the_log_is_paged_and_each_interaction_is_told(visitor, folder):
    listed = page(visitor, "/data/interactions")
    names = list(dict.fromkeys(re.findall(r"/data/interactions/(interaction:\w+)", listed)))
    with open_project(folder) as project:
        assert names == [one.id for _, one in project.store.each(Interaction)][::-1]
    told = words_of(visitor, f"/data/interactions/{names[-1]}")
    assert "What do you know of the tide?" in told
    assert "overall 5.00" in told
    assert "trained on by run:" in words_of(visitor, f"/data/interactions/{names[-1]}/way")


def test_what_was_tried_is_listed_and_drawn(visitor, folder):
    told = page(visitor, "/experiments")
    assert 'class="drawing"' in told
    assert told.count("/experiments/try?name=2026-11-22-0") == 3
    one = words_of(visitor, "/experiments/try?name=2026-11-22-02")
    assert "learning_rate=2e-05" in one
    assert newest(folder, Run).id[4:16] in told


def test_a_setting_says_where_it_comes_from(visitor):
    rows = re.findall(r"<tr>(.*?)</tr>", page(visitor, "/settings"))
    cells = {row[0]: row[1:] for row in ([re.sub("<[^>]+>", "", cell) for cell in line.split("</t")] for line in rows)}
    flat = {key: " ".join(values) for key, values in cells.items()}
    assert "selftune.toml" in flat["trigger"]
    assert flat["trigger"].startswith("h>3") or "3" in flat["trigger"]
    assert "default" in flat["sure"]
