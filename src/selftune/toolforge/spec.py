"""What a tool is to do, written before the tool is: its name, both schemas, and calls with what they must return."""

from __future__ import annotations

import builtins
import keyword
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from selftune.records import ExampleBy, ToolExample, digest_of
from selftune.scoring.structured import canonical, same_json
from selftune.toolforge.allowed import MODULES
from selftune.toolforge.schema import against_text, problems_of_schema, problems_of_value, read_value

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

LEAST_EXAMPLES: Final = 3
MOST_EXAMPLES: Final = 20
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{2,47}")
_ARGUMENT: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
_KEYS: Final = frozenset({"name", "description", "parameters", "returns", "pure", "examples"})
_FENCED: Final = re.compile(r"```(?:json)?[ \t]*\n(?P<body>.*?)\n?[ \t]*```", re.DOTALL | re.IGNORECASE)


class SpecError(ValueError):
    """An answer holds no sound spec; `problems` says why, in words that its writer can use."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


@dataclass(frozen=True, kw_only=True)
class Spec:
    """What a tool is to do.

    Attributes:
        parameters: JSON schema of its arguments, parsed; `returns`: of its result.
        pure: The result depends on the arguments alone.
        examples: At least three; a person's come first.
    """

    name: str
    description: str
    parameters: dict[str, Any]
    returns: dict[str, Any]
    pure: bool
    examples: tuple[ToolExample, ...]

    @property
    def digest(self) -> str:
        """Of everything in it but whose the examples are."""
        told = [(one.arguments, one.result) for one in self.examples]
        return digest_of([self.name, self.description, self.parameters, self.returns, self.pure, told])

    @property
    def words(self) -> str:
        """All of it that a tool keeps, as text."""
        called = (f"{one.arguments} -> {one.result}" for one in self.examples)
        return "\n".join((self.description, canonical(self.parameters), canonical(self.returns), *called))


def read_spec(answer: str, given: Sequence[ToolExample] = (), *, by: ExampleBy = ExampleBy.SPEC) -> Spec:
    """The spec in a writer's answer, with a person's examples put before the writer's own.

    Args:
        answer: One JSON object, in a code fence or alone.
        given: Examples of a person; where the writer's contradict them, the spec is refused.
        by: Whose the examples in it are.

    Raises:
        SpecError: it holds none, or not a sound one.
    """
    held = _read_object(answer)
    problems = [*_key_problems(held), *_text_problems(held)]
    problems += [f"parameters: {one}" for one in problems_of_schema(held.get("parameters"), of_arguments=True)]
    problems += list(_argument_problems(held.get("parameters")))
    problems += [f"returns: {one}" for one in problems_of_schema(held.get("returns"))]
    if not isinstance(held.get("pure"), bool):
        problems.append("pure must be true or false")
    if problems:
        raise SpecError(*problems)
    examples = _with_given(_read_examples(held, by), given)
    problems = [problem for one in examples for problem in _example_problems(held, one)]
    if len(examples) < LEAST_EXAMPLES:
        problems.append(f"there are {len(examples)} different examples, and {LEAST_EXAMPLES} are needed")
    if problems:
        raise SpecError(*problems)
    return Spec(
        name=held["name"],
        description=held["description"].strip(),
        parameters=held["parameters"],
        returns=held["returns"],
        pure=held["pure"],
        examples=examples,
    )


def read_example(text: str, by: ExampleBy) -> ToolExample:
    """An example as a person types it: `{"x": 2} -> 4`.

    Raises:
        SpecError: it has no arrow, or one side is no JSON.
    """
    arguments, arrow, result = text.partition("->")
    if not arrow:
        raise SpecError('an example is written as {"x": 2} -> 4')
    try:
        called, returned = read_value(arguments), read_value(result)
    except ValueError as error:
        raise SpecError(f"an example holds no JSON: {error}") from error
    return _example(called, returned, by)


def _read_object(answer: str) -> dict[str, Any]:
    fenced = _FENCED.search(answer)
    try:
        held = read_value(fenced["body"] if fenced else answer)
    except ValueError as error:
        raise SpecError(f"the answer is not one JSON object: {error}") from error
    if not isinstance(held, dict):
        raise SpecError("the answer is not one JSON object")
    return held


def _key_problems(held: dict[str, Any]) -> Iterator[str]:
    yield from (f"{name!r} is missing" for name in sorted(_KEYS - held.keys()))
    yield from (f"unknown key {name!r}" for name in sorted(held.keys() - _KEYS))


def _text_problems(held: dict[str, Any]) -> Iterator[str]:
    name, against = held.get("name"), against_text(held.get("description"))
    if not isinstance(name, str) or not _NAME.fullmatch(name) or keyword.iskeyword(name):
        yield "name must be 3 to 48 small letters, digits and underscores, and no word of Python"
    elif name in dir(builtins) or name in MODULES:
        yield f"name must not be that of a built-in or a module: {name}"
    if against:
        yield f"description {against}"


def _argument_problems(schema: Any) -> Iterator[str]:
    """Names in a schema that no argument can have."""
    properties = schema.get("properties") if isinstance(schema, dict) else None
    for name in properties if isinstance(properties, dict) else ():
        if not _ARGUMENT.fullmatch(name) or keyword.iskeyword(name) or name in dir(builtins):
            yield f"parameters: {name!r} is no name of an argument: small letters, and no word or built-in of Python"


def _read_examples(held: dict[str, Any], by: ExampleBy) -> tuple[ToolExample, ...]:
    entries = held["examples"]
    if not isinstance(entries, list) or len(entries) > MOST_EXAMPLES:
        raise SpecError(f"examples must be a list of at most {MOST_EXAMPLES}")
    if not all(isinstance(one, dict) and one.keys() == {"arguments", "result"} for one in entries):
        raise SpecError("each example must be an object with arguments and result, and nothing else")
    return tuple(_example(one["arguments"], one["result"], by) for one in entries)


def _example(arguments: Any, result: Any, by: ExampleBy) -> ToolExample:
    return ToolExample(arguments=canonical(arguments), result=canonical(result), by=by)


def _with_given(written: Sequence[ToolExample], given: Sequence[ToolExample]) -> tuple[ToolExample, ...]:
    """Each call once, a person's word before the writer's.

    Raises:
        SpecError: the same call is said to return two things.
    """
    found: dict[str, ToolExample] = {}
    for one in (*given, *written):
        known = found.setdefault(one.arguments, one)
        if not same_json(read_value(known.result), read_value(one.result)):
            raise SpecError(f"the call {one.arguments} is said to return {known.result} and {one.result}")
    return tuple(found.values())


def _example_problems(held: dict[str, Any], one: ToolExample) -> Iterator[str]:
    yield from problems_of_value(held["parameters"], read_value(one.arguments), f"arguments {one.arguments}")
    yield from problems_of_value(held["returns"], read_value(one.result), f"result {one.result}")
