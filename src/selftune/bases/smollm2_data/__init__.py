"""The data of SmolLM2's demo: who asks what, what a person corrected, and what is held out to measure it."""

from selftune.bases.smollm2_data.language import Prompt, draw_prompts
from selftune.bases.smollm2_data.write import CORRECTIONS

__all__ = ["CORRECTIONS", "Prompt", "draw_prompts"]
