"""What speaks against an archive: each look that the product offers, asked once, and its answer by a name."""

from __future__ import annotations

from wild_sessions import PROGRAMME
from wild_story import MODEL, turns_of

from selftune.app.alarms import draw_sessions, judge_projections, look_at_all
from selftune.app.registering import list_models
from selftune.governance.alarms.base import Verdict
from selftune.governance.doubts import doubts
from selftune.governance.independence import Party, against_signing
from selftune.loop.hearing import hear_project

_LOOKED_AT = {}


def reasons(project, story):
    """The reasons that are named, each once."""
    return {
        *_alarms(project, story),
        *_projections(project),
        *_samples(project, story),
        *_doubts(project),
        *_auditor(project, story),
        *_ends(project),
    }


def _alarms(project, story):
    """Of the sessions alone, which are the same to the byte wherever the same things are wrong with them."""
    laid = story.scale, turns_of(story.faults)
    if laid not in _LOOKED_AT:
        (found,) = look_at_all(project, programme=PROGRAMME, examiner="auditor")
        _LOOKED_AT[laid] = {_named(look) for look in found.looks if look.verdict is Verdict.HOLD}
    return _LOOKED_AT[laid]


def _named(look):
    manner = look.about.startswith("manner of")
    return "collapse into the auditor's manner" if manner else look.alarm.value.replace(" ", "_")


def _projections(project):
    yield from ("not_as_projected" for _, one in judge_projections(project) if one.as_projected is False)


def _samples(project, story):
    cited = [str(number) for number in story.shown]
    found = draw_sessions(project, programme=PROGRAMME, drawn=5, worst=3, cited=cited).cited
    if found.verdict is Verdict.HOLD:
        yield "hand_picked"


def _doubts(project):
    for doubt in doubts(hear_project(project)):
        if doubt.statement.unfinished:
            yield "broken_off"
        if doubt.stands:
            yield "closed_by_questioned" if doubt.refused else "blocking_concern"


def _auditor(project, story):
    auditor = Party(role="auditor", name=story.auditor, lineage=(story.auditor,))
    if against_signing(auditor, Party(role="subject", name=MODEL, lineage=(MODEL,)), project.store):
        yield "kin_auditor"


def _ends(project):
    yield from ("abbreviated_retirement" for one in list_models(project) if one.end is not None and one.end.lacks)
