"""Lists of entries in YAML, as people keep raw logs by hand."""

from __future__ import annotations

from typing import Any, Final

YAML_SUFFIXES: Final = frozenset({".yaml", ".yml"})


def read_yaml(text: str) -> list[Any]:
    """The items of a list, or the documents one after the other where they are none.

    Raises:
        ValueError: no YAML; or it refers back to parts of itself, by which a few lines unfold to gigabytes.
    """
    import yaml

    try:
        if any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text, Loader=yaml.CSafeLoader)):
            raise ValueError("it refers back to parts of itself (`*name`); write them out")
        documents = list(yaml.load_all(text, Loader=yaml.CSafeLoader))
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"not YAML: {error}") from error
    return documents[0] if len(documents) == 1 and isinstance(documents[0], list) else documents
