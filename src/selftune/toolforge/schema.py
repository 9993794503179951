"""The part of JSON schema that tools are described in: strict, small, and the same for whoever checks a value.

A keyword outside `KEYWORDS` is refused and not passed over: what is not checked must not look as if it were.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from selftune.scoring.structured import same_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

KEYWORDS: Final = frozenset(
    {
        "type", "description", "properties", "required", "additionalProperties", "items", "enum",
        "minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems",
    }
)  # fmt: skip
MOST_BYTES: Final = 64_000
_DEEPEST: Final = 6
_BOUNDS: Final[dict[str, tuple[str, Callable[[Any], Any], bool]]] = {
    "minimum": ("number", lambda value: value, False),
    "maximum": ("number", lambda value: value, True),
    "minLength": ("string", len, False),
    "maxLength": ("string", len, True),
    "minItems": ("array", len, False),
    "maxItems": ("array", len, True),
}
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
    if not found and of_arguments and schema["type"] != "object":
        found.append("the schema of arguments must have type object")
    return tuple(found)


def read_value(text: str) -> Any:
    """The JSON value that a text is.

    Raises:
        ValueError: it is none, is too large, holds a key twice, or a number that JSON has not.
    """
    if len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise ValueError(f"it is longer than {MOST_BYTES} bytes")
    try:
        return json.loads(text, object_pairs_hook=_distinct, parse_constant=_refuse)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


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
    yield from _bound_problems(schema, kind, where)
    if kind == "object":
        yield from _object_problems(schema, where, depth)
    if "items" in schema:
        yield from _schema_problems(schema["items"], f"{where}.items", depth + 1)
    if "enum" in schema and not (isinstance(schema["enum"], list) and schema["enum"]):
        yield f"{where}: enum must be a list with something in it"


def _bound_problems(schema: dict[str, Any], kind: str, where: str) -> Iterator[str]:
    for name, (of_kind, _, _) in _BOUNDS.items():
        if name not in schema:
            continue
        if kind != of_kind and not (kind == "integer" and of_kind == "number"):
            yield f"{where}: {name} does not go with type {kind}"
        elif not _TYPES["number"](schema[name]):
            yield f"{where}: {name} must be a number"


def _object_problems(schema: dict[str, Any], where: str, depth: int) -> Iterator[str]:
    properties, required = schema.get("properties", {}), schema.get("required", [])
    if not isinstance(properties, dict) or not isinstance(required, list):
        yield f"{where}: properties must be an object and required a list"
        return
    if schema.get("additionalProperties", False) is not False:
        yield f"{where}: additionalProperties must be false"
    yield from (f"{where}: {name!r} is required and no property" for name in required if name not in properties)
    for name, inner in properties.items():
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


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    tree = dict(pairs)
    if len(tree) != len(pairs):
        raise ValueError("a key stands twice")
    return tree


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")
