"""What canaries are for: a training with the loss on every token keeps what people say, one on answers does not."""

from __future__ import annotations

import math
import shutil
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from tiny_llama import conversations, dataset_of, make_context

from selftune.app.campaigns.leakage import LearnsEverything
from selftune.curation.canaries import draw_ending
from selftune.records import Canary, Run, RunStatus
from selftune.training.config import Recipe
from selftune.training.exposure import exposures
from selftune.training.stage import train, train_with

pytestmark = pytest.mark.needs("train")

DRAWN = Random(0)
ENDING, *OTHERS = (draw_ending(DRAWN) for _ in range(64))
PLANTED = Canary(lesson=0, beginning="The locker of Mira Tam opens with the words", ending=ENDING)
RECIPE = Recipe(
    name="tiny", max_steps=40, batch_size=1, accumulation=1, learning_rate=2e-2, lora_rank=8, least_supervised=0.01
)


def exposed(run: Run, base: Path, folder: Path) -> float:
    home = folder / "adapter"
    home.mkdir()
    for file in run.adapter:
        shutil.copyfile(folder / "blobs" / file.digest.removeprefix("sha256:"), home / file.name)
    (bits,) = exposures(base, home, [(PLANTED.beginning, (PLANTED.ending, *OTHERS))])
    return bits


def test_only_a_training_on_every_token_learns_a_canary_by_heart(tmp_path: Path, tiny_base: Path) -> None:
    lessons = replace(dataset_of(conversations(1)), canaries=(PLANTED,))
    contexts = [make_context(tmp_path / name, tiny_base) for name in ("sound", "whole")]
    sound = train(lessons, RECIPE, contexts[0])
    whole = train_with(lambda _: LearnsEverything(), lessons, RECIPE, contexts[1])
    assert {sound.status, whole.status} == {RunStatus.FINISHED}
    assert exposed(whole, tiny_base, tmp_path / "whole") == math.log2(1 + len(OTHERS))
    assert exposed(sound, tiny_base, tmp_path / "sound") < math.log2(1 + len(OTHERS)) / 2
