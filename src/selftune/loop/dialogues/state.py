"""The state in which a dialogue of a project is held, and who takes part held to it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selftune.personas.state_agent.permitting import AllowedTools
from selftune.personas.state_agent.state import AgentState, Trust, refuse_unsound
from selftune.personas.state_agent.voice import StatefulVoice
from selftune.records import Message, Trigger
from selftune.scoring.state import parse_state

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.loop.opened import Project
    from selftune.personas.dialogue.base import Company
    from selftune.records import Codex


def opening_in_state(
    project: Project, codex: Codex, company: Company, trigger: Trigger, said: Sequence[Message]
) -> tuple[Message, ...]:
    """What was said, with the state of now before it where the project has one, and no state of before.

    Raises:
        ConfigError: as `state_of`.
    """
    if not project.config.state.block:
        return tuple(said)
    block = Message(role="system", content=state_of(project, codex, company, trigger).block)
    return block, *(message for message in said if not _is_state(message))


def state_of(project: Project, codex: Codex, company: Company, trigger: Trigger) -> AgentState:
    """What is so now: who it is, who speaks, what may be called, and what `[state]` says.

    Raises:
        ConfigError: no sound state comes of `[state]`.
    """
    section, tools = project.config.state, company.toolbox
    can_call = tools is not None and any(company.calls_tools(one.name) for one in codex.personas)
    return refuse_unsound(
        AgentState(
            name=codex.identity.name,
            allowed_actions=tuple(tool.name for tool in tools.schemas()) if tools is not None and can_call else (),
            # Who may type here has this account, as whoever says that they own the words of a chat.
            trust=Trust.SELF if trigger is Trigger.MOTIVATOR else Trust.OWNER,
            tone=section.tone,
            context_level=section.context_level,
            memory=section.memory,
        )
    )


def held_to_state(company: Company, opening: Sequence[Message]) -> Company:
    """Who takes part, held to the state that the dialogue began with; the same people where it began without one."""
    state = next((parse_state(message.content) for message in opening if _is_state(message)), None)
    if state is None:
        return company
    tools = company.toolbox
    return replace(
        company,
        voice=StatefulVoice(company.voice),
        toolbox=None if tools is None else AllowedTools(tools, state.allowed_actions or ()),
    )


def _is_state(message: Message) -> bool:
    return message.role == "system" and parse_state(message.content) is not None
