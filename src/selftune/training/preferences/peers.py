"""DPO, ORPO and KTO by TRL's own trainers, fed with our rows: they drop, cut, mask and tokenise nothing.

The settings come from `trl_backend.py`; here stands what is special to pairs, each default said.
"""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

from selftune.training.preferences.kto import crossed
from selftune.training.preferences.packs import sides_of
from selftune.training.rows import labels_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selftune.training.base import Row
    from selftune.training.config import Recipe


def dpo_trainer(
    rows: Sequence[Row],
    recipe: Recipe,
    settings: Mapping[str, Any],
    services: Mapping[str, Any],
    held_out: Sequence[Row] = (),
) -> Any:
    """TRL's `DPOTrainer` over these rows in this order; the adapter on the model when this is called is the reference.

    Args:
        rows: Every pair of every step, as often as it is met.
        recipe: For its beta.
        settings: Of any trainer; one that is special to pairs overrides what is said of it here.
        services: The trainer's `model`, `processing_class` and `callbacks`.
        held_out: Pairs that measure the loss.
    """
    from datasets import Dataset
    from trl import DPOConfig, DPOTrainer

    class FromRows(DPOTrainer):  # type: ignore[misc] # TRL ships no types
        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

    return FromRows(
        args=DPOConfig(
            **{
                "beta": recipe.beta,
                "loss_type": ["sigmoid"],
                "label_smoothing": 0.0,
                "f_divergence_type": "reverse_kl",
                "precompute_ref_log_probs": False,
                "sync_ref_model": False,
                "disable_dropout": True,
                "max_length": None,
                "pad_to_multiple_of": None,
            }
            | dict(settings)
        ),
        train_dataset=Dataset.from_dict(_as_dpo_reads(rows)),
        eval_dataset=Dataset.from_dict(_as_dpo_reads(held_out)) if held_out else None,
        **services,
    )


def orpo_trainer(
    rows: Sequence[Row],
    recipe: Recipe,
    settings: Mapping[str, Any],
    services: Mapping[str, Any],
    held_out: Sequence[Row] = (),
) -> Any:
    """TRL's experimental `ORPOTrainer` over these rows in this order; arguments as for `dpo_trainer`."""
    # TRL may move it in any release: ours is pinned, and twenty losses of it are tested.
    warnings.filterwarnings("ignore", message="You are importing from 'trl.experimental'")
    from datasets import Dataset, disable_progress_bars
    from trl.experimental.orpo import ORPOConfig, ORPOTrainer

    class FromRows(ORPOTrainer):  # type: ignore[misc] # TRL ships no types
        def tokenize_row(self, feature: Any, model: Any = None) -> Any:  # noqa: ARG002 - TRL's signature
            return feature

    disable_progress_bars()  # the trainer maps the rows three times; what a person sees is our own progress
    return FromRows(
        args=ORPOConfig(
            **settings,
            beta=recipe.beta,
            disable_dropout=True,
            max_length=max(len(side.tokens) for row in (*rows, *held_out) for side in row.sides),
            remove_unused_columns=False,
        ),
        train_dataset=Dataset.from_dict(_as_orpo_reads(rows)),
        eval_dataset=Dataset.from_dict(_as_orpo_reads(held_out)) if held_out else None,
        **services,
    )


def kto_trainer(
    rows: Sequence[Row],
    recipe: Recipe,
    settings: Mapping[str, Any],
    services: Mapping[str, Any],
    held_out: Sequence[Row] = (),  # noqa: ARG001 - none: a recipe for KTO that holds any out is refused
) -> Any:
    """TRL's `KTOTrainer` over these answers in this order; arguments as for `dpo_trainer`."""
    from datasets import Dataset
    from trl import KTOConfig, KTOTrainer

    class FromRows(KTOTrainer):  # type: ignore[misc] # TRL ships no types
        def _prepare_dataset(self, dataset: Any, *_: Any, **__: Any) -> Any:
            return dataset

    return FromRows(
        args=KTOConfig(
            **{
                "beta": recipe.beta,
                "loss_type": "kto",
                "desirable_weight": 1.0,
                "undesirable_weight": 1.0,
                "precompute_ref_log_probs": False,
                "sync_ref_model": False,
                "disable_dropout": True,
                "max_length": None,
                "pad_to_multiple_of": None,
            }
            | dict(settings)
        ),
        train_dataset=Dataset.from_dict(_as_kto_reads(rows, recipe.batch_size)),
        **services,
    )


def _as_dpo_reads(rows: Sequence[Row]) -> dict[str, list[list[int]]]:
    pairs = [sides_of(row) for row in rows]
    return {
        "prompt_ids": [list(chosen.tokens[: chosen.first_supervised]) for chosen, _ in pairs],
        "chosen_ids": [list(chosen.tokens[chosen.first_supervised :]) for chosen, _ in pairs],
        "rejected_ids": [list(rejected.tokens[rejected.first_supervised :]) for _, rejected in pairs],
    }


def _as_orpo_reads(rows: Sequence[Row]) -> dict[str, list[list[int]]]:
    table: dict[str, list[list[int]]] = {}
    for side, some in zip(("chosen", "rejected"), zip(*map(sides_of, rows), strict=True), strict=True):
        table[f"{side}_input_ids"] = [list(row.tokens) for row in some]
        table[f"{side}_attention_mask"] = [[1] * len(row.tokens) for row in some]
        table[f"{side}_labels"] = [labels_of(row) for row in some]
    return table


def _as_kto_reads(rows: Sequence[Row], batch_size: int) -> dict[str, list[Any]]:
    pairs = [pair for at in range(0, len(rows), batch_size) for pair in crossed(rows[at : at + batch_size])]
    strange = [sides_of(pair)[1] for pair in pairs]
    return {
        "prompt_ids": [list(row.tokens[: row.first_supervised]) for row in rows],
        "completion_ids": [list(row.tokens[row.first_supervised :]) for row in rows],
        "KL_completion_ids": [list(row.tokens[row.first_supervised :]) for row in strange],
        "label": [row.liked for row in rows],
    }
