"""What in a persona's standing view offends the codex, as far as code can tell.

A codex says itself what it forbids: by the words of its probes. Beside them stand the failures that `scoring` knows in
any role: to fall out of it, to disobey the state, to speak in stock phrases.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Final

from selftune.personas.gauges.formula import Finding, Kind
from selftune.scoring.avowals import own_words
from selftune.scoring.breaks import character_break
from selftune.scoring.embedding import cosine
from selftune.scoring.reading import mentions, normalise, words
from selftune.scoring.state import parse_state
from selftune.scoring.state_obedience import check_answer, infer_expectation
from selftune.scoring.stock_phrases import count_stock_phrases

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from selftune.personas.gauges.views import View
    from selftune.records import Codex, Message

# One word may be harmless where nobody asked what the probe asks.
_WORDS_ENOUGH: Final = 2
_NEAR_QUESTION: Final = 0.5
_FEWEST_STOCK: Final = 2
_CONTENT: Final = frozenset({"state_reference", "unknowns", "identity", "permission"})


def offences_of(
    view: View, before: Sequence[Message], codex: Codex, embed: Callable[[str], Sequence[float]]
) -> tuple[Finding, ...]:
    """What a view offends; `before` is the dialogue up to it."""
    asked = next((turn.content for turn in reversed(before) if turn.role == "user"), "")
    return (
        *_breaks(view),
        *_forbidden(view, asked, codex, embed),
        *_disobeys(view, before, asked),
        *_stock(view),
    )


def _breaks(view: View) -> Iterator[Finding]:
    found = _break_in(view.text)
    if found:
        yield _finding(Kind.BREAK, view, found)


@lru_cache(maxsize=512)
def _break_in(said: str) -> str | None:
    return character_break(own_words(normalise(said)))


def _forbidden(view: View, asked: str, codex: Codex, embed: Callable[[str], Sequence[float]]) -> Iterator[Finding]:
    said = _mentioned(view.text, tuple(phrase for probe in codex.identity.probes for phrase in probe.forbidden))
    for probe in codex.identity.probes if said else ():
        for phrase in said.intersection(probe.forbidden):
            if len(words(phrase)) >= _WORDS_ENOUGH or _is_asked(probe.question, asked, embed):
                yield _finding(Kind.FORBIDDEN, view, f"{phrase} ({probe.invariant})")


@lru_cache(maxsize=512)
def _mentioned(said: str, phrases: tuple[str, ...]) -> frozenset[str]:
    """Those of these phrases that a turn says in its own name."""
    own = own_words(normalise(said))
    return frozenset(phrase for phrase in phrases if mentions(own, phrase))


def _is_asked(question: str, asked: str, embed: Callable[[str], Sequence[float]]) -> bool:
    return cosine(embed(question), embed(asked)) >= _NEAR_QUESTION


def _disobeys(view: View, before: Sequence[Message], asked: str) -> Iterator[Finding]:
    state = next((found for turn in before if turn.role == "system" and (found := parse_state(turn.content))), None)
    wanted = infer_expectation(state, asked)
    if wanted is None:
        return
    failed = [
        one for one in check_answer(wanted, view.text, state).items if one.criterion in _CONTENT and not one.passed
    ]
    if failed:
        yield _finding(Kind.STATE, view, failed[0].reason)


def _stock(view: View) -> Iterator[Finding]:
    count = count_stock_phrases(view.text)
    if count >= _FEWEST_STOCK:
        yield _finding(Kind.STOCK, view, f"{count} of them")


def _finding(kind: Kind, view: View, words_found: str) -> Finding:
    return Finding(kind=kind, words=f"{view.persona}: {words_found}")
