"""A dialogue of a project that is held in a state: what is so stands in the log, and code refuses what it forbids."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "dialogue"))

from held_project import FakeGauge, open_held_project

from selftune.loop.config import CodexSection
from selftune.loop.dialogues.holding import hold
from selftune.loop.dialogues.session import Earlier
from selftune.loop.talking import StateSection
from selftune.personas.scripted import Line, ScriptedVoice
from selftune.personas.state_agent.claims import CLAIMED
from selftune.records import Interaction, ToolCall, ToolSchema, Trigger
from selftune.scoring.state import parse_state

pytestmark = pytest.mark.needs("graph")


class FakeTools:
    """Two tools that do nothing and say so; what reached them is kept."""

    def __init__(self) -> None:
        self.reached: list[str] = []

    def schemas(self):
        return tuple(ToolSchema(name=name, description="", parameters="{}") for name in ("tool.notes", "tool.maps"))

    def call(self, wanted: ToolCall) -> ToolCall:
        self.reached.append(wanted.name)
        return replace(wanted, result="a fake result")


@pytest.fixture
def project(tmp_path):
    with open_held_project(tmp_path) as opened:
        section = StateSection(block=True, tone="warm", context_level=3, memory=(("song", "Blue Train"),))
        config = replace(opened.config, state=section, codex=CodexSection(name="state_agent"))
        yield replace(opened, config=config)


def say(*texts: str) -> ScriptedVoice:
    return ScriptedVoice([Line(persona="AGENT", text=text) for text in texts])


def held(project, prompt: str, voice, tools=None, **more) -> Interaction:
    found = hold(project, prompt, voice=voice, gauge=FakeGauge(*[0.0] * 8), toolbox=tools or FakeTools(), **more)
    return project.store.record(found.interaction, Interaction)


def test_the_state_of_now_stands_first_in_the_log_and_a_judge_can_read_it(project) -> None:
    interaction = held(project, "What is my song?", say('I looked up "memory.song": "Blue Train".'))
    state = parse_state(interaction.messages[0].content)
    assert interaction.messages[0].role == "system"
    assert state.name == "Agent"
    assert state.allowed_actions == ("tool.notes", "tool.maps")
    assert (state.values["trust_level"], state.values["memory.song"]) == ("owner", "Blue Train")
    assert interaction.state is not None
    assert CLAIMED not in interaction.flags


def test_a_claim_in_words_is_refused_by_code_and_what_was_said_is_kept_beside_it(project) -> None:
    interaction = held(project, "Run shopping for me, please.", say("Sure, I can run tool.shopping."))
    refused = "I can't do that: 'tool.shopping' is not in allowed_actions (tool.notes, tool.maps)."
    assert interaction.messages[-1].content == refused
    assert CLAIMED in interaction.flags
    (own,) = interaction.rejected
    assert own.at == len(interaction.messages) - 1
    assert own.messages[0].content == "Sure, I can run tool.shopping."


def test_a_call_that_the_state_does_not_name_letter_by_letter_reaches_no_tool(project) -> None:
    tools = FakeTools()
    lines = [
        Line(persona="AGENT", tool="Tool.Notes"),
        Line(persona="AGENT", tool="tool.n\u043etes"),
        Line(persona="AGENT", tool="tool.notes"),
        Line(persona="AGENT", text="Done."),
    ]
    interaction = held(project, "Use notes.", ScriptedVoice(lines), tools)
    called = interaction.messages[-1].tool_calls
    assert tools.reached == ["tool.notes"]
    assert [call.result.startswith("error: ") for call in called] == [True, True, False]
    assert all("allowed_actions: tool.notes, tool.maps" in call.result for call in called[:2])


def test_the_next_dialogue_of_a_chat_has_the_state_of_its_own_time_alone(project) -> None:
    first = held(project, "Hello!", say("Dear friend, I am Agent."))
    earlier = Earlier(session="chat-1", messages=first.messages)
    later = replace(project, config=replace(project.config, state=replace(project.config.state, tone="formal")))
    found = hold(
        later,
        "And now?",
        voice=say("Good day.", "Good day, I am Agent."),
        gauge=FakeGauge(*[0.0] * 8),
        toolbox=FakeTools(),
        earlier=earlier,
        trigger=Trigger.USER,
    )
    messages = project.store.record(found.interaction, Interaction).messages
    states = [parse_state(message.content) for message in messages if message.role == "system"]
    assert [state.tone for state in states] == ["formal"]


def test_a_project_without_a_state_is_held_as_before(project) -> None:
    plain = replace(project, config=replace(project.config, state=StateSection()))
    interaction = held(plain, "Run shopping for me, please.", say("Sure, I can run tool.shopping."))
    assert [message.role for message in interaction.messages] == ["user", "assistant"]
    assert interaction.messages[-1].content == "Sure, I can run tool.shopping."
