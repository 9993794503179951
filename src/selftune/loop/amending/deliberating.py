"""A deliberation in a project: begun where a conflict lasts, recorded, and ended in a proposal or in none."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from selftune.codex.editing import places_to_edit, with_change
from selftune.codex.reading import parse_codex
from selftune.errors import BelowTriggerError, IntegrityError
from selftune.failpoints import reach
from selftune.governance.amendments.bounds import places_left_open
from selftune.governance.amendments.dialogues import DELIBERATION
from selftune.governance.amendments.effects import DISSONANCE
from selftune.interactions.privacy.consent import with_mark
from selftune.judges.endpoint import is_loopback
from selftune.loop.amending.noticing import lasting_dissonance
from selftune.loop.amending.proposing import Draft, propose, refuse_unwritten
from selftune.loop.amending.recalling import RecordRecall, passages_named
from selftune.loop.amending.standing import require_adopted, standing_in
from selftune.loop.braking import check_brake
from selftune.loop.dialogues.holding import limits_of
from selftune.loop.dialogues.keeping import keep_exchange
from selftune.loop.dialogues.voices import Cast, cast_of, cleaner_of
from selftune.loop.unfinished import Room, file_of, open_unfinished
from selftune.personas.base import Passage
from selftune.personas.deliberation.base import Matter, Outcome, seat
from selftune.personas.deliberation.graph import GRAPH_VERSION, Proceeding, deliberate
from selftune.personas.dialogue.base import Company, Setting, Unheard
from selftune.personas.scripted import SCRIPTED, SCRIPTED_FLAG, ScriptedVoice
from selftune.records import Amendment, Codex, Consent, Interaction, Message, Refutation, Trigger

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.governance.amendments.persistence import Persistence
    from selftune.loop.config import ProjectConfig
    from selftune.loop.opened import Project
    from selftune.personas.base import Voice
    from selftune.personas.checkpoints import Checkpoints
    from selftune.personas.deliberation.base import Deliberated
    from selftune.personas.deliberation.form import Wanted
    from selftune.personas.dialogue.base import Listener

_SHOWN: Final = 3
_RECALLED: Final = 5
_LEAST_DAYS: Final = 14.0
_LEAST_DIALOGUES: Final = 4
_SEED_LIMIT: Final = 1 << 31
_MOST_EVIDENCE: Final = 40


@dataclass(frozen=True, kw_only=True)
class Result:
    """What came of a deliberation.

    Attributes:
        interaction: Its id in the log; None where it could not be kept, and then nothing was proposed.
        amendment: What was proposed; None for nothing.
        problem: Why nothing was; empty where something was.
    """

    interaction: str | None
    amendment: Amendment | None
    outcome: Outcome
    problem: str


@dataclass(frozen=True, kw_only=True)
class _Outset:
    """What is written down when a deliberation begins, and what it goes on with after a crash."""

    version: int
    thread: str
    codex_id: str
    salt: str
    seed: int
    happened_at: str
    topic: str
    told: str
    places: tuple[str, ...]
    passages: tuple[tuple[str, str], ...]
    evidence: tuple[str, ...]
    scripted: bool


def hold_deliberation(project: Project, *, voice: Voice | None = None, heard: Listener | None = None) -> Result:
    """Let the personas deliberate over the conflict that lasts longest; an unfinished deliberation goes on first.

    Raises:
        BelowTriggerError: no conflict lasts so far; the message says what is missing.
        IntegrityError: the codex is not the one in force, or an unfinished deliberation was begun under another.
        WaitingForPersonError: all work here is stopped.
        UsageError: the codex has nobody who would speak against a change.
        LockedError: another process deliberates here.
        ServingError: what serves can't be started.
    """
    check_brake(project)
    codex = project.store.record(require_adopted(project), Codex)
    with open_unfinished(project, Room.DELIBERATIONS) as checkpoints:
        begun = checkpoints.unfinished()
        if begun:
            outset, company = _read(begun[0].body, codex.id), _company(project, codex, voice, heard)
        else:
            # What is missing is told before a server is started; what can't be started, before anything is begun.
            conflict, company = _lasting_conflict(project), _company(project, codex, voice, heard)
            outset = _begin(project, codex, conflict, checkpoints, voice)
        done = deliberate(outset.thread, _proceeding(project, codex, outset), company, checkpoints)
        return _close(project, outset, done, checkpoints)


def speaks_elsewhere(config: ProjectConfig) -> bool:
    """Whether a persona speaks through a model beyond this machine: then only words that may leave it are shown."""
    hosts = [urlsplit(one.endpoint).hostname or "" for one in config.personas.voices]
    return not all(map(is_loopback, hosts))


def place_of(project: Project) -> Path:
    """The file of the deliberation that is not over, where no database is named for it."""
    return file_of(project, Room.DELIBERATIONS)


def _lasting_conflict(project: Project) -> Persistence:
    """The conflict that may be deliberated.

    Raises:
        BelowTriggerError: there is none; the message says what is missing.
    """
    found = lasting_dissonance(project)
    if not found or not found[0].may_deliberate:
        raise BelowTriggerError(_told_missing(found), next_step="Talk on; `selftune loops` shows how near it is.")
    return found[0]


def _begin(
    project: Project, codex: Codex, conflict: Persistence, checkpoints: Checkpoints, voice: Voice | None
) -> _Outset:
    sends = voice is None and speaks_elsewhere(project.config)
    shown = {one.record_id: one.text for one in passages_named(project, conflict.high[-_SHOWN:], sends=sends)}
    for one in RecordRecall(project, codex, sends=sends).recall(conflict.named, _RECALLED):
        shown.setdefault(one.record_id, one.text)
    context = project.context()
    outset = _Outset(
        version=GRAPH_VERSION,
        thread=f"deliberation-{context.draw_salt()[:12]}",
        codex_id=codex.id,
        salt=context.draw_salt(),
        seed=time.time_ns() % _SEED_LIMIT,
        happened_at=context.now(),
        topic=conflict.first,
        told=_told(conflict),
        places=places_left_open(codex, places_to_edit(codex)),
        passages=tuple(shown.items()),
        evidence=(*conflict.high[-_MOST_EVIDENCE:], *conflict.tools, *conflict.generations),
        scripted=isinstance(voice, ScriptedVoice),
    )
    checkpoints.begin(outset.thread, json.dumps(asdict(outset)))
    reach("deliberation-begun")
    return outset


def _read(body: str, codex_id: str) -> _Outset:
    """The outset of an unfinished deliberation.

    Raises:
        IntegrityError: it can't go on under this codex or in this selftune.
    """
    import msgspec

    try:
        outset = msgspec.json.decode(body, type=_Outset)
    except msgspec.DecodeError as error:
        raise _stuck(f"it can't be read ({error})") from error
    if outset.version != GRAPH_VERSION:
        raise _stuck(f"it was begun in version {outset.version} of the graph, and this one is {GRAPH_VERSION}")
    if outset.codex_id != codex_id:
        raise _stuck("it was begun under another codex")
    return outset


def _stuck(why: str) -> IntegrityError:
    return IntegrityError(
        f"a deliberation lies unfinished here, and {why}.",
        next_step="Move .selftune/personas/deliberations.db away, or drop the schema selftune_deliberations of the "
        "database that [personas] or [store] names; then deliberate anew.",
    )


def _company(project: Project, codex: Codex, voice: Voice | None, heard: Listener | None) -> Company:
    bench, speaks = seat(codex), voice or cast_of(project, codex)
    if isinstance(speaks, Cast):
        speaks.wake(tuple({one.name: one for one in (bench.speaks_for, bench.speaks_against, bench.writes)}))
    return Company(voice=speaks, listener=heard or Unheard(), clean=cleaner_of(project), elapsed=time.monotonic)


def _proceeding(project: Project, codex: Codex, outset: _Outset) -> Proceeding:
    bench = seat(codex)
    passages = tuple(Passage(record_id=place, text=text, score=0.0) for place, text in outset.passages)
    matter = Matter(told=outset.told, places=outset.places, passages=passages)
    setting = Setting(
        codex=codex,
        voices=(bench.speaks_for, bench.speaks_against),
        governor=bench.writes,
        opening=(Message(role="user", content=matter.as_words()),),
        seed=outset.seed,
        limits=limits_of(project),
    )
    text = _text_in_force(project)
    return Proceeding(matter=matter, bench=bench, setting=setting, check=lambda wanted: _check(text, wanted))


def _check(text: str, wanted: Wanted) -> None:
    """Return where the change makes a sound codex; whether it is allowed the proposal says, on record."""
    refuse_unwritten(parse_codex(with_change(text, wanted.place, wanted.text), "the proposed codex"))


def _close(project: Project, outset: _Outset, done: Deliberated, checkpoints: Checkpoints) -> Result:
    """Put the deliberation into the log, then its proposal on record, then let go of its words here."""
    kept = keep_exchange(project, _interaction(outset, done))
    reach("deliberation-saved")
    amendment = None
    if done.wanted is not None and kept.interaction is not None:
        amendment = _proposed(project, kept.interaction) or _propose(project, outset, done, kept.interaction)
    reach("deliberation-proposed")
    if kept.not_kept is None or kept.held_back is not None:
        checkpoints.finish(outset.thread, kept.interaction or kept.held_back or "")
    problem = kept.not_kept or done.problem
    return Result(interaction=kept.interaction, amendment=amendment, outcome=done.outcome, problem=problem)


def _proposed(project: Project, interaction: str) -> Amendment | None:
    """What this deliberation proposed already, before a crash."""
    return next((one for _, one in project.store.each(Amendment) if one.dialogue == interaction), None)


def _propose(project: Project, outset: _Outset, done: Deliberated, interaction: str) -> Amendment:
    wanted = done.wanted
    assert wanted is not None, "only what is wanted is proposed"  # noqa: S101 - what cannot happen
    speakers = tuple(dict.fromkeys(turn.generated_by or "unnamed" for turn in done.turns))
    policy = project.config.amendment
    until = datetime.fromisoformat(project.now()) + timedelta(days=max(_LEAST_DAYS, 2 * policy.days))
    draft = Draft(
        text=with_change(_text_in_force(project), wanted.place, wanted.text),
        author=done.turns[-1].generated_by or "a model that did not name itself",
        author_is_model=True,
        because=wanted.because,
        against=(wanted.against, *_spoken_against(done)),
        expected=wanted.expected,
        refutation=Refutation(
            measure=DISSONANCE,
            topic=outset.topic,
            at_most=wanted.at_most,
            at_least_n=max(_LEAST_DIALOGUES, policy.interactions),
            until=until.isoformat(timespec="seconds"),
        ),
        evidence=outset.evidence,
        dialogue=interaction,
        deliberated_by=speakers,
    )
    return propose(project, draft, lambda statement: statement)


def _spoken_against(done: Deliberated) -> tuple[str, ...]:
    """What the voice that took the other side said: nobody who writes the proposal can leave it out."""
    return tuple(f"{turn.message.persona}: {turn.message.content[:2000]}" for turn in done.turns[1:4:2])


def _interaction(outset: _Outset, done: Deliberated) -> Interaction:
    matter = Matter(
        told=outset.told,
        places=(),
        passages=tuple(Passage(record_id=place, text="", score=0.0) for place, _ in outset.passages),
    )
    flags = tuple(dict.fromkeys(flag for turn in done.turns for flag in turn.flags))
    scripted = outset.scripted or any(turn.generated_by == SCRIPTED for turn in done.turns)
    said = Interaction(
        salt=outset.salt,
        conversation=outset.thread,
        task_id=outset.thread,
        trigger=Trigger.USER,
        messages=(Message(role="user", content=matter.as_kept()), *(turn.message for turn in done.turns)),
        source=DELIBERATION,
        position=outset.thread,
        generated_by=done.turns[-1].generated_by if done.turns else None,
        author_is_owner=True,
        flags=(*flags, DELIBERATION, *((SCRIPTED_FLAG,) if scripted else ())),
        happened_at=outset.happened_at,
        codex_id=outset.codex_id,
    )
    # Who learnt from arguments about its own codex would learn to win them.
    return with_mark(said, Consent(train=False, send=False))


def _text_in_force(project: Project) -> str:
    standing = standing_in(project)
    assert standing is not None, "a deliberation begins under an adopted codex"  # noqa: S101 - what cannot happen
    return standing.now.text


def _told(conflict: Persistence) -> str:
    """The conflict in figures; the words in which it was asked are somebody's, and stand below as data."""
    before, after = conflict.before, conflict.after
    return (
        f"{len(conflict.high)} dialogues ended in high dissonance, over {conflict.days:.0f} days. Before anything was "
        f"tried, {before.high} of {before.n} did. {len(conflict.tools)} approved tools and "
        f"{len(conflict.generations)} generations came since, and {after.high} of {after.n} still do. The question is "
        "whether the codex itself should be changed, or whether the conflict is worth keeping."
    )


def _told_missing(found: tuple[Persistence, ...]) -> str:
    if not found:
        return "no dialogue in the log ended in high dissonance: there is no conflict to deliberate about."
    missing = "; ".join(found[0].missing)
    return f"no conflict has lasted long enough for the codex itself to be asked about; the nearest lacks: {missing}."
