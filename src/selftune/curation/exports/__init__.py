"""The formats that datasets go out in: what each can carry, and how its rows look."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.curation.exports.alpaca import Alpaca
from selftune.curation.exports.chatml import ChatML
from selftune.curation.exports.messages import Axolotl, OpenAI, Parquet, Together
from selftune.curation.exports.sharegpt import LLaMAFactory, ShareGPT

if TYPE_CHECKING:
    from selftune.curation.exports.base import Format

FORMATS: Final[dict[str, Format]] = {
    "chatml": ChatML(),
    "sharegpt": ShareGPT(),
    "alpaca": Alpaca(),
    "openai": OpenAI(),
    "together": Together(),
    "axolotl": Axolotl(),
    "llamafactory": LLaMAFactory(),
    "parquet": Parquet(),
}
