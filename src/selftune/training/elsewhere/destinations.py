"""The destinations by the names that are typed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.training.elsewhere.axolotl import Axolotl, Modal
from selftune.training.elsewhere.llama_factory import LLaMAFactory
from selftune.training.elsewhere.mlx import MLX
from selftune.training.elsewhere.own import Selftune
from selftune.training.elsewhere.together import Together
from selftune.training.elsewhere.unsloth import Unsloth

if TYPE_CHECKING:
    from selftune.training.elsewhere.base import Destination

DESTINATIONS: Final[dict[str, Destination]] = {
    "selftune": Selftune(),
    "unsloth": Unsloth(),
    "axolotl": Axolotl(),
    "llama-factory": LLaMAFactory(),
    "mlx": MLX(),
    "together": Together(),
    "modal": Modal(),
}
