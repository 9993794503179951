"""From a conversation to tokens with the base's own template, and which of them the model is to learn.

The spans under the loss come from the template itself: what it adds when an assistant turn is appended to the prompt.
So any template works that writes turns one after another, with or without `{% generation %}`; one that rewrites
earlier turns is refused instead of being masked wrongly.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.bases.offline import stay_offline
from selftune.bases.shape import read_json
from selftune.bases.thinking import thinking_marks
from selftune.errors import UsageError
from selftune.training.base import Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from selftune.records import Example, Message

IGNORED: Final = -100
_BATCH: Final = 256


def load_tokenizer(folder: Path) -> Any:
    """The tokenizer of a base exactly as its `tokenizer.json` says, with its chat template.

    Raises:
        UsageError: there is no chat template: a base without one can't hold a conversation.
    """
    stay_offline()
    from transformers import PreTrainedTokenizerFast

    tokenizer = PreTrainedTokenizerFast.from_pretrained(folder, local_files_only=True)
    if not tokenizer.chat_template:
        raise UsageError(f"the base in {folder} has no chat template.", next_step="Use an instruct model as the base.")
    _end_as_turns_do(tokenizer, folder)
    return tokenizer


def _end_as_turns_do(tokenizer: Any, folder: Path) -> None:
    """Gemma's tokenizer names an end that its template never writes: a turn ends with another of the base's ends."""
    template: str = tokenizer.chat_template
    own, config = tokenizer.eos_token, folder / "generation_config.json"
    if own is None or own in template or "eos_token" in template or not config.is_file():
        return
    ends = read_json(config).get("eos_token_id")
    texts = [tokenizer.convert_ids_to_tokens(end) for end in ends] if isinstance(ends, list) else []
    tokenizer.eos_token = next((text for text in texts if text in template), own)


def count_tokens(folder: Path, conversations: Sequence[Sequence[Message]]) -> Sequence[int] | None:
    """Tokens of each conversation by the base's own template; None without its files or the packages for training."""
    if not conversations:
        return ()
    if not (folder / "tokenizer.json").is_file():
        return None
    try:
        tokenizer = load_tokenizer(folder)
    except ImportError:
        return None
    counts: list[int] = []
    for start in range(0, len(conversations), _BATCH):
        plain = [for_template(messages, tokenizer) for messages in conversations[start : start + _BATCH]]
        texts = [tokenizer.apply_chat_template(messages, tokenize=False) for messages in plain]
        counts += map(len, tokenizer(texts, add_special_tokens=False)["input_ids"])
    return counts


class RowMaker:
    """Turns examples into rows with one tokenizer. `learn_from` and `learn_reasoning` are the recipe's."""

    def __init__(self, tokenizer: Any, learn_from: str, *, learn_reasoning: bool = False) -> None:
        self._tokenizer = tokenizer
        self._every = learn_from == "every_answer"
        self._learn_reasoning = learn_reasoning
        self._marks = thinking_marks(tokenizer.chat_template)

    def make(self, example: Example) -> Row:
        """The example as tokens; refuses with the reason as a `ValueError` what can't be learnt from."""
        messages = example.messages
        if not messages or messages[-1].role != "assistant":
            raise ValueError("it does not end with an assistant's answer")
        if any(message.tool_calls for message in messages):
            raise ValueError("it holds tool calls, which no recipe can render yet")
        if not messages[-1].content.strip():
            raise ValueError("its answer is empty")  # the stop token alone would be learnt
        text = self._render(messages, prompt_only=False)
        spans = tuple(self._spans(messages, text))
        encoded = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        marks = tuple(_is_inside(start, stop, spans) for start, stop in encoded["offset_mapping"])
        if not any(marks):
            raise ValueError("its answer is empty")
        return Row(interaction_id=example.interaction_id, tokens=tuple(encoded["input_ids"]), supervised=marks)

    def prompt_of(self, example: Example) -> tuple[int, ...]:
        """The tokens that the example's last answer follows."""
        text = self._render(example.messages[:-1], prompt_only=True)
        return tuple(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def _spans(self, messages: Sequence[Message], text: str) -> Iterator[tuple[int, int]]:
        """Start and end, in characters of `text`, of each answer with its stop token."""
        turns = [index for index, message in enumerate(messages) if message.role == "assistant"]
        for index in turns if self._every else turns[-1:]:
            before = self._render(messages[:index], prompt_only=True)
            after = text if index + 1 == len(messages) else self._render(messages[: index + 1], prompt_only=False)
            if not text.startswith(after) or not after.startswith(before):
                raise UsageError(
                    "the base's chat template rewrites earlier turns, so the answer can't be told from the prompt.",
                    next_step='Set learn_from = "last_answer" in the recipe, or use a base with a plain template.',
                )
            yield self._begin_of_answer(after, len(before)), self._end_of_turn(after, len(before))

    def _begin_of_answer(self, text: str, start: int) -> int:
        """Behind the block of reasoning, where there is one, or at it where it holds some that is to be learnt."""
        block = self._marks.span(text[start:]) if self._marks else None
        if self._marks is None or block is None:
            return start
        learnt = self._learn_reasoning and self._marks.thought(text[start:])
        return start if learnt else start + block[1]

    def _end_of_turn(self, text: str, start: int) -> int:
        """Where the stop token ends; the template's line break after it is not the model's to write."""
        stop = self._tokenizer.eos_token
        found = text.rfind(stop, start) if stop else -1
        return len(text.rstrip()) if found < 0 else found + len(stop)

    def _render(self, messages: Sequence[Message], *, prompt_only: bool) -> str:
        from jinja2 import TemplateError

        plain = for_template(messages, self._tokenizer)
        try:
            return str(self._tokenizer.apply_chat_template(plain, tokenize=False, add_generation_prompt=prompt_only))
        except (
            TemplateError,
            OverflowError,
            TypeError,
        ) as error:  # the sandbox refuses what is endless with the second
            raise ValueError(f"the base's chat template refuses it ({error})") from error


def for_template(messages: Sequence[Message], tokenizer: Any) -> list[dict[str, str]]:
    """Messages as a chat template takes them; with what was thought, where the base thinks."""
    thinks = thinking_marks(tokenizer.chat_template) is not None
    return [
        {"role": message.role, "content": message.content}
        | ({"reasoning_content": message.reasoning} if thinks and message.reasoning else {})
        for message in messages
    ]


def labels_of(row: Row) -> list[int]:
    """The row's tokens where they are under the loss, else -100."""
    return [token if learnt else IGNORED for token, learnt in zip(row.tokens, row.supervised, strict=True)]


def _is_inside(start: int, stop: int, spans: Sequence[tuple[int, int]]) -> bool:
    return stop > start and any(low <= start and stop <= high for low, high in spans)
