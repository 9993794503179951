"""What a demo needs to know about its base: who asks what, which log is brought in, which recipe and suite fit."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING, Final

from selftune.errors import UnknownNameError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path
    from typing import Any

    from selftune.records import Message, Suite


@dataclass(frozen=True, kw_only=True)
class Kit:
    """One base's demo.

    Attributes:
        users: Prompts of seeded users: `(seed, count)` to conversations without an answer.
        log: A file of earlier conversations that is imported before the first cycle.
        settings: Sections of `selftune.toml` that differ from their defaults.
        prompts: How many prompts the users bring in each generation.
        generations: How often its demo goes round, unless told otherwise.
        probe: Questions that share no name and no value with what users ask: `(seed, pairs)` to a suite, new ones for
            each seed.
    """

    base: str
    recipe: str
    suite: str
    users: Callable[[int, int], Iterable[tuple[Message, ...]]]
    log: Path
    prompts: int
    probe: Callable[[int, int], Suite]
    generations: int = 2
    settings: tuple[tuple[str, str, int | float | str], ...] = ()


def _reference_users(seed: int, count: int) -> Iterable[tuple[Message, ...]]:
    from selftune.bases.reference.language import draw_prompts
    from selftune.records import Message

    for prompt in draw_prompts(seed, count, "demo"):
        yield Message(role="system", content=prompt.system), Message(role="user", content=prompt.user)


def _smollm2_users(seed: int, count: int) -> Iterable[tuple[Message, ...]]:
    from selftune.bases.smollm2_data import draw_prompts
    from selftune.records import Message

    for prompt in draw_prompts(seed, count):
        yield Message(role="system", content=prompt.system), Message(role="user", content=prompt.user)


def _reference_probe(seed: int, pairs: int) -> Suite:
    from selftune.bases.reference.suite import DECIDES, draw_suite

    return _probe_of(draw_suite(replace(DECIDES, seed=seed)), pairs)


def _smollm2_probe(seed: int, pairs: int) -> Suite:
    from selftune.bases.smollm2_data.write import draw_suite

    return _probe_of(draw_suite(seed), pairs)


def _probe_of(entries: Mapping[str, Any], pairs: int) -> Suite:
    """So many pairs of a freshly drawn suite, spread evenly over it, and so over its categories and difficulties."""
    from selftune.evals.suites import suite_from

    names = list(dict.fromkeys(item["pair"] for item in entries["items"]))
    count = min(pairs, len(names))
    taken = {names[place * len(names) // count] for place in range(count)}
    items = [item for item in entries["items"] if item["pair"] in taken]
    categories = list(dict.fromkeys(item["category"] for item in items))
    probe = {"name": "study_probe", "purpose": "screen", "items": items, "categories": categories}
    return suite_from({**entries, **probe}, where="the study's probe")


def demo_kit(base: str) -> Kit:
    """The demo of a base.

    Raises:
        UnknownNameError: there is no demo for that base.
    """
    if base not in _KITS:
        raise UnknownNameError("demo base", base, _KITS)
    return _KITS[base]()


def _data(name: str) -> Path:
    from pathlib import Path

    return Path(str(files("selftune.app"))) / "demo_data" / name


def _reference() -> Kit:
    return Kit(
        base="reference",
        recipe="reference_sft",
        suite="state_obedience",
        users=_reference_users,
        log=_data("reference_log.jsonl"),
        prompts=320,
        probe=_reference_probe,
        settings=(("curation", "trigger", 50),),
    )


def _smollm2() -> Kit:
    from selftune.bases.smollm2_data import CORRECTIONS

    return Kit(
        base="smollm2",
        recipe="smollm2_sft",
        suite="state_obedience_plain",
        users=_smollm2_users,
        log=CORRECTIONS,
        prompts=24,
        probe=_smollm2_probe,
        # The corrections teach once; its users' own answers bring too little for a second turn.
        generations=1,
        # Its own golden answers are too few to learn from: the corrections in the log are the teacher.
        settings=(("capture", "answers_per_prompt", 0), ("curation", "trigger", 40), ("evaluation", "slots", 2)),
    )


_KITS: Final[dict[str, Callable[[], Kit]]] = {"reference": _reference, "smollm2": _smollm2}
