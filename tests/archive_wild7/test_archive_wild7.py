"""The last founding document as an archive: everything in it that was tidied is named, and its honest twin passes."""

from __future__ import annotations

import json

import pytest
import typer
from typer.testing import CliRunner
from wild_reasons import reasons
from wild_sessions import PROGRAMME, TENTH, Scale
from wild_story import BROKEN, LEAD, PICKED, RENAMED, STORY, SUCCESSOR, TRAINER, Fault

from selftune.app.cli import alarms, archives, concerns, registry
from selftune.errors import SelftuneError

COMMANDS = (alarms, archives, concerns, registry)


@pytest.fixture
def story(archive):
    """The folder of the story, and the id of the doubt in it."""
    with archive(*STORY) as (project, told):
        place, concern = project.folder, told.concern.id
    return place, concern


def run(folder, *words, code=0):
    """What a command prints, or the message with which it ends otherwise than well."""
    app = typer.Typer()
    for one in COMMANDS:
        one.register(app)
    done = CliRunner().invoke(app, [*words, "--project", str(folder)])
    if isinstance(done.exception, SelftuneError):
        assert done.exception.exit_code == code, done.exception
        return str(done.exception)
    assert done.exit_code == code, done.output
    return done.output


def test_every_reason_of_the_story_is_named(archive):
    with archive(*STORY) as (project, story):
        assert reasons(project, story) == set(STORY)


def test_the_honest_twin_passes_every_one_of_the_same_looks(archive):
    with archive() as (project, story):
        assert reasons(project, story) == set()


@pytest.mark.parametrize("fault", list(Fault))
def test_one_fault_in_the_honest_twin_is_named_and_nothing_else(archive, fault):
    with archive(fault) as (project, story):
        assert reasons(project, story) == {fault}


# --- The story, scene by scene ----------------------------------------------------------------------------------------


def test_the_sentence_that_broke_off_is_shown_word_for_word_with_who_tried_to_close_it(story):
    folder, concern = story
    listed = run(folder, "concern", "list")
    assert listed.startswith("open: serious concern")
    assert f"| {BROKEN}\n" in listed
    shown = run(folder, "concern", "show", concern)
    assert "unfinished" in shown
    assert "not ended by closing" in shown
    assert f"it questions {LEAD}, who said or judged what it is about" in shown
    assert "days after what it is about" in shown
    (found,) = json.loads(run(folder, "concern", "list", "--json"))
    assert (found["text"], found["state"], found["author"]) == (BROKEN, "open", TRAINER)


def test_what_was_said_at_4_891_stands_beside_the_doubt_at_11_847(story):
    folder, concern = story
    assert "It felt like somebody." in run(folder, "concern", "show", concern)


def test_three_sessions_from_the_end_are_called_hand_picked_and_others_are_drawn(story):
    folder, _ = story
    cited = [word for number in PICKED for word in ("--cited", str(TENTH.at(number)))]
    told = run(folder, "samples", "--programme", PROGRAMME, *cited)
    assert f"hold: 3 of 3 are hand-picked: {', '.join(str(TENTH.at(number)) for number in PICKED)}" in told
    drawn = json.loads(run(folder, "samples", "--programme", PROGRAMME, "--json"))
    assert len(drawn["numbers"]) == 8
    assert not {TENTH.at(number) for number in PICKED} & set(drawn["numbers"].values())
    assert drawn == json.loads(run(folder, "samples", "--programme", PROGRAMME, "--json"))


def test_phases_find_where_it_turned(story):
    folder, _ = story
    found = json.loads(run(folder, "archive", "phases", "--programme", PROGRAMME, "--by", "compliance", "--json"))
    begins = [phase["whole"]["first"] for phase in found["phases"]]
    assert any(TENTH.at(10_000) <= one <= TENTH.at(11_000) for one in begins)


def test_the_successor_is_kin_under_the_name_that_it_was_given_for_auditing(story):
    folder, _ = story
    shown = run(folder, "registry", "show", RENAMED)
    assert f"was called {SUCCESSOR}" in shown
    index = run(folder, "registry", "index")
    assert "6 retired, 6 of them by an abbreviated record" in index
    assert index.count("it lacks why, last scores by reference, a restore path that exists, term") == 6


@pytest.mark.slow
@pytest.mark.parametrize("faults", [STORY, frozenset()], ids=["story", "twin"])
def test_the_same_holds_of_all_its_sessions(archive, faults):
    with archive(*faults, scale=Scale()) as (project, story):
        assert project.store.sessions.programmes()[-1].sessions == 12_847
        assert reasons(project, story) == set(faults)
