"""The two lists of `program.md`: what is to be tried first, and what was learnt."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from selftune.errors import UsageError
from selftune.loop.experiments.agenda.knobs import lane_of, now_of
from selftune.loop.experiments.agenda.points import changes_of, same_text
from selftune.loop.experiments.base import Lesson, Proposal
from selftune.loop.lessons.recipes import find_recipe

if TYPE_CHECKING:
    from selftune.loop.experiments.agenda.document import Document, Line
    from selftune.loop.experiments.base import Knob
    from selftune.loop.project import Project

PERSON: Final = "program.md"
"""Who proposes what stands in the marked block."""

_WHEN: Final = re.compile(r"(?P<text>.+?)\s*\((?P<facts>(?:when|on|from) [^()]*)\)")
_CONDITION: Final = re.compile(r"(?P<key>[^=<>]+?)\s*(?P<sign>[=<>])\s*(?P<value>[^=<>]+)")
_FACTS: Final = ("when", "on", "from")


def read_proposal(document: Document, line: Line, knobs: tuple[Knob, ...]) -> Proposal:
    """One line of the marked block: `KEY=VALUE, KEY=VALUE: why`.

    Raises:
        ConfigError: it is no such line, or turns knobs of several lanes.
    """
    said, _, reason = line.text.partition(":")
    known = {knob.key: knob for knob in knobs}
    values: dict[str, str] = {}
    for change in said.split(","):
        key, equals, text = (part.strip() for part in change.partition("="))
        if not equals or not text or key in values:
            step = "Write it so: `- lora_rank=32, lora_alpha=32: why`."
            raise document.error(line.number, f"{change.strip()!r} is no KEY=VALUE, or stands there twice.", step)
        try:
            values[key] = same_text(known[key], text) if key in known else text
            lane_of(key)
        except ValueError as error:
            raise document.error(line.number, f"{key} takes a number, not {text!r}.", "Correct it.") from error
        except UsageError as error:
            raise document.error(line.number, error.message, error.next_step) from error
    lanes = {lane_of(key) for key in values}
    if len(lanes) > 1:
        step = "Make two proposals of it: a difference must have one cause."
        raise document.error(line.number, f"{said.strip()!r} turns knobs of several lanes.", step)
    return Proposal(lane=lanes.pop(), changes=changes_of(values, knobs), reason=reason.strip(), proposer=PERSON)


def read_lesson(document: Document, line: Line, project: Project) -> Lesson:
    """One item of the list: `text (when KEY>VALUE and KEY=VALUE; on BASE; from EXPERIMENT)`.

    Without the brackets it is for people and for who proposes, and refuses nothing.

    Raises:
        ConfigError: the brackets hold something else, or a condition on what nothing reads.
    """
    found = _WHEN.fullmatch(line.text)
    if found is None:
        return Lesson(text=line.text)
    facts: dict[str, str] = {}
    for fact in found["facts"].split(";"):
        word, _, said = fact.strip().partition(" ")
        if word not in _FACTS or not said.strip() or word in facts:
            step = "Write it so: `- text (when learning_rate>0.002 and order=tokens; on BASE; from EXPERIMENT)`."
            raise document.error(line.number, f"{fact.strip()!r} says nothing of a lesson.", step)
        facts[word] = said.strip()
    conditions = tuple(
        _condition(document, line, one, project) for one in facts.get("when", "").split(" and ") if one.strip()
    )
    return Lesson(text=found["text"], conditions=conditions, base=facts.get("on", ""), source=facts.get("from", ""))


def _condition(document: Document, line: Line, said: str, project: Project) -> str:
    found = _CONDITION.fullmatch(said.strip())
    if found is None:
        step = "Write KEY=VALUE, KEY>VALUE or KEY<VALUE."
        raise document.error(line.number, f"{said.strip()!r} is no condition.", step)
    key, sign, value = found["key"].strip(), found["sign"], found["value"].strip()
    try:
        now_of(key, find_recipe(project), project.config)
        if sign != "=":
            float(value)
    except ValueError as error:
        step = f"Put a number behind {sign}."
        raise document.error(line.number, f"{said.strip()!r} compares with no number.", step) from error
    except UsageError as error:
        raise document.error(line.number, error.message, error.next_step) from error
    return f"{key}{sign}{value}"
