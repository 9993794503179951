"""Torch and Hugging Face's libraries, told to stay on this machine, to be quiet and to share the cores with others."""

from __future__ import annotations

import os
from typing import Final

_SETTINGS: Final = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "DO_NOT_TRACK": "1",
    "TOKENIZERS_PARALLELISM": "false",
    # Waiting threads sleep: where another process wants the cores too, spinning made a training ten times slower.
    "OMP_WAIT_POLICY": "PASSIVE",
}


def stay_offline() -> None:
    """Set what these libraries read when they are imported; call it before the first import of one of them."""
    os.environ.update(_SETTINGS)
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
