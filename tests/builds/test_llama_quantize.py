"""Where the library's quantiser can't be used, `llama-quantize` makes the file; here a labelled fake of it."""

from __future__ import annotations

import os
import sys

import pytest

from selftune.bases.gguf_header import read_gguf_header
from selftune.builds.llama_quantize import write_model
from selftune.builds.quantise import QuantiserError
from selftune.builds.tensor_types import Quantisation
from selftune.builds.tensors import open_folder

pytestmark = [pytest.mark.needs("train"), pytest.mark.needs("serve")]

# Takes what the program's usage says it takes, and gives what was made beforehand.
FAKE = """#!{python}
# fake-llama-quantize
import shutil, sys
source, target, kind, threads = sys.argv[1:]
assert open(source, "rb").read(4) == b"GGUF" and kind == "Q4_K_M" and int(threads) > 0, sys.argv
if {fails}:
    print("main: failed to quantize model", file=sys.stderr)
    sys.exit(1)
shutil.copyfile("{made}", target)
print("main: build = 6442 (261e6a20)", file=sys.stderr)
"""


class NoQuantiser:
    """A folder's tensors, of which the first that is asked for finds the library at fault."""

    def __init__(self, tensors):
        self._tensors, self._asked = tensors, 0

    def shapes(self):
        return self._tensors.shapes()

    def rows(self, name):
        self._asked += 1
        if self._asked == 1:
            raise QuantiserError("Q4_K: this llama.cpp makes other bytes.", next_step="Build F16.")
        return self._tensors.rows(name)


@pytest.fixture
def write(tiny, tmp_path, monkeypatch):
    """Write a model where the library is at fault; with a fake program that gives a file of this kind, or none."""
    made, target = tmp_path / "made.gguf", tmp_path / "out" / "m.gguf"

    def run(gives=None, *, fails=False):
        place = tmp_path / "bin"
        place.mkdir()
        monkeypatch.setenv("PATH", f"{place}")
        with open_folder(tiny(hidden=512)) as tensors:
            if gives is not None:
                write_model(tiny(hidden=512), tensors, made, gives)
                program = place / "llama-quantize"
                program.write_text(FAKE.format(python=sys.executable, made=made, fails=fails))
                program.chmod(0o755)
            target.parent.mkdir()
            by = write_model(tiny(hidden=512), NoQuantiser(tensors), target, Quantisation.Q4_K_M)
        return target, made, by

    yield run
    assert {file.name for file in target.parent.iterdir()} <= {"m.gguf"}


def test_the_program_makes_the_file_from_the_weights_in_f32_and_leaves_nothing_else(write):
    target, made, by = write(Quantisation.Q4_K_M)
    assert by == "llama-quantize build 6442 (261e6a20)"
    assert target.read_bytes() == made.read_bytes()
    assert {tensor.type for tensor in read_gguf_header(target).tensors} == {"F32", "Q4_K", "Q6_K"}


def test_without_the_program_the_refusal_says_what_would_help(write):
    with pytest.raises(QuantiserError, match="makes other bytes") as refused:
        write()
    assert refused.value.next_step == "Build F16. Or put llama.cpp's llama-quantize on the PATH."


def test_a_program_that_fails_is_refused_with_its_words(write):
    with pytest.raises(QuantiserError, match="ended with 1: main: failed to quantize model"):
        write(Quantisation.Q4_K_M, fails=True)


def test_a_program_that_gives_other_types_is_refused_by_the_tensor(write):
    with pytest.raises(QuantiserError, match=r"wrote blk\.0\.attn_k\.weight as Q8_0, not as Q4_K"):
        write(Quantisation.Q8_0)


@pytest.mark.skipif("LLAMA_QUANTIZE" not in os.environ, reason="LLAMA_QUANTIZE names no real llama-quantize")
def test_the_real_program_makes_the_bytes_that_we_make(tiny, tmp_path):
    from selftune.builds.llama_quantize import quantise_by_program

    ours, theirs, whole = (tmp_path / f"{name}.gguf" for name in ("ours", "theirs", "whole"))
    with open_folder(tiny(hidden=512)) as tensors:
        write_model(tiny(hidden=512), tensors, ours, Quantisation.Q4_K_M)
        write_model(tiny(hidden=512), tensors, whole, Quantisation.F32)
    quantise_by_program(os.environ["LLAMA_QUANTIZE"], whole, theirs, Quantisation.Q4_K_M)
    assert data_of(ours) == data_of(theirs)


def data_of(file):
    from gguf import GGUFReader

    return {tensor.name: tensor.data.tobytes() for tensor in GGUFReader(file).tensors}
