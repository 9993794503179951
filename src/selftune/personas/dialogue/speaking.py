"""How one turn comes about: the persona is called, its tools are called for it, and its words are taken as they are."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.codex.calls import call_of
from selftune.interactions.reading.assemble import said_by_assistant
from selftune.personas.base import Call
from selftune.personas.data import as_data
from selftune.personas.dialogue.base import Turn
from selftune.records import Message, ToolCall

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from selftune.personas.base import Said
    from selftune.personas.dialogue.base import Company, Setting
    from selftune.records import GenerationParameters, Persona, ToolSchema

CUT: Final = "cut_short"
TOOL_LIMIT: Final = "tool_limit"

# A server that heeds no limit is cut here.
_MOST_LETTERS: Final = 100_000
_MOST_ARGUMENTS: Final = 20_000
_MOST_RESULT: Final = 4_000
_ASK: Final = (
    "Ask them one short question that makes each see what it takes for granted. Take no side, and answer nothing."
)


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """A turn that is to be spoken: by whom, on what, as which of the dialogue.

    Attributes:
        asks: At odds with what the voices said, it asks them; with what was found.
        calls_left: How many tools the dialogue may still call; `tokens_left` likewise.
    """

    persona: Persona
    before: Sequence[Message]
    number: int
    calls_left: int
    tokens_left: int
    asks: bool = False
    found: tuple[str, ...] = ()


def speak_turn(wanted: Wanted, setting: Setting, company: Company, heard: Callable[[str], None]) -> Turn:
    """The turn; its text is empty where even a second try brought none.

    A second try knows what the first one called, and has what that left: one turn never calls more than a turn may.

    Raises:
        ServingError: nothing answers, or it broke off.
    """
    first = _try(wanted, setting, company, heard)
    if first.message.content.strip():
        return first
    left = replace(wanted, tokens_left=wanted.tokens_left - first.tokens)
    second = _try(left, setting, company, heard, after=first)
    limit = (TOOL_LIMIT,) if TOOL_LIMIT in first.flags else ()
    return replace(second, tokens=first.tokens + second.tokens, flags=tuple(dict.fromkeys((*second.flags, *limit))))


def _try(
    wanted: Wanted, setting: Setting, company: Company, heard: Callable[[str], None], *, after: Turn | None = None
) -> Turn:
    """One try, after one that brought no words."""
    messages, again = _call_messages(wanted, setting), after is not None
    called = [] if after is None else list(after.message.tool_calls)
    if called:
        messages = (*messages, Message(role="assistant", content="", tool_calls=tuple(called)))
    tokens, limited = 0, False
    most = min(setting.limits.calls_a_turn, wanted.calls_left)
    while True:
        offered = _offered(company, wanted) if len(called) < most else ()
        said = company.voice.speak(_call(wanted, setting, messages, offered, again=again), heard)
        tokens += said.prompt_tokens + said.completion_tokens
        if not said.tool_calls or len(called) >= most:
            limited = limited or bool(said.tool_calls)
            return _as_turn(wanted.persona, said, tuple(called), tokens, limited=limited)
        room = most - len(called)
        answered = tuple(_answer(call, offered, company) for call in said.tool_calls[:room])
        limited = limited or len(said.tool_calls) > room
        called += answered
        messages = (*messages, Message(role="assistant", content=said.text, tool_calls=answered))


def _call_messages(wanted: Wanted, setting: Setting) -> tuple[Message, ...]:
    """What `codex.calls` says; to the governor, who is never learnt, also what was found and what is wanted of it."""
    messages = call_of(setting.codex, wanted.persona, wanted.before)
    if not wanted.asks:
        return messages
    found = (as_data("what was measured", "\n".join(wanted.found)),) if wanted.found else ()
    last = messages[-1]
    return (*messages[:-1], replace(last, content="\n\n".join((last.content, *found, _ASK))))


def _call(
    wanted: Wanted, setting: Setting, messages: tuple[Message, ...], tools: tuple[ToolSchema, ...], *, again: bool
) -> Call:
    return Call(
        persona=wanted.persona.name,
        messages=messages,
        parameters=_parameters(wanted, setting),
        # Another seed for a second try: the same one would bring the same nothing.
        seed=(setting.seed + 2 * wanted.number + again) & 0x7FFFFFFF,
        tools=tools,
    )


def _parameters(wanted: Wanted, setting: Setting) -> GenerationParameters:
    drawn = wanted.persona.parameters or setting.parameters
    most = min(drawn.max_tokens, setting.limits.tokens_a_turn, max(1, wanted.tokens_left))
    return replace(drawn, max_tokens=most)


def _offered(company: Company, wanted: Wanted) -> tuple[ToolSchema, ...]:
    if company.toolbox is None or wanted.asks or not company.calls_tools(wanted.persona.name):
        return ()
    return company.toolbox.schemas()


def _answer(call: ToolCall, offered: tuple[ToolSchema, ...], company: Company) -> ToolCall:
    """The call with its result; what may be called is decided here and in the toolbox, whatever a text says."""
    names = [tool.name for tool in offered]
    if call.name not in names or company.toolbox is None:
        refused = f"error: there is no tool {call.name[:64]!r}; allowed_actions: {', '.join(names) or 'none'}"
        done = replace(call, name=call.name[:64], result=refused)
    elif len(call.arguments) > _MOST_ARGUMENTS:
        done = replace(call, arguments="{}", result=f"error: arguments of more than {_MOST_ARGUMENTS} characters")
    else:
        done = company.toolbox.call(call)
    bounded = replace(done, result=(done.result or "")[:_MOST_RESULT])
    company.listener.called(bounded)
    return bounded


def _as_turn(persona: Persona, said: Said, called: tuple[ToolCall, ...], tokens: int, *, limited: bool) -> Turn:
    text = said.text[:_MOST_LETTERS].encode("utf-8", "replace").decode("utf-8")
    message, flags = said_by_assistant(text.strip(), persona=persona.name, reasoning=said.reasoning, tool_calls=called)
    cut = said.finish_reason == "length" or len(said.text) > _MOST_LETTERS
    marks = (*flags, *said.flags, *((CUT,) if cut else ()), *((TOOL_LIMIT,) if limited else ()))
    return Turn(
        message=message,
        tokens=tokens,
        generated_by=said.generated_by,
        flags=marks,
        in_place_of=said.in_place_of[:_MOST_LETTERS],
    )
