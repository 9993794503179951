"""From nothing to the shipped folder: tokenizer, training, weights as F16 safetensors, and the card.

`python -m selftune.bases.reference.rebuild FOLDER [SEED]` does it by itself; a run that was stopped goes on.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path
from typing import Any, Final

from selftune.bases.reference.card import write_card
from selftune.bases.reference.model import new_model
from selftune.bases.reference.tokenizer import END_ID, PAD_ID, train_tokenizer
from selftune.bases.reference.train import HABITS, SKILL, train_stage

log = logging.getLogger(__name__)

SHIPPED_SEED: Final = 1
MOST_NEW_TOKENS: Final = 64
WEIGHTS: Final = Path(__file__).parent / "weights"


def rebuild(folder: Path, seed: int = SHIPPED_SEED) -> Path:
    """Make the reference model again and leave it in `folder`; checkpoints lie in `folder/checkpoints` on the way.

    The same seed gives the same draws on any machine; sums of floats differ between processors, and so do the bytes.
    """
    began = time.monotonic()
    checkpoints = folder / "checkpoints"
    tokenizer = train_tokenizer(seed)
    model = new_model(len(tokenizer), seed, pad_id=PAD_ID, end_id=END_ID)
    for stage in (SKILL, HABITS):
        train_stage(model, tokenizer, stage, seed, checkpoints)
    save(folder, model, tokenizer)
    write_card(folder, seed=seed, minutes=(time.monotonic() - began) / 60)
    return folder


def save(folder: Path, model: Any, tokenizer: Any) -> None:
    """Write the model in half precision, its tokenizer with the chat template, and how it generates."""
    import torch

    folder.mkdir(parents=True, exist_ok=True)
    half = model.to(torch.float16)
    half.generation_config.max_new_tokens = MOST_NEW_TOKENS
    half.generation_config.eos_token_id = END_ID
    half.generation_config.pad_token_id = PAD_ID
    half.generation_config.do_sample = False
    half.save_pretrained(str(folder), safe_serialization=True)
    tokenizer.save_pretrained(str(folder))
    _say_where_it_is_from(folder / "config.json")
    log.info("saved to %s", folder)


def _say_where_it_is_from(config: Path) -> None:
    """Take the absolute folder out of the config, which transformers may have written into it."""
    settings = json.loads(config.read_text(encoding="utf-8"))
    settings.pop("_name_or_path", None)
    config.write_text(json.dumps(settings, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def main(arguments: list[str]) -> int:
    """Rebuild into the folder named on the command line."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    folder = Path(arguments[0]) if arguments else Path("reference")
    rebuild(folder, int(arguments[1]) if len(arguments) > 1 else SHIPPED_SEED)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
