"""Scripts that write tools, and what people and machines say of these."""

from __future__ import annotations

import json
from dataclasses import replace

from forge_scripts import GOOD, SPEC, told_function, told_spec

from selftune.app.forging import approve_tool
from selftune.ledger.keys import load_machine_key
from selftune.loop.forging.making import make_tool
from selftune.loop.forging.standing import seal_tool, tools_of
from selftune.personas.scripted import SCRIPTED, Line, ScriptedVoice
from selftune.records import (
    Forging,
    ForgingEnd,
    Interaction,
    Message,
    Tool,
    ToolCall,
    ToolTest,
    Trigger,
)
from selftune.scoring.structured import canonical
from selftune.toolforge.gaps import Gap, GapKind
from selftune.toolforge.spec import read_spec

GAP = Gap(kind=GapKind.PERSON, words="count the vowels of a text")
FRAGILE = '''def count_vowels(text: str) -> int:
    """Count them; one text is too much for it."""
    if text == "boom":
        raise KeyError(text)
    if text == "no such text":
        raise ValueError("there is no such text")
    if text == "lie":
        return "many"
    return sum(1 for letter in text.lower() if letter in "aeiou")
'''


def script(*functions, **changes):
    """A scripted voice that answers with a sound spec and these functions."""
    spec = Line(persona="tool spec", text=told_spec(**changes))
    return ScriptedVoice([spec, *(Line(persona="tool function", text=told_function(one)) for one in functions)])


def made(project, source=GOOD, *more, gap=GAP, interaction_id=None, **changes):
    """One go at a tool."""
    return make_tool(project, gap, voice=script(source, *more, **changes), interaction_id=interaction_id)


def put(project, source=GOOD, **changes):
    """A tool as a forging leaves it, put on record by hand: nothing was written, tested or run."""
    spec = read_spec(told_spec(**changes))
    before = [one.tool for one in tools_of(project)]
    forging = Forging(
        salt=project.context().draw_salt(), gap="person", wanted="fake", attempts=(), written_by=SCRIPTED,
        ended_by=ForgingEnd.PROPOSED,
    )  # fmt: skip
    tool = Tool(
        name=spec.name, version=len(before) + 1, description=spec.description, parameters=canonical(spec.parameters),
        returns=canonical(spec.returns), source=source, pure=True, examples=spec.examples,
        tests=(ToolTest(name="fake", passed=True),), spec_digest=spec.digest, forging_id=forging.id,
        written_by=SCRIPTED, posture="", milliseconds=0.0, memory_bytes=0,
        supersedes=before[-1].id if before else None,
    )  # fmt: skip
    sealed = seal_tool(tool, load_machine_key(project.hidden / "keys"))
    project.store.save([forging, sealed], event="tool proposed")
    return sealed


def yes(project, name="count_vowels", author="ann"):
    """A person's yes."""
    return approve_tool(project, name, author=author, text="", ask=nobody)


def nobody(prompt):
    """Nobody may be asked."""
    raise AssertionError(prompt)


def with_forge(project, **settings):
    """The project with other settings of the forge."""
    config = replace(project.config, forge=replace(project.config.forge, **settings))
    return replace(project, config=config)


def called(box, text="tree", name="count_vowels", key="text"):
    """What one call returns."""
    return box.call(ToolCall(name=name, arguments=json.dumps({key: text}))).result


def said(project, text, **more):
    """An exchange in the log, whose answer says this."""
    messages = (Message(role="user", content="Hello."), Message(role="assistant", content=text))
    interaction = Interaction(
        salt=project.context().draw_salt(), conversation=text[:20], task_id="chat-1", trigger=Trigger.USER,
        messages=messages, source="chat", position=text[:40], happened_at="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    return project.store.save([replace(interaction, **more)], event="captured")[0]


def impure():
    """A spec and a function that ask for chance."""
    return {**SPEC, "pure": False}, (
        "import random\ndef count_vowels(text: str) -> int:\n    return random.randint(0, len(text) + 1)\n"
    )


def state(project, version=1):
    """What has become of a version of the one tool."""
    return next(one.state for one in tools_of(project) if one.tool.version == version)


def turn(call):
    """A turn that made this call."""
    return Message(role="assistant", content="", tool_calls=(call,))
