"""What the literal pre-filter saves at the door: each kind's patterns on every text, and only where a hint stands.

Texts of our own: paragraphs of common words, numbers and code, one in ten with a planted secret. Both ways must find
the same spans. Beside it, for scale: the whole redactor, and the plug-ins of detect-secrets line by line as they come.
"""

from __future__ import annotations

import importlib
import random
import statistics
import time
from typing import TYPE_CHECKING, Final

from selftune.interactions.config import REDACTED
from selftune.interactions.privacy.canaries import draw_canaries
from selftune.interactions.privacy.patterns import KINDS
from selftune.interactions.privacy.redaction import Redactor
from selftune.interactions.privacy.tokens import DETECTORS

if TYPE_CHECKING:
    from collections.abc import Callable

TEXTS: Final = 4000
ROUNDS: Final = 5
# Common words without a hint in them; the hints that ordinary talk holds stand in one text of five.
TALK: Final = (
    "The old house stands by a river and nobody knows who built it first, so people say: it was Anna, 40 years ago. "
    "We read about three of them last week; `for x in range(10): print(x)` shows how it is done in code, (see below)"
)
HINTS: Final = ("password", "key", "token", "Street", "call", "@home", "1,200,300", "2026-11-21", "https://x.example")


def make_texts() -> list[str]:
    """Seeded paragraphs of 40 to 200 words."""
    draw = random.Random(0)  # noqa: S311 - the same texts each time
    secrets = [canary.text for seed in range(4) for canary in draw_canaries(seed)]
    texts = []
    for number in range(TEXTS):
        words = draw.choices(TALK.split(), k=draw.randint(40, 200))
        planted = [secrets[number // 10 % len(secrets)]] if number % 10 == 0 else []
        hints = draw.choices(HINTS, k=2) if number % 5 == 1 else []
        texts.append(" ".join([*words, *hints, *planted, "."]))
    return texts


def every_pattern(text: str) -> list[tuple[str, int, int]]:
    """All spans, every kind on every text."""
    return [(name, *span) for name, kind in KINDS.items() for span in kind.find(text)]


def with_filter(text: str) -> list[tuple[str, int, int]]:
    """All spans, a kind only where one of its hints stands."""
    lowered = text.lower()
    return [(name, *span) for name, kind in KINDS.items() if kind.may_occur(lowered) for span in kind.find(text)]


def redact(text: str) -> str:
    """All that the door does to a text."""
    return Redactor(REDACTED).redact(text)


def their_plugins() -> Callable[[str], list[str]]:
    """The plug-ins that we take patterns from, used as they come."""
    plugins = []
    for name in DETECTORS:
        module, _, detector = name.partition(".")
        plugins.append(getattr(importlib.import_module(f"detect_secrets.plugins.{module}"), detector)())
    return lambda text: [found for line in text.splitlines() for each in plugins for found in each.analyze_string(line)]


def main() -> None:
    """Take the ways in turn, and compare medians."""
    texts = make_texts()
    assert [every_pattern(text) for text in texts] == [with_filter(text) for text in texts]
    ways = {
        "every pattern": every_pattern,
        "pre-filter": with_filter,
        "door": redact,
        "detect-secrets": their_plugins(),
    }
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(ROUNDS):
        for name, way in ways.items():
            began = time.perf_counter()
            for text in texts:
                way(text)
            seconds[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    for name, median in medians.items():
        print(f"{name:16} {median:6.2f} s, {megabytes / median:6.1f} MB/s (n = {ROUNDS} rounds of {len(texts)} texts)")
    ratio = medians["every pattern"] / medians["pre-filter"]
    print(f"ratio every pattern / pre-filter: {ratio:.2f}")


if __name__ == "__main__":
    main()
