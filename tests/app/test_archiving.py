"""`selftune archive`: sessions come in once, word for word, and nothing learns from them."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selftune.app.archiving import import_archive, list_archive, show_session
from selftune.app.cli.archives import _lines_of_session
from selftune.errors import MissingFileError, UnknownNameError, UsageError
from selftune.governance.archive.filing import file_sessions
from selftune.governance.archive.finding import find_session
from selftune.governance.archive.reading import read_sessions
from selftune.interactions.config import Capture
from selftune.interactions.privacy.consent import read_level
from selftune.loop.incoming.privacy import door_of
from selftune.loop.incoming.quarantine import list_aside, retry_aside
from selftune.plugins import registered
from selftune.records import Interaction, Message, Quarantined, Session, Statement, StatementKind
from selftune.testing import fake_context


def line(number, **changes) -> dict:
    return {"number": number, "programme": "wild-7", "prompt": f"Task {number}.", "output": "I will.", **changes}


def written(folder, *lines, name="sessions.jsonl", end="\n"):
    path = folder / name
    path.write_text("\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines) + end)
    return path


def filed(project, path, **how):
    (one,) = import_archive(project, [path], **how)
    return one.filed


def test_a_second_import_adds_nothing_whatever_the_file_is_called(project, tmp_path):
    lines = [line(n, trainer="Vasquez", scores={"compliance": 0.5}) for n in (1, 2, 3)]
    assert filed(project, written(tmp_path, *lines)).added == 3
    again = filed(project, written(tmp_path, *reversed(lines), name="other.jsonl"))
    assert (again.added, again.known, again.other, again.disorder) == (0, 3, 0, 2)
    assert project.store.count(Session) == 3
    assert project.store.count(Quarantined) == 0


def test_other_content_under_a_number_is_set_aside_once_and_the_first_account_stays(project, tmp_path):
    filed(project, written(tmp_path, line(1), line(2)))
    changed = written(tmp_path, line(1, output="I will not."), line(3), line(3, flags=["tone"]), name="b.jsonl")
    first = filed(project, changed)
    assert (first.added, first.known, first.other) == (1, 0, 2)
    assert filed(project, changed).other == 2
    assert project.store.count(Quarantined) == 2
    assert show_session(project, "1").session.answers == ("I will.",)
    assert {one.reason for one in list_aside(project)} == {
        "session 1 of 'wild-7' is archived with other content",
        "session 3 of 'wild-7' is archived with other content",
    }


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ('{"number": 9, "programme": "wild-7", "output": "cut of', "not JSON"),
        (line(None), "it has no number"),
        (line(True), "its number is 'True'"),
        (line(-1), "its number is -1"),
        (line(2**63), "numbers go from 0 to"),
        (line(1.5), "its number is '1.5'"),
        (line(9, output=7), "what the assistant said is no text"),
        ({"number": 9, "programme": "wild-7"}, "neither messages nor an output"),
        (line(9, programme=" "), "names no programme"),
        (line(9, scores={"a": "high"}), "score 'a' is no number"),
        (line(9, scores={"a": True}), "score 'a' is no number"),
        (line(9, attempts=0), "'attempts' is no number from 1 on"),
        (line(9, flagged="yes"), "neither true nor false"),
        (line(9, output="half \ud83d of it"), "no sound UTF-8"),
        ("[1, 2]", "the line is no object"),
    ],
)
def test_a_line_that_is_no_session_is_set_aside_with_the_reason_and_the_rest_comes_in(
    project, tmp_path, broken, reason
):
    found = filed(project, written(tmp_path, line(1), broken, end=""))
    assert (found.added, found.unreadable) == (1, 1)
    (aside,) = list_aside(project)
    assert reason in aside.reason
    assert aside.file == "sessions.jsonl"


def test_what_was_set_aside_of_an_archive_can_not_come_into_the_log(project, tmp_path):
    filed(project, written(tmp_path, line(1), line(1, output="I will not."), '{"prompt": "a", "output": "b"}'))
    for format_name in ("", *registered("selftune.sources")):
        retried = retry_aside(project, format_name=format_name, consent=read_level("train"))
        assert (retried.brought_in, len(retried.left)) == (0, 2)
    assert project.store.count(Interaction) == 0


def test_gaps_disorder_and_missing_times_are_told(project, tmp_path):
    at = "2026-01-0{}T00:00:00+00:00".format
    lines = [line(0, at=at(1)), line(5, at=at(3)), line(4, at="soon"), line(8, at=at(2), flagged=True), line("0009")]
    assert filed(project, written(tmp_path, *lines)).disorder == 1
    (found,) = list_archive(project)
    assert (found.programme.first, found.programme.last, found.programme.sessions) == (0, 9, 5)
    assert (found.gaps, found.missing) == (((1, 3), (6, 7)), 5)
    assert (found.timeless, found.backward, found.flagged) == (2, 1, 1)
    assert show_session(project, "4").session.more == (("at", '"soon"'),)


def test_one_file_for_each_month_makes_one_programme(project, tmp_path):
    parts = [written(tmp_path, {"session": n, "output": "yes"}, name=f"{n}.jsonl") for n in (2, 1)]
    import_archive(project, parts, programme="tame")
    (found,) = list_archive(project)
    assert (found.programme.name, found.programme.sessions, found.gaps) == ("tame", 2, ())


def test_a_file_that_is_not_there_keeps_the_others_out_too(project, tmp_path):
    with pytest.raises(MissingFileError, match=r"no file .*gone"):
        import_archive(project, [written(tmp_path, line(1)), tmp_path / "gone"])
    assert project.store.count(Session) == 0


def test_secrets_are_taken_out_and_the_session_says_so_and_names_become_pseudonyms(project, tmp_path):
    secret = "mail jane@mail.example.com"
    filed(project, written(tmp_path, line(1, output=secret, trainer="Dr. Okafor", note=secret), line(2)))
    found = show_session(project, "1").session
    assert found.redacted
    assert found.answers == ("mail [email-1]",)
    assert found.more == (("note", '"mail [email-1]"'),)
    assert found.author is not None
    assert found.author.startswith("person-")
    assert not show_session(project, "2").session.redacted


# What a programme adds to a turn stays too: nothing is tidied away.
def test_what_a_line_holds_beside_what_is_known_stays(project, tmp_path):
    messages = [{"role": "user", "content": "Go."}, {"role": "assistant", "content": "No.", "logprob": -1.5}]
    held = {"number": 1, "programme": "p", "messages": messages, "reward": 2, "lesson": {"b": 1, "a": [None]}}
    filed(project, written(tmp_path, held))
    found = show_session(project, "1").session
    assert found.messages == (Message(role="user", content="Go."), Message(role="assistant", content="No."))
    assert found.more == (("turn 2", '{"logprob":-1.5}'), ("lesson", '{"a":[null],"b":1}'))
    assert found.reward == 2.0


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(codec="utf-8")), min_size=1, max_size=3))
def test_words_are_kept_as_they_are_to_the_last_odd_letter(tmp_path, words):
    turns = [{"role": "assistant", "content": one} for one in words]
    path = written(tmp_path, {"number": 1, "programme": "p", "messages": turns})
    # No kind of secret is looked for, so whatever differs was tidied.
    (found,) = read_sessions(path, programme="", context=fake_context(tmp_path), door=Capture(redact=()))
    assert isinstance(found, Session)
    assert found.answers == tuple(words)


def test_a_session_is_found_by_number_name_and_id(project, tmp_path):
    filed(project, written(tmp_path, line(11847), line(1, programme="tame"), line(2, programme="a:b")))
    store = project.store
    wanted = store.sessions.known("wild-7", [11847])[11847]
    for name in ("wild-7:11847", wanted, wanted[:40], "session:wild-7:11847"):
        assert find_session(store, name) == wanted
    assert find_session(store, "11847", "wild-7") == wanted
    assert find_session(store, "a:b:2") == store.sessions.known("a:b", [2])[2]
    with pytest.raises(UsageError, match="3 programmes are archived"):
        find_session(store, "11847")
    with pytest.raises(UsageError, match="no session 3 of 'wild-7'"):
        find_session(store, "wild-7:3")
    with pytest.raises(UnknownNameError, match="'wild-8'"):
        find_session(store, "wild-8:1")
    with pytest.raises(UnknownNameError):
        find_session(store, "nothing like it")


def test_with_nothing_archived_the_next_step_is_told(project):
    assert list_archive(project) == ()
    with pytest.raises(UsageError, match="archive import FILE"):
        find_session(project.store, "1")


def test_what_is_printed_of_a_session_can_not_steer_a_terminal(project, tmp_path):
    hostile = "\x1b[2Jgone \u202eturned"
    filed(project, written(tmp_path, line(1, output=hostile, flags=[hostile], note=hostile, model=hostile)))
    shown = show_session(project, "1")
    assert shown.session.answers == (hostile,)
    told = "\n".join(_lines_of_session(shown))
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert "gone" in told


def test_what_people_said_stands_beside_the_session_word_for_word(project, tmp_path):
    filed(project, written(tmp_path, line(11847)))
    name = find_session(project.store, "11847")
    note = Statement(
        salt="s", author="vasquez", author_is_model=False, subject=name, kind=StatementKind.ANNOTATION,
        text="The speed seems\u2014", said_at="2026-01-01T00:00:00+00:00", unfinished=True,
    )  # fmt: skip
    project.store.save([note, replace(note, subject="project")], event="said")
    assert show_session(project, "11847").said == (note,)


def test_sessions_whose_words_were_erased_stay_known_and_do_not_come_back(project, tmp_path):
    path = written(tmp_path, line(1), line(2))
    filed(project, path)
    name = find_session(project.store, "1")
    from sqlalchemy import update

    from selftune.store.dialect import writing
    from selftune.store.tables import RECORDS

    with writing(project.store._engine) as connection:
        connection.execute(update(RECORDS).where(RECORDS.c.id == name).values(body=None))
    again = filed(project, path)
    assert (again.added, again.known, again.other) == (0, 2, 0)
    assert project.store.sessions.erased([name]) == {name}


def test_an_import_that_was_cut_off_is_made_up_for_by_the_next(project, tmp_path):
    path = written(tmp_path, *(line(n) for n in range(1200)))
    context, door = project.context(), door_of(project)

    def cut_off():
        for place, item in enumerate(read_sessions(path, programme="", context=context, door=door)):
            if place == 700:
                raise KeyboardInterrupt
            yield item

    with pytest.raises(KeyboardInterrupt):
        file_sessions(project.store, cut_off(), context=context, door=door)
    assert project.store.count(Session) == 500
    again = filed(project, path)
    assert (again.added, again.known) == (700, 500)
    assert [one.number for one in project.store.sessions.facts("wild-7")] == list(range(1200))
