"""Greedy agreement: what rounding decides is no difference, anything else ends the count."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from selftune.builds.gguf_writer import write_gguf
from selftune.builds.parity import compare_greedy, stopping_ids
from selftune.builds.reference_model import ReferenceModel
from selftune.builds.tensor_types import Quantisation
from selftune.builds.tensors import open_folder
from selftune.serving.llama_cpp import run_server
from selftune.serving.ordering import Order

WORDS, END = 12, 0
ROUNDING, SEEN = 0.01, 0.05


class FakeReference:
    """A fake: whatever came before, the next token is the one after the last, and of others it says what is planted.

    Attributes:
        behind: By how many nats each other token is less likely than the best, after so many tokens said.
    """

    end_ids = frozenset({END})

    def __init__(self, behind: dict[int, dict[int, float]]) -> None:
        self.behind = behind

    def continue_greedily(self, tokens: list[int], count: int) -> list[int]:
        self.asked = len(tokens)
        return list(range(1, 1 + min(count, WORDS - 1)))

    def log_probabilities(self, tokens: list[int], start: int) -> np.ndarray:
        said = len(tokens) - self.asked
        row = np.full(WORDS, -50.0)
        row[said + 1] = -0.5
        for token, nats in self.behind.get(said, {}).items():
            row[token] = -0.5 - nats
        return row[None]


class FakeServer:
    """A fake: says what the fake reference says, but for what is planted; None in a place ends the answer."""

    def __init__(self, says: dict[int, int | None]) -> None:
        self.says = says
        self.asked: int | None = None

    def complete(self, tokens: list[int], *, n_predict: int) -> dict[str, list[int]]:
        self.asked = len(tokens) if self.asked is None else self.asked
        said = []
        for place in range(len(tokens) - self.asked, len(tokens) - self.asked + n_predict):
            token = self.says.get(place, place + 1)
            if token is None:
                break
            said.append(token)
            if token != place + 1:
                said += [END + 7] * 3  # another token, and it goes on with something else
                break
        return {"tokens": said}


@pytest.mark.parametrize(
    ("says", "behind", "shared"),
    [
        ({}, {}, 11),
        ({0: 5}, {0: {5: SEEN}}, 0),
        ({0: 5}, {0: {5: ROUNDING}}, 11),
        ({0: 5, 4: 9}, {0: {5: ROUNDING}, 4: {9: SEEN}}, 4),
        ({3: 8, 4: 9, 10: 2}, {3: {8: ROUNDING}, 4: {9: 0.0}, 10: {2: ROUNDING}}, 11),
        ({6: None}, {}, 6),
        ({6: None}, {6: {END: SEEN}}, 6),
        ({6: None}, {6: {END: ROUNDING}}, 11),
    ],
    ids=[
        "nothing differs",
        "another token",
        "a tie in the first place does not cost the rest",
        "a difference after a tie",
        "ties one after another",
        "ends where the reference goes on",
        "ends, and the reference nearly would not",
        "ends where the reference might as well",
    ],
)
def test_a_tie_is_no_difference_and_a_difference_ends_the_count(tiny, says, behind, shared):
    found = compare_greedy(FakeServer(says), FakeReference(behind), tiny(), quantisation=Quantisation.F16, prompts=1)
    assert (found.measured, found.n) == (pytest.approx(shared / 11), 11)


def test_a_file_with_one_matrix_upside_down_does_not_pass_for_its_source(tiny, tmp_path):
    broken = tmp_path / "broken"
    broken.mkdir()
    for path in tiny().iterdir():
        (broken / path.name).write_bytes(path.read_bytes())
    weights = load_file(broken / "model.safetensors")
    name = "model.layers.1.self_attn.o_proj.weight"
    weights[name] = weights[name].flip(0).contiguous()
    save_file(weights, broken / "model.safetensors", metadata={"format": "pt"})
    reference = ReferenceModel(tiny(), None, stopping_ids(tiny()))
    figures = {}
    for folder in (tiny(), broken):
        file = tmp_path / f"{folder.name}.gguf"
        with open_folder(folder) as tensors:
            write_gguf(folder, tensors, file, Quantisation.F16)
        with run_server(Order(model=str(file), context_tokens=256, exact=True), tmp_path / "log") as server:
            figures[folder.name] = compare_greedy(
                server.client, reference, tiny(), quantisation=Quantisation.F16, prompts=8
            )
    sound, upside_down = figures[tiny().name], figures["broken"]
    assert sound.passed, sound
    assert not upside_down.passed, upside_down
