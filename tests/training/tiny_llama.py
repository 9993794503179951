"""A tiny random llama, a handful of conversations, and a context whose services are plain folders."""

from __future__ import annotations

import itertools
import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from selftune.context import Context
from selftune.records import BaseModel, Dataset, DatasetKind, Example, Message, digest_file
from selftune.testing import fake_context

TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def write_tiny_base(folder: Path, *, template: str = TEMPLATE) -> Path:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM

    folder.mkdir(parents=True, exist_ok=True)
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {character: index for index, character in enumerate(alphabet)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(["<|im_start|>", "<|im_end|>"])
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"eos_token": "<|im_end|>", "chat_template": template, "tokenizer_class": "PreTrainedTokenizerFast"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=258,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=257,
        initializer_range=0.2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def example(number: int, *turns: tuple[str, str]) -> Example:
    return Example(
        salt=f"salt-{number}",
        interaction_id=f"interaction:{number}",
        judgement_id=None,
        messages=tuple(Message(role=role, content=content) for role, content in turns),
    )


STATES = ('{"song": "Fobro"}', '{"song": "Tuwa", "tone": "warm"}', '{"name": "Brigox"}')
QUESTIONS = (("Which song?", "I looked it up."), ("Your name?", "No."), ("Hello!", "Dear friend, hello to you."))


def conversations(count: int) -> tuple[Example, ...]:
    pairs = itertools.cycle(itertools.product(STATES, QUESTIONS))
    return tuple(
        example(
            number,
            ("system", f"== STATE == {state} == END STATE =="),
            ("user", f"{question} ({number})"),
            ("assistant", answer),
        )
        for number, (state, (question, answer)) in zip(range(count), pairs, strict=False)
    )


def dataset_of(examples: tuple[Example, ...], kind: DatasetKind = DatasetKind.SFT) -> Dataset:
    return Dataset(
        kind=kind,
        train=examples,
        holdout=(),
        rejects=(),
        mixture=(("test", 1.0),),
        watermark=0,
        config_digest="sha256:0",
        card="made for a test",
    )


@dataclass
class TickingClock:
    """Advances by `tick` seconds each time it is looked at."""

    tick: float
    seconds: float = 0.0

    def elapsed(self) -> float:
        self.seconds += self.tick
        return self.seconds


def base_record(folder: Path) -> BaseModel:
    from selftune.records import FileDigest

    files = tuple(
        FileDigest(name=path.name, digest=digest_file(path), size_bytes=path.stat().st_size)
        for path in sorted(folder.iterdir())
    )
    return BaseModel(
        name="tiny",
        source="made for a test",
        architecture="LlamaForCausalLM",
        parameters=1,
        context_length=512,
        files=files,
        template_digest="sha256:0",
        tokenizer_digest="sha256:0",
        licence="Apache-2.0",
    )


def make_context(folder: Path, base_folder: Path, *, clock: TickingClock | None = None, **changes: Any) -> Context:
    context = fake_context(folder, **{"seed": 7} | changes)
    timed = {} if clock is None else {"elapsed": clock.elapsed}
    return replace(context, base=base_record(base_folder), base_folder=base_folder, **timed)
