"""Who writes tools in a project: what serves, the model of a persona, or a script that says that it is one."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from selftune.codex.reading import find_persona, reference_to
from selftune.errors import UnknownNameError, UsageError
from selftune.judges.endpoint import is_loopback
from selftune.loop.dialogues.voices import cast_of
from selftune.loop.ejected import codex_of
from selftune.personas.base import Call
from selftune.personas.scripted import ScriptedVoice
from selftune.records import GenerationParameters, Interaction, Message

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.loop.opened import Project
    from selftune.personas.base import Voice

UNKNOWN: Final = "unknown"
_PARAMETERS: Final = GenerationParameters(temperature=0.3, top_p=0.95, max_tokens=1500)
_SEED_LIMIT: Final = 0x7FFFFFFF


@dataclass
class Writer:
    """Writes through a voice, and remembers by whom each answer was.

    A script is asked as the persona `tool spec` or `tool function`, and is shown its own earlier answers, for it goes
    on by how often it has spoken; a model is shown the first question and its last answer alone.

    Attributes:
        by: Who answered last, as the server itself says it.
    """

    voice: Voice
    persona: str
    seed: int
    by: str = UNKNOWN
    _said: dict[str, list[Message]] = field(default_factory=dict)
    _count: int = 0

    def __call__(self, asked_for: str, messages: Sequence[Message]) -> str:
        """One answer; `ServingError` as a voice raises it."""
        scripted = isinstance(self.voice, ScriptedVoice)
        before = self._said.setdefault(asked_for, [])
        shown = [*before, *(one for one in messages if one.role != "assistant")] if scripted else messages
        said = self.voice.speak(
            Call(
                persona=f"tool {asked_for}" if scripted else self.persona,
                messages=tuple(shown),
                parameters=_PARAMETERS,
                # Another seed for each answer: the same one would bring the same mistake.
                seed=(self.seed + self._count) & _SEED_LIMIT,
            ),
            lambda piece: None,  # noqa: ARG005 - nobody reads along
        )
        self._count += 1
        self.by = said.generated_by or UNKNOWN
        before.append(Message(role="assistant", content=said.text))
        return said.text


def writer_of(project: Project, voice: Voice | None = None) -> Writer:
    """Who writes here; without a voice what serves, or the model of the persona that `[forge]` names.

    Raises:
        UnknownNameError: the config names a persona that the codex has not.
        ConfigError: as `cast_of`.
    """
    persona, codex = project.config.forge.persona, codex_of(project.folder, project.config)
    if persona and find_persona(codex, persona) is None:
        raise UnknownNameError("persona under [forge]", persona, [one.name for one in codex.personas])
    speaks = voice or cast_of(project, codex)
    return Writer(voice=speaks, persona=persona or "the tool writer", seed=project.config.project.seed)


def check_sending(project: Project, interaction_id: str | None) -> None:
    """Return where the words of an exchange may go to whoever writes.

    Raises:
        UsageError: the writer's model lies beyond this machine, and the exchange may not be sent there.
    """
    if interaction_id is None or not _writes_elsewhere(project):
        return
    if not project.store.record(interaction_id, Interaction).consent.send:
        raise UsageError(
            "this gap was found in words that may not be sent beyond this machine.",
            next_step='Describe the tool in words of your own: selftune tool forge --wanted "..."',
        )


def _writes_elsewhere(project: Project) -> bool:
    from urllib.parse import urlsplit

    wanted = reference_to(project.config.forge.persona)
    own = [one for one in project.config.personas.voices if reference_to(one.persona) == wanted]
    return any(not is_loopback(urlsplit(one.endpoint).hostname or "") for one in own)
