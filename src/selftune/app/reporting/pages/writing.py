"""Put a page where a person asked for it, and nothing else out of its place."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from selftune.app.reporting.pages.html import as_html
from selftune.errors import MissingFileError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.app.reporting.pages.parts import Page

_ENDINGS: Final = frozenset({".html", ".htm"})


def write_page(page: Page, path: Path) -> None:
    """Write the page as one file of HTML; an older page is replaced only once the new one is whole.

    Raises:
        MissingFileError: its folder is not there.
        UsageError: a file stands there that is no page by its name, such as the scores that were compared.
        OSError: the system refuses; what stood there before still does.
    """
    text, target = as_html(page), path.resolve()
    if target.exists() and not target.is_file():
        target.write_text(text, encoding="utf-8")  # a device or a pipe can't be replaced
        return
    if target.is_file() and target.suffix.lower() not in _ENDINGS:
        raise UsageError(
            f"{path.name} is there already, and by its name it is no page.",
            next_step="Name a file that ends in .html, or one that is not there yet.",
        )
    if not target.parent.is_dir():
        raise MissingFileError(f"there is no folder {path.parent}.", next_step="Make it first, or name another file.")
    draft = target.with_name(f".{target.name}.draft")
    try:
        draft.write_text(text, encoding="utf-8")
        draft.replace(target)
    finally:
        draft.unlink(missing_ok=True)
