"""A voice that says what a script holds, for tests, tutorials and rehearsals. It is no model, and says so."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.codex.reading import reference_to
from selftune.errors import ConfigError, MissingFileError, ServingError
from selftune.personas.base import Said
from selftune.records import ToolCall
from selftune.settings import from_mapping, read_text, read_toml

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from selftune.personas.base import Call

SCRIPTED: Final = "scripted (a stand-in, no model)"
"""Its name wherever it is named: in output, and as what generated its words."""
SCRIPTED_FLAG: Final = "scripted"
"""What marks an interaction that it spoke in; nothing is learnt from one unless that is asked for."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """One turn of a script.

    Attributes:
        text: What is said.
        persona: Who says it; empty for whoever is called.
        when: Only where these words stand in what the persona is shown; empty for always.
        tool: A tool that is called instead of an answer, with `arguments` as JSON text.
        finish_reason: `length` for a turn that was cut.
        seconds: How long it takes before it is said, as a model would.
    """

    text: str = ""
    persona: str = ""
    when: str = ""
    tool: str = ""
    arguments: str = "{}"
    finish_reason: str = "stop"
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class _Script:
    turns: tuple[Line, ...]


class ScriptedVoice:
    """Says the lines of a script, each persona its own in order.

    Which one is next is told by how often the persona has spoken in what it is shown, so a dialogue that goes on after
    a crash goes on in its script. Lines whose `when` stands in what it is shown come before those without one.
    """

    name = SCRIPTED

    def __init__(self, lines: Sequence[Line]) -> None:
        self._lines = tuple(lines)

    def speak(self, call: Call, heard: Callable[[str], None]) -> Said:
        """The persona's next line, piece by piece.

        Raises:
            ServingError: the script holds no further line of this persona.
        """
        spoken = sum(message.role == "assistant" for message in call.messages)
        line = self._next(call, spoken)
        if line.seconds:
            time.sleep(line.seconds)
        for piece in line.text.splitlines(keepends=True):
            heard(piece)
        return Said(
            text=line.text,
            finish_reason="tool_calls" if line.tool else line.finish_reason,
            prompt_tokens=sum(len(message.content.split()) for message in call.messages),
            completion_tokens=len(line.text.split()),
            generated_by=SCRIPTED,
            tool_calls=(ToolCall(name=line.tool, arguments=line.arguments),) if line.tool else (),
        )

    def _next(self, call: Call, spoken: int) -> Line:
        shown = "\n".join(message.content for message in call.messages if message.role != "system").casefold()
        own = [line for line in self._lines if reference_to(line.persona) in {"", reference_to(call.persona)}]
        fitting = [line for line in own if line.when and line.when.casefold() in shown]
        chosen = fitting or [line for line in own if not line.when]
        if spoken >= len(chosen):
            raise ServingError(
                f"the script holds {len(chosen)} lines that {call.persona} may say here, and no further one.",
                next_step="Add a line to the script.",
            )
        return chosen[spoken]


def read_script(path: Path) -> ScriptedVoice:
    """A voice out of a TOML file of `[[turns]]`, each with the fields of `Line`.

    Raises:
        MissingFileError: there is no such file.
        ConfigError: it is no such script.
    """
    if not path.is_file():
        raise MissingFileError(f"there is no script {path}.", next_step="Check the path.")
    where = f"script {path}"
    script = from_mapping(_Script, read_toml(read_text(path, where), where), where)
    if not script.turns:
        raise ConfigError(f"{where} holds no [[turns]].", next_step="Write one turn at least.")
    return ScriptedVoice(script.turns)
