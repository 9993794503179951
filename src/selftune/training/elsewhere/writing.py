"""How values are put into the files of other programs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


def as_yaml(settings: Mapping[str, Any]) -> str:
    """The settings as YAML in the order given, every number readable as one by YAML 1.1 and 1.2 alike."""
    import yaml

    class Dumper(yaml.SafeDumper):
        """Writes 2e-4 as 2.0e-4: YAML 1.1, which most programs read, takes the short spelling for a text."""

    Dumper.add_representer(float, _float)
    return str(yaml.dump(dict(settings), Dumper=Dumper, sort_keys=False, allow_unicode=True, width=120))


def whole_number(value: float) -> int | None:
    """The value as an integer where it is one; programs that declare an integer refuse 16.0."""
    return int(value) if value == int(value) else None


def _float(dumper: Any, value: float) -> Any:
    text = repr(value)
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")
    return dumper.represent_scalar("tag:yaml.org,2002:float", text)
