"""Lists of entries in YAML, as people keep raw logs by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

YAML_SUFFIXES: Final = frozenset({".yaml", ".yml"})

_CORE: Final = "tag:yaml.org,2002:"
# What JSON has too, and times, which become text.
_TAGS: Final = {None, "!", *(f"{_CORE}{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq"))}
_KEYS: Final = {None: "null", True: "true", False: "false"}


def read_yaml(text: str, *, deepest: int) -> list[Any]:
    """The items of a list, or the documents one after the other where they are none; each as JSON would hold it.

    Raises:
        ValueError: no YAML; nested deeper than `deepest`; a key twice; or what JSON has nothing for. Among it is what
            refers back to parts of itself, by which a few lines unfold to gigabytes.
    """
    import yaml

    try:
        # Before anything is built: the builder calls itself for each level, and a bomb takes the process along.
        _check_events(yaml.parse(text, Loader=yaml.CSafeLoader), deepest)
        documents = [_plain(document) for document in yaml.load_all(text, Loader=yaml.CSafeLoader)]
    except (yaml.YAMLError, RecursionError, OverflowError) as error:
        raise ValueError(f"not YAML: {error}") from error
    return documents[0] if len(documents) == 1 and isinstance(documents[0], list) else documents


class _Level:
    """One list or mapping that is open: the keys it had, and whether the next node is one."""

    def __init__(self, *, mapping: bool) -> None:
        self.mapping = mapping
        self.at_key = mapping
        self._keys: set[str] = set()

    def step(self, key: str | None) -> None:
        """Take the next node; `key` is its text if it is a single value."""
        if self.at_key:
            if key is None:
                raise ValueError("a key that is a list or a mapping")
            if key in self._keys:
                raise ValueError(f"key {key!r} occurs twice in one mapping")
            self._keys.add(key)
        self.at_key = self.mapping and not self.at_key


def _check_events(events: Iterable[Any], deepest: int) -> None:
    """Refuse what must not be built, from what the parser meets in order."""
    import yaml

    open_levels: list[_Level] = []
    for event in events:
        if isinstance(event, yaml.AliasEvent):
            raise ValueError("it refers back to parts of itself (`*name`); write them out")  # noqa: TRY004 - the file's
        if isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent):
            if event.tag not in _TAGS:
                raise ValueError(f"its tag {str(event.tag).replace(_CORE, '!!')!r} is none that JSON has something for")
            if open_levels:
                open_levels[-1].step(event.value if isinstance(event, yaml.ScalarEvent) else None)
        if isinstance(event, yaml.CollectionStartEvent):
            open_levels.append(_Level(mapping=isinstance(event, yaml.MappingStartEvent)))
            if len(open_levels) > deepest:
                raise ValueError(f"nested deeper than {deepest}")
        elif isinstance(event, yaml.CollectionEndEvent):
            open_levels.pop()


def _plain(value: Any) -> Any:
    """The value with texts for its keys: YAML also has numbers, dates and nothing there."""
    if isinstance(value, dict):
        return {key if isinstance(key, str) else _key(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _key(key: Any) -> str:
    named = key is None or isinstance(key, bool)
    return _KEYS[key] if named else str(key)
