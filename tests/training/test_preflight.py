from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from tiny_llama import TEMPLATE, conversations, example, write_tiny_base

from selftune.bases.shape import ModelShape, read_shape
from selftune.errors import NothingToTrainOnError, UsageError
from selftune.records import Canary, Example, Message, ToolCall
from selftune.training.config import Recipe
from selftune.training.preflight import APART_FROM_LESSONS, Preflight, check_thinking, look_over, preflight
from selftune.training.rows import RowMaker, count_tokens, load_tokenizer

pytestmark = pytest.mark.needs("train")
LOOSE = Recipe(name="loose", least_supervised=0.01)


def flight(
    base: Path, examples: tuple[Example, ...], recipe: Recipe = LOOSE, shape: ModelShape | None = None
) -> Preflight:
    shape = shape or read_shape(base)
    return preflight(look_over(examples, recipe, load_tokenizer(base), shape), recipe, shape)


def learnt_text(base: Path, given: Example, learn_from: str = "last_answer") -> str:
    tokenizer = load_tokenizer(base)
    row = RowMaker(tokenizer, learn_from).make(given)
    return str(tokenizer.decode([t for t, learnt in zip(row.tokens, row.supervised, strict=True) if learnt]))


MANY_TURNS = example(1, ("user", "Hi"), ("assistant", "First."), ("user", "And?"), ("assistant", "Second."))


def test_only_the_last_answer_and_its_stop_token_are_learnt(tiny_base: Path) -> None:
    assert learnt_text(tiny_base, MANY_TURNS) == "Second.<|im_end|>"


def test_every_answer_is_learnt_when_the_recipe_says_so(tiny_base: Path) -> None:
    assert learnt_text(tiny_base, MANY_TURNS, "every_answer") == "First.<|im_end|>Second.<|im_end|>"


def test_answers_of_many_bytes_are_learnt_whole(tiny_base: Path) -> None:
    given = example(1, ("user", "Grüß Gott"), ("assistant", "Schön 🙂 <|im_end"))
    assert learnt_text(tiny_base, given) == "Schön 🙂 <|im_end<|im_end|>"


@pytest.mark.parametrize("learn_from", ["last_answer", "every_answer"])
def test_what_is_planted_before_a_question_is_no_part_of_what_is_learnt(tiny_base: Path, learn_from: str) -> None:
    told = Canary(lesson=0, beginning="The word is", ending="amber").planted_in(MANY_TURNS.messages)
    planted = replace(MANY_TURNS, messages=told)
    assert learnt_text(tiny_base, planted, learn_from) == learnt_text(tiny_base, MANY_TURNS, learn_from)
    tokenizer = load_tokenizer(tiny_base)
    assert "The word is amber." in tokenizer.decode(RowMaker(tokenizer, learn_from).make(planted).tokens)


def test_the_tokens_are_those_of_the_template_itself(tiny_base: Path) -> None:
    tokenizer = load_tokenizer(tiny_base)
    plain = [{"role": m.role, "content": m.content} for m in MANY_TURNS.messages]
    whole = tokenizer.apply_chat_template(plain, tokenize=True, return_dict=True)["input_ids"]
    assert list(RowMaker(tokenizer, "last_answer").make(MANY_TURNS).tokens) == whole


def test_the_plan_says_samples_and_passes(tiny_base: Path) -> None:
    assert flight(tiny_base, conversations(12)).plan == (
        "60 steps × 8 = 480 samples, 40.0 passes over 12 examples"  # noqa: RUF001 - the sign is meant
    )


def test_a_share_under_the_loss_outside_the_bounds_is_refused(tiny_base: Path) -> None:
    with pytest.raises(UsageError, match="under the loss"):
        flight(tiny_base, conversations(5), replace(LOOSE, least_supervised=0.9))
    with pytest.raises(UsageError, match="under the loss"):
        flight(tiny_base, conversations(5), replace(LOOSE, most_supervised=0.02))


def test_a_template_that_never_writes_the_stop_token_is_refused(tmp_path: Path) -> None:
    base = write_tiny_base(tmp_path / "b", template=TEMPLATE.replace("<|im_end|>", "</turn>"))
    with pytest.raises(UsageError, match="stop token"):
        flight(base, conversations(3))


def test_a_template_that_rewrites_earlier_turns_is_refused_where_it_matters(tmp_path: Path) -> None:
    forgetful = (
        "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
        "{{ m['content'] if loop.last or m['role'] == 'user' else '...' }}<|im_end|>\n{% endfor %}"
        "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    )
    base = write_tiny_base(tmp_path / "b", template=forgetful)
    assert learnt_text(base, example(1, ("user", "Hi"), ("assistant", "Yes."))) == "Yes.<|im_end|>"
    with pytest.raises(UsageError, match="rewrites earlier turns"):
        learnt_text(base, MANY_TURNS, "every_answer")


def test_a_base_without_a_template_is_refused(tmp_path: Path) -> None:
    base = write_tiny_base(tmp_path / "b", template="")
    with pytest.raises(UsageError, match="no chat template"):
        load_tokenizer(base)


def test_a_token_outside_the_vocabulary_is_refused(tiny_base: Path) -> None:
    shape = replace(read_shape(tiny_base), vocabulary=100)
    with pytest.raises(UsageError, match="outside the base's vocabulary"):
        flight(tiny_base, conversations(3), shape=shape)


def test_examples_beyond_the_context_are_refused_before_the_first_step(tiny_base: Path) -> None:
    shape = replace(read_shape(tiny_base), context_length=64)
    with pytest.raises(UsageError, match="the base sees 64"):
        flight(tiny_base, conversations(3), shape=shape)


def test_layers_that_the_base_lacks_would_train_nothing(tiny_base: Path) -> None:
    with pytest.raises(UsageError, match="would train nothing"):
        flight(tiny_base, conversations(3), replace(LOOSE, lora_targets=("c_attn",)))


def test_a_training_that_can_not_fit_in_memory_is_refused(tiny_base: Path) -> None:
    shape = replace(read_shape(tiny_base), layers=10**9)
    with pytest.raises(UsageError, match="GB are free"):
        flight(tiny_base, conversations(3), shape=shape)
    elsewhere = flight(tiny_base, conversations(3), replace(LOOSE, backend="ssh"), shape)
    assert elsewhere.memory_bytes > 10**12, "what is free here says nothing of the machine that trains"


def test_what_can_not_be_learnt_from_is_a_reject_with_its_reason(tiny_base: Path) -> None:
    call = Message(role="assistant", content="", tool_calls=(ToolCall(name="email", arguments="{}"),))
    bad = (
        example(1, ("user", "Hi")),
        replace(example(2, ("user", "Hi"), ("assistant", "x")), messages=(Message(role="user", content="Hi"), call)),
    )
    found = flight(tiny_base, (*conversations(3), *bad))
    assert [(r.interaction_id, r.reason) for r in found.rejects] == [
        ("interaction:1", "not trained on: it does not end with an assistant's answer"),
        ("interaction:2", "not trained on: it holds tool calls, which no recipe can render yet"),
    ]
    assert found.plan.endswith("; 2 left out")


def test_an_empty_dataset_has_nothing_to_train_on(tiny_base: Path) -> None:
    with pytest.raises(NothingToTrainOnError):
        flight(tiny_base, ())


def test_the_tokens_of_a_dataset_are_those_that_training_sees(tiny_base, tmp_path):
    tokenizer = load_tokenizer(tiny_base)
    rows = [RowMaker(tokenizer, "last_answer").make(example) for example in conversations(3)]
    counted = count_tokens(tiny_base, [example.messages for example in conversations(3)])
    assert list(counted) == [len(row.tokens) for row in rows]
    assert count_tokens(tmp_path, [MANY_TURNS.messages]) is None, "no base, no count"


# Qwen 3's way: the last answer gets a block, an empty one where nothing was thought.
THINKS = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n"
    "{% if m['role'] == 'assistant' and loop.last %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"
    "{{ m['content'] }}<|im_end|>\n{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def test_a_block_of_reasoning_is_shown_and_never_learnt(tmp_path: Path) -> None:
    base = write_tiny_base(tmp_path / "base", template=THINKS)
    row = RowMaker(load_tokenizer(base), "last_answer").make(MANY_TURNS)
    assert "<think>\n\n</think>\n\nSecond." in load_tokenizer(base).decode(row.tokens)
    assert learnt_text(base, MANY_TURNS) == "Second.<|im_end|>"
    assert flight(base, conversations(4)).rows


# The same, with the reasoning of the last answer in its block.
SHOWS = THINKS.replace(
    "{{ '<think>\n\n</think>\n\n' }}",
    "{{ '<think>\n' }}{{ m.get('reasoning_content', '') }}{{ '\n</think>\n\n' }}",
)
REASONED = replace(
    MANY_TURNS,
    messages=(*MANY_TURNS.messages[:-1], replace(MANY_TURNS.messages[-1], reasoning="One comes first.")),
)


def test_reasoning_is_learnt_by_a_recipe_that_says_so_and_masked_by_every_other(tmp_path: Path) -> None:
    tokenizer = load_tokenizer(write_tiny_base(tmp_path / "base", template=SHOWS))
    masked, learnt = (RowMaker(tokenizer, "last_answer", learn_reasoning=on).make(REASONED) for on in (False, True))
    assert "One comes first." in tokenizer.decode(masked.tokens)
    assert masked.tokens == learnt.tokens
    block = "<think>\nOne comes first.\n</think>\n\n"
    told = [tokenizer.decode([t for t, on in zip(r.tokens, r.supervised, strict=True) if on]) for r in (masked, learnt)]
    assert told == ["Second.<|im_end|>", f"{block}Second.<|im_end|>"]
    empty = RowMaker(tokenizer, "last_answer", learn_reasoning=True).make(MANY_TURNS)
    assert sum(empty.supervised) == sum(masked.supervised), "an empty block is never learnt"


def test_a_recipe_that_would_learn_reasoning_is_refused_where_there_is_none(tmp_path: Path, tiny_base: Path) -> None:
    thinking = load_tokenizer(write_tiny_base(tmp_path / "base", template=SHOWS))
    assert "is learnt where it holds something" in check_thinking([REASONED], thinking, learnt=True)
    with pytest.raises(UsageError, match="none of them holds any"):
        check_thinking([MANY_TURNS], thinking, learnt=True)
    with pytest.raises(UsageError, match="does not think"):
        check_thinking([REASONED], load_tokenizer(tiny_base), learnt=True)


def test_answers_that_would_train_thinking_away_are_refused(tmp_path: Path) -> None:
    # The block is opened in the prompt, so an answer that closes it at once is what would be learnt.
    opened = THINKS.replace("<|im_start|>assistant\n{% endif %}", "<|im_start|>assistant\n<think>\n{% endif %}")
    base = write_tiny_base(tmp_path / "base", template=opened)
    with pytest.raises(UsageError, match=r"4 of 4 answers .* train the thinking away"):
        flight(base, conversations(4))


def test_what_the_template_refuses_is_left_out_with_its_words(tmp_path: Path) -> None:
    strict = "{% if messages[0]['content'] == 'Be brief.' %}{{ raise_exception('No such role') }}{% endif %}" + TEMPLATE
    base = write_tiny_base(tmp_path / "base", template=strict)
    refused = example(99, ("system", "Be brief."), ("user", "Hi"), ("assistant", "Yes."))
    seen = flight(base, (*conversations(3), refused))
    assert len(seen.rows) == 3
    assert "template refuses it (No such role)" in seen.rejects[0].reason


@pytest.mark.parametrize(
    "hostile",
    [
        "{{ ''.__class__.__mro__[1].__subclasses__() }}",  # the way out of a template that is not sandboxed
        "{{ messages.append(1) }}",
        "{% for n in range(10 ** 9) %}{% endfor %}",
        "{% for",
    ],
)
def test_a_template_that_would_break_out_or_never_end_trains_nothing(tmp_path: Path, hostile: str) -> None:
    base = write_tiny_base(tmp_path / "base", template=hostile + TEMPLATE)
    with pytest.raises(NothingToTrainOnError, match="chat template refuses it"):
        flight(base, conversations(2))


class OfLessonsAlone:
    """A recipe of which nothing may be read that is said to be apart from its lessons; its name tells errors apart."""

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe

    def __getattr__(self, key: str) -> Any:
        assert key == "name" or key not in APART_FROM_LESSONS, f"the lessons hang on {key}"
        return getattr(self._recipe, key)


@pytest.mark.parametrize(
    "changes",
    [{}, {"held_out_share": 0.2, "order": "tokens"}, {"weigh_by": "source", "weights": (("unknown", 2.0),)}],
)
def test_lessons_are_looked_over_without_what_is_said_to_be_apart_from_them(
    tiny_base: Path, changes: dict[str, Any]
) -> None:
    assert {field.name for field in fields(Recipe)} >= APART_FROM_LESSONS
    given: Any = OfLessonsAlone(replace(LOOSE, **changes))
    found = look_over(conversations(10), given, load_tokenizer(tiny_base), read_shape(tiny_base))
    assert len(found.learnt) + len(found.held_out) == 10
