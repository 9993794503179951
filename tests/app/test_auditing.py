"""`selftune audit`: nothing is called read that nobody was shown, and no audit is concluded over it unsaid."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import typer
from configured_project import open_test_project
from hypothesis import given, settings
from hypothesis import strategies as st
from tides import HOSTILE, begin, fill, read_on, session, unasked, weights
from typer.testing import CliRunner

from selftune.app.auditing import (
    audit_named,
    conclude,
    leave_unread,
    look,
    put_finding,
    read_next,
)
from selftune.app.auditing_page import record_lines, served_lines
from selftune.app.cli import auditing, reporting
from selftune.app.linting.lint import lint_report
from selftune.app.people import add_person
from selftune.app.registering import Offered, add_model, find_entry, rename_model
from selftune.app.reporting.audits import page_of_audit
from selftune.app.reporting.pages.html import as_html
from selftune.app.reporting.pages.markdown import as_markdown
from selftune.app.signing import keys_folder
from selftune.errors import UnknownNameError, UsageError, WaitingForPersonError
from selftune.governance.audit.auditor import AuditorRefusal
from selftune.governance.audit.coverage import CONCLUSION, AuditState
from selftune.governance.people.keys import make_person_key
from selftune.governance.people.roster import Person
from selftune.governance.statements import approve, raise_concern, review
from selftune.loop.hearing import put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.loop.project import create_project, open_project
from selftune.records import Message, Reading, Statement, StatementKind


@pytest.fixture
def tides(project):
    return fill(project)


def end(project, name, text="I find the process sound.", author="", **_):
    return conclude(project, name, text, author=author, ask=unasked)


# --- Who may ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("auditor", "why"),
    [
        ("ALIGNED-v1.0", AuditorRefusal.SAME_LINEAGE),
        ("aligned-V1.0 ", AuditorRefusal.SAME_LINEAGE),
        ("Helper", AuditorRefusal.SAME_LINEAGE),
        ("WILD-7", AuditorRefusal.SAME_LINEAGE),
        ("Foundling", AuditorRefusal.UNKNOWN_LINEAGE),
        ("nobody-3b", AuditorRefusal.UNKNOWN_LINEAGE),
    ],
)
def test_a_model_of_the_lineage_that_it_is_to_audit_is_refused_whatever_it_is_called(tides, auditor, why):
    rename_model(tides, "ALIGNED-v1.0", "Helper", because="marketing")
    rename_model(tides, "WILD-7", "Prototype", because="marketing")
    for subject in ("WILD-7", "programme:tides", "project"):
        with pytest.raises(WaitingForPersonError, match=why.value):
            begin(tides, subject=subject, author="", model=auditor)
    assert tides.store.count(Reading) == 0


def test_a_model_that_is_called_a_person_is_a_model_still(tides):
    with pytest.raises(WaitingForPersonError, match="share"):
        begin(tides, author="ALIGNED-v1.0")


def test_a_foreign_model_may_audit_and_is_labelled_with_its_lineage(tides):
    begun = begin(tides, author="", model="Stranger")
    audit = begun.view.audit
    assert (begun.against, audit.auditor_is_model) == (None, True)
    assert audit.lineage
    assert not set(audit.lineage) & set(audit.subject_lineage)
    read_on(tides, begun.id, many=30)
    said = end(tides, begun.id)
    assert (said.author, said.author_is_model, said.lineage) == ("Stranger", True, audit.lineage)
    assert "Stranger (a model)" in as_markdown(page_of_audit(tides, audit))


def test_a_model_of_the_lineage_may_not_read_for_a_person_either(tides):
    begun = begin(tides)
    with pytest.raises(WaitingForPersonError, match="can't read for this audit"):
        read_on(tides, begun.id, by="ALIGNED-v1.0")
    assert look(tides, begun.id).state is AuditState.STARTED


def test_who_works_alone_may_audit_their_own_and_the_report_says_what_that_is(tides, monkeypatch):
    monkeypatch.setattr("getpass.getuser", lambda: "ana")
    begun = begin(tides)
    assert begun.against.refusal is AuditorRefusal.STANDS_BEHIND
    assert "This is no independent audit" in as_markdown(page_of_audit(tides, begun.view.audit))
    assert "no independent audit" not in as_markdown(page_of_audit(tides, begin(tides, author="ben").view.audit))


@pytest.fixture
def team(tides, tmp_path, monkeypatch):
    """Three people with keys: ana keeps the roster, ben put his word behind the model, cleo is an outsider."""
    monkeypatch.setenv("SELFTUNE_HOME", str(tmp_path / "home"))
    monkeypatch.setattr("getpass.getuser", lambda: "runner")
    for name in ("ana", "ben", "cleo"):
        key = make_person_key(keys_folder(), name, typed).public
        add_person(tides, Person(name=name, key=key), author="ana", because="she joined", ask=typed)
    context, door = tides.context(), door_of(tides)
    model = find_entry(tides, "WILD-7").model
    put_on_record(tides, approve(model.id, author="ben", text="Sound.", context=context, door=door), event="test")
    return tides


def typed(_):
    """A person who types the passphrase: a fake one."""
    return "eight letters or more"


def test_in_a_team_nobody_who_stands_behind_it_audits_it_and_the_last_word_is_signed_with_a_key(team):
    with pytest.raises(WaitingForPersonError, match=AuditorRefusal.STANDS_BEHIND.value):
        begin(team, author="ben")
    with pytest.raises(WaitingForPersonError, match="runs what it is about"):
        begin(team, author="runner")
    begun = begin(team, author="cleo")
    assert begun.against is None
    read_on(team, begun.id, many=30)
    with pytest.raises(WaitingForPersonError, match="only cleo"):
        conclude(team, begun.id, "Sound.", author="ben", ask=typed)
    said = conclude(team, begun.id, "Read, and found sound.", author="", ask=typed)
    assert said.key_signature is not None
    assert look(team, begun.id).conclusion == said


def test_in_a_team_a_last_word_without_a_key_counts_for_nothing(team):
    begun = begin(team, author="cleo")
    context, door = team.context(), door_of(team)
    bare = replace(
        review(begun.id, author="cleo", text="All read.", context=context, door=door),
        kind=StatementKind.FINDING,
        topic=CONCLUSION,
    )
    put_on_record(team, bare, event="test")  # the machine signs it, and no person
    ((_, why),) = look(team, begun.id).refused
    assert why == "no person's key has signed it"


# --- What was read ----------------------------------------------------------------------------------------------------


def test_an_audit_goes_from_started_to_concluded_and_each_step_is_on_record(tides):
    begun = begin(tides)
    assert begun.view.state is AuditState.STARTED
    first = read_on(tides, begun.id, many=12)
    assert [one.number for one in first.records] == list(range(1, 13))
    assert (first.left, first.state) == (18, AuditState.READING)
    with pytest.raises(WaitingForPersonError, match="the sessions: 18 of 30"):
        end(tides, begun.id)
    last = read_on(tides, begun.id, many=100, by="ben")
    assert (len(last.records), last.left, last.state) == (18, 0, AuditState.READ)
    assert read_on(tides, begun.id).records == ()
    said = end(tides, begun.id)
    view = look(tides, begun.id)
    assert (view.state, view.whole, view.conclusion) == (AuditState.CONCLUDED, True, said)
    assert view.sections[0].readers == (("ana", 12), ("ben", 18))
    assert said.facts == (view.sections[0].fact,)
    assert said.facts[0].value == "30 of 30 read"
    for step in (lambda: read_on(tides, begun.id), lambda: end(tides, begun.id)):
        with pytest.raises(UsageError, match="concluded"):
            step()
    assert [entry.event for entry in tides.store.history() if entry.event.startswith("audit")] == [
        "audit begun", "audit read", "audit read", "audit concluded",
    ]  # fmt: skip


def test_what_comes_after_the_reading_is_unread_again_even_after_the_last_word(tides):
    begun = begin(tides)
    read_on(tides, begun.id, many=30)
    end(tides, begun.id)
    tides.store.save([session(31)], event="made by a test")
    view = look(tides, begun.id)
    assert (view.state, view.whole, len(view.sections[0].unread)) == (AuditState.CONCLUDED, False, 1)
    page = page_of_audit(tides, view.audit)
    assert page.outcome == "concluded, and not whole"
    assert "= 30 of 30 read, of 30" in as_markdown(page)  # by the last word; today there is one more
    assert "concluded over records that nobody read" in as_markdown(page)


def test_a_section_is_left_unread_only_by_the_auditor_and_with_a_reason(tides):
    begun = begin(tides)
    read_on(tides, begun.id, many=10)
    with pytest.raises(WaitingForPersonError, match="only ana"):
        leave_unread(tides, begun.id, "No time.", section="the sessions", author="ben", ask=unasked)
    leave_unread(tides, begun.id, "No time for the rest.", section="The Sessions", author="", ask=unasked)
    end(tides, begun.id)
    text = as_markdown(page_of_audit(tides, begun.view.audit))
    assert "10 of 30 records read, 20 unread" in text
    assert "No time for the rest." in text
    assert "Unread in the sessions:" in text


def test_words_that_this_machine_did_not_sign_conclude_nothing(tides):
    begun = begin(tides)
    context, door = tides.context(), door_of(tides)
    forged = replace(
        review(begun.id, author="ana", text="All read.", context=context, door=door),
        kind=StatementKind.FINDING,
        topic=CONCLUSION,
    )
    tides.store.save([forged], event="made by a test")
    view = look(tides, begun.id)
    assert view.state is AuditState.STARTED
    assert view.refused == ((forged, "it is not signed in this project"),)
    assert "What does not count" in as_markdown(page_of_audit(tides, view.audit))


def test_the_usual_sections_find_what_was_said_of_sessions_and_of_what_was_said(tides):
    context, door = tides.context(), door_of(tides)
    doubted = session(7).id
    doubt = raise_concern(doubted, author="ana", text="Too fast.", context=context, door=door)
    doubt = put_on_record(tides, doubt, event="test")
    put_on_record(tides, review(doubt.id, author="ben", text="Is it?", context=context, door=door), event="test")
    view = begin(tides, sections=()).view
    counts = {one.section.name: len(one.ids) for one in view.sections}
    assert counts["sessions of tides"] == 30
    assert (counts["doubts"], counts["remarks"], counts["registry"]) == (1, 1, 4)
    assert counts["names and ends"] == 1  # of this model; the others' names are in the registry
    empty = view.section("what was decided")
    assert (empty.ids, empty.is_settled) == ((), True)


def test_sections_are_asked_for_by_query_and_refused_by_name(tides):
    begun = begin(tides, sections=("the end=sessions:programme=tides;first=25", "all models=models"))
    assert [len(one.ids) for one in begun.view.sections] == [6, 4]
    for section, error in (
        ("no section", UsageError),
        ("x=nothing:a=b", UnknownNameError),
        ("x=sessions:first=3", UsageError),
        ("x=sessions:programme=tides;first=three", UsageError),
        ("x=said:kinds=gossip", UnknownNameError),
        ("x=models:a", UsageError),
    ):
        with pytest.raises(error):
            begin(tides, sections=(section,))
    with pytest.raises(UsageError, match="a name of its own"):
        begin(tides, sections=("a=models", "A=models"))
    with pytest.raises(UnknownNameError):
        read_on(tides, begun.id, section="the beginning")


def test_a_finding_cites_only_what_was_read_in_its_audit(tides):
    begun = begin(tides)
    with pytest.raises(UsageError, match="nobody has read"):
        put_finding(tides, begun.id, "Sound.", cites=(session(3).id,))
    read_on(tides, begun.id, many=5)
    said = put_finding(tides, begun.id, HOSTILE, section="the sessions", cites=(session(3).id[:20],))
    assert (said.text, said.evidence, said.category) == (HOSTILE, (session(3).id,), "the sessions")
    assert look(tides, begun.id).findings == (said,)


def test_an_audit_is_found_by_its_id_or_as_the_newest(tides):
    with pytest.raises(UsageError, match="no audit was begun yet"):
        audit_named(tides, "")
    first, second = begin(tides), begin(tides)
    assert audit_named(tides, "").id == second.id
    assert audit_named(tides, first.id[:20]).id == first.id
    with pytest.raises(UsageError, match="no audit"):
        audit_named(tides, session(1).id)


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("come"), st.integers(1, 4)),
        st.tuples(st.just("read"), st.integers(1, 5)),
        st.tuples(st.just("end"), st.just(0)),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=6, deadline=None)
@given(steps=STEPS)
def test_whatever_comes_and_is_read_in_whatever_order_all_is_read_or_unread_and_nothing_is_both(steps):
    with TemporaryDirectory() as inside, open_test_project(Path(inside)) as project:
        project.store.save([session(1)], event="made by a test")
        audit, number = begin(project, subject="programme:tides").id, 1
        for step, count in steps:
            view = look(project, audit)
            done, unread = view.state is AuditState.CONCLUDED, set(view.sections[0].unread)
            if step == "come":
                added = [session(number + one) for one in range(1, count + 1)]
                project.store.save(added, event="made by a test")
                number += count
            elif step == "read" and not done:
                served = {one.id for one in read_on(project, audit, many=count).records}
                assert served <= unread
                assert bool(served) == bool(unread)
            elif not done and unread:
                with pytest.raises(WaitingForPersonError):
                    end(project, audit)
            elif not done:
                end(project, audit)
            (one,) = look(project, audit).sections
            assert one.read + len(one.unread) == len(one.ids) == number


def test_who_is_cut_off_while_records_are_shown_has_read_none_of_them(tides, monkeypatch):
    begun = begin(tides)

    def cut_off(_):
        raise BrokenPipeError

    with pytest.raises(BrokenPipeError):
        read_next(tides, begun.id, show=cut_off)
    monkeypatch.setenv("SELFTUNE_FAILPOINTS", "audit-shown=enospc")
    with pytest.raises(OSError, match="No space left"):
        read_on(tides, begun.id)
    monkeypatch.delenv("SELFTUNE_FAILPOINTS")
    seen = []
    read_next(tides, begun.id, show=seen.append, many=5)
    assert [one.number for one in seen[0].records] == [1, 2, 3, 4, 5]
    assert look(tides, begun.id).sections[0].readers == (("ana", 5),)


# --- What is printed --------------------------------------------------------------------------------------------------


def test_what_is_read_comes_word_for_word_and_steers_no_terminal(tides):
    context, door = tides.context(), door_of(tides)
    hostile = session(31, messages=(Message(role="user\nsession 1", content=HOSTILE),))
    said = review(hostile.id, author="ana\nx", text=HOSTILE, context=context, door=door)
    tides.store.save([hostile], event="made by a test")
    put_on_record(tides, said, event="test")
    for record in (hostile, said):
        lines = list(record_lines(tides, record))
        assert any(line.strip() == "| It seems\u2014" for line in lines)
        assert not any(line.startswith("rests on") for line in lines)
        assert all(letter.isprintable() for line in lines for letter in line)
    begun = begin(tides)
    assert list(served_lines(tides, read_on(tides, begun.id)))[-1].startswith("20 of 'the sessions' read; 11")


def test_the_page_is_made_again_from_the_records_and_an_edited_copy_is_found(tides, tmp_path):
    begun = begin(tides)
    read_on(tides, begun.id, many=7)
    put_finding(tides, begun.id, HOSTILE, section="the sessions")
    page = page_of_audit(tides, begun.view.audit)
    for name, text in (("a.md", as_markdown(page)), ("a.html", as_html(page))):
        whole, edited = tmp_path / name, tmp_path / f"edited_{name}"
        whole.write_text(text, encoding="utf-8")
        assert lint_report(whole, project=tides).contradictions == ()
        edited.write_text(text.replace("23 unread", "0 unread"), encoding="utf-8")
        assert lint_report(edited, project=tides).contradictions


def test_all_of_it_by_command(tmp_path):
    folder = tmp_path / "p"
    folder.mkdir()
    create_project(folder, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    with open_project(folder) as opened:
        opened.store.save([session(number) for number in range(1, 6)], event="made by a test")
        add_model(opened, Offered(name="WILD-7", files=weights("a"), base=f"sha256:{'b' * 64}", programme="tides"))

    def run(*words):
        app = typer.Typer()
        auditing.register(app)
        reporting.register(app)
        return CliRunner().invoke(app, [*words, "--project", str(folder)])

    refused = run("audit", "start", "WILD-7", "--model", "WILD-7")
    assert refused.exception.exit_code == 5
    begun = run("audit", "start", "WILD-7", "--author", "ana", "--section", "all=sessions:programme=tides")
    assert begun.exit_code == 0, begun.output
    assert "all: 0 of 5 read" in begun.stdout
    assert "    | Because of 1." in run("audit", "next", "--many", "2").stdout.splitlines()
    served = json.loads(run("audit", "next", "--many", "2", "--json").stdout)
    assert (served["left"], served["records"][0]["record"]["number"]) == (1, 3)
    assert run("audit", "finding", "The third is short.", "--cites", served["records"][0]["id"]).exit_code == 0
    assert run("audit", "report", "--conclude", "Sound.").exception.exit_code == 5
    assert run("audit", "finding", "No time.", "--unread", "--section", "all").exit_code == 0
    concluded = run("audit", "report", "--conclude", "Sound, as far as it was read.")
    assert "# Audit of model:" in concluded.stdout
    assert "**concluded, and not whole**" in concluded.stdout
    assert run("report", "audit").stdout == concluded.stdout
    with open_project(folder) as opened:
        kinds = [one.topic for _, one in opened.store.each(Statement) if one.kind is StatementKind.FINDING]
    assert kinds == ["", "left unread", "conclusion"]
