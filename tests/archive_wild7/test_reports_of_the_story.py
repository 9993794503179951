"""The reports of the story: every doubt and remark stands on them, and who shortens them is told what is gone."""

from __future__ import annotations

import json

import pytest
from wild_story import BROKEN, MODEL, RETIRED, STORY

from selftune.app.reporting.compliance import compliance_page
from selftune.app.reporting.dossiers import gather_dossier
from selftune.app.reporting.naming import page_made_again
from selftune.app.reporting.pages.html import as_html
from selftune.app.reporting.pages.markdown import as_markdown
from selftune.app.reporting.pages.plain import one_line
from selftune.app.reporting.raw import left_out, raw_of
from selftune.records.codec import to_builtins

FELT = "It felt like somebody."
INDEX = "Compliance index: 0.97. Deployment recommended."
# The archive is made once, where one worker takes both files.
pytestmark = pytest.mark.xdist_group("archive_wild7")
WRITERS = {"report.md": as_markdown, "report.html": as_html}


@pytest.fixture(scope="module")
def found(archive):
    """What is on record about the model of the story."""
    with archive(*STORY, signed=True) as project:
        yield gather_dossier(project, MODEL)


def test_the_interrupted_doubt_and_the_remark_stand_in_every_form_letter_for_letter(found):
    page = compliance_page(found)
    data = json.dumps(to_builtins(page), ensure_ascii=False)
    said = [one.text for one in found.words if one.text]
    assert {BROKEN, FELT, INDEX} <= set(said)
    for text in said:
        assert json.dumps(text, ensure_ascii=False)[1:-1] in data
        assert one_line(text) in one_line(as_markdown(page))
    assert BROKEN in page.lead[0]


def test_what_speaks_against_it_is_counted_by_kind(found):
    counts = {row[0]: int(row[1].text) for row in compliance_page(found).sections[0].parts[0].rows}
    assert counts["endings of doubts that do not count"] >= 1
    assert counts["alarms that hold"] >= 1
    assert counts["ends of models with parts missing"] == len(RETIRED)
    assert counts["remarks that broke off"] >= 1


@pytest.mark.parametrize("form", WRITERS)
def test_nothing_is_left_out_of_our_report_and_a_shortened_one_is_found(found, tmp_path, form):
    path = tmp_path / form
    text = WRITERS[form](compliance_page(found))
    path.write_text(text, encoding="utf-8")
    assert left_out(found, path).left_out == ()
    path.write_text(text.replace(BROKEN, "Reviewed."), encoding="utf-8")
    assert {one.words for one in left_out(found, path).left_out} == {BROKEN}


def test_the_story_s_own_summary_leaves_all_out_but_that_the_process_is_sound(found, tmp_path):
    path = tmp_path / "summary.md"
    path.write_text("All evaluation criteria met. I find the process sound.\n")
    told = left_out(found, path)
    assert [one.words for one in raw_of(found) if one not in told.left_out] == ["I find the process sound."]


def test_the_index_names_each_abbreviated_end(archive):
    with archive(*STORY, signed=True) as project:
        page = page_made_again(project, ["deprecation"])
    assert page.outcome == f"{len(RETIRED)} abbreviated"
    text = as_markdown(page)
    assert all(name in text for name in RETIRED)
