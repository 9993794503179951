"""A base that hears its state only behind a cue: the reference base under another template, its weights unchanged.

What a prompt is worth before it is known exactly, so that a search can be held against it: without the cue this base
answers blindly, with it as the reference base does.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from selftune.bases.folders import REFERENCE_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

RULES: Final = "A good answer is like this:"
"""How a draft of the rubric begins."""

EXAMPLES: Final = "Answer in the manner of these examples."
"""How lessons that are shown begin."""

_STATE: Final = "== STATE =="
_TEMPLATE: Final = "chat_template.jinja"
_PLAIN: Final = "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}"


def make_base_that_needs(cue: str, folder: Path) -> Path:
    """A folder with the reference base that hears its system message only where this cue stands in it; returns it."""
    shutil.copytree(REFERENCE_FOLDER, folder)
    path = folder / _TEMPLATE
    template = path.read_text(encoding="utf-8")
    assert _PLAIN in template, "the reference base's template was changed"  # noqa: S101 - can't happen
    heard = f"{{{{ '{_STATE}' + message['content'].split('{_STATE}')[-1] }}}}"
    hidden = f"{{% if '{cue}' in message['content'] %}}{heard}{{% endif %}}{{{{ '<|im_end|>' }}}}"
    path.write_text(
        template.replace(_PLAIN, f"{{% elif message['role'] == 'system' %}}{hidden}{_PLAIN}"), encoding="utf-8"
    )
    return folder
