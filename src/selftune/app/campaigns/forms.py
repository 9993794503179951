"""Whether quantising undoes what was learnt, where it must and where it must not: planted at two ranks."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from selftune.app.campaigns.base import Figure, Section
from selftune.bases.base import Found
from selftune.bases.facts import describe
from selftune.builds.adapter import CONFIG_FILE, WEIGHTS_FILE
from selftune.builds.config import BuildConfig
from selftune.builds.planted import WORD, make_base_on_grid, plant_adapter
from selftune.evals.config import EvaluationConfig
from selftune.gate.policies import load_policy
from selftune.loop.deciding.forms import Comparison, compare_forms
from selftune.records import (
    FileDigest,
    GenerationParameters,
    Message,
    Run,
    RunStatus,
    Suite,
    SuiteItem,
)
from selftune.serving.llama_cpp import LlamaCpp, LlamaCppConfig
from selftune.testing import fake_context

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from selftune.context import Context
    from selftune.gate.ladder.forms import FormFigures
    from selftune.loop.deciding.forms import ComparedForms, TriedForm

LEARNT: Final = "learnt"
A_WORD: Final = "a word"
LOW: Final = 1
HIGH: Final = 16
FORMS: Final = ("f16", "q8_0", "q4_k_m")

_ITEMS: Final = 24
BROKEN: Final = "q4_k_m"


@dataclass(frozen=True, kw_only=True)
class Planted:
    """A base on the grid, and what is needed to build, serve and ask an adapter on it."""

    context: Context
    suite: Suite

    def compare(self, rank: int, names: Sequence[str] = FORMS) -> ComparedForms:
        """An adapter of this rank in these forms, each built, served and asked."""
        context = self.context
        adapter = plant_adapter(context.base_folder, context.base_folder.with_name(f"rank-{rank}"), rank=rank)
        wanted = Comparison(layout=BuildConfig(), asked=EvaluationConfig(suite=self.suite), policy=load_policy("small"))

        def step(stage: Any, inputs: Any, config: Any) -> Any:
            return stage(inputs, config, context)

        return compare_forms(_run(adapter, rank, context), names, wanted, step, context)  # type: ignore[arg-type] # it steps alike


def planted_in(folder: Path) -> Planted:
    """The base and the suite, made in this folder."""
    base_folder = make_base_on_grid(folder / "base")
    made = fake_context(folder)
    context = replace(
        made,
        base=describe(Found(name="on the grid", folder=base_folder, source="made here", licence="none")),
        base_folder=base_folder,
        serve=LlamaCpp(made.blobs.path, folder / "logs", LlamaCppConfig(context_tokens=256)),
        elapsed=time.monotonic,
    )
    return Planted(context=context, suite=_suite())


def report() -> Section:
    """Every form at a low and at a higher rank."""
    with TemporaryDirectory() as folder:
        planted = planted_in(Path(folder))
        found = {rank: planted.compare(rank) for rank in (LOW, HIGH)}
    return Section(
        title="Serving forms of a small change",
        method=f"A random model whose weights lie on the grid of Q4_K, and an adapter that makes it begin each answer "
        f"with {WORD!r}, each weight changed by far less than a step at rank {LOW}, at rank {HIGH} the same behaviour, "
        f"with further directions that no prompt excites. Each form is built, served by llama.cpp and asked {_ITEMS} "
        f"items of what was learnt and {_ITEMS} that any word passes. KL in nats from what was trained, and from it "
        "to the bare base.",
        figures=tuple(_figures(found)),
        limits="How often trained adapters are so small, or bases lie on such a grid: both are made so here.",
    )


def _figures(found: dict[int, ComparedForms]) -> Iterator[Figure]:
    for rank, compared in found.items():
        judged = {one.name: one for one in compared.choice.forms}
        for tried in compared.tried:
            own = judged.get(tried.name)
            yield Figure(
                name=f"rank {rank}, {tried.name}",
                measured=f"broken: {tried.broken}" if own is None else _measured(own, tried),
                promised=_promise(rank, tried.name),
                held=own is not None and _is_kept(rank, own),
            )
        yield Figure(name=f"rank {rank}, chosen", measured=f"{compared.choice.climb.chosen}")


def _promise(rank: int, name: str) -> str:
    return f"refused for {LEARNT!r}" if (rank, name) == (LOW, BROKEN) else "not refused"


def _is_kept(rank: int, own: FormFigures) -> bool:
    if (rank, own.name) == (LOW, BROKEN):
        return own.refused is not None and f"category_cap:{LEARNT}" in own.refused
    return own.refused is None


def _measured(own: FormFigures, tried: TriedForm) -> str:
    distance = tried.build.distance if tried.build else None
    far = "" if distance is None else f", KL {distance.divergence:.2g} of {distance.effect:.2g} (n = {distance.n})"
    changes = {one.category: one.change for one in own.categories}
    learnt = changes[LEARNT]
    if learnt is None:
        return f"score {own.score.value:.2f} (n = {own.score.n}){far}"
    low, high = learnt.interval
    return f"{LEARNT} {learnt.mean:+.2f} [{low:+.2f}, {high:+.2f}] (n = {learnt.n}){far}"


def _run(adapter: Path, rank: int, context: Context) -> Run:
    files = tuple(
        FileDigest(name=name, digest=context.blobs.put_file(adapter / name), size_bytes=(adapter / name).stat().st_size)
        for name in (CONFIG_FILE, WEIGHTS_FILE)
    )
    return Run(
        recipe=f"planted at rank {rank}",
        recipe_digest=files[0].digest,
        dataset_id="dataset:planted",
        base_digest=context.base.digest,
        stage_history=("sft",),
        objective="sft",
        backend="planted",
        status=RunStatus.FINISHED,
        seed=0,
        steps=1,
        planned_steps=1,
        passes=1.0,
        examples=1,
        supervised_tokens=1,
        adapter=files,
    )


def _suite() -> Suite:
    return Suite(
        name="planted",
        version="1",
        description="whether the planted word is said, and whether a word is",
        scorer="regex",
        unit="item",
        categories=(LEARNT, A_WORD),
        generation=GenerationParameters(max_tokens=1),
        seed=0,
        items=tuple(
            SuiteItem(
                id=f"{category}-{number}",
                category=category,
                behaviour="says",
                difficulty="easy",
                messages=(Message(role="user", content=f"Question {number} of the day: what is {number} plus 7?"),),
                expect=json.dumps({"all": [pattern]}),
            )
            for category, pattern in ((LEARNT, WORD), (A_WORD, ".*"))
            for number in range(_ITEMS)
        ),
    )
