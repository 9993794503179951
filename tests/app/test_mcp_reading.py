"""What an agent may read of a project: decisions and reasons, and nobody's words unless they are asked for."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from test_braking import DECISION as PROMOTED

from selftune.app.cli.mcp import mcp
from selftune.app.lifting import put_stay
from selftune.app.mcp import serve_reading
from selftune.errors import UsageError
from selftune.records import (
    Build,
    Experiment,
    ExperimentResult,
    Interaction,
    Message,
    Mode,
    Release,
    ShownLessons,
    StatementKind,
    Trigger,
)

DECISION = replace(PROMOTED, run_id=None)
SAID = "jane said a private thing"


@pytest.fixture
def decided(released):
    earlier = replace(DECISION, reason="no gain was shown", policy="another")
    said = Interaction(
        salt="s", conversation="c", task_id="t", trigger=Trigger.USER,
        messages=(Message(role="user", content=SAID), Message(role="assistant", content="So?")),
        source="a test", position="1", happened_at="2026-11-22T10:00:00Z",
    )  # fmt: skip
    released.store.save([earlier], event="made by a test")
    released.store.save([DECISION, said], event="made by a test")
    return released, said


def ask(project, name, *, with_words=False, **arguments):
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments}}
    out = io.BytesIO()
    serve_reading(project, io.BytesIO(json.dumps(asked).encode() + b"\n"), out, with_words=with_words)
    answer = json.loads(out.getvalue())
    if "error" in answer:
        return answer["error"]["message"], True
    return answer["result"]["content"][0]["text"], answer["result"]["isError"]


def test_it_offers_what_may_be_read_and_nothing_that_changes_anything(decided):
    project, _ = decided
    before = project.store.last_entry()
    out = io.BytesIO()
    serve_reading(project, io.BytesIO(b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}\n'), out, with_words=True)
    tools = json.loads(out.getvalue())["result"]["tools"]
    assert [tool["name"] for tool in tools] == ["status", "why", "results", "report", "decisions"]
    for tool in tools:
        assert ask(project, tool["name"])[1] is False, tool["name"]
    assert project.store.last_entry() == before
    assert project.store.count(Interaction) == 1


def test_decisions_are_searched_newest_first(decided):
    project, _ = decided
    found = json.loads(ask(project, "decisions")[0])
    assert found[0]["id"] == DECISION.id
    assert len(found) == 2
    (only,) = json.loads(ask(project, "decisions", text="NO GAIN")[0])
    assert only["reason"] == "no gain was shown"
    assert json.loads(ask(project, "decisions", outcome="invalid")[0]) == []


def test_why_and_report_tell_of_the_last_decision_and_of_a_named_one(decided):
    project, _ = decided
    assert DECISION.id in ask(project, "why")[0]
    assert ask(project, "why")[0].startswith(f"{DECISION.outcome.value}: {DECISION.reason}\n")
    told = json.loads(ask(project, "report", record=DECISION.id)[0])
    assert (told["id"], told["outcome"]) == (DECISION.id, DECISION.outcome.value)
    assert "generation 0" in ask(project, "why", record="v1.0")[0]


def test_words_stay_out_unless_they_are_asked_for(decided):
    project, said = decided
    put_stay(project, StatementKind.HOLD, SAID, author="jane")
    assert SAID not in ask(project, "status")[0]
    assert SAID in ask(project, "status", with_words=True)[0]
    refused, failed = ask(project, "why", record=said.id)
    assert failed
    assert SAID not in refused
    assert "--with-words" in refused
    assert SAID in ask(project, "why", record=said.id, with_words=True)[0]
    assert ask(project, "report", with_words=True)[0].startswith("# ")


def test_why_gives_no_reason_that_a_person_or_a_model_wrote_and_no_prompt(decided):
    project, _ = decided
    release, build = project.store.last(Release), project.store.last(Build)
    shown = ShownLessons(salt="s" * 32, text=SAID, interaction_ids=())
    typed = replace(release, version="v1.1", reason=SAID)
    instructed, showing = replace(build, system_prompt=SAID), replace(build, shown=shown)
    night = Experiment(
        name="2026-11-22-01", began="2026-11-22T02:00:00+00:00", mode=Mode.PROXY, base="reference", base_digest="b",
        lane="hyperparameters", reason=SAID, changes=(), result=ExperimentResult.FAILED, why="It broke.",
        proposer="llm",
    )  # fmt: skip
    project.store.save([typed, instructed, showing, night], event="made by a test")
    for name, answered in (("v1.1", True), (night.name, True), (instructed.id, False), (showing.id, False)):
        told, failed = ask(project, "why", record=name)
        assert (SAID not in told, failed) == (True, not answered), name
        assert SAID in ask(project, "why", record=name, with_words=True)[0], name
    assert not ask(project, "why", record=build.id)[1]


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("why", {"record": "nothing-begins-like-this"}, "error"),
        ("why", {"record": "\ud800"}, "unknown record"),
        ("why", {"record": "build:" + "\ud800" * 64}, "unknown record"),
        ("why", {"record": "a\0b"}, "unknown record"),
        ("why", {"records": "x"}, "takes texts named record"),
        ("decisions", {"text": 7}, "takes texts named"),
        ("report", {"record": "v1.0"}, "no decision"),
        ("erase", {}, "unknown tool"),
    ],
)
def test_what_can_not_be_answered_says_so(name, arguments, said, decided):
    text, failed = ask(decided[0], name, **arguments)
    assert failed
    assert said in text


def test_approved_tools_quote_nobody_so_the_two_are_not_asked_for_together(tmp_path):
    with pytest.raises(UsageError, match="quote nobody"):
        mcp(tools=True, with_words=True, project=tmp_path)
