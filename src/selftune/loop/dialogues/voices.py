"""Who speaks as which persona in a project: what serves, or a model of the persona's own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from selftune.bases.facts import template_of
from selftune.codex.reading import find_persona, reference_to
from selftune.errors import ConfigError, SelftuneError, UnknownNameError
from selftune.interactions.door import clean_text, kinds_in
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.judges.config import Judging
from selftune.judges.endpoint import appoint_endpoint
from selftune.loop.dialogues.serving import wake_server
from selftune.loop.incoming.privacy import rules_of
from selftune.personas.voices.endpoint import EndpointVoice
from selftune.personas.voices.live import LiveVoice
from selftune.settings import refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from selftune.loop.opened import Project
    from selftune.loop.talking import PersonaVoice
    from selftune.personas.base import Call, Said, Voice
    from selftune.records import Codex


@dataclass(frozen=True, kw_only=True)
class Cast:
    """Every voice of a project: `own` by the reference of a persona, what serves for the rest.

    What serves is started when it is first needed. `calling` are the personas whose model knows tools, `notes` what a
    person should know of who answers.
    """

    project: Project
    own: dict[str, Voice]
    calling: frozenset[str]
    live: list[Voice]
    live_calls_tools: bool
    notes: list[str] = field(default_factory=list)

    def speak(self, call: Call, heard: Callable[[str], None]) -> Said:
        """One turn by whoever speaks as this persona; `ServingError` as a voice raises it."""
        return self._voice(call.persona).speak(call, heard)

    def calls_tools(self, persona: str) -> bool:
        """Whether the persona's model can call tools."""
        name = reference_to(persona)
        return name in self.calling if name in self.own else self.live_calls_tools

    def wake(self, personas: tuple[str, ...]) -> None:
        """Start what serves if one of these personas speaks through it, so that a fault is told before anything is."""
        for persona in personas:
            self._voice(persona)

    def _voice(self, persona: str) -> Voice:
        own = self.own.get(reference_to(persona))
        if own is not None:
            return own
        if not self.live:
            server, status = wake_server(self.project)
            if status.problem:
                self.notes.append(f"Answered by {status.version}: {status.problem}")
            self.live.append(LiveVoice(server, calls_tools=self.live_calls_tools))
        return self.live[0]


def cast_of(project: Project, codex: Codex) -> Cast:
    """The voices that `[personas]` names; nothing is started or reached yet.

    Raises:
        UnknownNameError: it names a persona that the codex has not.
        ConfigError: an endpoint is missing, lies beyond this machine and is not allowed, or its key is not set.
    """
    own: dict[str, Voice] = {}
    calling = set()
    for wanted in project.config.personas.voices:
        if find_persona(codex, wanted.persona) is None:
            raise UnknownNameError(
                "persona under [[personas.voices]]", wanted.persona, [p.name for p in codex.personas]
            )
        name = reference_to(wanted.persona)
        if name in own:
            raise refusal("[[personas.voices]] persona", wanted.persona, "named once")
        own[name] = reach_voice(project, wanted)
        if wanted.calls_tools:
            calling.add(name)
    return Cast(project=project, own=own, calling=frozenset(calling), live=[], live_calls_tools=_knows_tools(project))


def reach_voice(project: Project, wanted: PersonaVoice, section: str = "personas.voices") -> Voice:
    """The voice behind an endpoint; `section` is what messages call the place where it is set.

    Raises:
        ConfigError: the endpoint is missing, lies beyond this machine and is not allowed, or its key is not set.
    """
    config = project.config
    asked_like_a_judge = Judging(
        name=wanted.persona,
        endpoint=wanted.endpoint,
        model=wanted.model,
        api_key_env=wanted.api_key_env or None,
        egress=config.egress.allow,
        timeout_seconds=wanted.timeout_seconds,
    )
    endpoint = appoint_endpoint(asked_like_a_judge, section)
    if not endpoint.local and config.capture.consent is not ConsentLevel.SEND:
        raise ConfigError(
            f"{wanted.persona} speaks through a model beyond this machine, where the words of this project may not go.",
            next_step='Set consent = "send" under [capture], or name an endpoint of this machine.',
        )
    return EndpointVoice(
        endpoint,
        clean=cleaner_of(project),
        calls_tools=wanted.calls_tools,
        timeout_seconds=wanted.timeout_seconds,
    )


def cleaner_of(project: Project) -> Callable[[str], str]:
    """What takes out of a text what may not be written down."""
    rules = rules_of(project.config)
    return lambda text: clean_text(text, rules)


def finder_of(project: Project) -> Callable[[str], frozenset[str]]:
    """What tells the kinds of secrets that are taken out of a text."""
    rules = rules_of(project.config)
    return lambda text: kinds_in(text, rules)


def _knows_tools(project: Project) -> bool:
    """Whether the chat template of what serves speaks of tools; one that can't be read speaks of none."""
    try:
        return "tools" in template_of(project.base_folder)
    except SelftuneError:
        return False
