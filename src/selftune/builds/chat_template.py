"""The chat template of a folder, as a server can render it."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

# transformers marks what the model says with these tags, to find the tokens to learn; no other renderer knows them.
_GENERATION: Final = re.compile(r"\{%([-+]?)\s*generation\s*([-+]?)%\}")
_END_GENERATION: Final = re.compile(r"\{%([-+]?)\s*endgeneration\s*([-+]?)%\}")


def read_chat_template(folder: Path) -> str | None:
    """The template of a Hugging Face folder; None when it has none."""
    file = folder / "chat_template.jinja"
    if file.is_file():
        return file.read_text(encoding="utf-8")
    config = folder / "tokenizer_config.json"
    if not config.is_file():
        return None
    template = json.loads(config.read_text(encoding="utf-8")).get("chat_template")
    if isinstance(template, list):  # an older layout: several named templates
        template = next((entry["template"] for entry in template if entry.get("name") == "default"), None)
    return template if isinstance(template, str) else None


def without_generation_tags(template: str) -> str:
    """The template with the training tags taken out, rendering the same text.

    Each tag becomes an `if` that is always true: deleting it would also delete its whitespace control.
    """
    opened = _GENERATION.sub(r"{%\1 if true \2%}", template)
    return _END_GENERATION.sub(r"{%\1 endif \2%}", opened)
