"""What can be set about a build."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from selftune.builds.tensor_types import Quantisation
from selftune.errors import ConfigError, UnknownNameError
from selftune.records import GenerationParameters, Prompting, ServingForm

if TYPE_CHECKING:
    from collections.abc import Mapping

FORMS: Final[Mapping[str, tuple[ServingForm, Quantisation]]] = MappingProxyType(
    {
        "adapter": (ServingForm.ADAPTER, Quantisation.F16),
        "f16": (ServingForm.MERGED, Quantisation.F16),
        "q8_0": (ServingForm.QUANTISED, Quantisation.Q8_0),
        "q6_k": (ServingForm.QUANTISED, Quantisation.Q6_K),
        "q5_k_m": (ServingForm.QUANTISED, Quantisation.Q5_K_M),
        "q4_k_m": (ServingForm.QUANTISED, Quantisation.Q4_K_M),
    }
)
"""The serving forms of a run by the names they are asked for: the adapter apart, or merged and written so."""


@dataclass(frozen=True, kw_only=True)
class BuildConfig:
    """How the weights are laid out for serving.

    Attributes:
        form: `base`, `adapter`, `merged`, `quantised`, or `folder`: merged, as a Hugging Face folder.
        quantisation: `F32`, `F16`, `Q8_0`, `Q6_K`, `Q5_K_M` or `Q4_K_M`: what most tensors are written as.
        system_prompt: Put before every conversation; with no run, this makes a prompt-only build.
        prompting: How dialogues of personas are brought to it, for the record.
        parity_prompts: Prompts whose greedy answers are compared with the Hugging Face model; 0 compares no answers
            and measures no distance.
        proved: Whether it is served once and compared with what it was made from. A build that was not has no parity
            figures, and no gate promotes one without: it is for asking a screen, no more.
    """

    form: str = ServingForm.MERGED.value
    quantisation: str = Quantisation.F16.value
    system_prompt: str | None = None
    generation: GenerationParameters = field(default_factory=GenerationParameters)
    prompting: Prompting = Prompting.DIALOGUE
    parity_prompts: int = 8
    proved: bool = True

    def __post_init__(self) -> None:
        if self.form not in set(ServingForm):
            raise UnknownNameError("serving form", self.form, ServingForm)
        if self.quantisation not in set(Quantisation):
            raise UnknownNameError("quantisation", self.quantisation, Quantisation)
        if self.parity_prompts < 0:
            raise ConfigError("parity_prompts is negative.", next_step="Choose 0 (no comparison) or more.")

    def laid_out_as(self, name: str) -> BuildConfig:
        """The same in the form of this name.

        Raises:
            UnknownNameError: there is no such form.
        """
        if name not in FORMS:
            raise UnknownNameError("serving form", name, FORMS)
        form, quantisation = FORMS[name]
        return replace(self, form=form.value, quantisation=quantisation.value)
