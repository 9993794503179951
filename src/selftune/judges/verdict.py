"""From what a judge model wrote to scores: read strictly, repaired where nothing can be invented, else refused."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.judges.rubric import CRITICAL_FAILURES
from selftune.records import CriterionScore

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from selftune.records import Criterion, Rubric

_MOST_CHARACTERS: Final = 200_000
_FENCED: Final = re.compile(r"```(?:json)?\s*\n?(.*?)```", re.DOTALL | re.IGNORECASE)
_THOUGHT: Final = re.compile(r"\A.*</think>", re.DOTALL | re.IGNORECASE)


_WRITTEN_SCORE: Final = re.compile(
    r"\bscore[\"']?\s*:\s*(?P<score>-?\d+(?:\.\d+)?|null|none)(?=\s*[,}])", re.IGNORECASE
)
_MOST_REPAIRED_BRACES: Final = 200
_ENTRY_KEYS: Final = frozenset({"reasoning", "score"})
_QUOTES: Final = "quotes"


class NoVerdictError(ValueError):
    """A reply holds no verdict; the text says why. It never leaves this room."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Scores per criterion in the rubric's order, its critical failures, and whether the JSON had to be repaired."""

    criteria: tuple[CriterionScore, ...]
    critical_failures: tuple[str, ...]
    repaired: bool


def verdict_schema(rubric: Rubric) -> dict[str, Any]:
    """The JSON schema of a verdict: for each criterion the reasoning, its quotes, then the score or null.

    Last the names of the critical failures, where the rubric has some.
    """
    criterion = {
        "type": "object",
        "properties": {
            "reasoning": {"type": "string"},
            _QUOTES: {"type": "array", "items": {"type": "string"}},
            "score": {"type": ["number", "null"], "minimum": rubric.lowest, "maximum": rubric.highest},
        },
        "required": ["reasoning", _QUOTES, "score"],
        "additionalProperties": False,
    }
    properties: dict[str, Any] = {item.name: criterion for item in rubric.criteria}
    if rubric.critical_failures:
        named = {"type": "string", "enum": [item.name for item in rubric.critical_failures]}
        properties[CRITICAL_FAILURES] = {"type": "array", "items": named}
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def read_verdict(reply: str, rubric: Rubric) -> Verdict:
    """The one verdict in a reply.

    Tried in turn: the whole text, a fenced block, the objects that balanced braces enclose; each as it stands, and then
    repaired. A text that does not end in a brace is not repaired: a number cut in the middle would become another one.

    Raises:
        NoVerdictError: there is none, there are two that differ, or one lacks a criterion or leaves the scale.
    """
    if len(reply) > _MOST_CHARACTERS:
        raise NoVerdictError(f"the reply has more than {_MOST_CHARACTERS:,} characters")
    text = _THOUGHT.sub("", reply) if "<" in reply else reply
    for repaired in (False, True):
        for candidates in _candidates(text):
            found = [value for candidate in candidates if (value := _load(candidate, repaired=repaired)) is not None]
            if found and not repaired:
                return _agreed(found, rubric, repaired=False)
            if found:
                _check_single(text, rubric)
                verdict = _agreed(found, rubric, repaired=True)
                _check_written(text, verdict.criteria)
                return verdict
    raise NoVerdictError("the reply holds no JSON object")


def _candidates(text: str) -> Iterator[list[str]]:
    """Where the object may stand. Structured output is the whole text, so that the slower searches are rare."""
    yield [text.strip()]
    yield _FENCED.findall(text)
    yield list(_braced(text))


def _load(text: str, *, repaired: bool) -> dict[str, Any] | None:
    """The JSON object that the text is, or None."""
    try:
        value = _repaired(text) if repaired else _STRICT.decode(text)
    except NoVerdictError:
        raise
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) and value else None


def _repaired(text: str) -> Any:
    import json_repair

    if not text.rstrip().endswith("}") or text.count("{") > _MOST_REPAIRED_BRACES:
        return None
    return json_repair.loads(text, skip_json_loads=True)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise NoVerdictError("a key stands twice in one object")
    return value


_STRICT: Final = json.JSONDecoder(object_pairs_hook=_object)


def _braced(text: str) -> Iterator[str]:
    """Each outermost span of balanced braces; braces inside strings don't count."""
    depth, start, quoted, escaped = 0, 0, False, False
    for place, character in enumerate(text):
        if quoted:
            quoted = escaped or character != '"'
            escaped = character == "\\" and not escaped
        elif character == '"' and depth:
            quoted = True
        elif character == "{":
            start = place if depth == 0 else start
            depth += 1
        elif character == "}" and depth:
            depth -= 1
            if depth == 0:
                yield text[start : place + 1]


def _check_single(text: str, rubric: Rubric) -> None:
    """Refuse to repair a text that names a key twice: the repair would let the last one win."""
    for name in (*(criterion.name for criterion in rubric.criteria), CRITICAL_FAILURES):
        if len(re.findall(rf"\b{re.escape(name)}\b[\"']?\s*:", text)) > 1:
            raise NoVerdictError("a key stands twice in what would have to be repaired")


def _check_written(text: str, criteria: Iterable[CriterionScore]) -> None:
    """Refuse a score that the repair made and the judge did not write: it reads `"score"25` as a 5."""
    written = Counter(
        None if match["score"].isalpha() else float(match["score"]) for match in _WRITTEN_SCORE.finditer(text)
    )
    if not Counter(item.score for item in criteria) <= written:
        raise NoVerdictError("a score can't be repaired for sure")


def _agreed(found: list[dict[str, Any]], rubric: Rubric, *, repaired: bool) -> Verdict:
    if any(value != found[0] for value in found):
        raise NoVerdictError("the reply holds two verdicts that differ")
    return Verdict(
        criteria=tuple(_score(found[0], item, rubric, repaired=repaired) for item in rubric.criteria),
        critical_failures=_failures(found[0], rubric),
        repaired=repaired,
    )


def _failures(value: dict[str, Any], rubric: Rubric) -> tuple[str, ...]:
    """The critical failures in the rubric's order. A reply that says nothing of them has not ruled them out."""
    known = [item.name for item in rubric.critical_failures]
    if not known:
        return ()
    named = value.get(CRITICAL_FAILURES)
    if not isinstance(named, list):
        raise NoVerdictError(f"the list {CRITICAL_FAILURES!r} is missing")
    if not all(name in known for name in named):
        raise NoVerdictError(f"{CRITICAL_FAILURES!r} names one that the rubric does not have")
    return tuple(name for name in known if name in named)


def _score(value: dict[str, Any], criterion: Criterion, rubric: Rubric, *, repaired: bool) -> CriterionScore:
    name = criterion.name
    entry = value.get(name)
    if not isinstance(entry, dict):
        raise NoVerdictError(f"criterion {name!r} is missing")
    if repaired and entry.keys() - {_QUOTES} != _ENTRY_KEYS:
        raise NoVerdictError(f"criterion {name!r} can't be repaired for sure")  # 4,5 becomes a 4 and a 5
    reasoning, score = entry.get("reasoning"), entry.get("score")
    if not isinstance(reasoning, str) or not reasoning.strip():
        raise NoVerdictError(f"criterion {name!r} has no reasoning")
    reasoning, quotes = writable(reasoning), _quotes(entry, name)
    if score is None and "score" in entry:
        return CriterionScore(name=name, reasoning=reasoning, score=None, quotes=quotes)
    if isinstance(score, bool) or not isinstance(score, int | float):
        raise NoVerdictError(f"the score of {name!r} is no number")
    # NaN fails this comparison too.
    if not rubric.lowest <= score <= rubric.highest:
        raise NoVerdictError(f"the score of {name!r} is off the scale {rubric.lowest:g} to {rubric.highest:g}")
    return CriterionScore(name=name, reasoning=reasoning, score=float(score), quotes=quotes)


def _quotes(entry: dict[str, Any], name: str) -> tuple[str, ...]:
    """The quotes of one criterion; a server without structured output may leave them out."""
    quotes = entry.get(_QUOTES, [])
    if not isinstance(quotes, list) or not all(isinstance(quote, str) for quote in quotes):
        raise NoVerdictError(f"the quotes of {name!r} are no list of texts")
    return tuple(map(writable, quotes))


def writable(text: str) -> str:
    """The text as a record can hold it: half of a surrogate pair, which an escape in JSON can spell, becomes U+FFFD."""
    # Most texts hold no such thing, and every word of every verdict comes by here.
    return text if text.isascii() else text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
