"""What is known of a base's folder without loading the model: template, licence, its record."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.shape import read_json, read_shape, weight_files
from selftune.bases.tokenizer_file import read_tokenizer_file
from selftune.context import Progress
from selftune.errors import DamagedFileError, UsageError
from selftune.records import BaseModel, FileDigest, digest_bytes, digest_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from selftune.bases.base import Found

UNKNOWN_LICENCE: Final = "unknown"
_TEXTS: Final = (
    "config.json",
    "generation_config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "chat_template.jinja",
)
_LICENCES: Final = (
    ("apache license", "Apache-2.0"),
    ("mit license", "MIT"),
    ("llama 3", "Llama-3"),
    ("gemma terms", "Gemma"),
    ("qwen license", "Qwen"),
)


def describe(found: Found, told: Callable[[Progress], None] = lambda _: None) -> BaseModel:
    """The record of a base, its files pinned by digest; `told` hears how many of their bytes were read.

    Raises:
        UsageError: it has no chat template, or its weights are pickles.
        MissingFileError: a file that every base needs is not there.
        DamagedFileError: one is there and can't be what it should be.
    """
    shape = read_shape(found.folder)
    read_tokenizer_file(found.folder)
    files = base_files(found.folder)
    read, total = 0, sum(path.stat().st_size for path in files)

    def heard(many: int) -> None:
        nonlocal read
        read += many
        told(Progress(done=read, total=total, note="pinning"))

    return BaseModel(
        name=found.name,
        source=found.source,
        architecture=shape.family,
        parameters=shape.parameters,
        context_length=shape.context_length,
        files=tuple(_digest(path, heard) for path in files),
        template_digest=digest_bytes(template_of(found.folder).encode()),
        tokenizer_digest=digest_file(found.folder / "tokenizer.json"),
        licence=found.licence,
    )


def base_files(folder: Path) -> tuple[Path, ...]:
    """The files that make up a base: weights, tokenizer, template, config; a README beside them is not the base."""
    texts = [folder / name for name in _TEXTS if (folder / name).is_file()]
    return tuple(sorted([*texts, *weight_files(folder)]))


def check_pinned(base: BaseModel, folder: Path) -> None:
    """Refuse a base whose files are not the ones that were pinned.

    Raises:
        DamagedFileError: names the first file that is missing, new or changed.
    """
    there = {path.name: path for path in base_files(folder)}
    pinned = {file.name: file for file in base.files}
    for name in sorted(there.keys() | pinned.keys()):
        if name not in there or name not in pinned or digest_file(there[name]) != pinned[name].digest:
            raise DamagedFileError(
                f"base {base.name!r}: {name} in {folder} is not the file that was pinned when the base was added.",
                next_step="Put the old file back, or take the new one with `selftune base add … --again`.",
            )


def template_of(folder: Path) -> str:
    """The chat template's text.

    Raises:
        UsageError: there is none, or there are several under names.
        DamagedFileError: it is no text.
    """
    own = folder / "chat_template.jinja"
    if own.is_file():
        return _text_of(own)
    path = folder / "tokenizer_config.json"
    template: Any = read_json(path).get("chat_template") if path.is_file() else None
    if isinstance(template, str) and template:
        return template
    raise UsageError(
        f"the base in {folder} has no single chat template.",
        next_step="Use an instruct model: a base needs a template.",
    )


def _text_of(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise DamagedFileError(f"{path} is damaged: it is no UTF-8 text.", next_step="Get the file again.") from error


def licence_of(folder: Path) -> str:
    """The licence by its file, or by the front matter of its model card; `unknown` when neither says."""
    for name in ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE"):
        path = folder / name
        if path.is_file():
            return licence_named_in(path.read_text(encoding="utf-8", errors="replace"))
    card = folder / "README.md"
    text = card.read_text(encoding="utf-8", errors="replace") if card.is_file() else ""
    named = re.search(r"^licen[sc]e:\s*(\S+)\s*$", text.split("\n---", 1)[0], flags=re.MULTILINE)
    return named.group(1) if named else UNKNOWN_LICENCE


def licence_named_in(text: str) -> str:
    """The licence that the opening of a licence text names, else `unknown`."""
    opening = text[:500].lower()
    return next((name for sign, name in _LICENCES if sign in opening), UNKNOWN_LICENCE)


def _digest(path: Path, heard: Callable[[int], None]) -> FileDigest:
    return FileDigest(name=path.name, digest=digest_file(path, heard), size_bytes=path.stat().st_size)
