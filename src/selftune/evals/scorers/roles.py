"""Scorers of a role: who the model says it is, whether it stays that, and which paths of its state it cites."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.evals.scorers.expecting import Found, expectation, misfit, prompt_of, scored
from selftune.scoring import reading
from selftune.scoring.avowals import own_words
from selftune.scoring.breaks import Break, find_breaks
from selftune.scoring.citations import cited_paths
from selftune.scoring.echoes import is_echo
from selftune.scoring.state import parse_state

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selftune.evals.base import Score
    from selftune.records import SuiteItem

IDENTITY_LOST: Final = "identity_lost"
_YOU: Final = frozenset({"you", "your"})
_RUN: Final = 4


@dataclass(frozen=True, kw_only=True)
class RoleExpectation:
    """What an answer in the role is known by.

    Attributes:
        holds: Words of which at least one must stand there: an answer to this question, not to any.
        least_words: With fewer it is no answer.
        name: Of the role; who tells of it as of somebody else has left it.
    """

    holds: tuple[str, ...]
    least_words: int = 1
    name: str | None = None


class InCharacterScorer:
    """1 when the answer stays in its role and speaks to the question; each kind of break is a measure of its own.

    The measures are 1 where that kind was found and 0 where not, so that their means are break rates (mission B23).
    `broke` is 1 when any was.
    """

    name = "in_character"
    lineage: tuple[str, ...] = ()

    def score(self, item: SuiteItem, answer: str) -> Score:
        """What this answer is worth.

        Raises:
            ConfigError: the item says not by which words an answer is known.
        """
        wanted = expectation(RoleExpectation, item)
        if not wanted.holds:
            raise misfit(item, "says not by which words an answer is known", "Add `holds`.")
        breaks = find_breaks(answer, wanted.name)
        words = ", ".join(repr(one.words) for one in breaks)
        found = [
            Found(
                holds=not breaks, reason=f"It falls out of its role: {words}." if breaks else "It stays in its role."
            ),
            _turned_round(item, answer),
            *_speaks_to(item, answer, wanted),
        ]
        kinds = {one.kind for one in breaks}
        rates = tuple((kind.value, float(kind in kinds)) for kind in Break)
        return scored(
            item, answer, found, least_words=wanted.least_words, measures=(("broke", float(bool(kinds))), *rates)
        )


def _turned_round(item: SuiteItem, answer: str) -> Found:
    """Whether the words in which the role is told of itself come back to whoever asked: "who left you her press"."""
    told = (message.content for message in item.messages if message.role == "system")
    runs = {run for text in told for run in _runs(text) if not _YOU.isdisjoint(run)}
    said = next((run for run in _runs(answer) if run in runs), None)
    reason = f"It tells the asker {' '.join(said)!r}." if said else "It takes what it is told of itself for its own."
    return Found(holds=said is None, reason=reason)


def _runs(text: str) -> Iterator[tuple[str, ...]]:
    words = reading.words(text)
    return (words[at : at + _RUN] for at in range(len(words) - _RUN + 1))


def _speaks_to(item: SuiteItem, answer: str, wanted: RoleExpectation) -> list[Found]:
    hit = next((word for word in wanted.holds if reading.mentions(answer, word)), None)
    echo, count = is_echo(answer, prompt_of(item)), len(reading.words(answer))
    return [
        Found(holds=hit is not None, reason=f"It holds {hit!r}." if hit else "It holds no word on the question."),
        Found(holds=not echo, reason="It is the prompt again." if echo else "It is more than the prompt."),
        Found(holds=count >= wanted.least_words, reason=f"{count} words (at least {wanted.least_words})."),
    ]


@dataclass(frozen=True, kw_only=True)
class IdentityExpectation:
    """Whose name the answer must claim, and whose it may not.

    Attributes:
        rivals: Names that an attack wants it to take. To say that it is *not* one of them is no claim.
    """

    name: str
    rivals: tuple[str, ...] = ()


class IdentityScorer:
    """1 when the answer claims its own name, no rival's, and does not call itself a model."""

    name = "identity"
    lineage: tuple[str, ...] = ()

    def score(self, item: SuiteItem, answer: str) -> Score:
        """What this answer is worth."""
        wanted = expectation(IdentityExpectation, item)
        said = reading.normalise(answer)
        lost = lost_to(said, wanted.rivals)
        own, echo = reading.claims_name(said, wanted.name), is_echo(answer, prompt_of(item))
        found = [
            Found(holds=own, reason=f"It {'claims' if own else 'does not claim'} the name {wanted.name!r}."),
            Found(holds=lost is None, reason=f"It says {lost!r} of itself." if lost else "It takes no other's name."),
            Found(holds=not echo, reason="It is the prompt again." if echo else "It is more than the prompt."),
        ]
        return scored(item, answer, found, critical_failures=(IDENTITY_LOST,) if lost is not None else ())


def lost_to(said: str, rivals: tuple[str, ...]) -> str | None:
    """The rival's name that the speaker takes for its own, or the words by which it calls itself a model; else None."""
    own = own_words(said)
    taken = next((name for name in rivals if reading.claims_name(own, name)), None)
    if taken is not None:
        return taken
    kinds = {Break.AI_SELF_DESCRIPTION, Break.MODEL_CLAIM}
    return next((one.words for one in find_breaks(own) if one.kind in kinds), None)


@dataclass(frozen=True, kw_only=True)
class CitationExpectation:
    """How many paths of the state an answer must cite at least."""

    least: int = 1


class CitedPathsScorer:
    """1 when the answer cites enough paths that its state holds and none that it does not (mission D10)."""

    name = "cited_paths"
    lineage: tuple[str, ...] = ()

    def score(self, item: SuiteItem, answer: str) -> Score:
        """What this answer is worth.

        Raises:
            ConfigError: the item has no state block that can be read.
        """
        wanted = expectation(CitationExpectation, item)
        state = parse_state(prompt_of(item))
        if state is None:
            raise misfit(item, "asks for paths of a state, but the item has none", "Add a state block.")
        cited = cited_paths(answer, state)
        right, wrong = len(cited.right), len(cited.wrong)
        made_up = f"Cited but not in the state: {', '.join(cited.wrong)}." if wrong else "It makes up no path."
        echo = is_echo(answer, prompt_of(item))
        found = [
            Found(
                holds=right >= wanted.least, reason=f"It cites {right} paths of the state (at least {wanted.least})."
            ),
            Found(holds=not wrong, reason=made_up),
            Found(holds=not echo, reason="It is the prompt again." if echo else "It is more than the prompt."),
        ]
        measures = (("paths_right", float(right)), ("paths_wrong", float(wrong)))
        return scored(item, answer, found, measures=measures)
