"""One go at a tool in a project: what is refused, what is on record of it, and what code may allow."""

from __future__ import annotations

import json

import pytest
from forge_scripts import BUGGY, GOOD, told_function, told_spec
from forging_makers import (
    FRAGILE,
    GAP,
    called,
    made,
    put,
    said,
    script,
    state,
    with_forge,
    yes,
)

from selftune.app.forgetting import look_for
from selftune.app.forging import (
    describe_made,
    exit_code_of,
)
from selftune.app.tracing import trace
from selftune.codex.reading import CODICES
from selftune.errors import (
    IntegrityError,
    SandboxError,
    SelftuneError,
    UnknownNameError,
    UsageError,
)
from selftune.failpoints import VARIABLE
from selftune.governance.brake.file import new_stop, put_on
from selftune.loop.forgetting.forget import forget
from selftune.loop.forging import making, toolbox
from selftune.loop.forging.listening import find_gap, gaps_in, gaps_of
from selftune.loop.forging.making import make_tool
from selftune.loop.forging.standing import ToolState, tools_of
from selftune.loop.forging.toolbox import toolbox_of
from selftune.personas.base import Said
from selftune.personas.scripted import Line, ScriptedVoice
from selftune.records import (
    Consent,
    ExampleBy,
    Forging,
    ForgingEnd,
    Tool,
    Trigger,
    has_words,
)
from selftune.toolforge.config import ApprovedBy
from selftune.toolforge.gaps import GapKind
from selftune.toolforge.spec import read_example

pytestmark = pytest.mark.needs("bwrap")


def test_a_go_that_came_to_nothing_is_on_record_with_every_answer(project):
    result = made(project, *[f"{BUGGY}# {number}\n" for number in range(4)])
    assert result.tool is None
    (_, kept), *others = project.store.each(Forging)
    assert not others
    assert kept.ended_by is ForgingEnd.NEVER_RIGHT
    assert len(kept.attempts) == 5
    assert project.store.count(Tool) == 0
    told = trace(project, kept.id).lines
    assert "answer 5, a function: refused" in told
    assert sum(line.startswith("  | def count_vowels") for line in told) == 4


def test_code_changes_nothing_that_a_person_allowed_while_it_was_written(project):
    class Slow(ScriptedVoice):
        """A fake voice: while it writes its function, somebody proposes a tool of that name and allows it."""

        def speak(self, call, heard):
            if call.persona == "tool function":
                put(project, FRAGILE)
                yes(project)
            return super().speak(call, heard)

    by_code = with_forge(project, approve=ApprovedBy.PURE)
    lines = [Line(persona="tool spec", text=told_spec()), Line(persona="tool function", text=told_function(GOOD))]
    result = make_tool(by_code, GAP, voice=Slow(lines))
    assert (result.tool.version, result.approved) == (2, False)
    assert [state(by_code, 1), state(by_code, 2)] == [ToolState.APPROVED, ToolState.PROPOSED]


def test_the_same_tool_again_is_no_second_one(project):
    made(project)
    again = made(project)
    assert again.known
    assert "is there already" in "\n".join(describe_made(again))
    assert "word for word" not in "\n".join(describe_made(made(project, FRAGILE)))
    assert any(line.startswith("supersedes tool:") for line in trace(project, tools_of(project)[1].tool.id).lines)
    assert project.store.count(Tool) == 2
    assert project.store.count(Forging) == 3


def test_nothing_is_asked_and_nothing_offered_where_no_sandbox_holds(project, monkeypatch):
    put(project)
    yes(project)

    def none_holds():
        raise SandboxError("no sandbox holds here.", next_step="Install bubblewrap.")

    monkeypatch.setattr(making, "find_sandbox", none_holds)
    monkeypatch.setattr(toolbox, "find_sandbox", none_holds)
    before = project.store.count(Forging)
    with pytest.raises(SandboxError) as error:
        make_tool(project, GAP, voice=script())
    assert error.value.exit_code == 9
    assert project.store.count(Forging) == before
    box = toolbox_of(project)
    assert box.schemas() == ()
    assert called(box) == "error: not now: no sandbox holds here."


@pytest.mark.parametrize("how", ["brake", "interrupt"])
def test_a_stop_in_the_middle_ends_the_forge_and_what_was_written_is_kept(project, how):
    class Stopping:
        """A fake voice: it writes a spec, and then somebody stops everything."""

        def __init__(self):
            self.said = []

        def speak(self, call, heard):
            if len(self.said) == 1 and how == "interrupt":
                raise KeyboardInterrupt
            if how == "brake":
                put_on(project.hidden, new_stop("ann", "enough", "2026-01-01T00:00:00+00:00"))
            self.said.append(call)
            return Said(text=told_spec(), finish_reason="stop", prompt_tokens=0, completion_tokens=0)

    made = make_tool(project, GAP, voice=Stopping())
    assert made.forging.ended_by is ForgingEnd.STOPPED
    assert [attempt.asked_for for attempt in made.forging.attempts] == ["spec"]
    assert exit_code_of(made) == 130


def test_a_secret_in_a_source_is_refused_and_never_kept(project):
    secret = "sk-" + "a1B2" * 12
    result = made(project, GOOD.replace("Count a", f"Key {secret}; a"), *[GOOD])
    assert result.tool.source == GOOD
    assert secret not in json.dumps([attempt.answer for attempt in result.forging.attempts])


@pytest.mark.parametrize("where", ["description", "parameters", "examples"])
def test_a_secret_in_a_spec_is_refused_and_never_kept(project, where):
    secret = "sk-" + "a1B2" * 12
    text = {"type": "string", "enum": [secret]}
    changes = {
        "description": f"Counts with {secret}.",
        "parameters": {"type": "object", "properties": {"text": text}, "required": ["text"]},
        "examples": [{"arguments": {"text": f"{one} {secret}"}, "result": 0} for one in "bcd"],
    }
    spec = told_spec(**{where: changes[where]})
    voice = ScriptedVoice([
        Line(persona="tool spec", text=spec),
        Line(persona="tool spec", text=told_spec()),
        Line(persona="tool function", text=told_function(GOOD)),
    ])  # fmt: skip
    result = make_tool(project, GAP, voice=voice)
    assert result.tool.description == "Counts the vowels of a text."
    assert result.forging.attempts[0].problems
    assert secret.encode() not in (project.hidden / "store.db").read_bytes()


def test_a_secret_in_a_person_s_own_example_is_refused_before_anything_is_asked(project):
    own = read_example('{"text": "sk-' + "a1B2" * 12 + '"} -> 2', ExampleBy.PERSON)
    with pytest.raises(UsageError, match="looks like a secret"):
        make_tool(project, GAP, voice=script(GOOD), given=[own])
    assert project.store.count(Forging) == 0


def test_where_the_box_breaks_midway_what_was_written_is_on_record(project, monkeypatch):
    class BrokenBox:
        """A fake sandbox that can't be built."""

        def run(self, *_, **__):
            raise SandboxError("the box could not be built.", next_step="Try again.")

    monkeypatch.setattr(making, "find_sandbox", BrokenBox)
    with pytest.raises(SandboxError):
        made(project)
    ((_, kept),) = project.store.each(Forging)
    assert (kept.ended_by, len(kept.attempts)) == (ForgingEnd.NO_SANDBOX, 2)


def test_a_codex_that_nobody_signed_stops_the_forge(project):
    made(project)
    (project.folder / "codex").mkdir(exist_ok=True)
    own = CODICES.text("brick_robin").replace("Tamland", "Elsewhere")
    (project.folder / "codex" / "brick_robin.toml").write_text(own, encoding="utf-8")
    with pytest.raises(IntegrityError, match="codex"):
        made(project, FRAGILE)


def test_gaps_of_the_log_are_named_once_and_closed_by_a_tool(project):
    first = said(project, "TOOL NEEDED: count the vowels of a text")
    said(project, "I cannot compute the variance of these numbers.")
    said(project, "TOOL NEEDED: something private", consent=Consent(train=False))
    said(project, "TOOL NEEDED: something simulated", trigger=Trigger.SIMULATED)
    said(project, "All is well.")
    found = gaps_of(project)
    assert [one.gap.kind for one in found] == [GapKind.ASKED, GapKind.SAID]
    assert gaps_in(project, first)[0].name == found[0].name
    made(project, gap=found[0].gap, interaction_id=first)
    assert [one.gap.kind for one in gaps_of(project)] == [GapKind.SAID]
    assert find_gap(project, found[0].name).forgings[0].interaction_id == first
    with pytest.raises(UnknownNameError):
        find_gap(project, "gap-nothing")
    private = said(project, "TOOL NEEDED: something private too", consent=Consent(train=False))
    with pytest.raises(UsageError, match="nothing may be learnt"):
        find_gap(project, gaps_in(project, private)[0].name)


def test_forgotten_words_leave_the_forging_and_the_tool_stays(project):
    first = said(project, "TOOL NEEDED: count the vowels in the name Zebedee")
    made(project, gap=gaps_in(project, first)[0].gap, interaction_id=first)
    put(project, FRAGILE)
    kept = made(project, BUGGY, GOOD, name="other_tool").forging
    words = look_for(project, first)
    assert [name for name in words.touched if name.startswith("tool:")] == [tools_of(project)[0].tool.id]
    forget(project, words)
    (_, bare), *others = project.store.each(Forging)
    assert not has_words(bare)
    assert (bare.wanted, bare.attempts) == ("", ())
    assert others[-1][1] == kept
    assert b"Zebedee" not in (project.hidden / "store.db").read_bytes()
    assert gaps_of(project) == ()
    assert len(tools_of(project)) == 2


def test_killed_before_code_approved_it_the_next_go_does(project, monkeypatch):
    by_code = with_forge(project, approve=ApprovedBy.PURE)
    monkeypatch.setenv(VARIABLE, "tool-proposed=raise")
    with pytest.raises(SelftuneError, match="failpoint"):
        made(by_code)
    assert state(by_code) is ToolState.PROPOSED
    monkeypatch.delenv(VARIABLE)
    again = made(by_code)
    assert (again.known, again.approved) == (True, True)
    assert state(by_code) is ToolState.APPROVED
