"""The tests of a function: every example, arguments drawn from its schema, and all of it twice in two orders."""

from __future__ import annotations

import hashlib
import math
import random
import statistics
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Final

from selftune.records import ToolTest
from selftune.scoring.structured import canonical, same_json
from selftune.toolforge.running import call_each, limits_for
from selftune.toolforge.schema import problems_of_value, read_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.records import ToolExample
    from selftune.toolforge.config import Forge
    from selftune.toolforge.running import Outcome
    from selftune.toolforge.sandbox.base import Sandbox
    from selftune.toolforge.spec import Spec

DRAWN: Final = 6
_HIDDEN_SHARE: Final = 3
_TOLD: Final = 300
_MILLI: Final = 1000
_TIMED: Final = 3


@dataclass(frozen=True, kw_only=True)
class Tried:
    """What the tests of a function came to.

    Attributes:
        tests: Each with its name, in the order in which they are told.
        feedback: What its writer is told of the failed ones; of a hidden one neither arguments nor result.
        milliseconds: What a call takes, start of the sandbox included; 0 where a test failed.
        posture: What the sandbox was.
    """

    tests: tuple[ToolTest, ...]
    feedback: tuple[str, ...]
    milliseconds: float
    memory_bytes: int
    posture: str

    @property
    def passed(self) -> bool:
        """Whether each test passed; without any nothing has."""
        return bool(self.tests) and all(test.passed for test in self.tests)


@dataclass(frozen=True, kw_only=True)
class _Trial:
    """One call; `expected` is None where only the form of its result is known."""

    name: str
    arguments: Any
    expected: ToolExample | None = None

    @property
    def is_hidden(self) -> bool:
        return self.expected is not None and self.expected.hidden


def hide_some(spec: Spec) -> Spec:
    """The spec with a third of its examples, one at least, marked as hidden from whoever writes the function.

    Which ones the spec's digest decides, so that nobody chooses them; two always stay to be shown.
    """
    order = sorted(spec.examples, key=lambda one: hashlib.sha256(f"{spec.digest}{one.arguments}".encode()).digest())
    count = min(max(1, len(order) // _HIDDEN_SHARE), max(0, len(order) - 2))
    hidden = {one.arguments for one in order[:count]}
    return replace(spec, examples=tuple(replace(one, hidden=one.arguments in hidden) for one in spec.examples))


def try_source(
    spec: Spec, source: str, own: Sequence[ToolExample], sandbox: Sandbox, config: Forge, *, seed: int
) -> Tried:
    """Run every test of a function in the sandbox; a pure one that passes twice, backwards and in a fresh process.

    Args:
        spec: With its hidden examples marked.
        source: It has passed the static check.
        own: What its writer says that it returns.
        sandbox: Where it runs.
        config: What it may take.
        seed: What the arguments are drawn with that nobody chose.

    Raises:
        SandboxError: the box could not be built.
    """
    trials = list(_trials(spec, own, seed))
    limits = limits_for(len(trials), call_seconds=config.call_seconds, memory_mb=config.memory_mb)
    calls = [trial.arguments for trial in trials]
    first = call_each(sandbox, source, spec.name, calls, limits)
    tests = [_test(spec, trial, outcome) for trial, outcome in zip(trials, first.outcomes, strict=True)]
    feedback = [
        _told(trial, test, outcome)
        for trial, test, outcome in zip(trials, tests, first.outcomes, strict=True)
        if not test.passed
    ]
    if spec.pure and not feedback:
        second = call_each(sandbox, source, spec.name, calls[::-1], limits)
        tests.append(_same_twice(first.outcomes, second.outcomes[::-1]))
        feedback += [test.told for test in tests[-1:] if not test.passed]
    return Tried(
        tests=tuple(tests),
        feedback=tuple(feedback),
        milliseconds=0.0 if feedback else _time_a_call(spec, source, calls[0], sandbox, config),
        memory_bytes=first.memory_bytes,
        posture=first.posture,
    )


def _time_a_call(spec: Spec, source: str, arguments: Any, sandbox: Sandbox, config: Forge) -> float:
    """Milliseconds that one call takes as it will be made: the median of three."""
    limits = limits_for(1, call_seconds=config.call_seconds, memory_mb=config.memory_mb)
    seconds = [call_each(sandbox, source, spec.name, [arguments], limits).seconds for _ in range(_TIMED)]
    return round(statistics.median(seconds) * _MILLI, 1)


def draw_arguments(schema: dict[str, Any], seed: int, count: int = DRAWN) -> tuple[Any, ...]:
    """Arguments that fit a schema and that nobody chose, the smallest ones first; the same for the same seed."""
    source = random.Random(seed)  # noqa: S311 - the same draw again, not a secret
    return tuple(_draw(schema, source, size, size) for size in range(count))


def _trials(spec: Spec, own: Sequence[ToolExample], seed: int) -> Iterator[_Trial]:
    # What depends on chance or on the time of day can be held against its form alone, and then the test says so.
    form = "" if spec.pure else "form of "
    for number, one in enumerate(spec.examples, start=1):
        name = f"{form}{'hidden ' if one.hidden else ''}example {number} ({one.by.value})"
        yield _Trial(name=name, arguments=read_value(one.arguments), expected=one)
    for number, one in enumerate(own, start=1):
        yield _Trial(name=f"{form}its own test {number}", arguments=read_value(one.arguments), expected=one)
    for number, arguments in enumerate(draw_arguments(spec.parameters, seed), start=1):
        yield _Trial(name=f"drawn arguments {number}", arguments=arguments)


def _test(spec: Spec, trial: _Trial, outcome: Outcome) -> ToolTest:
    problem = _problem(spec, trial, outcome)
    return ToolTest(name=trial.name, passed=not problem, told=problem[:_TOLD])


def _problem(spec: Spec, trial: _Trial, outcome: Outcome) -> str:
    """What is wrong with what a call came to; empty where nothing is."""
    if outcome.result is None:
        refused = trial.expected is None and outcome.has_no_answer
        return "" if refused else f"it failed: {outcome.error}"
    try:
        value = read_value(outcome.result)
    except ValueError as error:
        return f"its result is no JSON: {error}"
    against = problems_of_value(spec.returns, value, "result")
    if against:
        return f"it returned {outcome.result[:_TOLD]}: {against[0]}"
    if trial.expected is None or not spec.pure or _same(value, read_value(trial.expected.result)):
        return ""
    return f"it returned {outcome.result[:_TOLD]}, and must return {trial.expected.result[:_TOLD]}"


def _same(one: Any, other: Any) -> bool:
    """Whether two results are equal; of two fractions the last bits don't count."""
    if isinstance(one, float) and isinstance(other, int | float) and not isinstance(other, bool):
        return _is_near(one, other)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(_same(one[key], other[key]) for key in one)
    return same_json(one, other)


def _is_near(one: float, other: float) -> bool:
    try:
        return abs(one - other) <= 1e-9 * max(1.0, abs(one), abs(other))
    except OverflowError:
        # A whole number that is too large for a fraction.
        return False


def _told(trial: _Trial, test: ToolTest, outcome: Outcome) -> str:
    """A failed test as its writer is told of it."""
    if trial.is_hidden:
        # No word of the error: it may hold the arguments.
        raised = f"it failed: {outcome.kind}" if outcome.result is None else "it returned something else than it must"
        return f"an example that you can't see failed: {raised}"
    return f"called with {canonical(trial.arguments)[:_TOLD]}: {test.told}"


def _same_twice(first: Sequence[Outcome], second: Sequence[Outcome]) -> ToolTest:
    differ = next((place for place, pair in enumerate(zip(first, second, strict=True)) if pair[0] != pair[1]), None)
    told = "" if differ is None else "the spec says that it is pure, and the same call came to something else later"
    return ToolTest(name="the same twice, in two orders", passed=differ is None, told=told)


def _draw(schema: dict[str, Any], source: random.Random, size: int, length: int) -> Any:
    """A value that fits; `length` is how many items a list has, half as many in each list within it."""
    if "enum" in schema:
        return source.choice(schema["enum"])
    kind = schema["type"]
    if kind == "object":
        properties, required = schema.get("properties", {}), schema.get("required", ())
        # The smallest draw leaves out what may be left out.
        return {
            name: _draw(inner, source, size, length) for name, inner in properties.items() if size or name in required
        }
    if kind == "array":
        count = _between(schema.get("minItems", 0), schema.get("maxItems"), length)
        return [_draw(schema.get("items", {"type": "integer"}), source, size, length // 2) for _ in range(count)]
    if kind == "string":
        count = _between(schema.get("minLength", 0), schema.get("maxLength"), size * 3)
        return "".join(source.choice("abc XYZ019.,-é") for _ in range(count))
    if kind in {"integer", "number"}:
        return _draw_number(schema, source, size, whole=kind == "integer")
    return None if kind == "null" else bool(source.getrandbits(1))


def _draw_number(schema: dict[str, Any], source: random.Random, size: int, *, whole: bool) -> float:
    reach = size * 10
    low: float = schema.get("minimum", schema.get("maximum", reach) - 2 * reach)
    high: float = min(schema.get("maximum", low + 2 * reach), low + 2 * reach)
    if whole:
        return source.randint(math.ceil(low), max(math.ceil(low), math.floor(high)))
    return min(max(round(source.uniform(low, high), 3), low), high)


def _between(least: int, most: int | None, wanted: int) -> int:
    return max(int(least), wanted if most is None else min(int(most), wanted))
