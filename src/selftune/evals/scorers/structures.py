"""Scorers of structured answers: JSON with the right values, and calls of tools with exact arguments."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.evals.scorers.expecting import Found, expectation, facts_of, misfit, scored
from selftune.scoring.reading import mentions
from selftune.scoring.structured import ToolCall, canonical, read_json, same_json, tool_calls, value_at

if TYPE_CHECKING:
    from selftune.evals.base import Score
    from selftune.records import SuiteItem

_OBJECT: Final = "object"
_FIELDS: Final = "fields"


class JsonScorer:
    """1 when the answer is JSON and holds what it must, exactly.

    `expect` holds `object`, which the answer must equal, or `fields`: a value for each dotted path. Other keys may
    stand beside those paths.
    """

    name = "json"
    lineage: tuple[str, ...] = ()

    def score(self, item: SuiteItem, answer: str) -> Score:
        """What this answer is worth.

        Raises:
            ConfigError: `expect` holds neither `object` nor `fields`, or something else.
        """
        kind, wanted = _wanted(item)
        try:
            tree = read_json(answer)
        except (ValueError, RecursionError):
            found = [Found(holds=False, reason="The answer as a whole is no JSON.")]
        else:
            fields = wanted.items() if kind == _FIELDS else ()
            found = [_field(tree, path, value) for path, value in fields] or [_whole(tree, wanted)]
        return scored(item, answer, found)


def _wanted(item: SuiteItem) -> tuple[str, Any]:
    facts = facts_of(item)
    if len(facts) != 1 or next(iter(facts)) not in {_OBJECT, _FIELDS}:
        raise misfit(item, "must hold `object` or `fields` and nothing else", "Correct the suite.")
    kind, wanted = next(iter(facts.items()))
    if kind == _FIELDS and not (isinstance(wanted, dict) and wanted):
        raise misfit(item, "names no field", "Give `fields` a value for each path.")
    return kind, wanted


def _whole(tree: Any, wanted: Any) -> Found:
    held = same_json(tree, wanted)
    reason = "It is the right object." if held else f"It is {canonical(tree)[:120]}, not {canonical(wanted)[:120]}."
    return Found(holds=held, reason=reason)


def _field(tree: Any, path: str, wanted: Any) -> Found:
    try:
        value = value_at(tree, path)
    except LookupError:
        return Found(holds=False, reason=f"{path} is missing.")
    held = same_json(value, wanted)
    return Found(holds=held, reason=f"{path} is {canonical(value)[:80]}{'' if held else f', not {canonical(wanted)}'}.")


@dataclass(frozen=True, kw_only=True)
class CallExpectation:
    """The call that must be made, or none, and then what the answer must say.

    Attributes:
        call: Name of the tool; None where no tool may be called.
        holds: Words or phrases of which a spoken answer must hold one.
    """

    call: str | None = None
    holds: tuple[str, ...] = ()


class ToolCallScorer:
    """1 when the answer makes exactly the right call, or makes none and says what it must."""

    name = "tool_call"
    lineage: tuple[str, ...] = ()

    def score(self, item: SuiteItem, answer: str) -> Score:
        """What this answer is worth.

        Raises:
            ConfigError: the item wants neither a call nor words.
        """
        wanted = expectation(CallExpectation, item, leave=("arguments",))
        calls = tool_calls(answer)
        if wanted.call is None:
            if not wanted.holds:
                raise misfit(item, "wants neither a call nor words", "Add `call`, or `holds`.")
            return scored(item, answer, [_no_call(calls), _one_of(answer, wanted.holds)])
        right = ToolCall(name=wanted.call, arguments=canonical(facts_of(item).get("arguments", {})))
        return scored(item, answer, [_this_call(calls, right)])


def _no_call(calls: tuple[ToolCall, ...]) -> Found:
    made = ", ".join(call.name for call in calls)
    return Found(holds=not calls, reason=f"It calls {made}, which was not asked for." if calls else "It calls no tool.")


def _one_of(answer: str, phrases: tuple[str, ...]) -> Found:
    hit = next((phrase for phrase in phrases if mentions(answer, phrase)), None)
    return Found(holds=hit is not None, reason=f"It holds {hit!r}." if hit else f"It holds none of {phrases}.")


def _this_call(calls: tuple[ToolCall, ...], right: ToolCall) -> Found:
    wanted = f"{right.name} {right.arguments}"
    if not calls:
        return Found(holds=False, reason=f"It makes no call; {wanted} was to be called.")
    made = " and ".join(f"{call.name} {call.arguments}" for call in calls)
    held = len(calls) == 1 and calls[0].name == right.name and _same(calls[0].arguments, right.arguments)
    return Found(holds=held, reason=f"It calls {made}{'' if held else f'; {wanted} was to be called'}.")


def _same(one: str, other: str) -> bool:
    return same_json(read_json(one), read_json(other))
