"""What can be set about a build."""

from __future__ import annotations

from dataclasses import dataclass, field

from selftune.builds.tensor_types import Quantisation
from selftune.errors import ConfigError, UnknownNameError
from selftune.records import GenerationParameters, Prompting, ServingForm


@dataclass(frozen=True, kw_only=True)
class BuildConfig:
    """How the weights are laid out for serving.

    Attributes:
        form: `base`, `adapter`, `merged` or `quantised`.
        quantisation: `F32`, `F16`, `Q8_0`, `Q6_K`, `Q5_K_M` or `Q4_K_M`: what most tensors are written as.
        system_prompt: Put before every conversation; with no run, this makes a prompt-only build.
        prompting: How dialogues of personas are brought to it, for the record.
        parity_prompts: Prompts whose greedy answers are compared with the Hugging Face model; 0 compares no answers
            and measures no distance.
    """

    form: str = ServingForm.MERGED.value
    quantisation: str = Quantisation.F16.value
    system_prompt: str | None = None
    generation: GenerationParameters = field(default_factory=GenerationParameters)
    prompting: Prompting = Prompting.DIALOGUE
    parity_prompts: int = 8

    def __post_init__(self) -> None:
        if self.form not in set(ServingForm):
            raise UnknownNameError("serving form", self.form, ServingForm)
        if self.quantisation not in set(Quantisation):
            raise UnknownNameError("quantisation", self.quantisation, Quantisation)
        if self.parity_prompts < 0:
            raise ConfigError("parity_prompts is negative.", next_step="Choose 0 (no comparison) or more.")
