"""A dialogue in a project from its first word to its place in the log."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from selftune.errors import IntegrityError, UsageError
from selftune.failpoints import reach
from selftune.interrupts import asked_to_stop
from selftune.loop.amending.standing import require_adopted
from selftune.loop.braking import check_brake
from selftune.loop.dialogues.exchange import interaction_of, voices_in
from selftune.loop.dialogues.held import Held
from selftune.loop.dialogues.keeping import Kept, keep_exchange
from selftune.loop.dialogues.measuring import gauge_of
from selftune.loop.dialogues.outset import (
    MOTIVATOR,
    Outset,
    find_unfinished,
    new_name,
    outset_text,
    read_outset,
    refuse_other,
)
from selftune.loop.dialogues.session import Earlier, rejected_in
from selftune.loop.dialogues.state import held_to_state, opening_in_state
from selftune.loop.dialogues.voices import Cast, cast_of, cleaner_of, finder_of
from selftune.loop.forging.toolbox import toolbox_of
from selftune.loop.motivation.idleness import note_visit
from selftune.loop.unfinished import Room, file_of, open_unfinished, was_any_begun
from selftune.personas.checkpoints import open_checkpoints
from selftune.personas.dialogue.base import (
    DYAD,
    Company,
    Ending,
    Limits,
    Setting,
    Spoken,
    Unheard,
    choose_voices,
)
from selftune.personas.dialogue.graph import BEGINNING, GRAPH_VERSION, hold_dialogue, where_it_stands
from selftune.personas.dialogue.script import cleaned, kinds_found, read_turns
from selftune.personas.scripted import ScriptedVoice
from selftune.records import Build, Codex, GenerationParameters, Message, Release, Trigger

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from pathlib import Path

    from selftune.loop.opened import Project
    from selftune.personas.base import Gauge, Toolbox, Voice
    from selftune.personas.checkpoints import Checkpoints
    from selftune.personas.dialogue.base import Listener, Turn

CHAT: Final = "chat"
_SEED_LIMIT: Final = 1 << 31
_WAIT_SECONDS: Final = 5.0
# What the system talks about by itself ends when a person comes, but not before its server answers.
_PERSON_WAITS_SECONDS: Final = 60.0


def hold(
    project: Project,
    prompt: str,
    *,
    trigger: Trigger = Trigger.USER,
    task_id: str | None = None,
    voice: Voice | None = None,
    gauge: Gauge | None = None,
    toolbox: Toolbox | None = None,
    limits: Limits | None = None,
    heard: Listener | None = None,
    persona: str = DYAD,
    keep: bool = True,
    earlier: Earlier | None = None,
    learn_script: bool = False,
) -> Held:
    """Hold one dialogue on a prompt, and put it into the log.

    Without a voice what serves speaks, or what `[personas]` names; without a gauge the codex's own measures, and
    without a toolbox the tools that were approved may be called. A `task_id` under which an unfinished dialogue lies
    goes on with that one, whatever the prompt.

    Raises:
        UsageError: there is nothing to talk about, or nobody to talk; the task was held already, or a script began it.
        IntegrityError: the codex is not the one that was adopted, or `task_id` lies unfinished under another one.
        WaitingForPersonError: all work here is stopped.
        LockedError: another process holds a dialogue here.
        ServingError: what serves can't be started; nothing was begun then. Whatever fails later ends the dialogue, and
            stands in `problem`.
    """
    if not prompt.strip():
        raise UsageError("there is nothing to talk about.", next_step="Type a question.")
    if trigger is Trigger.USER:
        note_visit(project.hidden)
    codex = _codex_to_speak_under(project)
    source = MOTIVATOR if trigger is Trigger.MOTIVATOR else CHAT
    guests = _Guests(voice=voice, gauge=gauge, toolbox=toolbox, heard=heard)
    company = _company(project, codex, persona, guests)
    wait = _PERSON_WAITS_SECONDS if trigger is Trigger.USER else _WAIT_SECONDS
    with _open(project, wait) if keep else open_checkpoints() as checkpoints:
        begun = [one for one in checkpoints.unfinished() if one.thread == task_id]
        if begun:
            lying = read_outset(begun[0])
            refuse_other(lying, codex.id, scripted=isinstance(voice, ScriptedVoice))
            return _go_on(project, _limited(lying, limits, checkpoints), codex, company, checkpoints)
        earlier = earlier or Earlier(session="")
        opening = opening_in_state(
            project, codex, company, trigger, (*earlier.messages, Message(role="user", content=prompt))
        )
        outset = Outset(
            thread=task_id or new_name(source),
            task_id=task_id or "",
            source=source,
            trigger=trigger,
            codex_id=codex.id,
            persona=persona,
            governor=codex.governor,
            opening=opening,
            parameters=_parameters(project),
            limits=limits or limits_of(project),
            seed=time.time_ns() % _SEED_LIMIT,
            salt=project.context().draw_salt(),
            happened_at=project.now(),
            session=earlier.session,
            scripted=isinstance(voice, ScriptedVoice),
            learnt=learn_script,
            dissonance=earlier.dissonance,
            flags=earlier.flags,
            rejected=rejected_in(earlier, opening),
        )
        checkpoints.begin(outset.thread, outset_text(_as_written(outset, company)))
        reach("dialogue-begun")
        return _go_on(project, outset, codex, company, checkpoints, keep=keep)


def resume(
    project: Project,
    name: str = "",
    *,
    voice: Voice | None = None,
    gauge: Gauge | None = None,
    toolbox: Toolbox | None = None,
    heard: Listener | None = None,
) -> Held:
    """Go on with an unfinished dialogue, the newest one for no name, from the turn at which it died.

    Raises:
        UsageError: there is no such dialogue.
        IntegrityError: it was begun under another codex or in another version of the graph.
    """
    codex = _codex_to_speak_under(project)
    with _open(project, _PERSON_WAITS_SECONDS) as checkpoints:
        outset = read_outset(find_unfinished(checkpoints.unfinished(), name))
        refuse_other(outset, codex.id, scripted=isinstance(voice, ScriptedVoice))
        guests = _Guests(voice=voice, gauge=gauge, toolbox=toolbox, heard=heard)
        company = _company(project, codex, outset.persona, guests)
        return _go_on(project, outset, codex, company, checkpoints)


def end_unfinished(project: Project, name: str = "", *, why: str = "It was broken off, and ended by hand.") -> Held:
    """Keep what was said in an unfinished dialogue as it is, whatever version or codex it was begun under.

    What was measured in it is kept too, where this version of the graph did it.

    Raises:
        UsageError: there is no such dialogue.
        LockedError: another process holds a dialogue here.
    """
    with _open(project, _PERSON_WAITS_SECONDS) as checkpoints:
        outset = read_outset(find_unfinished(checkpoints.unfinished(), name))
        turns = read_turns(checkpoints, outset.thread)
        state = where_it_stands(checkpoints, outset.thread) if outset.version == GRAPH_VERSION else BEGINNING
        spoken = Spoken(
            turns=turns,
            scores=tuple(state["scores"]),
            rose=state["rose"],
            ending=Ending.INTERRUPTED,
            seconds=state["seconds"],
            tokens=max(state["tokens"], sum(turn.tokens for turn in turns)),
            problem=why,
        )
        return _close(project, outset, spoken, checkpoints)


def why_not_on(project: Project, name: str, *, scripted: bool) -> str:
    """Why an unfinished dialogue of this name can't be gone on with; empty where it can, or where there is none.

    Raises:
        IntegrityError: the codex is not the one that was adopted.
        WaitingForPersonError: all work here is stopped.
        LockedError: another process holds a dialogue here.
    """
    codex = _codex_to_speak_under(project)
    lying = next((one for one in unfinished(project) if one.thread == name), None)
    try:
        if lying is not None:
            refuse_other(lying, codex.id, scripted=scripted)
    except (IntegrityError, UsageError) as refused:
        return refused.message
    return ""


def unfinished(project: Project) -> tuple[Outset, ...]:
    """The dialogues that lie unfinished here, oldest first; empty where none was ever held.

    Raises:
        LockedError: another process holds a dialogue here.
    """
    if not was_any_begun(project, Room.DIALOGUES):
        return ()
    with _open(project, _WAIT_SECONDS) as checkpoints:
        return tuple(read_outset(one) for one in checkpoints.unfinished())


def place_of(project: Project) -> Path:
    """The file of the dialogues that are not over, where no database is named for them."""
    return file_of(project, Room.DIALOGUES)


def _open(project: Project, wait_seconds: float) -> AbstractContextManager[Checkpoints]:
    return open_unfinished(project, Room.DIALOGUES, wait_seconds=wait_seconds)


@dataclass(frozen=True, kw_only=True)
class _Guests:
    """Who takes part, as far as the caller said."""

    voice: Voice | None
    gauge: Gauge | None
    toolbox: Toolbox | None
    heard: Listener | None


def _company(project: Project, codex: Codex, persona: str, guests: _Guests) -> Company:
    """Everybody who takes part, what serves being woken where it is to speak."""
    company = Company(
        voice=guests.voice or cast_of(project, codex),
        gauge=guests.gauge or gauge_of(project, codex),
        toolbox=guests.toolbox or toolbox_of(project),
        listener=guests.heard or Unheard(),
        clean=cleaner_of(project),
        find=finder_of(project),
        elapsed=time.monotonic,
    )
    if not isinstance(company.voice, Cast):
        return company
    voices, governor = choose_voices(codex, persona)
    company.voice.wake(tuple(one.name for one in (*voices, governor) if one is not None))
    return replace(company, calls_tools=company.voice.calls_tools)


def _as_written(outset: Outset, company: Company) -> Outset:
    """The outset as it may lie in the file, with the kinds of what was taken out of it."""
    rejected = tuple(
        replace(one, messages=tuple(cleaned(message, company.clean) for message in one.messages))
        for one in outset.rejected
    )
    said = (*outset.opening, *(message for one in outset.rejected for message in one.messages))
    return replace(
        outset,
        opening=tuple(cleaned(message, company.clean) for message in outset.opening),
        rejected=rejected,
        found=kinds_found(said, company.find),
    )


def _limited(outset: Outset, limits: Limits | None, checkpoints: Checkpoints) -> Outset:
    """An outset that was begun under its own limits, held to what it may still take now beside what it took before."""
    if limits is None:
        return outset
    took, own = where_it_stands(checkpoints, outset.thread), outset.limits
    # The last turn may have been written down without its step.
    tokens = max(took["tokens"], sum(turn.tokens for turn in read_turns(checkpoints, outset.thread)))
    now = replace(
        own,
        seconds=min(own.seconds, took["seconds"] + limits.seconds),
        tokens=min(own.tokens, tokens + limits.tokens),
    )
    return replace(outset, limits=now)


def _go_on(
    project: Project, outset: Outset, codex: Codex, company: Company, checkpoints: Checkpoints, *, keep: bool = True
) -> Held:
    voices, governor = choose_voices(codex, outset.persona)
    setting = Setting(
        codex=codex,
        voices=voices,
        governor=governor,
        opening=outset.opening,
        seed=outset.seed,
        parameters=outset.parameters,
        limits=outset.limits,
    )
    # A Ctrl-C that comes between two turns acts when what was finished is in the log.
    with asked_to_stop():
        spoken = hold_dialogue(outset.thread, setting, held_to_state(company, outset.opening), checkpoints)
        held = _close(project, outset, spoken, checkpoints, keep=keep)
    notes = company.voice.notes if isinstance(company.voice, Cast) else ()
    return replace(held, notes=tuple(notes))


def _close(project: Project, outset: Outset, spoken: Spoken, checkpoints: Checkpoints, *, keep: bool = True) -> Held:
    """Put the dialogue into the log, then let go of its words here; done twice it is there once."""
    interaction = interaction_of(outset, spoken)
    # Of what lay in the file only the kinds tell what the door holds back: the secrets are gone from there.
    found = {*outset.found, *(kind for turn in spoken.turns for kind in turn.found)}
    kept = keep_exchange(project, interaction, found=found) if keep else Kept()
    reach("dialogue-saved")
    if kept.not_kept is None or kept.held_back is not None:
        checkpoints.finish(outset.thread, kept.interaction or kept.held_back or "")
    reach("dialogue-finished")
    return Held(
        dialogue=outset.thread,
        task_id=outset.task_id or outset.thread,
        codex_id=outset.codex_id,
        interaction=kept.interaction,
        answer=_answer(spoken.turns, outset),
        turns=spoken.turns,
        dissonance=spoken.scores,
        rose=spoken.rose,
        ended_by=spoken.ending,
        seconds=spoken.seconds,
        tokens=spoken.tokens,
        problem=spoken.problem,
        not_kept=kept.not_kept,
        flags=interaction.flags,
    )


def _answer(turns: tuple[Turn, ...], outset: Outset) -> str:
    """What the last one said who answers."""
    said = [turn.message.content for turn in voices_in(turns, outset) if turn.message.content]
    return said[-1] if said else ""


def _parameters(project: Project) -> GenerationParameters:
    """As the build in service draws its answers."""
    release = project.store.last(Release)
    return GenerationParameters() if release is None else project.store.record(release.build_id, Build).generation


def limits_of(project: Project) -> Limits:
    """What a dialogue may take here, as `[personas]` says."""
    section = project.config.personas
    return Limits(
        seconds=section.seconds,
        tokens=section.tokens,
        tokens_a_turn=section.tokens_a_turn,
        calls_a_turn=section.calls_a_turn,
        calls=section.calls,
    )


def _codex_to_speak_under(project: Project) -> Codex:
    """The codex in force, once nobody has stopped all work.

    Raises:
        IntegrityError: it is not the one that was adopted.
        WaitingForPersonError: all work is stopped.
    """
    check_brake(project)
    # By its id, not from the file once more: nobody's edit comes between the look and the reading.
    return project.store.record(require_adopted(project), Codex)
