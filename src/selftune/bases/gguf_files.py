"""Bases that lie here as GGUF: a file by its path, or what Ollama and LM Studio have on disk already.

Quantised weights are given back as floats: the result is as good as the quantisation was, and the record says so.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.base import Found
from selftune.bases.facts import UNKNOWN_LICENCE, licence_named_in
from selftune.errors import DamagedFileError, MissingFileError, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from selftune.context import Progress

_MODEL_LAYER: Final = "application/vnd.ollama.image.model"
_LICENCE_LAYER: Final = "application/vnd.ollama.image.license"


@dataclass(frozen=True, kw_only=True)
class Located:
    """A GGUF file on this machine, and what is known of it from outside."""

    name: str
    path: Path
    source: str
    licence: str = UNKNOWN_LICENCE


class GgufFile:
    """A GGUF file by its path; `told` hears how far it is unpacked, as with every class here."""

    def __init__(self, told: Callable[[Progress], None] = lambda _: None) -> None:
        self._told = told

    def fetch(self, name: str, folder: Path) -> Found:
        """The file at the path `name`, its tensors given back as floats in `folder`."""
        return unpack(self.locate(name), folder, self._told)

    def locate(self, name: str) -> Located:
        """The file at the path `name`."""
        path = Path(name).expanduser().resolve()
        if not path.is_file():
            raise MissingFileError(f"there is no file {path}.", next_step="Check the path.")
        return Located(name=path.stem, path=path, source=f"GGUF file {path.name}")


class OllamaModel:
    """A model that Ollama holds. `models` is its folder; None looks where Ollama puts it."""

    def __init__(self, models: Path | None = None, told: Callable[[Progress], None] = lambda _: None) -> None:
        self._models = models
        self._told = told

    def fetch(self, name: str, folder: Path) -> Found:
        """The model `ollama:NAME` or `ollama:NAME:TAG`, dequantised into `folder`."""
        return unpack(self.locate(name), folder, self._told)

    def locate(self, name: str) -> Located:
        """The blob that holds the model's weights, and the licence that lies beside it."""
        wanted = name.removeprefix("ollama:")
        root = self._models or first_folder(ollama_folders(os.environ), "Ollama")
        manifest = read_manifest(root, wanted)
        blob = layer_blob(root, manifest, _MODEL_LAYER)
        if blob is None:
            raise UsageError(f"Ollama's {wanted!r} has no model layer.", next_step="Choose another with `ollama list`.")
        licence_text = layer_blob(root, manifest, _LICENCE_LAYER)
        licence = licence_named_in(licence_text.read_text(errors="replace")) if licence_text else UNKNOWN_LICENCE
        return Located(name=name, path=blob, source=f"Ollama's {wanted} ({blob.name[:19]}…)", licence=licence)


class LmStudioModel:
    """A model that LM Studio holds. `models` is its folder; None looks where LM Studio puts it."""

    def __init__(self, models: Path | None = None, told: Callable[[Progress], None] = lambda _: None) -> None:
        self._models = models
        self._told = told

    def fetch(self, name: str, folder: Path) -> Found:
        """The model `lmstudio:PART`, where PART is in the path of exactly one GGUF file, dequantised into `folder`."""
        return unpack(self.locate(name), folder, self._told)

    def locate(self, name: str) -> Located:
        """The one GGUF file whose path holds the name."""
        wanted = name.removeprefix("lmstudio:")
        root = self._models or first_folder(lm_studio_folders(), "LM Studio")
        files = {str(path.relative_to(root)): path for path in sorted(root.rglob("*.gguf"))}
        hits = [key for key in files if wanted.lower() in key.lower() and "mmproj" not in key.lower()]
        if len(hits) != 1:
            listed = "; ".join(hits or files) or "none at all"
            raise MissingFileError(
                f"{len(hits)} of LM Studio's models are called {wanted!r}.",
                next_step=f"Name one of these more closely: {listed}.",
            )
        return Located(name=name, path=files[hits[0]], source=f"LM Studio's {hits[0]}")


def unpack(located: Located, folder: Path, told: Callable[[Progress], None] = lambda _: None) -> Found:
    """A GGUF as a Hugging Face folder in `folder`; the licence that the file names is asked where none is known."""
    from selftune.bases.gguf_reader import gguf_to_hf_folder, read_gguf_header

    gguf_to_hf_folder(located.path, folder, told)
    licence = located.licence
    if licence == UNKNOWN_LICENCE:
        licence = read_gguf_header(located.path).text("general.license") or UNKNOWN_LICENCE
    return Found(name=located.name, folder=folder, source=f"{located.source}, dequantised", licence=licence)


def ollama_folders(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Where Ollama may keep models: its variable, the user's folder, the Linux service's."""
    own = environment.get("OLLAMA_MODELS")
    usual = (Path.home() / ".ollama" / "models", Path("/usr/share/ollama/.ollama/models"))
    return (Path(own), *usual) if own else usual


def lm_studio_folders() -> tuple[Path, ...]:
    """Where LM Studio keeps models, newer place first."""
    return (Path.home() / ".lmstudio" / "models", Path.home() / ".cache" / "lm-studio" / "models")


def first_folder(folders: Iterable[Path], owner: str) -> Path:
    """The first of these folders that exists.

    Raises:
        MissingFileError: none does.
    """
    tried = tuple(folders)
    for folder in tried:
        if folder.is_dir():
            return folder
    raise MissingFileError(
        f"{owner} keeps no models here (looked in {', '.join(map(str, tried))}).",
        next_step=f"Install {owner} and get a model, or name a GGUF file.",
    )


def read_manifest(root: Path, wanted: str) -> dict[str, Any]:
    """Ollama's manifest of `NAME[:TAG]`, `USER/NAME[:TAG]` or `HOST/USER/NAME[:TAG]`.

    Raises:
        MissingFileError: Ollama has no such model; those it has are listed.
        DamagedFileError: the manifest is not JSON.
    """
    name, _, tag = wanted.partition(":")
    parts = name.split("/")
    if ".." in parts or not all(parts):
        raise UsageError(f"{wanted!r} is no model name.", next_step="Choose one with `ollama list`.")
    full = ("registry.ollama.ai", "library")[: max(0, 3 - len(parts))]
    path = root.joinpath("manifests", *full, *parts, tag or "latest")
    if not path.is_file():
        held = sorted(":".join(p.parts[-2:]) for p in (root / "manifests").rglob("*") if p.is_file())
        raise MissingFileError(f"Ollama has no model {wanted!r}.", next_step=f"It has: {', '.join(held) or 'none'}.")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise DamagedFileError(f"{path} is not valid JSON.", next_step=f"Run `ollama pull {wanted}`.") from error
    return manifest if isinstance(manifest, dict) else {}


def layer_blob(root: Path, manifest: dict[str, Any], media_type: str) -> Path | None:
    """The blob of the manifest's first layer of a type; None when it has no such layer.

    Raises:
        MissingFileError: the manifest names a blob that is not there.
    """
    for layer in manifest.get("layers", []):
        if layer.get("mediaType") == media_type:
            blob = root / "blobs" / str(layer.get("digest", "")).replace(":", "-")
            if not blob.is_file():
                raise MissingFileError(f"Ollama's blob {blob.name} is missing.", next_step="Run `ollama pull` again.")
            return blob
    return None
