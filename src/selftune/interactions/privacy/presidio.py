"""Names of people and places by Microsoft Presidio, where the extra `pii` is installed and its kinds are asked for.

Presidio looks with a language model of spaCy that it must find on this machine: nothing is fetched here.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

from selftune.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

PRESIDIO_KINDS: Final = {"person": "PERSON", "location": "LOCATION"}

_LEAST_SCORE: Final = 0.6
_MODEL: Final = "en_core_web_lg"


def find_with_presidio(kind: str, text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each name of this kind in an English text.

    Raises:
        ConfigError: Presidio or its language model is not installed.
    """
    for result in _analyser().analyze(text=text, entities=[PRESIDIO_KINDS[kind]], language="en"):
        if result.score >= _LEAST_SCORE:
            yield result.start, result.end


def check_presidio() -> None:
    """Load what the search for names needs.

    Raises:
        ConfigError: Presidio or its language model is not installed.
    """
    _analyser()


@cache
def _analyser() -> Any:
    try:
        from presidio_analyzer import AnalyzerEngine
        from spacy.util import is_package
    except ImportError as error:
        raise _missing("Presidio") from error
    # Without this look, Presidio would fetch the model from the network.
    if not is_package(_MODEL):
        raise _missing(f"its language model {_MODEL}")
    return AnalyzerEngine()


def _missing(what: str) -> ConfigError:
    return ConfigError(
        f"[capture] asks for {' or '.join(PRESIDIO_KINDS)}, which Presidio finds, and {what} is not installed.",
        next_step=f"Run `pip install 'selftune[pii]'` and `python -m spacy download {_MODEL}`, or drop those kinds.",
    )
