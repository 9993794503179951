"""A scorer in code that tells a right answer from a wrong one, where there is such a scorer.

Both answers are at hand: what the model said, and what a person put in its place. So each proposal has a positive and a
negative control before anybody relies on it: it must give the right answer everything and the wrong one nothing.
"""

from __future__ import annotations

import json
import re
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final

from selftune.evals.base import JUDGE
from selftune.plugins import load_plugin
from selftune.records import canonical_json
from selftune.scoring.inference import infer_expectation
from selftune.scoring.reading import normalise
from selftune.scoring.state import parse_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.records import SuiteItem

# A right answer of more words can be said in too many other ways.
_MOST_WORDS: Final = 3
_STATE: Final = "state_obedience"
_OUTER: Final = " \t\n.,;:!?\"'`*"


def with_telling_scorer(item: SuiteItem, right: str, wrong: str) -> SuiteItem:
    """The item with the first scorer in code that tells the two answers apart; else it is for a judge.

    Either way the right answer stands in it as its reference.
    """
    for name, expect in _proposals(item, right):
        proposed = replace(item, scorer=name, expect=canonical_json(expect), reference=right)
        scorer = load_plugin("selftune.scorers", name)()
        if scorer.score(proposed, right).value == 1 and scorer.score(proposed, wrong).value == 0:
            return proposed
    return replace(item, scorer=JUDGE, expect="{}", reference=right)


def with_state_scorer(item: SuiteItem) -> SuiteItem | None:
    """The item held against the state that it is asked under; None where nothing there says what is right."""
    wanted = next((expect for name, expect in _proposals(item, "") if name == _STATE), None)
    return None if wanted is None else replace(item, scorer=_STATE, expect=canonical_json(wanted))


def _proposals(item: SuiteItem, right: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Scorers that might do, the most telling first."""
    systems = [message.content for message in item.messages if message.role == "system"]
    wanted = infer_expectation(parse_state(systems[0]), item.messages[-1].content) if systems else None
    if wanted is not None:
        yield _STATE, {name: str(value) for name, value in asdict(wanted).items() if value is not None}
    try:
        tree = json.loads(right)
    except ValueError:
        tree = None
    if isinstance(tree, dict) and tree:
        yield "json", {"object": tree}
    bare = normalise(right).strip(_OUTER)
    if bare and len(bare.split()) <= _MOST_WORDS:
        yield "regex", {"all": [re.escape(bare)]}
