"""fake-unsloth: the names that our script calls, over transformers and PEFT on a processor. It is not Unsloth.

What it shows: that TRL takes the arguments and the rows that the script gives it. Of Unsloth it shows nothing.
"""

import sys

import trl
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast


class OnAProcessor(trl.SFTConfig):
    """Half precision takes a graphics card, which is what Unsloth is for."""

    def __init__(self, **settings):
        super().__init__(**{**settings, "bf16": False, "fp16": False, "use_cpu": True})


trl.SFTConfig = OnAProcessor


class FastLanguageModel:
    @staticmethod
    def from_pretrained(name, *, max_seq_length, load_in_4bit):
        assert max_seq_length > 0
        assert load_in_4bit in {True, False}
        return AutoModelForCausalLM.from_pretrained(name), PreTrainedTokenizerFast.from_pretrained(name)

    @staticmethod
    def get_peft_model(model, *, random_state, use_gradient_checkpointing, **settings):
        assert use_gradient_checkpointing == "unsloth"
        assert random_state >= 0
        adapted = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **settings))
        adapted.save_pretrained_gguf = tell
        return adapted


def tell(folder, tokenizer, *, quantization_method):
    sys.stdout.write(f"gguf {quantization_method}\n")
