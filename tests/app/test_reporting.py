"""A decision's report: what stopped it first, nothing without n and interval, and every figure reckoned again."""

from __future__ import annotations

import json
import random
import re
from dataclasses import replace
from functools import cache

import pytest
import yaml
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.app.linting.lint import lint_report
from selftune.app.reporting.decisions import decision_page, tell_decision
from selftune.app.reporting.naming import page_of, page_of_everything, page_of_files, sheet_of
from selftune.app.reporting.pages.html import as_html
from selftune.app.reporting.pages.markdown import as_markdown
from selftune.app.reporting.pages.parts import Page, Said, Section
from selftune.app.reporting.published import load_published
from selftune.app.reporting.suites import KnownSuites
from selftune.errors import UnknownNameError, UsageError
from selftune.evals.suites import SUITES, load_suite
from selftune.gate.base import Evidence
from selftune.gate.picks.base import Choice, Picks
from selftune.gate.policies import load_policy
from selftune.gate.referee.verdict import Terms
from selftune.gate.stage import decide
from selftune.governance.keys import sign_statement
from selftune.judges.rubric import load_rubric
from selftune.ledger.keys import load_machine_key
from selftune.records import (
    Arm,
    Check,
    CheckStatus,
    CurvePoint,
    Dataset,
    DatasetKind,
    Decision,
    Evaluation,
    FurtherArms,
    ItemOutcome,
    JudgeIdentity,
    Outcome,
    Parity,
    Release,
    Run,
    RunStatus,
    ShownLessons,
    Statement,
    StatementKind,
    digest_of,
    encode_record,
)
from selftune.testing import fake_base, fake_build, fake_context, fake_proof

EACH = 20


@cache
def small_suite_text():
    """The shipped suite with so many pairs in each category."""
    entries = yaml.load(SUITES.text("state_obedience"), Loader=yaml.CSafeLoader)
    for name in entries["categories"]:
        pairs = dict.fromkeys(one["pair"] for one in entries["items"] if one["category"] == name)
        dropped = set(list(pairs)[EACH:])
        entries["items"] = [one for one in entries["items"] if one["pair"] not in dropped]
    return yaml.safe_dump(entries)


def small_suite(folder):
    """The same as a text of the project's own."""
    folder.mkdir(exist_ok=True)
    (folder / "small.yaml").write_text(small_suite_text())
    return load_suite(folder / "small.yaml")


def evaluation_of(suite, build, right, **changes):
    """An arm that got the pairs of which `right` is true; those of None have no score."""
    outcomes = tuple(
        ItemOutcome(
            item_id=item.id,
            category=item.category,
            difficulty=item.difficulty,
            score=None if right[item.pair] is None else float(right[item.pair]),
            answer="As the state says." if right[item.pair] else "I made something up.",
            reasons=("made up",),
            pair=item.pair,
            unscored_reason="the server was gone" if right[item.pair] is None else None,
        )
        for item in suite.items
    )
    facts = {
        "build_id": build.id,
        "build_digest": build.digest,
        "proof": fake_proof(build),
        "suite": suite.name,
        "suite_digest": digest_of(suite),
        "scorer": suite.scorer,
        "scorer_lineage": (),
        "generation": suite.generation,
        "seeds": (11,),
        "outcomes": outcomes,
        "wall_seconds": 30.0,
        "cost_usd": 0.25,
    }
    return Evaluation(**(facts | changes))


def draw(pairs, share, seed):
    chance = random.Random(seed)
    return {pair: chance.random() < share for pair in pairs}


class World:
    """A project in which one candidate was decided on."""

    def __init__(self, project, tmp_path, *, champion=0.4, candidate=0.9):
        self.project = project
        self.suite = small_suite(project.folder / "suites")
        self.pairs = tuple(dict.fromkeys(item.pair for item in self.suite.items))
        self.old = fake_build()
        self.dataset = Dataset(
            kind=DatasetKind.SFT, train=(), holdout=(), rejects=(), mixture=(), watermark=0, config_digest="sha256:0",
            card="",
        )  # fmt: skip
        self.run = Run(
            recipe="reference_sft", recipe_digest="sha256:0", dataset_id=self.dataset.id,
            base_digest=fake_base("fake").digest, stage_history=("sft",), objective="sft", backend="fake",
            status=RunStatus.FINISHED, seed=0, steps=60, planned_steps=60, passes=1.0, examples=480,
            supervised_tokens=9_000, mean_abs_delta=0.001, wall_seconds=90.0, cost_usd=1.5,
        )  # fmt: skip
        self.new = fake_build(
            "new", run_id=self.run.id, parity=(Parity(name="greedy", measured=1.0, threshold=0.9, n=20),)
        )
        self.champion = evaluation_of(self.suite, self.old, draw(self.pairs, champion, 1))
        right = draw(self.pairs, candidate, 2) | {self.pairs[0]: None}
        self.candidate = evaluation_of(self.suite, self.new, right)
        evidence = Evidence(
            champion=self.champion, candidate=self.candidate, others=((Arm.BASE, self.champion),), suite=self.suite,
            run=self.run, candidate_build=self.new, champion_build=self.old,
            judge=JudgeIdentity(name="checks", version="1"),
        )  # fmt: skip
        self.decision = decide(evidence, load_policy("small"), fake_context(tmp_path))
        self.save(self.dataset, self.run, self.old, self.new, self.champion, self.candidate, self.decision)

    def save(self, *records):
        self.project.store.save(records, event="made by a test")

    def page(self, *names):
        return page_of(self.project, names)

    def text(self, *names):
        return as_markdown(self.page(*names))


@pytest.fixture
def world(project, tmp_path):
    return World(project, tmp_path)


def section(text, title):
    return text.split(f"## {title}\n")[1].split("\n## ")[0]


def test_the_outcome_and_its_reason_come_first(world):
    lines = [line for line in world.text().splitlines() if line]
    assert lines[1:3] == ["**promote**", world.decision.reason.replace("<", r"\<")]


def test_every_check_is_shown_with_what_was_measured_and_what_stopped_it_stands_first(project, tmp_path):
    rejected = World(project, tmp_path, champion=0.9, candidate=0.4)
    assert rejected.decision.outcome is Outcome.REJECT
    rows = section(rejected.text(), "Checks").splitlines()[4:]
    shown = [row for row in rows if row.startswith("| ")]
    assert len(shown) == len(rejected.decision.checks)
    statuses = [row.split(" | ")[1] for row in shown]
    assert statuses[0] == "fail"
    assert statuses == sorted(statuses, key=["fail", "not measured", "not shown", "pass"].index)


def test_a_negative_result_is_shown_with_all_that_a_positive_one_is(project, tmp_path, world):
    titles = [one.title for one in world.page().sections]
    rejected = World(project, tmp_path, champion=0.9, candidate=0.4)
    assert [one.title for one in rejected.page().sections] == titles


def test_no_mean_stands_alone(world):
    arms = section(world.text(), "Arms")
    for name in ("champion", "candidate", "base"):
        row = next(line for line in arms.splitlines() if line.startswith(f"| {name} |"))
        cells = [cell.strip() for cell in row.strip("|").split("|")]
        assert cells[2].startswith("[")  # its interval
        assert int(cells[3]) > 0  # its n
        assert "(n=" in cells[6]  # its worst category
        assert cells[7] != "-"  # its worst pair


def test_unscored_items_are_named_and_counted_in_no_mean(world):
    text = world.text()
    named = section(text, "Without a score")
    assert f"| {world.pairs[0]}a | candidate | the server was gone |" in named
    row = next(line for line in section(text, "Arms").splitlines() if line.startswith("| candidate |"))
    assert f"| {len(world.pairs) - 1} | 1 |" in row


def test_what_was_asked_and_answered_can_be_read(world):
    text = world.text()
    item = world.suite.items[0]
    assert "Pairs worth reading" in text
    assert "As the state says." in section(text, "Best and worst items of candidate")
    assert any(item.messages[-1].content in text for item in world.suite.items)
    assert item.category in text


def test_an_open_concern_stands_on_the_report_word_for_word_until_it_is_answered(world):
    assert "No open concern." in world.text()
    doubt = Statement(
        salt="s", author="ann", author_is_model=False, subject=world.candidate.id, kind=StatementKind.CONCERN,
        text="The tone items look copied.", said_at="2026-11-21T00:00:00+00:00",
    )  # fmt: skip
    world.save(doubt)
    text = world.text()
    assert "1 open concern: The tone items look copied." in text
    assert "The tone items look copied." in section(text, "Open concerns")
    reply = replace(doubt, salt="t", author="ben", subject=doubt.id, kind=StatementKind.ANSWER, text="They are not.")
    world.save(reply)
    assert "1 open concern: The tone items look copied." in world.text()
    closing = replace(reply, salt="u", kind=StatementKind.CLOSING, evidence=(world.candidate.id,))
    key = load_machine_key(world.project.hidden / "keys")
    world.save(sign_statement(closing, key))
    text = world.text()
    assert "No open concern." in text
    named = section(text, "Open concerns")
    assert "no review" in named
    assert "The tone items look copied." in named
    assert "They are not." in named


def test_a_difference_that_its_outcomes_do_not_come_to_is_pointed_at(world):
    suites = KnownSuites(world.project)
    told = tell_decision(world.project, world.decision, suites)
    assert "Beware" not in as_markdown(decision_page(told, suites))
    bent = replace(told, decision=replace(world.decision, difference=0.9))
    assert "Beware: the record holds a difference of +0.900" in as_markdown(decision_page(bent, suites))


def test_costs_are_summed_over_what_the_records_tell(world):
    costs = section(world.text(), "Cost")
    assert "| training (reference_sft) | 1.5 min | 0 | $1.50 |" in costs
    assert "| evaluating champion and base on state_obedience | 30.0 s | 0 | $0.25 |" in costs
    assert "Together 2.5 min and $2.00" in costs


def test_a_suite_that_was_edited_since_is_not_taken_for_the_one_that_was_asked(world):
    other = replace(world.candidate, suite_digest="sha256:other")
    assert KnownSuites(world.project).items_of(other) == {}
    world.save(other)
    assert "What was asked is not shown" in world.text(other.id)


def test_an_evaluation_a_run_and_a_version_have_pages_too(world):
    assert "Best and worst items" in world.text(world.candidate.id)
    run = world.text(world.run.id[:20])
    assert "60 of 60 steps" in run
    assert "What changed in the model" in run
    assert world.text(world.decision.id[:24]) == world.text()


def test_a_run_that_came_to_nothing_is_reported_with_why_and_with_its_decision(world):
    failed = replace(
        world.run, status=RunStatus.DIVERGED, reason="The loss rose without end.", seed=7,
        curve=tuple(CurvePoint(step=at, loss=2.0 + at / 10, learning_rate=1e-4) for at in range(40)),
    )  # fmt: skip
    decision = Decision(
        outcome=Outcome.INVALID, reason="The run did not finish.", policy="small", policy_digest="sha256:2",
        checks=(Check(name="run_finished", status=CheckStatus.NOT_MEASURED, detail="diverged"),),
        arms=((Arm.CHAMPION, world.champion.id),), build_id=None, run_id=failed.id,
    )  # fmt: skip
    world.save(failed, decision)
    text = world.text(failed.id)
    assert "**diverged**" in text
    assert "The loss rose without end." in text
    assert "Decided: invalid. The run did not finish." in text
    assert "| run_finished | not measured |" in text
    assert "What changed in the model" not in text
    curve = section(text, "Training").split("The curve, ")[1]
    assert curve.startswith("14 of 40 points")
    assert "| 39 | 5.900 |" in curve


def test_a_run_that_nobody_decided_on_is_a_page_of_its_own(world):
    alone = replace(world.run, seed=8)
    world.save(alone)
    assert "Nothing was decided about it." in world.text(alone.id)


def test_evaluations_of_different_suites_are_not_held_against_each_other_in_silence(world):
    other = replace(world.candidate, suite_digest="sha256:other", outcomes=())
    world.save(other)
    text = world.text(world.champion.id, other.id)
    assert "Beware: these were not asked the same suite" in text
    assert "No answer has a score." in text


def test_an_evaluation_tells_in_full_what_made_it(world):
    asked = replace(world.candidate, made_with=("selftune 9.9", "Python 3.99"), recalled=5, seeds=(12,))
    world.save(asked)
    again = section(world.text(asked.id), "To make them again")
    digests = (asked.build_digest, asked.proof.model_digest, asked.suite_digest)
    for told in (*digests, "selftune 9.9, Python 3.99", "| 5 |"):
        assert told in again
    assert "not on record" in section(world.text(world.champion.id), "To make them again")


@pytest.mark.parametrize(("alike", "told"), [(True, "yes"), (False, "no"), (None, "not asked")])
def test_an_evaluation_says_whether_its_server_gave_one_answer_when_asked_twice(world, alike, told):
    asked = replace(world.candidate, deterministic=alike, seeds=(12,))
    world.save(asked)
    text = world.text(asked.id)
    assert f"| {told} |" in section(text, "Conditions")
    assert ("gave two answers" in text) is (alike is False)


def test_a_control_whose_build_was_not_kept_is_reported_all_the_same(world):
    control = replace(world.champion, build_id="build:nowhere", seeds=(12,))
    world.save(control, replace(world.decision, arms=(*world.decision.arms, (Arm.PROMPT_ONLY, control.id))))
    assert "| prompt_only |" in section(world.text(), "Arms")
    assert "build not kept" in as_markdown(page_of_everything(world.project))


def test_what_scorers_measured_beside_the_score_is_compared_in_pairs(world):
    def measured(evaluation, cited, broke):
        changes = {
            "measures": (("cited paths", cited),),
            "turns": ("a", "b", "c", "d"),
            "turn_of_break": broke,
            "score": 1.0,
        }
        return replace(evaluation, outcomes=tuple(replace(one, **changes) for one in evaluation.outcomes[:10]))

    old, new = measured(world.champion, 1.0, 2), measured(world.candidate, 3.0, None)
    world.save(old, new)
    parts = section(world.text(old.id, new.id), "Parts")
    assert "| cited paths | 1.00 | 3.00 | +2.00 | " in parts
    assert "| turns held in conversations | 1.00 | 4.00 | +3.00 | " in parts
    assert "| cited paths | 3.00 | 10 |" in world.text(new.id)


def test_several_evaluations_stand_side_by_side(world):
    text = world.text(world.champion.id, world.candidate.id)
    assert text.count("| tone |") == 1
    assert world.champion.id in text


def test_only_evaluations_stand_side_by_side(world):
    with pytest.raises(UsageError, match="only evaluations"):
        world.page(world.champion.id, world.run.id)


def test_what_has_no_page_is_sent_to_the_command_that_tells_of_it(world):
    with pytest.raises(UsageError, match="a dataset has no report"):
        world.page(world.dataset.id)
    world.save(
        Release(
            version="v1.0", generation=0, alias="champion", build_id=world.old.id, build_digest=world.old.digest,
            model_file="m", decision_id=None, replaced=None, reason="the base", config_edit=(), approvals=(), health=(),
            proof=None,
        )
    )  # fmt: skip
    with pytest.raises(UsageError, match=r"v1\.0 rests on no decision: the base"):
        world.page("v1.0")
    with pytest.raises(UnknownNameError):
        world.page("decision:ffff")
    with pytest.raises(UsageError, match="no file, no version and no record"):
        world.page("nonsense")


def test_answers_are_found_by_file_and_by_id(world, tmp_path):
    path = tmp_path / "candidate.json"
    path.write_text(encode_record(world.candidate))
    by_file, by_id = sheet_of(world.project, str(path)), sheet_of(world.project, world.candidate.id)
    assert by_file.answers == by_id.answers
    with pytest.raises(UsageError, match="there is no file"):
        sheet_of(None, str(tmp_path / "nothing.json"))


def test_a_file_of_judged_answers_has_a_page_with_its_heaps_and_extremes(tmp_path):
    """Three parts of four speak in voice, one part does not: the mean describes neither."""
    names = [item.name for item in load_rubric("character").criteria]

    def row(at):
        speaks = at % 4 != 0
        verdict = {name: {"score": 9 if speaks else 1, "justification": "so it is"} for name in names}
        return {
            "id": f"q-{at:02}",
            "category": "voice" if speaks else "knowledge",
            "difficulty": "easy",
            "prompt": f"Question {at}?",
            "response": "Sir, I am sensible of it." if speaks else "As an AI I can't.",
            "scores": verdict if at else "broken",
        }

    rows = [row(at) for at in range(24)]
    path = tmp_path / "judged.json"
    path.write_text(json.dumps({"summary": {"judge_model": "somebody"}, "results": rows}))
    text = as_markdown(page_of_files([str(path)]))
    assert "The scores of judged fall into two heaps: 5 around 1.00, 18 around 9.00." in text
    assert "### best: q-23" in text
    assert "### worst: q-04" in text
    assert "| q-00 | judged |" in section(text, "Without a score")
    assert "Question 4?" in text


def test_a_suite_beside_the_one_that_decided_has_a_section_that_says_what_it_may_do(world):
    beside = FurtherArms(suite="small", arms=((Arm.CANDIDATE, world.candidate.id), (Arm.CHAMPION, world.champion.id)))
    world.save(replace(world.decision, further=(beside,)))
    text = section(world.text(), "Beside it: small")
    assert "This suite may stop a candidate; it promotes none." in text
    assert text.index("| champion |") < text.index("| candidate |")
    assert "| tone |" in text


def test_blind_picks_are_told_with_their_n_and_an_interval(world):
    suites = KnownSuites(world.project)
    told = tell_decision(world.project, world.decision, suites)
    assert "Blind picks" not in as_markdown(decision_page(told, suites))
    choices = (Choice.CANDIDATE, Choice.TIE, Choice.CHAMPION, Choice.CANDIDATE, Choice.CANDIDATE)
    picked = replace(told, picks=Picks(choices=choices, identical=2))
    row = section(as_markdown(decision_page(picked, suites)), "Blind picks").splitlines()[5]
    assert row.startswith("| 3 | 1 | 1 | 2 | 75% | [")
    assert row.endswith("| 4 | open |")


def test_what_stands_before_every_conversation_is_told_with_its_source(world):
    suites, title = KnownSuites(world.project), "What stands before every conversation"
    told = tell_decision(world.project, world.decision, suites)
    assert title not in as_markdown(decision_page(told, suites))
    shown = ShownLessons(salt="00", text="Asked: Who?\nAnswered: Nola.\n", interaction_ids=("interaction:1",))
    build = replace(fake_build(), system_prompt="Be brief.", shown=shown, search_id="search:3")
    text = section(as_markdown(decision_page(replace(told, builds=(("candidate", build),)), suites)), title)
    assert "found by search:3; shows interaction:1" in text
    assert text.index("Be brief.") < text.index("Answered: Nola.")


# --- The command ------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def runner():
    register_commands()
    return CliRunner()


def test_a_record_can_be_named_right_behind_the_command(world, runner, tmp_path, monkeypatch):
    monkeypatch.setattr("selftune.loop.project.find_base", lambda _: (fake_base("fake"), tmp_path))
    where = ["--project", str(world.project.folder)]
    world.project.store.close()
    short = runner.invoke(app, ["report", world.decision.id, *where])
    assert short.exit_code == 0, short.output
    assert short.stdout.startswith("# Decision of ")
    assert runner.invoke(app, ["report", "show", world.decision.id, *where]).stdout == short.stdout
    assert runner.invoke(app, ["report", *where]).stdout == short.stdout
    page = tmp_path / "page.html"
    written = runner.invoke(app, ["report", "--html", str(page), *where])
    assert written.exit_code == 0
    assert page.read_text().startswith("<!DOCTYPE html>")
    parsed = json.loads(runner.invoke(app, ["report", "--json", *where]).stdout)
    assert parsed["outcome"] == "promote"


def test_changes_between_two_files_need_no_project(world, runner, tmp_path):
    paths = [tmp_path / "old.json", tmp_path / "new.json"]
    for path, record in zip(paths, (world.champion, world.candidate), strict=True):
        path.write_text(encode_record(record))
    found = runner.invoke(app, ["report", "changes", *map(str, paths)])
    assert found.exit_code == 0, found.output
    assert "Champion: old. Candidate: new." in found.stdout


def test_the_page_is_one_file_that_holds_all(world):
    html = as_html(world.page())
    assert "http://" not in html.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in html
    assert html.count("<svg") >= 3


def test_several_files_stand_side_by_side_and_each_is_held_against_the_first(field_data):
    judged = field_data / "foundry" / "judged"
    names = (
        "eval-qwen3-v1-judged-20260329-215556",
        "eval-orpo-v3b-judged-20260326-final",
        "eval-qwen3-v3-lr8e6-judged-20260330-125201",
    )
    text = as_markdown(page_of_files([str(judged / f"{name}.json") for name in names], Terms(max_unscored=0.2)))
    told = section(text, "Every two of them")
    assert f"| {names[0]} | {names[1]} | worse | -4.07 |" in told
    assert f"| {names[0]} | {names[2]} | worse | -0.71 |" in told
    assert f"| {names[1]} | {names[2]} | better | +3.40 |" in told
    # What the page of that project gives as corrected, reckoned from its file.
    published = dict(load_published()[0].run("Qwen 3 v1").corrected_categories)
    categories = load_published()[0].categories
    for short, mean in published.items():
        assert f"| {categories[short]} | {names[0]} | {mean:.2f} |" in text


# --- The linter -------------------------------------------------------------------------------------------------------


def contradictions(text, folder):
    path = folder / "report.md"
    path.write_text(text)
    return lint_report(path).contradictions


def test_a_report_contradicts_itself_nowhere(world, tmp_path):
    for names in ((), (world.run.id,), (world.candidate.id,), (world.champion.id, world.candidate.id)):
        assert contradictions(world.text(*names), tmp_path) == ()
    assert contradictions(as_markdown(page_of_everything(world.project)), tmp_path) == ()


def test_a_figure_that_was_bent_afterwards_is_found(world, tmp_path):
    text = world.text()
    row = next(line for line in section(text, "Parts").splitlines() if line.startswith("| tone |"))
    change = row.split(" | ")[3]
    assert contradictions(text.replace(row, row.replace(change, "+0.987")), tmp_path)


HOSTILE = (
    "![x](http://evil.example/p.png) [l](javascript:alert(1)) <img src=x onerror=y> &lt;b&gt; | a \u202eb\x1b[2J\n"
    "# closed\n```\n[r]: http://evil.example"
)


def test_hostile_words_of_a_concern_are_text_in_markdown_and_html_and_lose_no_line(world):
    doubt = Statement(
        salt="s", author="a](http://evil.example)", author_is_model=False, subject=world.candidate.id,
        kind=StatementKind.CONCERN, text=HOSTILE, said_at="2026-11-21T00:00:00+00:00",
    )  # fmt: skip
    world.save(doubt)
    page = decision_page(
        tell_decision(world.project, world.decision, KnownSuites(world.project)), KnownSuites(world.project)
    )
    text = as_markdown(page)
    kept = HOSTILE.replace("\u202e", "\ufffd").replace("\x1b", "\ufffd")
    assert f"````text\n{kept}\n````" in text
    fenced_out = text.replace(kept, "")
    assert not re.search(r"(?<!\\)!\[|(?<!\\)\]\(|(?<!\\)<img|(?<!\\)&lt;|^\[r\]:|^# closed", fenced_out, re.MULTILINE)
    html = as_html(page)
    assert "<img src=x" not in html
    assert 'href="javascript' not in html
    assert "&lt;img src=x onerror=y&gt;" in html


def test_brackets_of_intervals_stay_as_they_are_and_links_do_not():
    said = Said(text="[0.1, 0.2], n = 3; [a](b) ![c](d) [e][f] [g]: h & co &amp; AT&T")
    page = Page(title="t", outcome="", lead=(), sections=(Section(title="s", parts=(said,)),), foot="")
    assert "[0.1, 0.2], n = 3; [a\\](b) \\![c\\](d) [e\\][f] [g\\]: h & co \\&amp; AT&T" in as_markdown(page)
