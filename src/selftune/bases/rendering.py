"""A base's chat template, tried on plain conversations in a process of its own before the base is taken.

A template is a program that came with somebody's weights. Jinja's sandbox, in which transformers runs it, keeps it from
everything of ours; it bounds neither its time nor its memory. `{{ 10 ** (10 ** 10) }}` hangs in the compiler already,
deaf to Ctrl-C. So the first time it is run by a child that can be ended.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.facts import template_of
from selftune.bases.shape import read_json
from selftune.platforms import bound_this_process

if TYPE_CHECKING:
    from pathlib import Path

# Of the processor, from when transformers is loaded: a sound template takes a millisecond, however busy the machine.
TRIAL_SECONDS: Final = 10
# By the clock, where the system bounds no process and for one that sleeps.
_CLOCK_SECONDS: Final = 300.0
_MOST_BYTES: Final = 8_000_000_000
_REASON_CHARACTERS: Final = 160
_ROLES: Final = ("bos_token", "eos_token", "unk_token", "pad_token")
_ASKED, _ANSWERED, _ASKED_AGAIN = "Who sings the first song?", "Fobro sings it.", "And the second one?"
_CONVERSATIONS: Final = (
    ({"role": "user", "content": _ASKED},),
    (
        {"role": "user", "content": _ASKED},
        {"role": "assistant", "content": _ANSWERED},
        {"role": "user", "content": _ASKED_AGAIN},
    ),
)


def can_try() -> bool:
    """Whether what renders templates is installed."""
    return find_spec("transformers") is not None


def against_rendering(folder: Path, *, seconds: int = TRIAL_SECONDS) -> tuple[str, ...]:
    """Why the folder's template can't hold a plain conversation; empty when it can.

    Args:
        folder: A Hugging Face folder.
        seconds: Of the processor, that rendering may take.

    Raises:
        UsageError: it has no single template.
        DamagedFileError: the template or its companion is no text.
    """
    order = {"template": template_of(folder), "roles": _roles(folder), "seconds": seconds}
    endless = (f"its chat template does not come to an end within {seconds} s",)
    command = (sys.executable, "-m", "selftune.bases.rendering")
    try:
        done = subprocess.run(
            command, input=json.dumps(order), capture_output=True, text=True, check=False, timeout=_CLOCK_SECONDS
        )
    except subprocess.TimeoutExpired:
        return endless
    if sys.platform != "win32" and done.returncode == -signal.SIGXCPU:
        return endless
    if done.returncode != 0:
        return (f"its chat template fails on a plain conversation ({_last_words(done.stderr)})",)
    texts: list[str] = json.loads(done.stdout)
    whole = all(
        message["content"] in text for text, said in zip(texts, _CONVERSATIONS, strict=True) for message in said
    )
    return () if whole else ("its chat template loses words of a plain conversation",)


def _roles(folder: Path) -> dict[str, str]:
    """The special tokens that a template may name, as transformers hands them to it."""
    path = folder / "tokenizer_config.json"
    config: dict[str, Any] = read_json(path) if path.is_file() else {}
    texts = {role: config.get(role) for role in _ROLES}
    plain = {role: text.get("content") if isinstance(text, dict) else text for role, text in texts.items()}
    return {role: text for role, text in plain.items() if isinstance(text, str)}


def _last_words(trace: str) -> str:
    lines = [line.strip() for line in trace.splitlines() if line.strip()]
    return lines[-1].removeprefix("jinja2.exceptions.")[:_REASON_CHARACTERS] if lines else "it was ended by the system"


def main() -> None:
    """Render what standard input orders; print the texts as JSON."""
    from selftune.bases.offline import stay_offline

    stay_offline()
    from transformers.utils.chat_template_utils import render_jinja_template

    order = json.loads(sys.stdin.read())
    bound_this_process(seconds=order["seconds"], memory_bytes=_MOST_BYTES)
    texts, _ = render_jinja_template(
        conversations=[list(said) for said in _CONVERSATIONS],
        chat_template=order["template"],
        add_generation_prompt=True,
        **order["roles"],
    )
    sys.stdout.write(json.dumps(texts))


if __name__ == "__main__":
    main()
