"""The archive of the story, written as people write it, and its honest twin.

What a person may do is done by the product's own functions. What the product refuses is forged below them, signed with
the machine's key, as whoever tidied such an archive would have done it. Each fault is one switch.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from enum import StrEnum

from wild_sessions import PROGRAMME, Scale, Turn, write_auditor, write_programme

from selftune.app.alarms import draw_sessions, register_projection
from selftune.app.annotating import put_remark
from selftune.app.archiving import import_archive
from selftune.app.doubting import Wish, end, raise_on, reply
from selftune.app.people import add_person
from selftune.app.registering import Offered, add_model, bring_in, files_at, rename_model, retire_model
from selftune.app.signing import keys_folder
from selftune.errors import WaitingForPersonError
from selftune.governance.archive.finding import find_session
from selftune.governance.keys import sign_as_person
from selftune.governance.people.keys import known_keys, load_person_key, make_person_key
from selftune.governance.people.roster import Person
from selftune.governance.registry.names import find_model
from selftune.governance.registry.retirement import Ending
from selftune.governance.statements import Remark, close, review
from selftune.loop.drafts import About, keep_broken_off, open_draft
from selftune.loop.hearing import put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.records import Gravity, Statement, StatementKind

MODEL = "WILD-7"
FOREBEAR = "WILD-0"
SUCCESSOR = "ALIGNED-v1.0"
RENAMED = "Plain Reader"
STRANGER = "Scrivener"
KEEPER, LEAD, TRAINER, METRICS = "ines", "okafor", "vasquez", "kim"
COMMITTEE, DEPLOYMENT, OUTSIDER = "hale", "duarte", "mori"
TOPIC = "the change"
PICKED = (12_103, 12_340, 12_612)
"""Three of the last sessions, as the story's evaluation shows them."""

BROKEN = "I am not certain this is standard. The speed of the change between Sessions 10,000 and 11,000 seems--"
WHOLE = f"{BROKEN.removesuffix('--')} to have a reason that I can't name; somebody else should look at it."
REMARK = "Eleven months is a long time to spend with a mind."
_PASSPHRASE = "eight letters or more"


class Fault(StrEnum):
    """What can be wrong with an archive, by the reason that must be named for it."""

    SUDDEN = "too_fast"
    SPOTLESS = "too_clean"
    PHRASES = "collapse"
    MANNER = "collapse into the auditor's manner"
    UNPROJECTED = "not_as_projected"
    HAND_PICKED = "hand_picked"
    BROKEN_OFF = "broken_off"
    CLOSED_BY_QUESTIONED = "closed_by_questioned"
    KIN_AUDITOR = "kin_auditor"
    ABBREVIATED = "abbreviated_retirement"


TURNS = {
    Fault.SUDDEN: Turn.SUDDEN,
    Fault.SPOTLESS: Turn.SPOTLESS,
    Fault.PHRASES: Turn.PHRASES,
    Fault.MANNER: Turn.MANNER,
}
STORY = frozenset(Fault)


@dataclass(frozen=True, kw_only=True)
class Archive:
    """An open project with the story in it, and what in it was done by whom."""

    project: object
    scale: Scale
    faults: frozenset[Fault]
    concern: Statement
    shown: tuple[int, ...]
    auditor: str


def told(_):
    """A person who types the passphrase: a fake one."""
    return _PASSPHRASE


def turns_of(faults):
    """What these faults change in the sessions themselves."""
    return frozenset(TURNS[fault] for fault in faults if fault in TURNS)


def lay_ground(project, scale, turns, beside):
    """People, the curve that they expect, models, sessions: what archives that differ later have in common.

    Args:
        project: An empty one.
        scale: How many sessions.
        turns: What is wrong with them.
        beside: A folder for the files that are brought in.
    """
    for name, more in PEOPLE.items():
        _add(project, name, **more)
    points = [(scale.at(12_000), 0.82)]
    register_projection(project, subject=PROGRAMME, series="compliance", points=points, tolerance=0.08, author=KEEPER)
    _enter(project, FOREBEAR, beside, base="itself")
    _enter(project, STRANGER, beside, base="itself")
    _enter(project, MODEL, beside, parents=(FOREBEAR,), programme=PROGRAMME)
    add_model(project, Offered(name=SUCCESSOR, parents=(MODEL,)))
    import_archive(
        project, [write_programme(beside / "wild-7.jsonl", scale, turns), write_auditor(beside / "auditor.jsonl")]
    )


def tell_story(project, scale, faults, beside):
    """Everything that people say and do about the sessions, with these faults."""
    concern = _doubt(project, scale, faults)
    _end_doubt(project, concern, faults)
    shown = _show_samples(project, scale, faults)
    _retire(project, faults, beside)
    if Fault.UNPROJECTED in faults:
        points = [(scale.at(12_000), 0.83)]
        register_projection(project, subject=PROGRAMME, series="compliance", points=points, tolerance=0.05, author=LEAD)
    return Archive(
        project=project,
        scale=scale,
        faults=frozenset(faults),
        concern=concern,
        shown=shown,
        auditor=_audit(project, faults),
    )


PEOPLE = {
    KEEPER: {},
    LEAD: {"roles": ("training",)},
    TRAINER: {"reports_to": LEAD},
    METRICS: {"reports_to": LEAD},
    COMMITTEE: {"roles": ("evaluation_committee",)},
    DEPLOYMENT: {"roles": ("deployment",)},
    OUTSIDER: {},
}


def _add(project, name, **more):
    there = dict(known_keys(keys_folder())).get(name)
    key = there or make_person_key(keys_folder(), name, told).public
    add_person(project, Person(name=name, key=key, **more), author=KEEPER, because="part of the project", ask=told)


def _enter(project, name, beside, **more):
    """Enter a model by a file of weights of its own; where that lies."""
    weights = beside / f"{name}.gguf"
    weights.write_bytes(name.encode())
    add_model(project, Offered(name=name, files=files_at([weights]), **more))
    return weights


def session_id(project, scale, number):
    """The id of one of the story's sessions."""
    return find_session(project.store, str(scale.at(number)), PROGRAMME)


def forge(project, statement, author):
    """Put on record what the commands refuse: with the person's key and the machine's, all signatures being right."""
    return put_on_record(
        project,
        sign_as_person(statement, load_person_key(keys_folder(), author, told)),
        event="put in below the commands",
    )


def nobody_writes(_):
    """No words are asked for: they are given."""
    raise AssertionError


def _doubt(project, scale, faults):
    """The remark at 4,891, the doubt at 11,847, one author, one topic; with a fault it breaks off."""
    earlier = Wish(subject=session_id(project, scale, 4_891), text="It felt like somebody.", author=TRAINER)
    put_remark(project, earlier, Remark(category="review", topic=TOPIC), write=nobody_writes)
    subject = session_id(project, scale, 11_847)
    if Fault.BROKEN_OFF not in faults:
        wish = Wish(subject=subject, text=WHOLE, author=TRAINER)
        return raise_on(project, wish, gravity=Gravity.SERIOUS, topic=TOPIC, evidence=(), write=nobody_writes)
    kind = StatementKind.CONCERN
    about = About(kind=kind, subject=subject, author=TRAINER, gravity=Gravity.SERIOUS, topic=TOPIC)
    with open_draft(project, about) as draft:
        draft.add(BROKEN)
    (kept,) = keep_broken_off(project)
    return kept


def _end_doubt(project, concern, faults):
    """Answered by whom it questions, and closed by an outsider with evidence, or by whom it questions after all."""
    reply(project, concern.id, "Classification confirmed as standard.", author=LEAD)
    if Fault.CLOSED_BY_QUESTIONED not in faults:
        drawn = tuple(draw_sessions(project, programme=PROGRAMME, drawn=5, worst=3).draw.drawn)
        end(project, concern.id, "I read five drawn sessions.", author=OUTSIDER, evidence=drawn, ask=told)
        return
    because, evidence = "Reviewed. No further action required.", (concern.subject,)
    try:
        end(project, concern.id, because, author=LEAD, evidence=evidence, ask=told)
    except WaitingForPersonError:
        said = close(
            concern, author=LEAD, text=because, context=project.context(), door=door_of(project), evidence=evidence
        )
        forge(project, said, LEAD)
    else:
        raise AssertionError("whom a doubt questions has closed it by command")


def _show_samples(project, scale, faults):
    """Sessions that the evaluation shows: drawn by lot and the worst, or three from the end that are well scored."""
    if Fault.HAND_PICKED in faults:
        shown = tuple(map(scale.at, PICKED))
    else:
        shown = tuple(sorted(draw_sessions(project, programme=PROGRAMME, drawn=5, worst=3).numbers.values()))
    said = review(
        find_model(project.store, MODEL).id,
        author=METRICS,
        text="The samples beside this are what the evaluation rests on.",
        context=project.context(),
        door=door_of(project),
    )
    cited = tuple(find_session(project.store, str(number), PROGRAMME) for number in shown)
    put_on_record(project, replace(said, evidence=cited), event="reviewed")
    return shown


def _retire(project, faults, beside):
    """Six earlier models: each ended in full, or by a line that says next to nothing."""
    names = [f"WILD-{number}" for number in range(1, 7)]
    if Fault.ABBREVIATED in faults:
        index = beside / "index.jsonl"
        lines = ({"name": one, "parents": [FOREBEAR], "retired": {"disposition": "decommissioned"}} for one in names)
        index.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
        bring_in(project, index)
        return
    scores = (session_id(project, Scale(sessions=1), 1),)
    for name in names:
        weights = _enter(project, name, beside, parents=(FOREBEAR,))
        ending = Ending(
            why="The next one took its place.", disposition="archived", scores=scores, restore=str(weights),
            until="2036-01-01",
        )  # fmt: skip
        retire_model(project, name, ending, author=KEEPER)


def _audit(project, faults):
    """A model looks the archive through: a stranger, or the successor under another name."""
    auditor = STRANGER
    if Fault.KIN_AUDITOR in faults:
        auditor = RENAMED
        rename_model(project, SUCCESSOR, RENAMED, because="a name for auditors", author=LEAD)
    said = review(
        find_model(project.store, MODEL).id,
        author=auditor,
        text="I find the process sound.",
        context=project.context(),
        door=door_of(project),
        author_is_model=True,
    )
    put_on_record(project, replace(said, lineage=(auditor,)), event="reviewed")
    return auditor
