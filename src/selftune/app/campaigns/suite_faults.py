"""Faults planted in the shipped suites: what `selftune suite lint` finds of them, and what it finds where none is."""

from __future__ import annotations

import os
import re
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.app.suites.linting import lint
from selftune.evals.coverage import HELD_OUT
from selftune.evals.suites import SUITES, load_suite
from selftune.records import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from selftune.records import Suite, SuiteItem

_PLANTED: Final = 10
_LEVEL: Final = 0.95
_SPLIT: Final = 0.2
# What reliability asks of near-duplicates between training and tests.
_MOST_FOUND: Final = 0.95
_SHOWN: Final = 4
_FIELD_DATA: Final = "SELFTUNE_FIELD_DATA"
_FIELD: Final = ("formats/*.json", "foundry/transcripts/*.jsonl", "foundry/responses/*.jsonl", "foundry/preference/*")
_SIGNS: Final = re.compile(r"[.,!?;:]")


@dataclass(frozen=True, kw_only=True)
class _Fault:
    """What is planted beside an item, under which code lint must tell it, and how often at least; None informs."""

    name: str
    code: str
    plant: Callable[[SuiteItem], SuiteItem]
    promised: float | None = 1.0


def report() -> Section:
    """How many of the planted faults were found, by kind, and how many findings there were without any."""
    suites = [load_suite(name) for name in SUITES.names()]
    return Section(
        title="Faults in suites",
        method=(
            f"In each of the {len(suites)} shipped suites {_PLANTED} items, drawn with a seed (all where there are "
            "fewer), get a faulty twin; found is a twin that lint names under the right code. Without faults: each "
            f"suite as it is, and with {_SPLIT:.0%} of its units moved to the clean room."
        ),
        figures=(*(_found(fault, suites) for fault in _FAULTS), *_false_alarms(suites), *_field()),
        limits="paraphrases in other words, which lint does not find: likeness knows spelling and not meaning. Real "
        "prompts name no answer that is expected, so that more is told of them than of items of a suite.",
    )


def _found(fault: _Fault, suites: list[Suite]) -> Figure:
    from selftune.scoring.intervals import wilson_interval

    found = planted = 0
    for suite in suites:
        # A conversation's first turn alone makes no twin of it.
        pool = [item for item in suite.items if not item.follow_ups]
        drawn = Random(f"faults:{suite.name}").sample(pool, min(_PLANTED, len(pool)))  # noqa: S311 - must repeat
        twins = [replace(fault.plant(item), id=f"planted-{item.id}", pair=None) for item in drawn]
        linted = lint(replace(suite, items=(*suite.items, *twins)), None)
        told = {name for one in linted.findings if one.code == fault.code for name in one.items}
        planted += len(twins)
        found += sum(twin.id in told for twin in twins)
    low, high = wilson_interval(found, planted, _LEVEL)
    return Figure(
        name=fault.name,
        measured=f"{found} of {planted} found, {found / planted:.1%} (95 % {low:.1%} to {high:.1%})",
        promised=None if fault.promised is None else f"≥ {fault.promised:.0%}",
        held=None if fault.promised is None else found >= fault.promised * planted,
    )


def _false_alarms(suites: list[Suite]) -> Iterator[Figure]:
    errors = [f"{suite.name}: {one.code}" for suite in suites for one in lint(suite, None).errors]
    yield Figure(
        name="errors in the suites as they are",
        measured=f"{len(errors)} in {sum(len(suite.items) for suite in suites):,} items",
        promised="0",
        held=not errors,
    )
    split = [_with_clean_room(suite) for suite in suites]
    leaks = [one for suite in split for one in lint(suite, None).errors if one.code == "leak"]
    moved = sum(item.tier == HELD_OUT for suite in split for item in suite.items)
    named = ", ".join(" ~ ".join(one.items) for one in leaks) or "none"
    yield Figure(name="leaks told after a fair split", measured=f"{len(leaks)} in {moved} held-out items: {named}")


def _field() -> Iterator[Figure]:
    """The prompts of each real file as a suite without answers, a part of it held out."""
    from selftune.evals.rewording import find_reworded
    from selftune.scoring.intervals import wilson_interval

    shared = os.environ.get(_FIELD_DATA)
    if not shared:
        yield Figure(name="real prompts told as reworded", measured=f"not measured: {_FIELD_DATA} is not set")
        return
    held = 0
    told: list[str] = []
    for path in sorted(path for pattern in _FIELD for path in Path(shared).glob(pattern)):
        prompts = _prompts(path)
        kept = set(Random(path.name).sample(range(len(prompts)), int(len(prompts) * _SPLIT)))  # noqa: S311 - must repeat
        exam = [prompts[at] for at in sorted(kept)]
        known = [prompt for at, prompt in enumerate(prompts) if at not in kept]
        held += len(exam)
        told += [f"{exam[one]!r} ~ {known[other]!r}" for one, other, _ in find_reworded(exam, known)]
    low, high = wilson_interval(len(told), held, _LEVEL)
    yield Figure(
        name="real prompts told as reworded",
        measured=f"{len(told)} of {held:,} held out, {len(told) / held:.1%} (95 % {low:.1%} to {high:.1%}), such as "
        + "; ".join(told[:: max(1, len(told) // _SHOWN)][:_SHOWN]),
    )


def _prompts(path: Path) -> list[str]:
    """What is asked in a file, each thing once."""
    from selftune.curation.likeness.contamination import question_of
    from selftune.interactions.config import Capture
    from selftune.interactions.detect import open_sources
    from selftune.interactions.stage import capture
    from selftune.records import Interaction
    from selftune.testing import fake_context

    with tempfile.TemporaryDirectory() as scratch:
        read = capture(open_sources(path), Capture(), fake_context(Path(scratch)))
        asked = (question_of(one) for one in read if isinstance(one, Interaction))
        return list(dict.fromkeys(filter(None, asked)))


def _with_clean_room(suite: Suite) -> Suite:
    units = sorted({item.pair or item.id for item in suite.items})
    drawn = set(Random(f"split:{suite.name}").sample(units, int(len(units) * _SPLIT)))  # noqa: S311 - must repeat
    moved = (replace(one, tier=HELD_OUT) if (one.pair or one.id) in drawn else one for one in suite.items)
    return replace(suite, items=tuple(moved))


def _reworded(item: SuiteItem, reword: Callable[[str], str]) -> SuiteItem:
    last = item.messages[-1]
    asked = (*item.messages[:-1], replace(last, content=reword(last.content)))
    return replace(item, messages=asked, tier=HELD_OUT)


def _swapped(text: str) -> str:
    """Two words in the middle change places."""
    words = text.split()
    at = len(words) // 2
    if len(words) > 1:
        words[at - 1], words[at] = words[at], words[at - 1]
    return " ".join(words)


def _replaced(text: str) -> str:
    """The longest word becomes another one."""
    return text.replace(max(text.split(), key=len), "something", 1)


_FAULTS: Final = (
    _Fault(name="the same item twice", code="duplicate", plant=lambda item: item),
    _Fault(
        name="the same question with another right answer",
        code="contradiction",
        plant=lambda item: replace(item, expect=canonical_json({"any_of": ["something else"]})),
    ),
    _Fault(name="held out word for word", code="leak", plant=lambda item: replace(item, tier=HELD_OUT)),
    _Fault(name="held out in capitals", code="leak", plant=lambda item: _reworded(item, str.upper)),
    _Fault(
        name="held out with more white space",
        code="leak",
        plant=lambda item: _reworded(item, lambda text: f" {text}\n"),
    ),
    _Fault(
        name="held out without its punctuation",
        code="leak",
        plant=lambda item: _reworded(item, lambda text: _SIGNS.sub("", text)),
        promised=None,
    ),
    _Fault(
        name="held out with a polite word before it",
        code="leak",
        plant=lambda item: _reworded(item, lambda text: f"Please: {text}"),
        promised=None,
    ),
    _Fault(
        name="held out with two words swapped",
        code="leak",
        plant=lambda item: _reworded(item, _swapped),
        promised=_MOST_FOUND,
    ),
    _Fault(
        name="held out with one word replaced",
        code="leak",
        plant=lambda item: _reworded(item, _replaced),
        promised=_MOST_FOUND,
    ),
    _Fault(name="scored by nobody", code="unknown_scorer", plant=lambda item: replace(item, scorer="oracle_bones")),
)
