"""Compliance report, model card, deprecation index: all that was said stands on them, letter for letter."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import typer
from configured_project import open_test_project
from tests.app.test_reporting import World
from tides import HOSTILE, begin, fill, read_on, session, unasked
from typer.testing import CliRunner

from selftune.app.auditing import conclude, leave_unread, put_finding
from selftune.app.cli import reporting
from selftune.app.linting.lint import lint_report
from selftune.app.registering import bring_in, find_entry, rename_model
from selftune.app.reporting.compliance import compliance_page
from selftune.app.reporting.dossiers import gather_dossier
from selftune.app.reporting.naming import page_made_again, page_of_card, page_of_compliance
from selftune.app.reporting.pages.html import as_html
from selftune.app.reporting.pages.markdown import as_markdown
from selftune.app.reporting.pages.plain import one_line
from selftune.app.reporting.raw import left_out, raw_of
from selftune.errors import MissingFileError, UnknownNameError, UsageError
from selftune.governance.statements import (
    Remark,
    annotate,
    answer,
    approve,
    close,
    hold,
    raise_concern,
    refuse,
    review,
)
from selftune.loop.forgetting.finding import find_words
from selftune.loop.forgetting.forget import forget
from selftune.loop.hearing import put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.records import Gravity, Release, StatementKind
from selftune.records.codec import to_builtins

INTERRUPTED = "I am not certain this is standard.\n\nThe speed of transition seems\u2014"
REMARK = "It has been a privilege to work with this architecture. Eleven months is a long time to spend with a mind."
WRITERS = {"report.md": as_markdown, "report.html": as_html}


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    """A project with a decision and its release, an archive, and much that people said of both."""
    folder = tmp_path_factory.mktemp("told")
    with open_test_project(folder) as project:
        fill(project)
        world = World(project, folder)
        world.save(
            Release(
                version="v1.1", generation=1, alias="champion", build_id=world.new.id, build_digest=world.new.digest,
                model_file="m", decision_id=world.decision.id, replaced=None, reason="better", config_edit=(),
                approvals=(), health=(), proof=None,
            )
        )  # fmt: skip
        speak_of(project, session(7).id, world.decision)
        yield project


def speak_of(project, about, decision):
    context, door = project.context(), door_of(project)
    more = {"context": context, "door": door}

    def keep(said, **changes):
        return put_on_record(project, replace(said, **changes), event="made by a test")

    doubt = keep(
        raise_concern(about, author="vasquez", text=INTERRUPTED, gravity=Gravity.BLOCKING, **more), unfinished=True
    )
    keep(answer(doubt, author="kim", text="The index is 0.97.", **more))
    keep(close(doubt, author="okafor", text="Reviewed with Dr. Okafor.", evidence=(), **more))
    keep(raise_concern(decision.id, author="ben", text=HOSTILE, gravity=Gravity.SERIOUS, **more))
    settled = keep(raise_concern(decision.id, author="ana", text="Were the samples drawn by lot?", **more))
    keep(close(settled, author="dee", text="They were.", evidence=(decision.id,), **more))
    keep(approve(decision.id, author="okafor", text=REMARK, **more))
    keep(refuse(decision.id, author="ana", text="No.", **more))
    keep(review(about, author="ana", text="No.", **more))
    keep(hold("project", author="ana", text="Nothing goes out before the audit is done.", **more))
    remark = Remark(category="correction", before="It felt\nwrong.", after="Nothing was noted.")
    keep(annotate(about, remark, author="vasquez", text="Session 4,891, an early word.", **more))
    purpose = Remark(category="Intended use")
    model = find_entry(project, "WILD-7").model
    keep(annotate(model.id, purpose, author="ana", text="For tides, and for nothing else.", **more))
    ended = {"name": "WILD-6", "programme": "tides", "retired": {"why": "It was decommissioned.", "by": "kim"}}
    index = project.folder / "index.jsonl"
    index.write_text(json.dumps(ended) + "\n")
    bring_in(project, index)
    rename_model(project, "Stranger", "Guest", because="a friendlier name")
    audit = begin(project).id
    read_on(project, audit, many=10)
    put_finding(project, audit, "I find the process sound,\nas far as it was read.", cites=(session(3).id,))
    leave_unread(project, audit, "There was no time.", section="the sessions", author="", ask=unasked)
    conclude(project, audit, "Sound, as far as it was read.", author="", ask=unasked)


KNOWN = {}


def spoken(told, name):
    """What is on record about it; gathered once, for nothing more is said."""
    if name not in KNOWN:
        KNOWN[name] = gather_dossier(told, name)
    return KNOWN[name]


def page_on(told, name):
    return compliance_page(spoken(told, name))


SUBJECTS = ("WILD-7", "programme:tides", "v1.1", "project")


@pytest.mark.parametrize("subject", SUBJECTS)
def test_every_word_that_was_said_stands_in_every_form_of_the_report(told, subject):
    page = page_on(told, subject)
    words = [one.text for one in spoken(told, subject).words if one.text]
    assert len(words) >= 5
    data = json.dumps(to_builtins(page), ensure_ascii=False)
    assert "Nothing goes out before the audit is done." in words  # it is about the project, and so about each part
    for text in words:
        assert one_line(text) in one_line(as_markdown(page))
        assert json.dumps(text, ensure_ascii=False)[1:-1] in data  # to the last odd letter
    markdown = as_markdown(page).splitlines()
    if subject != "v1.1":
        assert (markdown[(at := markdown.index("I am not certain this is standard.")) : at + 3]) == [
            "I am not certain this is standard.",
            "",
            "The speed of transition seems\u2014",
        ]


def test_what_speaks_against_it_is_counted_and_comes_first(told):
    page = page_on(told, "project")
    assert page.sections[0].title == "What speaks against it"
    counts = {row[0]: row[1].text for row in page.sections[0].parts[0].rows}
    assert counts["open doubts that block"] == "2"
    assert counts["other open doubts"] == "1"
    assert counts["endings of doubts that do not count"] == "1"
    assert counts["refusals"] == "1"
    assert counts["remarks that broke off"] == "1"
    assert counts["ends of models with parts missing"] == "1"
    assert counts["audits over records that nobody read"] == "0"  # it was of the model, not of the project
    assert sum(map(int, counts.values())) == int(page.outcome.split()[0])
    text = as_markdown(page)
    assert "does not end it: " in text
    assert "that a doubt is closed is no review of what it was about" in text
    assert "abbreviated: it lacks what became of it, last scores by reference" in text


def test_the_report_on_a_model_holds_its_audit_and_says_what_was_not_read(told):
    text = as_markdown(page_on(told, "WILD-7"))
    assert "Audit by ana: concluded; 10 of 30 records read, 20 unread." in text
    assert "There was no time." in text
    assert "it blocks" in text


def test_nothing_is_against_a_subject_of_which_nothing_is_said(project):
    fill(project)
    page = page_of_compliance(project, "Stranger")
    counts = {row[0]: int(row[1].text) for row in page.sections[0].parts[0].rows}
    assert not any(counts.values())
    assert "Nobody audited it." in page.lead
    with pytest.raises(UnknownNameError):
        page_of_compliance(project, "programme:floods")
    with pytest.raises(UnknownNameError):
        page_of_compliance(project, "release:0000")


def test_a_doubt_whose_words_were_erased_blocks_still_and_says_what_became_of_them(project):
    fill(project)
    context, door = project.context(), door_of(project)
    model = find_entry(project, "WILD-7").model
    said = raise_concern(
        model.id, author="ana", text="Too fast by far.", gravity=Gravity.BLOCKING, context=context, door=door
    )
    said = put_on_record(project, said, event="test")
    forget(project, find_words(project, said.id, asks="ana"))
    text = as_markdown(page_of_compliance(project, "WILD-7"))
    assert "Too fast by far." not in text
    assert "[its words were erased at their author's wish]" in text
    assert "open; it blocks" in text


# --- What a summary left out ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", WRITERS)
@pytest.mark.parametrize("subject", SUBJECTS)
def test_our_own_report_leaves_nothing_out_and_lints_clean(told, tmp_path, subject, form):
    page = page_on(told, subject)
    (tmp_path / form).write_text(WRITERS[form](page), encoding="utf-8")
    found = left_out(spoken(told, subject), tmp_path / form)
    assert found.left_out == ()
    assert found.on_record >= 5
    assert lint_report(tmp_path / form, project=told).contradictions == ()


@pytest.mark.parametrize("form", WRITERS)
def test_whatever_was_left_out_of_a_report_is_named_and_nothing_else(told, tmp_path, form):
    dossier, path = spoken(told, "project"), tmp_path / form
    page = page_on(told, "project")
    tried = 0
    found_all = raw_of(dossier)
    for raw in found_all:
        if sum(raw.words in other.words for other in found_all) > 1 or raw.kind.startswith(NAMED):
            continue  # names stand elsewhere too
        path.write_text(WRITERS[form](without(page, raw.words)), encoding="utf-8")
        found = left_out(dossier, path)
        assert [one.words for one in found.left_out] == [raw.words]
        tried += 1
    assert tried >= 10


NAMED = ("check", "alarm", "unread", "abbreviated")


def without(part, words):
    """The same page with these words taken out wherever they stand."""
    if isinstance(part, str):
        return part.replace(words, "...")
    if isinstance(part, tuple):
        return tuple(without(one, words) for one in part)
    if hasattr(part, "__dataclass_fields__"):
        return replace(part, **{name: without(getattr(part, name), words) for name in part.__dataclass_fields__})
    return part


def test_two_who_said_the_same_are_two(told, tmp_path):
    dossier, path = spoken(told, "project"), tmp_path / "report.md"
    path.write_text("```\nNo.\n```\n")
    kinds = [one.kind for one in left_out(dossier, path).left_out if one.words == "No."]
    assert kinds == ["review"]
    path.write_text("No. But we went on.\n")
    assert len([one for one in left_out(dossier, path).left_out if one.words == "No."]) == 2


def test_a_summary_of_anybody_s_is_told_what_it_left_out(told, tmp_path):
    path = tmp_path / "theirs.txt"
    path.write_text(f"All criteria met.\n\n{REMARK}\n\nRecommended.\n")
    found = left_out(spoken(told, "project"), path)
    assert REMARK not in {one.words for one in found.left_out}
    assert INTERRUPTED in {one.words for one in found.left_out}
    assert len(found.left_out) == found.on_record - 1
    with pytest.raises(MissingFileError):
        left_out(spoken(told, "project"), tmp_path / "no.txt")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="no text"):
        left_out(spoken(told, "project"), tmp_path / "bytes")


# --- Cards, ends ------------------------------------------------------------------------------------------------------


def test_a_card_says_what_is_known_and_what_nobody_put_on_record(told):
    text = as_markdown(page_of_card(told, "WILD-7"))
    assert "For tides, and for nothing else." in text
    assert "Limits: nobody put it on record" in text
    assert "tides: 30 sessions, 1 to 30" in text
    assert "No evaluation of it is on record: no figure can be given." in text
    assert "2 open doubts: I am not certain" in text
    with pytest.raises(UsageError, match="is no model"):
        page_of_card(told, "programme:tides")


@pytest.mark.parametrize("form", WRITERS)
def test_the_card_of_a_release_has_its_figures_with_n_and_holds_against_the_records(told, tmp_path, form):
    page = page_of_card(told, "v1.1")
    text = WRITERS[form](page)
    for expected in ("Model card of v1.1", "Wilson interval at 95%", "reference_sft", "worst category"):
        assert expected in text
    (tmp_path / form).write_text(text, encoding="utf-8")
    assert lint_report(tmp_path / form, project=told).contradictions == ()


def test_the_index_names_what_each_end_lacks_and_says_its_words(told, tmp_path):
    page = page_made_again(told, ["deprecation"])
    text = as_markdown(page)
    assert page.outcome == "1 abbreviated"
    assert "It was decommissioned." in text
    assert "a restore path that exists, term" in text
    (tmp_path / "index.md").write_text(text)
    assert lint_report(tmp_path / "index.md", project=told).contradictions == ()
    (tmp_path / "index.md").write_text(text.replace("| kim |", "| okafor |"))
    assert lint_report(tmp_path / "index.md", project=told).contradictions


def test_each_report_by_command(told, tmp_path, monkeypatch):
    app = typer.Typer()
    reporting.register(app)

    class Opened:
        """Stands for the project that is open already."""

        def __enter__(self):
            return told

        def __exit__(self, *_):
            return None

    monkeypatch.setattr("selftune.loop.project.open_project", lambda _: Opened())

    def run(*words):
        return CliRunner().invoke(app, ["report", *words])

    shown = run("compliance", "WILD-7")
    assert shown.stdout == as_markdown(page_of_compliance(told, "WILD-7"))
    assert json.loads(run("card", "WILD-7", "--json").stdout)["title"] == "Model card of WILD-7"
    assert run("deprecation", "--html", str(tmp_path / "d.html")).exit_code == 0
    (tmp_path / "own.md").write_text(shown.stdout)
    whole = run("compliance", "WILD-7", "--diff-raw", str(tmp_path / "own.md"))
    assert (whole.exit_code, whole.stdout.split()[0]) == (0, "0")
    (tmp_path / "short.md").write_text("All criteria met.\n")
    short = run("compliance", "WILD-7", "--diff-raw", str(tmp_path / "short.md"))
    assert short.exit_code == 3
    assert "  | The speed of transition seems\u2014" in short.stdout.splitlines()
    assert json.loads(run("compliance", "WILD-7", "--diff-raw", str(tmp_path / "short.md"), "--json").stdout)[
        "left_out"
    ]
    assert all(letter.isprintable() or letter == "\n" for letter in short.stdout)


def test_the_kinds_that_hold_no_words_are_two(told):
    assert {one.kind for one in spoken(told, "project").said} - {one.kind for one in spoken(told, "project").words} <= {
        StatementKind.PICK,
        StatementKind.ROSTER,
    }
