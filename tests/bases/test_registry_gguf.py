"""What Ollama and LM Studio hold is found on disk, in trees built as theirs are."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from selftune.bases.gguf_files import GgufFile, LmStudioModel, OllamaModel, layer_blob, ollama_folders, read_manifest
from selftune.errors import DamagedFileError, MissingFileError, UsageError

MODEL = "application/vnd.ollama.image.model"
LICENCE = "application/vnd.ollama.image.license"


def put_model(root: Path, name: str, weights: bytes, licence: str = "Apache License\nVersion 2.0") -> Path:
    """A model as Ollama lays it out: a manifest by host, owner, name and tag, and blobs by digest."""
    layers = []
    for media_type, data in ((MODEL, weights), (LICENCE, licence.encode())):
        digest = hashlib.sha256(data).hexdigest()
        (root / "blobs").mkdir(parents=True, exist_ok=True)
        (root / "blobs" / f"sha256-{digest}").write_bytes(data)
        layers.append({"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)})
    manifest = root / "manifests" / "registry.ollama.ai" / name
    manifest.parent.mkdir(parents=True, exist_ok=True)
    manifest.write_text(json.dumps({"schemaVersion": 2, "layers": layers}))
    return manifest


@pytest.mark.parametrize(
    ("asked", "stored"),
    [
        ("tiny", "library/tiny/latest"),
        ("tiny:1b", "library/tiny/1b"),
        ("someone/tiny:q4", "someone/tiny/q4"),
        ("registry.ollama.ai/someone/tiny:q4", "someone/tiny/q4"),
    ],
)
def test_a_name_leads_to_its_weights(asked: str, stored: str, tmp_path: Path) -> None:
    put_model(tmp_path, stored, b"weights")
    blob = layer_blob(tmp_path, read_manifest(tmp_path, asked), MODEL)
    assert blob is not None
    assert blob.read_bytes() == b"weights"


def test_a_model_that_ollama_lacks_is_answered_with_those_it_has(tmp_path: Path) -> None:
    put_model(tmp_path, "library/tiny/1b", b"weights")
    with pytest.raises(MissingFileError) as missing:
        OllamaModel(tmp_path).fetch("ollama:huge", tmp_path / "out")
    assert "tiny:1b" in missing.value.next_step


@pytest.mark.parametrize("name", ["../../etc/passwd", "a//b", ""])
def test_a_name_can_not_lead_out_of_the_folder(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError):
        read_manifest(tmp_path, name)


def test_a_manifest_that_is_cut_short_is_damaged(tmp_path: Path) -> None:
    put_model(tmp_path, "library/tiny/latest", b"weights").write_text('{"layers": [')
    with pytest.raises(DamagedFileError):
        read_manifest(tmp_path, "tiny")


def test_a_manifest_whose_blob_is_gone_says_how_to_get_it_back(tmp_path: Path) -> None:
    put_model(tmp_path, "library/tiny/latest", b"weights")
    for blob in (tmp_path / "blobs").iterdir():
        blob.unlink()
    with pytest.raises(MissingFileError, match="is missing"):
        OllamaModel(tmp_path).fetch("ollama:tiny", tmp_path / "out")


def test_ollamas_own_variable_comes_first() -> None:
    assert ollama_folders({"OLLAMA_MODELS": "/data/ollama"})[0] == Path("/data/ollama")
    assert Path.home() / ".ollama" / "models" in ollama_folders({})


def test_lm_studio_needs_a_name_that_fits_one_file(tmp_path: Path) -> None:
    for name in ("maker/small-GGUF/small-q4.gguf", "maker/small-GGUF/small-q8.gguf"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(MissingFileError, match="2 of LM Studio's models") as missing:
        LmStudioModel(tmp_path).fetch("lmstudio:small", tmp_path / "out")
    assert "small-q8.gguf" in missing.value.next_step
    with pytest.raises(MissingFileError, match="0 of LM Studio's models"):
        LmStudioModel(tmp_path).fetch("lmstudio:large", tmp_path / "out")


def test_a_gguf_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(MissingFileError, match=r"none\.gguf"):
        GgufFile().fetch(str(tmp_path / "none.gguf"), tmp_path / "out")


@pytest.fixture(scope="module")
def gguf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The reference base as our own writer exports it."""
    from selftune.bases.registry import resolve_base
    from selftune.builds.gguf_writer import write_gguf
    from selftune.builds.tensor_types import Quantisation
    from selftune.builds.tensors import open_folder

    folder = resolve_base("reference")[1]
    target = tmp_path_factory.mktemp("gguf") / "small.gguf"
    with open_folder(folder) as tensors:
        write_gguf(folder, tensors, target, Quantisation.F16, name="reference")
    return target


def rendered_tokens(folder: Path) -> list[int]:
    """A fixed conversation by a folder's own template and tokenizer; templates may differ by training tags."""
    from selftune.training.rows import load_tokenizer

    turns = [{"role": "user", "content": "Hello, is it 12?"}, {"role": "assistant", "content": "Yes."}]
    tokenizer = load_tokenizer(folder)
    tokens: list[int] = tokenizer(tokenizer.apply_chat_template(turns, tokenize=False))["input_ids"]
    return tokens


@pytest.mark.needs("train")
@pytest.mark.parametrize("holder", ["file", "ollama", "lmstudio"])
def test_weights_that_people_have_become_a_base_that_can_be_resolved(holder: str, gguf: Path, tmp_path: Path) -> None:
    from selftune.bases.registry import REFERENCE, add_base, resolve_base

    home, held = tmp_path / "home", tmp_path / "held"
    put_model(held / "ollama", "library/tiny/1b", gguf.read_bytes())
    (held / "lmstudio" / "maker" / "tiny").mkdir(parents=True)
    (held / "lmstudio" / "maker" / "tiny" / "tiny-f16.gguf").write_bytes(gguf.read_bytes())
    name, source = {
        "file": (str(gguf), GgufFile()),
        "ollama": ("ollama:tiny:1b", OllamaModel(held / "ollama")),
        "lmstudio": ("lmstudio:tiny-f16", LmStudioModel(held / "lmstudio")),
    }[holder]
    added = add_base(name, home, source=source)
    base, folder = resolve_base(added.name, home)
    original, original_folder = resolve_base(REFERENCE)
    assert base == added
    assert base.parameters == original.parameters
    assert rendered_tokens(folder) == rendered_tokens(original_folder)
    assert "dequantised" in base.source
    assert folder.is_relative_to(home)
    if holder == "ollama":
        assert base.licence == "Apache-2.0"


@pytest.mark.needs("train")
def test_a_gguf_file_is_checked_from_its_header(gguf: Path, tmp_path: Path) -> None:
    from selftune.bases.registry import check_base

    report = check_base(str(gguf), tmp_path)
    assert report.trainable
    assert report.servable
    assert (report.architecture, report.context_length) == ("llama", 1024)
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(gguf.read_bytes()[:-1000])
    with pytest.raises(DamagedFileError):
        check_base(str(cut), tmp_path)
