"""One base in memory for several trainings: read once, never changed, and no training can tell that it was kept."""

from __future__ import annotations

import gc
import weakref
from pathlib import Path
from typing import Any

import pytest
from tiny_llama import conversations, dataset_of, make_context, write_tiny_base

from selftune.records import Run
from selftune.training.config import Recipe
from selftune.training.stage import train

pytestmark = [pytest.mark.needs("train"), pytest.mark.usefixtures("thawing")]


def recipe(**changes: Any) -> Recipe:
    few = {"name": "tiny", "max_steps": 3, "batch_size": 2, "accumulation": 1, "learning_rate": 1e-2, "lora_rank": 2}
    return Recipe(**few | {"least_supervised": 0.01} | changes)


def run_in(folder: Path, base: Path, chosen: Recipe) -> Run:
    return train(dataset_of(conversations(6)), chosen, make_context(folder, base))


def test_four_trainings_read_the_base_once_and_the_first_comes_again_as_the_fourth(
    tmp_path: Path, tiny_base: Path
) -> None:
    from selftune.training.resident import kept_in_memory

    others = (recipe(seed=4), recipe(lora_dropout=0.1, lora_layers=1))
    alone = run_in(tmp_path / "alone", tiny_base, recipe())
    with kept_in_memory() as kept:
        runs = [
            run_in(tmp_path / str(number), tiny_base, each) for number, each in enumerate((recipe(), *others, recipe()))
        ]
        assert kept.loads == 1
    assert alone.adapter == runs[0].adapter == runs[3].adapter
    assert len({run.adapter for run in runs}) == 3
    assert kept.model is None, "a base that nobody needs any more must not stay in memory"


def test_no_tensor_of_a_training_stays_behind_beside_the_base(tmp_path: Path, tiny_base: Path) -> None:
    """Counted in tensors: what one training more leaves is nothing."""
    from selftune.training.resident import kept_in_memory

    def tensors() -> int:
        import torch

        gc.collect()
        return sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects())  # isinstance wakes odd ones

    counts = []
    with kept_in_memory() as kept:
        for number in range(3):
            run_in(tmp_path / str(number), tiny_base, recipe(seed=number))
            counts.append(tensors())
        base = weakref.ref(kept.model)
    assert counts[0] == counts[1] == counts[2]
    assert base() is None, "the base goes at the end"


def test_lessons_are_made_ready_once_for_all_that_learn_the_same_ones(tmp_path: Path) -> None:
    from selftune.training.resident import kept_in_memory

    base, changes = write_tiny_base(tmp_path / "base"), ({}, {"learning_rate": 1e-3}, {"lora_rank": 4, "seed": 9})
    with kept_in_memory() as kept:

        def prepared(name: str, **changed: Any) -> Any:
            run_in(tmp_path / name, base, recipe(**changed))
            return kept.prepared[1]

        first, *others = (prepared(str(number), **one) for number, one in enumerate(changes))
        assert all(one is first for one in others)
        assert prepared("answers", learn_from="every_answer") is not first
        again = prepared("again")
        assert again is not first, "only the last ones stay"
        assert again == first
        (base / "tokenizer_config.json").write_text((base / "tokenizer_config.json").read_text() + " ")
        assert prepared("tokenizer") is not again
    assert kept.prepared == (None, None)


def test_a_base_that_a_training_changed_is_named_and_not_lent_again(tiny_base: Path) -> None:
    from selftune.training.resident import ChangedBaseError, borrowed_base, kept_in_memory

    with kept_in_memory() as kept:
        with pytest.raises(ChangedBaseError, match="other weights"), borrowed_base(tiny_base) as model:
            model.get_input_embeddings().weight.data[3, 5] *= 1.0001
        with borrowed_base(tiny_base):
            pass
        assert kept.loads == 2


def test_a_base_comes_back_without_the_adapter_that_was_hung_on_it(tiny_base: Path) -> None:
    import torch

    from selftune.bases.shape import read_shape
    from selftune.training.lora import attach, new_adapter
    from selftune.training.resident import borrowed_base, kept_in_memory

    def answer(model: Any) -> Any:
        from selftune.training.base import Row
        from selftune.training.batches import pack
        from selftune.training.packed_model import logits_of

        row = Row(interaction_id="x", tokens=(1, 2, 3), supervised=(False, True, True))
        with torch.inference_mode():
            return logits_of(model, pack([row]))

    adapter = {name: one + 0.1 for name, one in new_adapter(read_shape(tiny_base), recipe(), 0).items()}
    with kept_in_memory():
        with borrowed_base(tiny_base) as model:
            before = answer(model)
            attach(model, adapter, 1.0)
            assert not torch.equal(answer(model), before)
        with borrowed_base(tiny_base) as model:
            assert torch.equal(answer(model), before)


def test_another_precision_or_another_file_is_another_base(tmp_path: Path) -> None:
    from selftune.training.resident import borrowed_base, kept_in_memory

    base = write_tiny_base(tmp_path / "base")
    with kept_in_memory() as kept:
        for precision in ("float32", "bfloat16", "bfloat16"):
            with borrowed_base(base, precision):
                pass
        assert kept.loads == 2
        write_tiny_base(tmp_path / "other").joinpath("model.safetensors").replace(base / "model.safetensors")
        with borrowed_base(base, "bfloat16"):
            pass
        assert kept.loads == 3


def test_whoever_is_interrupted_takes_the_base_along(tiny_base: Path) -> None:
    from selftune.training.resident import borrowed_base, kept_in_memory

    with kept_in_memory() as kept:
        with pytest.raises(KeyboardInterrupt), borrowed_base(tiny_base):
            raise KeyboardInterrupt
        assert kept.model is None
