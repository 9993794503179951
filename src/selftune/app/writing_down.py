"""A person's words on their way into a draft: typed at a terminal, written in their editor, or piped in."""

from __future__ import annotations

import codecs
import os
import re
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Final

from selftune.app.reporting.pages.plain import plain
from selftune.errors import UsageError
from selftune.interrupts import heard_at_a_terminal
from selftune.platforms import each_key

if TYPE_CHECKING:
    from selftune.loop.drafts import Draft

_CHUNK: Final = 4096
_END: Final = "\x04"
_ERASE: Final = "\x7f\b"
# Arrows and other keys that are no letters, as terminals send them.
_NO_LETTERS: Final = re.compile(rb"(?:\x1b\[[0-9;]*[A-Za-z~]|\x1bO[A-Za-z])+")


def write_words(draft: Draft, *, edit: bool = False) -> str:
    """Have the person write into the draft until they are done; returns all their words.

    Raises:
        UsageError: no editor is named or it failed, or what came in is no UTF-8.
    """
    if edit:
        _edit(draft)
        # Editors end a file with a line of its own.
        return draft.text.removesuffix("\n")
    descriptor = sys.stdin.fileno()
    if sys.stdin.isatty():
        with each_key(descriptor), heard_at_a_terminal():
            sys.stderr.write("Write; Ctrl-D ends it. Every letter is kept as you type.\n")
            sys.stderr.flush()
            _read_keys(draft, descriptor)
        sys.stderr.write("\n")
        return draft.text
    _read_all(draft, descriptor)
    return draft.text.removesuffix("\n")


def _edit(draft: Draft) -> None:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise UsageError("no editor is named.", next_step="Set EDITOR, or write without --edit.")
    try:
        subprocess.run([*shlex.split(editor), str(draft.path)], check=True)
    except (OSError, ValueError, subprocess.CalledProcessError) as error:
        raise UsageError(
            f"the editor {editor!r} ended with a fault.",
            next_step="Set EDITOR to another one, or write without --edit.",
        ) from error
    draft.add("")  # whatever the editor wrote is on the disk now


def _read_all(draft: Draft, descriptor: int) -> None:
    decoder = codecs.getincrementaldecoder("utf-8")()
    while data := os.read(descriptor, _CHUNK):
        draft.add(_decoded(decoder, data))


def _read_keys(draft: Draft, descriptor: int) -> None:
    """Key by key; what is shown is made harmless, what is kept is not touched."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    while data := os.read(descriptor, _CHUNK):
        keys = _NO_LETTERS.match(data)
        words, end, _ = _decoded(decoder, data[keys.end() :] if keys else data).replace("\r", "\n").partition(_END)
        _take(draft, words)
        if end:
            return


def _take(draft: Draft, words: str) -> None:
    waiting = ""
    for letter in words:
        if letter not in _ERASE:
            waiting += letter
        elif waiting:
            waiting = waiting[:-1]
        elif draft.erase_last():
            sys.stderr.write("\b \b")
    if waiting:
        draft.add(waiting)
        sys.stderr.write(plain(waiting))
    sys.stderr.flush()


def _decoded(decoder: codecs.IncrementalDecoder, data: bytes) -> str:
    try:
        return decoder.decode(data)
    except UnicodeDecodeError as error:
        raise UsageError(
            "what came in is no UTF-8; what was read before it is kept as an unfinished draft.",
            next_step="Give it as UTF-8.",
        ) from error
