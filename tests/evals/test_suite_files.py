"""A suite written to YAML reads back as the same suite, whatever people write."""

from __future__ import annotations

import json
from dataclasses import replace

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from selftune.evals.suite_files import item_entry, keep_out_of_git, suite_text, write_suite
from selftune.evals.suites import item_from, load_suite, suite_from
from selftune.records import GenerationParameters, Message, Suite, SuiteItem, canonical_json

TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
SAID = TEXT.filter(str.strip)


@st.composite
def items(draw):
    return SuiteItem(
        id=draw(SAID),
        category="c",
        behaviour=draw(TEXT),
        difficulty=draw(TEXT),
        messages=(Message(role="system", content=draw(TEXT)), Message(role="user", content=draw(TEXT))),
        expect=canonical_json({"any_of": [draw(TEXT)], "n": draw(st.integers() | st.floats(-1e9, 1e9))}),
        agent=draw(st.none() | TEXT),
        scorer=draw(st.none() | TEXT),
        reference=draw(st.none() | TEXT),
        weight=draw(st.floats(min_value=0.001, max_value=1e6)),
        tier=draw(st.sampled_from(("gold", "extended", "held_out"))),
        follow_ups=tuple(draw(st.lists(SAID, max_size=3))),
        origin=draw(st.none() | TEXT),
    )


def suite_of(*members: SuiteItem) -> Suite:
    return Suite(
        name="s", version="1", description="d", scorer="exact", unit="item", categories=("c",),
        generation=GenerationParameters(temperature=0.7, stop=("\n",)), seed=3, items=members, repeats=2,
    )  # fmt: skip


PLAIN = SuiteItem(
    id="1", category="c", behaviour="no", difficulty="null", messages=(Message(role="user", content="q"),), expect="{}"
)


def tricky(text: str) -> SuiteItem:
    return replace(PLAIN, messages=(Message(role="user", content=text),))


@settings(deadline=None)
@given(items())
@example(PLAIN)
@example(tricky("- a\n  b: c\n---\n"))
@example(tricky(" leading and trailing \n \n"))
@example(tricky("\ttab\r\nline\x85next\u2028more\ufeff"))
@example(tricky("\x85"))
@example(tricky("1_000"))
@example(tricky("2026-11-21"))
@example(tricky("nothing but \x07 a bell"))
def test_what_is_written_is_read_back_the_same(item):
    suite = suite_of(item)
    read = suite_from(yaml.safe_load(suite_text(suite, "# a\n'b")), where="suite s")
    assert read == suite


@settings(deadline=None)
@given(items())
def test_an_entry_survives_json_too_as_drafts_need_it_to(item):
    assert item_from(json.loads(json.dumps(item_entry(item))), where="drafts") == item


def test_a_file_is_replaced_whole_and_leaves_no_draft_behind(tmp_path):
    path = tmp_path / "suites" / "s.yaml"
    for place in "12":
        write_suite(suite_of(replace(PLAIN, id=place)), path)
    assert [one.id for one in load_suite(path).items] == ["2"]
    assert [one.name for one in path.parent.iterdir()] == ["s.yaml"]


def test_what_git_is_to_leave_alone_is_listed_once_beside_what_stands_there(tmp_path):
    (tmp_path / ".gitignore").write_text("mine.yaml\n")
    for _ in range(2):
        keep_out_of_git(tmp_path / "own.yaml")
    assert (tmp_path / ".gitignore").read_text() == "mine.yaml\nown.yaml\n"
