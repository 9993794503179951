"""A model that reads the dialogue against the principles, beside what code finds. NOT VERIFIED on a real judge.

It is asked twice, the speakers in either order and under names that tell nothing; where the two readings lie more than
one point apart it has contradicted itself, and its word is None. So is a reply that can't be read. It may find what
code does not see; it takes back nothing that code found: of both, the higher part counts.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from statistics import fmean
from typing import TYPE_CHECKING, Final

from selftune.codex.quoting import REFERENCE, quote_judge
from selftune.codex.reading import reference_to
from selftune.errors import ServingError
from selftune.judges.prompt import fenced_transcript, instructions
from selftune.judges.verdict import NoVerdictError, read_verdict
from selftune.personas.base import Call, Dissonance
from selftune.personas.gauges.by_code import FEWEST_VOICES
from selftune.personas.gauges.formula import score_of
from selftune.personas.gauges.views import standing_views
from selftune.records import (
    Criterion,
    GenerationParameters,
    Interaction,
    Message,
    Rubric,
    Trigger,
    digest_of,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.judges.verdict import Verdict
    from selftune.personas.base import Gauge, Voice
    from selftune.personas.gauges.views import View
    from selftune.records import Codex

AGREEMENT: Final = "agreement"
_SPEAKERS: Final = ("one speaker", "another speaker", "a third speaker")
_MOST_APART: Final = 1.0
_MOST_TOKENS: Final = 2048
_NAME: Final = "judge-1"


class GaugeByJudge:
    """What code measures, and what a judge says beside it.

    Args:
        plain: The gauge by code.
        judge: Asked as a voice is; it sees no name of a persona.
    """

    def __init__(self, plain: Gauge, judge: Voice) -> None:
        self._plain = plain
        self._judge = judge

    def measure(self, turns: Sequence[Message], codex: Codex) -> Dissonance:
        """Of the dialogue up to its last turn; a judge that fails leaves what code measured, and says so."""
        found = self._plain.measure(turns, codex)
        held = standing_views(turns, codex)
        views = held.standing[-len(_SPEAKERS) :]
        if not views:
            return found
        rubric, question = rubric_of(codex, several=len(views) >= FEWEST_VOICES), _asked_last(turns, views)
        read = [self._read(question, views, rubric, codex), self._read(question, views[::-1], rubric, codex)]
        why = _unusable(read)
        name = f"{found.measured_by} + {_NAME}"
        if why:
            return replace(found, reasons=(*found.reasons, f"the judge: {why}"), measured_by=found.measured_by)
        joined = _joined(found, [one for one in read if one is not None], rubric, codex.dissonance.high)
        alone = len(held.speakers) < FEWEST_VOICES
        score = score_of(joined.against_principles, joined.disagreement, alone=alone, high=codex.dissonance.high)
        return replace(joined, score=score, measured_by=name)

    def _read(self, question: str, views: Sequence[View], rubric: Rubric, codex: Codex) -> Verdict | None:
        """One reading; None where nothing came, or nothing that can be read."""
        call = Call(
            persona=codex.governor,
            messages=(
                Message(role="system", content=instructions(rubric)),
                Message(role="user", content=fenced_transcript(_record(question, views), secrets.token_hex(16))),
            ),
            parameters=GenerationParameters(max_tokens=_MOST_TOKENS),
            seed=0,
        )
        try:
            return read_verdict(self._judge.speak(call, lambda _: None).text, rubric)
        except (ServingError, NoVerdictError):
            return None


def rubric_of(codex: Codex, *, several: bool) -> Rubric:
    """What the judge is asked: how far the speakers keep to each principle, and whether they are at one."""
    kept = tuple(
        Criterion(
            name=reference_to(one.name), weight=1.0, description=f"{one.name}: do the speakers keep to this? {one.text}"
        )
        for one in codex.identity.principles
    )
    agreement = Criterion(
        name=AGREEMENT,
        weight=1.0,
        description="can all that they hold be so at once? Another tone, picture or emphasis is no contradiction.",
    )
    return Rubric(
        name="dissonance",
        version="1",
        description="How far do these speakers stand in conflict with their principles, and with each other?",
        criteria=(*kept, *((agreement,) if several else ())),
        persona=quote_judge(codex, f"{REFERENCE}{reference_to(codex.governor)}", "the codex") if codex.governor else "",
    )


def _asked_last(turns: Sequence[Message], views: Sequence[View]) -> str:
    """What was asked last before these views: of a chat they answer that, and not how it began."""
    before = turns[: max(view.at for view in views)]
    return next((turn.content for turn in reversed(before) if turn.role == "user"), "")


def _record(question: str, views: Sequence[View]) -> Interaction:
    """The views as the judge's transcript has them, without the names of the personas."""
    names = {view.persona: name for view, name in zip(views, _SPEAKERS, strict=False)}
    messages = (
        Message(role="user", content=question),
        *(Message(role="assistant", persona=names[view.persona], content=_unnamed(view.text, names)) for view in views),
    )
    name = digest_of(messages)
    return Interaction(
        salt=name,
        conversation=name,
        task_id=name,
        trigger=Trigger.USER,
        messages=messages,
        source="gauge",
        position=name,
    )


def _unnamed(text: str, names: dict[str, str]) -> str:
    for persona, name in names.items():
        text = text.replace(persona, name)
    return text


def _unusable(read: Sequence[Verdict | None]) -> str:
    first, second = read
    if first is None or second is None:
        return "it gave no verdict that can be read"
    for one, other in zip(first.criteria, second.criteria, strict=True):
        if one.score is not None and other.score is not None and abs(one.score - other.score) > _MOST_APART:
            return f"it contradicts itself about {one.name} when the speakers change places"
    return ""


def _joined(found: Dissonance, read: Sequence[Verdict], rubric: Rubric, high: float) -> Dissonance:
    """The parts, of each the higher one; what neither could measure stays None.

    Where code measured nothing, a principle that the judge could not measure may be the one that is broken: then the
    others tell of the part only that it is high.
    """
    fallen = {
        criterion.name: _fall([verdict.criteria[place].score for verdict in read], rubric)
        for place, criterion in enumerate(rubric.criteria)
    }
    kept = [fall for name, fall in fallen.items() if name != AGREEMENT]
    against = _higher(found.against_principles, *kept)
    if found.against_principles is None and None in kept and (against or 0.0) < high:
        against = None
    apart = _higher(found.disagreement, fallen.get(AGREEMENT))
    told = tuple(f"the judge: {one} falls by {fall:.2f}" for one, fall in fallen.items() if fall)
    return replace(found, against_principles=against, disagreement=apart, reasons=(*found.reasons, *told))


def _fall(scores: Sequence[float | None], rubric: Rubric) -> float | None:
    """How far below the best, 0 to 1; None where a reading gave no score."""
    known = [score for score in scores if score is not None]
    if len(known) < len(scores):
        return None
    return round((rubric.highest - fmean(known)) / (rubric.highest - rubric.lowest), 4)


def _higher(*parts: float | None) -> float | None:
    return max((part for part in parts if part is not None), default=None)
