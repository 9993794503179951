"""What the pages of people do, in process: each action once, what is refused, and what stays at a terminal."""

from __future__ import annotations

import getpass
import json
import re
import shutil
from dataclasses import replace

import pytest
from dashboard_visitor import Visitor
from page_reading import answered, page, records, words_of
from peopled_project import TOPICS
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.errors import UnknownNameError, UsageError
from selftune.judges.calibration.human import ONE_MARK
from selftune.judges.rubric import RUBRICS
from selftune.loop.config import Profile
from selftune.loop.forgetting import forget as forgetting
from selftune.loop.forgetting.finding import find_words
from selftune.loop.lessons.taking_out import left_out, take_lesson_out
from selftune.loop.project import open_project
from selftune.records import Decision, Interaction, Judgement, Outcome, Statement, StatementKind


@pytest.fixture(scope="module")
def visitor(peopled):
    return Visitor(peopled)


def test_a_lesson_is_taken_out_with_its_reason_and_let_in_again(visitor, peopled):
    shown = words_of(visitor, "/tonight")
    assert "of which 7 are new" in shown
    assert "What do you know of the river?" in shown
    name = re.search(r'name="id" value="(interaction:\w+)"', page(visitor, "/tonight"))[1]
    assert visitor.sends("/tonight/out", id=name, because="That was a joke.", show="lessons").status_code == 303
    shown = words_of(visitor, "/tonight?show=out")
    assert "Taken out, and on record: That was a joke." in shown
    assert "of which 6 are new" in shown
    with open_project(peopled) as project:
        assert left_out(project) == {name}
    exclusion = re.search(r'name="id" value="(statement:\w+)"', page(visitor, "/tonight?show=out"))[1]
    assert visitor.sends("/tonight/in", id=exclusion).status_code == 303
    assert "of which 7 are new" in words_of(visitor, "/tonight")
    with open_project(peopled) as project:
        assert left_out(project) == frozenset()


def test_what_is_not_judged_yet_can_be_taken_out_before_anybody_judges_it(visitor):
    assert "What do you know of the bridge?" in words_of(visitor, "/tonight?show=unjudged")
    assert visitor.sends("/tonight/out", id="interaction:nothing").status_code == 404
    assert visitor.get("/tonight?show=<b>&first=-7").status_code == 200


def test_other_rules_on_disk_are_seen_tonight_at_once(visitor, peopled):
    """The config names a rubric, and the file behind the name may change alone."""
    assert "of which 7 are new" in words_of(visitor, "/tonight")
    own = peopled / "rubrics" / "state_obedience.toml"
    own.parent.mkdir()
    try:
        own.write_text(RUBRICS.text("state_obedience").replace('description = "', 'description = "Otherwise. ', 1))
        assert own.read_text() != RUBRICS.text("state_obedience")
        assert "of which 0 are new" in words_of(visitor, "/tonight")
    finally:
        shutil.rmtree(own.parent)
    assert "of which 7 are new" in words_of(visitor, "/tonight")


def test_what_two_took_out_stays_out_for_the_second(visitor, peopled):
    name = re.search(r'name="id" value="(interaction:\w+)"', page(visitor, "/tonight"))[1]
    with open_project(peopled) as project:
        take_lesson_out(project, name, author="bea", because="It is about me.")
    sent = visitor.sends("/tonight/out", id=name, because="Not that.")
    assert sent.status_code == 303
    shown = page(visitor, "/tonight?show=out")
    assert "It is about me." in shown
    assert "Only bea can let it in again" in shown
    mine = re.search(r'name="id" value="(statement:\w+)"', shown)[1]
    assert visitor.sends("/tonight/in", id=mine).status_code == 303
    assert "It stays out: bea took it out too." in words_of(visitor, "/tonight?show=out")
    with open_project(peopled) as project:
        assert left_out(project) == {name}


def test_a_lesson_is_taken_out_and_let_in_again_at_a_terminal_too(peopled):
    if not app.registered_commands:
        register_commands()

    def types(*words):
        return CliRunner().invoke(app, ["tonight", *words, "--project", str(peopled)])

    name = json.loads(types("--json").stdout)["lessons"][0]["id"]
    assert "dry run: nothing was written" in types("--without", name, "--dry-run").stdout
    assert name not in out_of(peopled)
    assert types("--without", name[:30], "--because", "Not this.").stdout.strip() == f"Taken out: {name}"
    assert name in out_of(peopled)
    told = json.loads(types("--json").stdout)["taken_out"]
    assert ("Not this.", True) in [(one["because"], one["by_me"]) for one in told]
    assert "taken out by you: Not this." in types().stdout
    with open_project(peopled) as project:
        take_lesson_out(project, name, author="bea", because="Nor for me.")
    assert "it stays out, for bea took it out too" in types("--with", name).stdout
    assert name in out_of(peopled)
    refused = types("--with", name)
    assert isinstance(refused.exception, UsageError)
    assert "bea took it out, and nobody else can let it in again." in str(refused.exception)
    assert isinstance(types("--with", "interaction:nothing").exception, UnknownNameError)


def out_of(folder):
    with open_project(folder) as project:
        return left_out(project)


def test_what_is_forgotten_while_somebody_looks_is_gone_when_they_look_again(visitor, peopled, monkeypatch):
    question = f"What do you know of the {TOPICS[-1]}?"
    found = next(one for one in records(peopled, Interaction) if question in str(one.messages))

    def look(place):
        if place == "forget-marked":
            looked.append(page(visitor, "/tonight?show=unjudged"))

    looked = []
    monkeypatch.setattr(forgetting, "reach", look)
    with open_project(peopled) as project:
        forgetting.forget(project, find_words(project, found.id))
    assert question in looked[0]
    assert question not in page(visitor, "/tonight?show=unjudged")


def test_pairs_are_drawn_when_asked_for_picked_blind_and_kept(visitor, peopled):
    assert "No pair waits." in words_of(visitor, "/pick")
    assert visitor.sends("/pick/draw").status_code == 303
    shown = answered(visitor, "/pick")
    assert "tuned" not in shown
    assert "older" not in shown
    pair = re.search(r'name="pair" value="(blind_pair:\w+)"', shown)[1]
    for _ in range(2):
        assert visitor.sends("/pick", pair=pair, side="left").status_code == 303
    picks = [one for one in records(peopled, Statement) if one.kind is StatementKind.PICK]
    assert [(one.subject, one.text) for one in picks] == [(pair, "left")]
    assert pair not in page(visitor, "/pick")
    assert visitor.sends("/pick", pair=pair, side="both").status_code == 404
    assert "was picked" in words_of(visitor, "/pick/result")


def answer_before(visitor):
    """The id of the answer that the page Review asks for."""
    return re.search(r'name="id" value="([^"]+)"', page(visitor, "/review"))[1]


def test_a_review_takes_a_mark_for_the_whole_and_marks_of_single_criteria(visitor, peopled):
    assert visitor.sends("/review", id="x", mark="5").status_code == 400
    assert visitor.sends("/review/begin", count="0").status_code == 400
    assert visitor.sends("/review/begin", count="3").status_code == 303
    before, whole = len(records(peopled, Judgement)), answer_before(visitor)
    for wrong, status in (({}, 400), ({"mark": "9"}, 404), ({"mark": "-"}, 404), ({"mark": "4", "of:tone": "9"}, 404)):
        assert visitor.sends("/review", id=whole, **wrong).status_code == status
    assert len(records(peopled, Judgement)) == before
    for _ in range(2):
        assert visitor.sends("/review", id=whole, mark="4").status_code == 303
    single = answer_before(visitor)
    visitor.sends("/review", id=single, mark="5", **{"of:tone": "-", "of:identity": "1"})
    first, second = records(peopled, Judgement)[before:]
    assert (first.interaction_id, first.overall, first.flags) == (whole, 4.0, (ONE_MARK,))
    given = {one.name: one.score for one in second.criteria}
    assert (second.interaction_id, given["tone"], given["identity"], given["permission"]) == (single, None, 1.0, 5.0)
    assert second.judge == first.judge != records(peopled, Judgement)[0].judge
    visitor.sends("/review", id=answer_before(visitor), mark="5", then="s")
    assert "All 3 are done: 2 judged" in words_of(visitor, "/review")
    visitor.sends("/review/end")
    assert "All 3 are done" not in words_of(visitor, "/review")


def test_a_doubt_is_raised_answered_and_closed_by_nobody_whom_it_questions(visitor, peopled):
    assert "The transition was too fast" in words_of(visitor, "/governance")
    assert visitor.sends("/governance/raise", subject="nothing:1", text="Hm.").status_code == 404
    assert visitor.sends("/governance/raise", subject="project", text="").status_code == 400
    visitor.sends("/governance/raise", subject="project", text="Is that enough?", gravity="serious", topic="pace")
    mine = next(one for one in records(peopled, Statement) if one.text == "Is that enough?")
    assert (mine.author, mine.topic) == (getpass.getuser(), "pace")
    assert visitor.sends("/governance/answer", id=mine.id, text="It is.").status_code == 303
    assert "It is." in words_of(visitor, "/governance")
    refused = visitor.sends("/governance/close", id=mine.id, text="Enough.", evidence="")
    assert refused.status_code == 409
    assert "it still stands" in refused.text
    assert visitor.sends("/governance/withdraw", id=mine.id, text="I looked again.").status_code == 303
    assert "Is that enough?" not in words_of(visitor, "/governance")
    assert "I looked again." in words_of(visitor, "/governance?everything=true")


def test_a_freeze_is_lifted_with_a_reason(visitor, peopled):
    from selftune.app.lifting import put_stay

    with open_project(peopled) as project:
        put_stay(project, StatementKind.FREEZE, "We count first.", author=getpass.getuser())
    assert "We count first." in words_of(visitor, "/governance")
    assert visitor.sends("/governance/lift", word="moon", text="Hm.").status_code == 404
    seen = standing_on(visitor)
    with open_project(peopled) as project:
        put_stay(project, StatementKind.FREEZE, "And weigh.", author=getpass.getuser())
    for late in ({"seen": seen}, {}):
        refused = visitor.sends("/governance/lift", word="freeze", text="Counted.", **late)
        assert (refused.status_code, "another freeze stands by now" in refused.text) == (400, True)
    assert "And weigh." in words_of(visitor, "/governance")
    assert "Lift every freeze" in words_of(visitor, "/governance")
    seen = standing_on(visitor)
    assert visitor.sends("/governance/lift", word="freeze", text="Counted.", seen=seen).status_code == 303
    assert "We count first." not in words_of(visitor, "/governance")


def standing_on(visitor):
    """What the page says that its lift would end."""
    return re.search(r'name="seen" value="([^"]*)"', page(visitor, "/governance"))[1]


def test_what_was_forgotten_stands_before_no_reviewer_and_is_judged_by_none(peopled, tmp_path):
    folder = tmp_path / "a-copy"
    shutil.copytree(peopled, folder)
    visitor = Visitor(folder)
    assert visitor.sends("/review/begin", count="3").status_code == 303
    name, before = answer_before(visitor), len(records(folder, Judgement))
    topic = next(topic for topic in TOPICS if f"What do you know of the {topic}?" in page(visitor, "/review"))
    with open_project(folder) as project:
        forgetting.forget(project, find_words(project, name))
    assert f"What do you know of the {topic}?" not in page(visitor, "/review")
    assert visitor.sends("/review", id=name, mark="4").status_code == 404
    assert len(records(folder, Judgement)) < before
    assert "0 of 2 judged" in words_of(visitor, "/review")
    gone = visitor.get(f"/data/interactions/{name}")
    assert (gone.status_code, "were erased" in gone.text) == (400, True)


def test_a_morning_without_a_night_says_what_came_of_the_last_decision_and_nothing_else(peopled, tmp_path):
    folder = tmp_path / "a-copy"
    shutil.copytree(peopled, folder)
    with open_project(folder) as project:
        lost = Decision(
            outcome=Outcome.REJECT, reason="Worse.", checks=(), arms=(), policy="small", policy_digest="sha256:p",
            build_id=None, run_id=None,
        )  # fmt: skip
        project.store.save([lost], event="made by a test")
        shown = words_of(Visitor(folder), "/morning")
        assert "Worse." in shown
        assert "was put into service" not in shown
        project.store.save([replace(lost, outcome=Outcome.PROMOTE, reason="Better.")], event="made by a test")
    assert "It is not in service: what waits for a person" in words_of(Visitor(folder), "/morning")


def test_a_page_behind_the_last_lesson_shows_the_last_ones(visitor):
    assert "Nothing would be learnt." not in words_of(visitor, "/tonight?first=25")
    assert words_of(visitor, "/tonight?first=25") == words_of(visitor, "/tonight")


def test_a_yes_is_to_what_was_read_and_to_nothing_else(visitor):
    answer = visitor.sends("/governance/approve", shown="A promotion waits: of something else")
    assert answer.status_code == 400
    assert "something else waits by now" in answer.text


def test_in_a_team_no_page_speaks_with_a_persons_key(visitor, peopled):
    config = peopled / "selftune.toml"
    before = config.read_text()
    config.write_text(before.replace(f'profile = "{Profile.SOLO}"', f'profile = "{Profile.TEAM}"'))
    assert config.read_text() != before
    try:
        shown = words_of(visitor, "/governance")
        assert "At a terminal: selftune concern close" in shown or "at a terminal: selftune concern close" in shown
        (doubt,) = [one for one in records(peopled, Statement) if one.author == "vasquez"]
        for path, fields, command in (
            ("approve", {"shown": "x"}, "selftune approve"),
            ("close", {"id": doubt.id, "text": "Fine."}, "selftune concern close"),
            ("withdraw", {"id": doubt.id, "text": "Fine."}, "selftune concern withdraw"),
            ("lift", {"word": "freeze", "text": "Fine."}, "selftune lift freeze"),
        ):
            answer = visitor.sends(f"/governance/{path}", **fields)
            assert answer.status_code == 409, path
            assert command in answer.text
    finally:
        config.write_text(before)


def test_the_ledger_is_checked_on_wish(visitor):
    assert "It verifies." in words_of(visitor, "/governance/ledger")


def test_a_dialogue_shows_how_far_apart_its_voices_were_as_a_drawing_and_a_table(visitor):
    listed = page(visitor, "/personas")
    assert "Truth before comfort" in listed
    path = re.search(r'href="(/personas/dialogue/interaction:\w+)"', listed)[1]
    shown = page(visitor, path)
    assert "data:image/svg+xml;base64," in shown
    assert "Dissonance by turn: turn 2 0.15, turn 3 0.62, turn 4 0.20." in shown
    assert re.search(r"<td[^>]*>ROBIN</td>\s*<td[^>]*>0.62</td>\s*<td[^>]*>high</td>", shown)
    assert visitor.get("/personas/dialogue/interaction:nothing").status_code == 404


def test_only_a_terminal_signs_a_change_of_the_codex(visitor):
    assert visitor.sends("/personas").status_code == 405
    assert "at a terminal: selftune codex approve" in words_of(visitor, "/personas")
