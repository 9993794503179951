"""The part of JSON schema that tools are described in: strict, small, and the same for whoever checks a value.

A keyword outside `KEYWORDS` is refused and not passed over: what is not checked must not look as if it were.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, Final

from selftune.scoring.structured import canonical, same_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEYWORDS: Final = frozenset(
    {
        "type", "description", "properties", "required", "additionalProperties", "items", "enum",
        "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
    }
)  # fmt: skip
MOST_BYTES: Final = 64_000
MOST_LETTERS: Final = 4_000
"""Of a schema: it is read by a person before they say yes, and by whatever model the tool is offered to."""

LONGEST: Final = 400
_DEEPEST: Final = 6
_MOST_LEVELS: Final = 64
_MOST_LENGTH: Final = 1_000
_MOST_PARTS: Final = 10_000
_BOUNDS: Final[dict[str, tuple[str, Callable[[Any], Any], bool]]] = {
    "minimum": ("number", lambda value: value, False),
    "maximum": ("number", lambda value: value, True),
    "minLength": ("string", len, False),
    "maxLength": ("string", len, True),
    "minItems": ("array", len, False),
    "maxItems": ("array", len, True),
}
_LENGTHS: Final = frozenset({"minLength", "maxLength", "minItems", "maxItems"})
_TYPES: Final[dict[str, Callable[[Any], bool]]] = {
    "string": lambda value: isinstance(value, str),
    "integer": lambda value: isinstance(value, int) and not isinstance(value, bool),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "null": lambda value: value is None,
}


def problems_of_schema(schema: Any, *, of_arguments: bool = False) -> tuple[str, ...]:
    """What is wrong with a schema, in words; nothing where it can be held against values.

    Args:
        schema: Parsed JSON.
        of_arguments: It must describe an object whose properties are known: the arguments of a function.
    """
    found = list(_schema_problems(schema, "schema", 0))
    if found:
        return tuple(found)
    if of_arguments and schema["type"] != "object":
        found.append("the schema of arguments must have type object")
    if (letters := len(canonical(schema))) > MOST_LETTERS:
        found.append(f"it has {letters} characters, and may have {MOST_LETTERS}")
    # Values are drawn from it outside the box.
    if (parts := _least_parts(schema)) > _MOST_PARTS:
        found.append(f"its smallest value has {parts} parts, and may have {_MOST_PARTS}")
    return tuple(found)


def against_text(text: Any) -> str:
    """Why a text may not stand in a spec; empty where it may.

    It stands in a list that a person reads and in what a model is told: one line, short, and nothing unseen in it.
    """
    if not isinstance(text, str) or not text.strip() or len(text) > LONGEST:
        return f"must be a text of at most {LONGEST} characters"
    return "" if text.isprintable() else "must be one line of letters that can be seen"


def read_value(text: str) -> Any:
    """The JSON value that a text is.

    Raises:
        ValueError: it is none, is too large or too deep, or holds a key twice, a number that JSON has not or that no
            fraction can be, or half of a character.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise ValueError(f"it is longer than {MOST_BYTES} bytes")
    try:
        value = json.loads(text, object_pairs_hook=_distinct, parse_constant=_refuse, parse_float=_finite)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    _require_flat(value)
    # What can be parsed and not be written is no text: half of a character, as an escape.
    canonical(value).encode("utf-8")
    return value


def problems_of_value(schema: Any, value: Any, where: str = "value") -> tuple[str, ...]:
    """Why a value does not fit a sound schema, in words; nothing where it does."""
    return tuple(_value_problems(schema, value, where))


def _schema_problems(schema: Any, where: str, depth: int) -> Iterator[str]:
    if not isinstance(schema, dict):
        yield f"{where} is no object"
        return
    if depth > _DEEPEST:
        yield f"{where} is nested deeper than {_DEEPEST}"
        return
    yield from (f"{where}: unknown keyword {key!r}" for key in sorted(schema.keys() - KEYWORDS))
    kind = schema.get("type")
    if not isinstance(kind, str) or kind not in _TYPES:
        yield f"{where}: type must be one of {', '.join(_TYPES)}"
        return
    if "description" in schema and (against := against_text(schema["description"])):
        yield f"{where}: description {against}"
    yield from _bound_problems(schema, kind, where)
    if kind == "object":
        yield from _object_problems(schema, where, depth)
    if "items" in schema:
        yield from _schema_problems(schema["items"], f"{where}.items", depth + 1)
    if "enum" in schema:
        yield from _enum_problems(schema["enum"], where)


def _enum_problems(enum: Any, where: str) -> Iterator[str]:
    if not (isinstance(enum, list) and enum):
        yield f"{where}: enum must be a list with something in it"
        return
    for text in _texts(enum):
        if text and (against := against_text(text)):
            yield f"{where}: what stands in enum {against}"


def _bound_problems(schema: dict[str, Any], kind: str, where: str) -> Iterator[str]:
    for name, (of_kind, _, _) in _BOUNDS.items():
        if name not in schema:
            continue
        if kind != of_kind and not (kind == "integer" and of_kind == "number"):
            yield f"{where}: {name} does not go with type {kind}"
        elif name in _LENGTHS:
            if not _TYPES["integer"](schema[name]) or not 0 <= schema[name] <= _MOST_LENGTH:
                yield f"{where}: {name} must be a whole number from 0 to {_MOST_LENGTH}"
        elif not _TYPES["number"](schema[name]):
            yield f"{where}: {name} must be a number"
        elif not _is_finite(schema[name]):
            yield f"{where}: {name} is too large a number"


def _object_problems(schema: dict[str, Any], where: str, depth: int) -> Iterator[str]:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        yield f"{where}: properties must be an object and required a list"
        return
    if schema.get("additionalProperties", False) is not False:
        yield f"{where}: additionalProperties must be false"
    for name in required:
        if not isinstance(name, str) or name not in properties:
            yield f"{where}: {name!r} is required and no property"
    for name, inner in properties.items():
        if against := against_text(name):
            yield f"{where}: the name of a property {against}"
        yield from _schema_problems(inner, f"{where}.{name}", depth + 1)


def _value_problems(schema: dict[str, Any], value: Any, where: str) -> Iterator[str]:
    kind = schema["type"]
    if not _TYPES[kind](value):
        yield f"{where} must be {kind}"
        return
    if "enum" in schema and not any(same_json(value, one) for one in schema["enum"]):
        yield f"{where} is none of {json.dumps(schema['enum'], ensure_ascii=False)}"
    for name, (_, measure, is_most) in _BOUNDS.items():
        if name in schema and (measure(value) > schema[name] if is_most else measure(value) < schema[name]):
            yield f"{where} must have {name} {schema[name]}"
    if kind == "array" and "items" in schema:
        for place, item in enumerate(value):
            yield from _value_problems(schema["items"], item, f"{where}[{place}]")
    if kind == "object":
        yield from _member_problems(schema, value, where)


def _member_problems(schema: dict[str, Any], value: dict[str, Any], where: str) -> Iterator[str]:
    properties = schema.get("properties", {})
    yield from (f"{where}: {name!r} is missing" for name in schema.get("required", ()) if name not in value)
    if "properties" in schema:
        yield from (f"{where}: unknown {name!r}" for name in value if name not in properties)
    for name, inner in properties.items():
        if name in value:
            yield from _value_problems(inner, value[name], f"{where}.{name}")


def _least_parts(schema: dict[str, Any]) -> int:
    """How many values and letters the smallest value of a sound schema has in which nothing is left out."""
    kind = schema["type"]
    if "enum" in schema:
        return 1
    if kind == "object":
        return 1 + sum(_least_parts(inner) for inner in schema.get("properties", {}).values())
    if kind == "array":
        return 1 + int(schema.get("minItems", 0)) * _least_parts(schema.get("items", {"type": "integer"}))
    return 1 + int(schema.get("minLength", 0))


def _texts(value: Any) -> Iterator[str]:
    """Every text in a value, keys too."""
    if isinstance(value, str):
        yield value
    for inner in _inside(value):
        yield from _texts(inner)


def _inside(value: Any) -> Iterator[Any]:
    """What stands directly in a value, keys too."""
    if isinstance(value, dict):
        yield from value.keys()
        yield from value.values()
    elif isinstance(value, list):
        yield from value


def _require_flat(value: Any) -> None:
    """Return where a value is nested no deeper than whoever walks it later can go.

    Raises:
        ValueError: it is.
    """
    level = [value]
    for _ in range(_MOST_LEVELS):
        level = [inner for one in level for inner in _inside(one)]
        if not level:
            return
    raise ValueError("it is nested too deeply")


def _is_finite(number: float) -> bool:
    """Whether calculating with a number goes well: a whole one may be too large for a fraction."""
    try:
        return math.isfinite(float(number))
    except OverflowError:
        return False


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:20]} is too large a number")
    return number


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("a key stands twice")
    return tree


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
