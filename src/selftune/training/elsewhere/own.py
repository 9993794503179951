"""Another machine that has selftune too: the job itself goes, and the steps there are the steps that would be here."""

from __future__ import annotations

from dataclasses import fields
from typing import Final

from selftune.training.config import Recipe
from selftune.training.elsewhere.base import Order, TextFile, Traits

JOB: Final = "job"
"""Rows, batches, seed and first adapter, as `training.elsewhere.jobs` writes them."""


class Selftune:
    """selftune on another machine."""

    traits = Traits(
        program="selftune",
        data=dict.fromkeys(("sft", "dpo", "orpo", "kto"), JOB),
        words={field.name: "as it is" for field in fields(Recipe) if field.name != "continue_from"},
        precisions=("float32", "bfloat16"),
    )

    def files(self, order: Order) -> tuple[TextFile, ...]:  # noqa: ARG002 - the job holds all of the order
        """Nothing beside the job."""
        return ()

    def commands(self, order: Order) -> tuple[str, ...]:  # noqa: ARG002 - the job holds all of the order
        """Train; no package index holds selftune, and whoever took its name there would be run."""
        return ("# selftune itself comes from its clone: python install.py", "selftune train job .")
