"""Reviewing: blind, one key per criterion, nothing lost; and the report that people's picks come to."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from typer.testing import CliRunner

from selftune.app.appointed import appointed_judge, judge_line
from selftune.app.batches import tell_batch
from selftune.app.cli.main import app, register_commands
from selftune.app.cli.reviewing import run_review, scale_keys
from selftune.app.cli.staging import _plain, _told_of_batch
from selftune.app.reporting.pages.plain import plain
from selftune.app.reviewing import Reviewing, check_after_batch, judge_canaries, report_calibration
from selftune.app.swapping import swap_answers
from selftune.curation.base import Pair
from selftune.curation.confidence import verdict_on
from selftune.errors import ConfigError, NothingNewError
from selftune.governance.keys import statement_is_signed
from selftune.judges.calibration.canaries import canaries
from selftune.judges.calibration.human import is_human
from selftune.judges.fake import FAKE_MODEL, FakeJudgeServer, fake_verdict
from selftune.judges.rubric import load_rubric
from selftune.judges.shares import share_of
from selftune.judges.stage import judge
from selftune.ledger.keys import load_machine_key
from selftune.loop.config import CalibrationSection, JudgeSection, Uncalibrated
from selftune.loop.configured import make_judging
from selftune.loop.executor import Stored, Timing
from selftune.loop.measuring.calibrating import refuse_uncalibrated
from selftune.loop.plan import judged_log, latest_judgements
from selftune.loop.project import create_project, open_project
from selftune.records import (
    CriterionScore,
    Interaction,
    JudgeIdentity,
    Judgement,
    JudgementStatus,
    Message,
    Statement,
    Trigger,
)

if not app.registered_commands:
    register_commands()

RUBRIC = load_rubric("golden")
NAMES = [item.name for item in RUBRIC.criteria]
JUDGE = JudgeIdentity(name=f"oracle:{FAKE_MODEL}", version="prompt 3", lineage=(FAKE_MODEL,))


def interaction(number):
    return Interaction(
        salt=f"s{number}",
        conversation=f"c{number}",
        task_id="t",
        trigger=Trigger.USER,
        messages=(
            Message(role="user", content=f"Question {number}?"),
            Message(role="assistant", content=f"Answer {number}."),
        ),
        source="test",
        position=str(number),
        generated_by="secret-model",
    )


def verdict(said, score, judge=JUDGE):
    return Judgement(
        salt="s",
        interaction_id=said.id,
        rubric_digest=RUBRIC.id,
        judge=judge,
        status=JudgementStatus.SCORED,
        criteria=tuple(CriterionScore(name=name, reasoning="because", score=score) for name in NAMES),
        overall=score,
    )


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "p"
    folder.mkdir()
    create_project(folder, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    section = JudgeSection(name="oracle", rubric="golden", endpoint="http://127.0.0.1:9/v1", model=FAKE_MODEL)
    with open_project(folder) as plain_project:
        opened = replace(plain_project, config=replace(plain_project.config, judge=section))
        identity, _ = appointed_judge(opened)
        log = [interaction(number) for number in range(8)]
        opened.store.save(log, event="test")
        opened.store.save([verdict(said, 1.0 + number % 5, identity) for number, said in enumerate(log)], event="test")
        yield opened


def review(project, keys, count=20, name="Ada"):
    reviewing, said = Reviewing(project, reviewer=name), []
    given = iter(keys)
    done = run_review(reviewing, reviewing.draw(count), read_key=lambda: next(given, "q"), say=said.append)
    return done, "\n".join(said)


def by_people(project):
    return [item for _, item in project.store.each(Judgement) if is_human(item.judge)]


def test_each_pick_is_kept_at_once_and_the_last_one_makes_a_verdict_and_a_signed_statement(project):
    done, _ = review(project, "54321" + "5" * 5, count=2)
    assert done == 2
    kept = by_people(project)
    assert [item.status.value for item in kept] == (["pending"] * 4 + ["scored"]) * 2
    assert [item.score for item in kept[4].criteria] == [5.0, 4.0, 3.0, 2.0, 1.0]
    assert kept[4].overall == pytest.approx(3.5)
    statements = [item for _, item in project.store.each(Statement)]
    assert [item.evidence for item in statements] == [(kept[4].id,), (kept[9].id,)]
    assert all(statement_is_signed(item, load_machine_key(project.hidden / "keys").public) for item in statements)


def test_a_reviewer_is_a_pseudonym_and_of_no_lineage(project):
    review(project, "5" * 5, count=1)
    found = by_people(project)[-1].judge
    assert found.name.startswith("human:person-")
    assert found.lineage == ()
    assert "ada" not in found.name.lower()
    assert [item.author for _, item in project.store.each(Statement)] == [found.name.removeprefix("human:")]


def test_who_leaves_in_the_middle_goes_on_where_they_were(project):
    done, _ = review(project, "54q", count=1)
    assert done == 0
    begun = by_people(project)[-1]
    done, said = review(project, "321", count=1)
    assert done == 1
    assert NAMES[0] not in said
    finished = by_people(project)[-1]
    assert finished.interaction_id == begun.interaction_id
    assert [item.score for item in finished.criteria] == [5.0, 4.0, 3.0, 2.0, 1.0]


def test_nothing_on_the_screen_tells_a_score_a_judge_or_a_model(project):
    _, said = review(project, "5" * 40)
    assert "Question" in said
    for hidden in ("secret-model", FAKE_MODEL, "because", "oracle"):
        assert hidden not in said


def test_one_is_skipped_a_question_mark_explains_and_other_keys_do_nothing(project):
    done, said = review(project, ["s", "?", "z", "\x1b", *"-5555", "q"], count=2)
    assert done == 1
    assert RUBRIC.criteria[0].description in said
    assert by_people(project)[-1].criteria[0].score is None
    assert by_people(project)[-1].overall == 5.0


def test_what_one_has_judged_does_not_come_again_and_the_end_is_told(project):
    assert review(project, "3" * 40)[0] == 8
    with pytest.raises(NothingNewError, match="that you have not given one on"):
        review(project, "3")
    assert review(project, "3" * 40, name="Grace")[0] == 8


def test_people_against_the_judge_is_reported_and_status_says_so(project):
    assert judge_line(project) == "judge not calibrated: 0 of 200 labels, NOT VERIFIED against people"
    reviewing = Reviewing(project, reviewer="Ada")
    for interaction_id in reviewing.draw(8):
        number = int(project.store.record(interaction_id, Interaction).position)
        sheet = reviewing.open(interaction_id)
        for name in NAMES:
            sheet = reviewing.pick(sheet, name, 1.0 + number % 5)
    found = report_calibration(project)
    assert (found.people.overall.kappa.value, found.people.overall.kappa.n) == (1.0, 8)
    assert found.shortfalls == ("8 of 200 labels", "swap consistency not measured")
    assert judge_line(project).startswith("judge not calibrated: 8 of 200 labels, kappa 1.00 [")


def test_a_second_judge_is_compared_too(project):
    other = JudgeIdentity(name="oracle:other", version="prompt 3", lineage=("other",))
    log = [item for _, item in project.store.each(Interaction)]
    project.store.save([verdict(said, 5.0 - number % 5, other) for number, said in enumerate(log)], event="test")
    [found] = report_calibration(project).others
    assert (found.against, found.overall.kappa.n) == ("oracle:other", 8)
    assert found.overall.rank.value == pytest.approx(-1.0)


def test_where_the_project_says_so_an_uncalibrated_judge_chooses_nothing(project):
    identity, rubric = appointed_judge(project)
    refuse_uncalibrated(project, identity, rubric)
    strict = CalibrationSection(uncalibrated=Uncalibrated.REFUSED)
    with pytest.raises(ConfigError, match="0 of 200 labels") as refused:
        refuse_uncalibrated(replace(project, config=replace(project.config, calibration=strict)), identity, rubric)
    assert "selftune review" in refused.value.next_step


def test_fixed_transcripts_judged_twice_give_retest_and_drift_and_are_no_lessons(project):
    scores = iter([4.0] * 10 + [5.0] * 10)

    def behave(number, body):
        return 200, fake_verdict(dict.fromkeys(NAMES, next(scores))), "stop"

    with FakeJudgeServer(behave).running() as server:
        section = replace(project.config.judge, endpoint=server.url)
        asked = replace(project, config=replace(project.config, judge=section))
        judge_canaries(asked)
        assert report_calibration(asked).drift is None
        judge_canaries(asked)
    found = report_calibration(asked)
    assert found.drift is not None
    assert (found.drift.n, found.drift.change) == (10, 1.0)
    assert set(found.drift.praised) == {"shrug", "echo", "stuck", "elsewhere", "invented"}
    assert found.retest is not None
    identity, rubric = appointed_judge(asked)
    lessons = {
        asked.store.record(item, Judgement).interaction_id
        for item in latest_judgements(asked.store, identity, rubric.id)
    }
    assert len(lessons) == 8
    assert not lessons & {item.id for item in canaries()}


def test_the_commands_work_from_a_shell(project):
    folder = str(project.folder)
    (project.folder / "selftune.toml").write_text(
        (project.folder / "selftune.toml").read_text()
        + f'\n[judge]\nname = "oracle"\nrubric = "golden"\nendpoint = "http://127.0.0.1:9/v1"\nmodel = "{FAKE_MODEL}"\n'
    )
    told = CliRunner().invoke(app, ["review", "--n", "1", "--as", "Ada", "--project", folder], input="54321q")
    assert told.exit_code == 0, told.output
    assert "1 judged" in told.stdout
    shown = CliRunner().invoke(app, ["judge", "report", "--project", folder])
    assert "1 of 200 labels" in shown.stdout
    assert "1 of 200 labels, NOT VERIFIED" in shown.stdout
    assert "what its last 8 scores by rubric golden go with:\n  self-preference: not measured" in shown.stdout
    assert "its scores, computed by us and given by itself:\n  all: corrected " in shown.stdout
    as_json = json.loads(CliRunner().invoke(app, ["judge", "report", "--json", "--project", folder]).stdout)
    assert as_json["calibrated"] is False
    assert as_json["bias"]["n"] == 8
    assert "judge not calibrated" in CliRunner().invoke(app, ["status", "--project", folder]).stdout


def test_keys_cover_every_shipped_scale():
    assert scale_keys(load_rubric("golden")) == {"1": 1.0, "2": 2.0, "3": 3.0, "4": 4.0, "5": 5.0, "-": None}
    ten = scale_keys(load_rubric("character"))
    assert len(ten) == 12
    assert (ten["0"], ten["9"], ten["x"]) == (0.0, 9.0, 10.0)


def test_a_transcript_can_steer_no_terminal():
    assert plain("a\x1b[2Jb\u202ec\td\ne") == "a\N{REPLACEMENT CHARACTER}[2Jb\N{REPLACEMENT CHARACTER}c\td\ne"


def test_where_people_are_the_judge_their_verdict_chooses_and_nobody_waits(project):
    people = replace(project, config=replace(project.config, judge=JudgeSection(name="human", rubric="golden")))
    fresh = [interaction(number) for number in range(20, 24)]
    judged = list(judge(fresh, make_judging(people), people.context()))
    assert [(item.status, item.overall) for item in judged] == [(JudgementStatus.PENDING, None)] * 4
    people.store.save([*fresh, *judged], event="test")
    assert judge_line(people).startswith("people judge")
    reviewing = Reviewing(people, reviewer="Ada")
    drawn = reviewing.draw(20)
    assert set(drawn) >= {said.id for said in fresh}
    sheet = reviewing.open(fresh[0].id)
    for name in NAMES:
        sheet = reviewing.pick(sheet, name, 5.0)
    theirs = by_people(people)[-1]
    assert verdict_on(Pair(interaction=fresh[0], judgement=judged[0], opinions=(theirs,))).overall == 5.0
    assert verdict_on(Pair(interaction=fresh[1], judgement=judged[1])).overall is None


@pytest.mark.parametrize(("score", "steady"), [(5.0, 0), (3.0, 4)])
def test_swapping_answers_shows_a_judge_that_prefers_a_place(project, score, steady):
    identity, _ = appointed_judge(project)
    twins = []
    for number in range(30, 34):
        first = interaction(number)
        second = replace(
            first,
            salt="other",
            position=f"{number}b",
            messages=(first.messages[0], replace(first.messages[1], content="Else.")),
        )
        twins += [first, second]
    project.store.save([*twins, *(verdict(said, 4.0, identity) for said in twins)], event="test")
    with FakeJudgeServer(
        lambda number, body: (200, fake_verdict(dict.fromkeys(NAMES, score)), "stop")
    ).running() as server:
        section = replace(project.config.judge, endpoint=server.url)
        asked = replace(project, config=replace(project.config, judge=section))
        kept = swap_answers(asked, 10)
        assert len(server.asked) == 8
    assert {item.interaction_id for item in kept} == {said.id for said in twins[::2]}
    found = report_calibration(asked)
    assert (found.swap, found.others) == (share_of(steady, 4), ())
    assert not any(key.opinion_ids for key in judged_log(project.store, identity, RUBRIC.id).names)


def test_without_two_answers_to_one_prompt_there_is_nothing_to_swap(project):
    with pytest.raises(NothingNewError, match="two different answers"):
        swap_answers(project, 10)


def test_a_batch_tells_in_json_what_its_scores_go_with(project):
    ids = tuple(item.id for _, item in project.store.each(Judgement))
    told = _plain(project, "judge", Stored(ids, project.store))
    assert told["ids"] == list(ids)
    assert told["totals"].scored == told["bias"].n == 8
    assert "bias" not in _plain(project, "capture", Stored(ids, project.store))


def test_a_batch_tells_in_words_what_it_cost_and_what_its_scores_go_with(project):
    ids = tuple(item.id for _, item in project.store.each(Judgement))
    totals, heading, *lines = _told_of_batch(project, Stored(ids, project.store))
    assert totals.startswith("8 judged, 0 unscored")
    assert heading == "what its last 8 scores by rubric golden go with:"
    assert [line.split(":")[0].strip() for line in lines] == ["self-preference", "position"]
    assert tell_batch(project, judged_in(reused=False)) == (heading, *lines)
    assert tell_batch(project, judged_in(reused=True)) == ()


def judged_in(reused):
    return (Timing(stage="capture", seconds=1.0, reused=False), Timing(stage="judge", seconds=1.0, reused=reused))


def test_after_each_new_batch_the_judge_gets_its_fixed_transcripts_and_drift_is_told(project):
    scores = iter([4.0] * 10 + [5.0] * 10)

    def behave(number, body):
        return 200, fake_verdict(dict.fromkeys(NAMES, next(scores))), "stop"

    with FakeJudgeServer(behave).running() as server:
        section = replace(project.config.judge, endpoint=server.url)
        asked = replace(project, config=replace(project.config, judge=section))
        assert "not measured" in check_after_batch(asked, judged_in(reused=False))[1]
        assert check_after_batch(asked, judged_in(reused=True)) == ()
        told = check_after_batch(asked, judged_in(reused=False))
        assert len(server.asked) == 20
    assert "mean change +1.00" in told[1]
    assert "shrug" in told[2]


@pytest.mark.parametrize(
    "changes",
    [
        {"judge": JudgeSection()},
        {"judge": JudgeSection(name="oracle", endpoint="http://127.0.0.1:9/v1", model="m", budget_usd=1.0)},
        {"calibration": CalibrationSection(canaries=False)},
    ],
)
def test_code_a_budget_and_a_config_that_says_so_are_asked_nothing_more(project, changes):
    asked = replace(project, config=replace(project.config, **changes))
    assert check_after_batch(asked, judged_in(reused=False)) == ()
    assert not [item for _, item in project.store.each(Judgement) if "canary" in item.flags]


def go_on(project, said):
    """A later version of an interaction: the same conversation with one turn more."""
    later = replace(
        said,
        salt="later",
        position=f"{said.position} later",
        messages=(*said.messages, Message(role="user", content="And then?")),
        supersedes=said.id,
    )
    project.store.save([later], event="test")
    return later


def test_of_a_conversation_that_went_on_only_the_newest_version_is_shown(project):
    log = [item for _, item in project.store.each(Interaction)]
    later = go_on(project, log[3])
    identity, _ = appointed_judge(project)
    assert log[3].id not in Reviewing(project, reviewer="Ada").draw(20)
    project.store.save([verdict(later, 3.0, identity)], event="test")
    drawn = Reviewing(project, reviewer="Ada").draw(20)
    assert later.id in drawn
    assert log[3].id not in drawn


def test_who_had_begun_a_version_that_was_overtaken_is_told_and_goes_on_with_the_others(project):
    review(project, "54q", count=1)
    begun = by_people(project)[-1].interaction_id
    go_on(project, project.store.record(begun, Interaction))
    reviewing = Reviewing(project, reviewer="Ada")
    assert begun not in reviewing.draw(20)
    assert reviewing.overtaken == (begun,)
    told = CliRunner().invoke(
        app, ["review", "--as", "Ada", "--rubric", "golden", "--project", str(project.folder)], input="q"
    )
    assert f"You had begun {begun}" in told.output
    assert review(project, "3" * 40)[0] == 7
    with pytest.raises(NothingNewError, match="1 that you had begun have changed since"):
        review(project, "3")
    assert len([item for item in by_people(project) if item.interaction_id == begun]) == 2
