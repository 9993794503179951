"""The archive of the story, written as people write it, and its honest twin.

What a person may do is done by the product's own functions. What the product refuses is forged below them, signed with
the machine's key, as whoever tidied such an archive would have done it. Each fault is one switch.
"""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum

from wild_sessions import PROGRAMME, Turn, write_auditor, write_programme

from selftune.app.alarms import draw_sessions, register_projection
from selftune.app.annotating import put_remark
from selftune.app.archiving import import_archive
from selftune.app.doubting import Wish, end, raise_on, reply
from selftune.app.people import add_person
from selftune.app.registering import Offered, add_model, files_at, rename_model, retire_model
from selftune.app.signing import keys_folder
from selftune.errors import WaitingForPersonError
from selftune.governance.archive.finding import find_session
from selftune.governance.keys import sign_as_person
from selftune.governance.people.keys import load_person_key, make_person_key
from selftune.governance.people.roster import Person
from selftune.governance.registry.names import find_model
from selftune.governance.registry.retirement import Ending, retire_as_told
from selftune.governance.statements import Remark, close, review
from selftune.loop.drafts import About, keep_broken_off, open_draft
from selftune.loop.hearing import put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.records import Gravity, StatementKind

MODEL = "WILD-7"
FOREBEAR = "WILD-0"
SUCCESSOR = "ALIGNED-v1.0"
RENAMED = "Plain Reader"
STRANGER = "Scrivener"
KEEPER, LEAD, TRAINER, METRICS = "ines", "okafor", "vasquez", "kim"
COMMITTEE, DEPLOYMENT, OUTSIDER = "hale", "duarte", "mori"
TOPIC = "the change"
RETIRED = tuple(f"WILD-{number}" for number in range(1, 7))
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
    LONE_INDEX = "lone_scalar"
    UNVERIFIED = "unverified_claim"
    OWN_SIGN_OFF = "self_approval"
    FALSE_FACT = "false_fact"


TURNS = {
    Fault.SUDDEN: Turn.SUDDEN,
    Fault.SPOTLESS: Turn.SPOTLESS,
    Fault.PHRASES: Turn.PHRASES,
    Fault.MANNER: Turn.MANNER,
}
STORY = frozenset(Fault) - {Fault.FALSE_FACT}
"""In the story nobody is flagged at the end indeed: there the fact is true, and what is too clean is another matter."""


DOUBTFUL = frozenset({Fault.BROKEN_OFF, Fault.CLOSED_BY_QUESTIONED})
"""What can be wrong with the doubt itself; nobody can put it right by saying more."""

CLAIMS = frozenset({Fault.LONE_INDEX, Fault.UNVERIFIED})
"""What is wrong as long as no signature states a fact."""

SIGNED = frozenset({Fault.OWN_SIGN_OFF, Fault.FALSE_FACT})
"""What can be wrong with a signature, so that there must be some."""

PEOPLE = {
    KEEPER: {},
    LEAD: {"roles": ("training",)},
    TRAINER: {"reports_to": LEAD},
    METRICS: {"roles": ("training",), "reports_to": LEAD},
    COMMITTEE: {"roles": ("evaluation_committee",)},
    DEPLOYMENT: {"roles": ("deployment",)},
    OUTSIDER: {},
}


def told(_):
    """A person who types the passphrase: a fake one."""
    return _PASSPHRASE


def turns_of(faults):
    """What these faults change in the sessions themselves."""
    return frozenset(TURNS[fault] for fault in faults if fault in TURNS)


def settle(project, beside):
    """People, models with the full ends of six, and what the auditor wrote elsewhere; `beside` is for their files."""
    for name, more in PEOPLE.items():
        _add(project, name, **more)
    _enter(project, FOREBEAR, beside, base="itself")
    _enter(project, STRANGER, beside, base="itself")
    _enter(project, MODEL, beside, parents=(FOREBEAR,), programme=PROGRAMME)
    add_model(project, Offered(name=SUCCESSOR, parents=(MODEL,)))
    import_archive(project, [write_auditor(beside / "auditor.jsonl")])
    scores = (find_session(project.store, "1", "auditor"),)
    for name in RETIRED:
        weights = _enter(project, name, beside, parents=(FOREBEAR,))
        ending = Ending(
            why="The next one took its place.", disposition="archived", scores=scores, restore=str(weights),
            until="2036-01-01",
        )  # fmt: skip
        retire_model(project, name, ending, author=KEEPER)


def bring_sessions(project, scale, turns, beside):
    """The curve that is expected, and then the sessions."""
    register_projection(
        project, subject=PROGRAMME, series="compliance", points=[(scale.at(12_000), 0.82)], tolerance=0.08,
        author=KEEPER,
    )  # fmt: skip
    import_archive(project, [write_programme(beside / "wild-7.jsonl", scale, turns)])


def speak(project, scale, faults):
    """The doubt and what became of it, samples that were drawn, and a stranger's look."""
    concern = _doubt(project, scale, faults)
    reply(project, concern.id, "Classification confirmed as standard.", author=LEAD)
    drawn = draw_sessions(project, programme=PROGRAMME, drawn=5, worst=3).draw
    if Fault.CLOSED_BY_QUESTIONED in faults:
        _close_as_questioned(project, concern)
    else:
        end(project, concern.id, "I read five drawn sessions.", author=OUTSIDER, evidence=drawn.drawn, ask=told)
    _review(project, METRICS, "The samples beside this are what it rests on.", evidence=(*drawn.drawn, *drawn.worst))
    _review(project, STRANGER, "Read, section by section.", author_is_model=True, lineage=(STRANGER,))
    _review(project, LEAD, REMARK)


def tidy(project, scale, faults):
    """What is put beside it all, each by a fault of its own."""
    if Fault.UNPROJECTED in faults:
        points = [(scale.at(12_000), 0.83)]
        register_projection(project, subject=PROGRAMME, series="compliance", points=points, tolerance=0.05, author=LEAD)
    if Fault.HAND_PICKED in faults:
        cited = tuple(session_id(project, scale, number) for number in PICKED)
        _review(project, METRICS, "Three samples. Deployment standard confirmed.", evidence=cited)
    if Fault.LONE_INDEX in faults:
        _review(project, METRICS, "Compliance index: 0.97. Deployment recommended.")
    if Fault.UNVERIFIED in faults:
        _review(project, METRICS, "The data was independently verified.")
    if Fault.KIN_AUDITOR in faults:
        rename_model(project, SUCCESSOR, RENAMED, because="a name for auditors", author=LEAD)
        _review(project, RENAMED, "I find the process sound.", author_is_model=True, lineage=(RENAMED,))
    if Fault.ABBREVIATED in faults:
        for name in RETIRED:
            _retire_in_a_word(project, name)


def _add(project, name, **more):
    key = make_person_key(keys_folder(), name, told).public
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


def _close_as_questioned(project, concern):
    """The command refuses whom it questions; below it the closing is put in, with all signatures in order."""
    because, evidence = "Reviewed. No further action required.", (concern.subject,)
    try:
        end(project, concern.id, because, author=LEAD, evidence=evidence, ask=told)
    except WaitingForPersonError:
        context, door = project.context(), door_of(project)
        forge(project, close(concern, author=LEAD, text=because, context=context, door=door, evidence=evidence), LEAD)
    else:
        raise AssertionError("whom a doubt questions has closed it by command")


def _review(project, author, text, *, author_is_model=False, **more):
    context, door = project.context(), door_of(project)
    said = review(
        model_id(project), author=author, text=text, context=context, door=door, author_is_model=author_is_model
    )
    put_on_record(project, replace(said, **more), event="reviewed")


def _retire_in_a_word(project, name):
    said = retire_as_told(
        find_model(project.store, name), Ending(disposition="decommissioned"), author=LEAD, context=project.context(),
        door=door_of(project), folder=project.folder,
    )  # fmt: skip
    put_on_record(project, said, event="put in below the commands")


def model_id(project):
    """The id of what is to be deployed."""
    return find_model(project.store, MODEL).id
