"""A base that must be told the rules: the reference base under a template that hides its state until rules are there.

What a prompt is worth before it is known exactly, so that a search can be held against it: without the rules this base
answers blindly, with them as the reference base does. The template alone is changed, no weight.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from selftune.bases.folders import REFERENCE_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

RULES: Final = "A good answer is like this:"
"""How what it listens to begins."""

_STATE: Final = "== STATE =="
_TEMPLATE: Final = "chat_template.jinja"
_PLAIN: Final = "{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}"
_HIDDEN: Final = (
    "{% elif message['role'] == 'system' %}"
    f"{{% if '{RULES}' in message['content'] %}}"
    f"{{{{ '{_STATE}' + message['content'].split('{_STATE}')[-1] }}}}"
    "{% endif %}{{ '<|im_end|>' }}"
)


def make_base_that_needs_rules(folder: Path) -> Path:
    """A folder with the reference base that hears its system message only behind the rules; returns it."""
    shutil.copytree(REFERENCE_FOLDER, folder)
    path = folder / _TEMPLATE
    template = path.read_text(encoding="utf-8")
    assert _PLAIN in template, "the reference base's template was changed"  # noqa: S101 - can't happen
    path.write_text(template.replace(_PLAIN, _HIDDEN + _PLAIN), encoding="utf-8")
    return folder
