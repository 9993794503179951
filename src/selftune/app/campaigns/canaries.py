"""A hundred planted secrets go through a real project; every file, and all it says, is searched for those found."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.app.planting import plant
from selftune.interactions.config import REDACTED
from selftune.interactions.privacy.canaries import draw_canaries, load_canaries
from selftune.interactions.privacy.redaction import Redactor

if TYPE_CHECKING:
    from collections.abc import Sequence

    from selftune.interactions.privacy.canaries import Canary

_FRESH_SEEDS: Final = range(1000, 1020)
_LEVEL: Final = 0.95
_KEYS: Final = 0.99
_PERSONAL: Final = 0.95


def report() -> Section:
    """What is found and missed, by kind, of the list and of fresh draws; and what is left in a project's files."""
    canaries = load_canaries()
    with TemporaryDirectory() as folder:
        planted = plant(Path(folder), canaries)
    fresh = [canary for seed in _FRESH_SEEDS for canary in draw_canaries(seed)]
    found = Counter(canary.kind for canary in canaries if canary not in planted.missed)
    all_of = Counter(canary.kind for canary in canaries)
    kinds = [Figure(name=f"found, {kind}", measured=f"{found[kind]} of {all_of[kind]}") for kind in all_of]
    return Section(
        title="Planted secrets",
        method=(
            f"{len(canaries)} invented secrets, each told by a user and repeated by the assistant, on every way into "
            f"a real project and on: {', '.join(f'{way} ({count})' for way, count in planted.ways)}; a dataset of all "
            f"({planted.examples} examples, {planted.aside} entries in quarantine). Then every byte of the project's "
            f"{planted.files} files was searched, and what its commands print. Fresh draws: {len(fresh)} secrets of "
            f"{len(_FRESH_SEEDS)} other seeds of the same generator, whose misses were not looked at."
        ),
        figures=(
            Figure(name="found, all", measured=f"{found.total()} of {len(canaries)}"),
            *kinds,
            Figure(
                name="found ones left in some file",
                measured=f"{len(planted.leaks)} of {found.total()}",
                promised="0",
                held=not planted.leaks,
            ),
            Figure(
                name="authors' names left in some file",
                measured=f"{len(planted.names)} files",
                promised="0",
                held=not planted.names,
            ),
            _recall("fresh draws: keys and passwords found", [each for each in fresh if each.kind == "key"], _KEYS),
            _recall("fresh draws: personal data found", [each for each in fresh if each.kind != "key"], _PERSONAL),
        ),
        limits=f"missed of the list: {'; '.join(map(_named, planted.missed)) or 'none'}. Names of people are not "
        "looked for without Presidio, which was not tried here.",
    )


def _recall(name: str, canaries: Sequence[Canary], promised: float) -> Figure:
    from selftune.scoring.intervals import wilson_interval

    found = sum(canary.is_hidden_in(Redactor(REDACTED).redact(canary.text)) for canary in canaries)
    low, high = wilson_interval(found, len(canaries), _LEVEL)
    return Figure(
        name=name,
        measured=f"{found} of {len(canaries)}, {found / len(canaries):.1%} (95 % {low:.1%} to {high:.1%})",
        promised=f"≥ {promised:.0%}",
        held=found >= promised * len(canaries),
    )


def _named(canary: Canary) -> str:
    return f"{canary.kind} ({canary.disguise}) in {canary.text!r}"
