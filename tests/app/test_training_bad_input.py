"""Adapters and lessons that can't be what they should: refused by name, with an exit code, as a person meets it."""

from __future__ import annotations

import json
import struct

import pytest
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.errors import SelftuneError
from selftune.loop.project import create_project, open_project
from selftune.records import Dataset, DatasetKind, Example, Message

pytestmark = pytest.mark.needs("train")

if not app.registered_commands:
    register_commands()

CONFIG = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj"]}
PAIR = "base_model.model.model.layers.0.self_attn.q_proj.lora_{side}.weight"
HIDDEN = 256  # of the reference base
REFUSED, DAMAGED = 2, 8
NOTHING = float("nan")
WORDS = "The owl told the fox that the river had frozen over in the night, and nobody sang. "


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project on the reference base with one small dataset on record."""
    folder = tmp_path_factory.mktemp("bad") / "p"
    create_project(folder, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    said = (Message(role="user", content="Who sings?"), Message(role="assistant", content="Fobro sings it."))
    lesson = Example(salt="s", interaction_id="i", judgement_id=None, messages=said)
    dataset = Dataset(
        kind=DatasetKind.SFT,
        train=(lesson,),
        holdout=(),
        rejects=(),
        mixture=(),
        watermark=0,
        config_digest="",
        card="",
    )
    with open_project(folder) as opened:
        opened.store.save([dataset], event="made by a test")
    return folder, dataset.id


def type_in(*words):
    """Exit code and everything said, as `main` has it."""
    done = CliRunner().invoke(app, [str(word) for word in words])
    if isinstance(done.exception, SelftuneError):
        return done.exception.exit_code, done.output + str(done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def write_adapter(folder, *, hidden=HIDDEN, value=0.5, config=CONFIG, metadata=None):
    """An adapter of rank 2 on one layer, written by hand."""
    folder.mkdir(exist_ok=True)
    numbers = struct.pack(f"<{2 * hidden}f", *[value] * (2 * hidden))
    half = len(numbers)
    header = {
        PAIR.format(side="A"): {"dtype": "F32", "shape": [2, hidden], "data_offsets": [0, half]},
        PAIR.format(side="B"): {"dtype": "F32", "shape": [hidden, 2], "data_offsets": [half, 2 * half]},
        **({"__metadata__": metadata} if metadata else {}),
    }
    raw = json.dumps(header).encode()
    (folder / "adapter_model.safetensors").write_bytes(struct.pack("<Q", len(raw)) + raw + numbers * 2)
    (folder / "adapter_config.json").write_text(json.dumps(config))
    return folder


def cut(folder):
    weights = write_adapter(folder) / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])


def pickled(folder):
    (write_adapter(folder) / "adapter_model.safetensors").rename(folder / "adapter_model.bin")


ADAPTERS = {
    "no folder": (lambda f: None, REFUSED, "there is no adapter_model.safetensors"),
    "an empty folder": (lambda f: f.mkdir(), REFUSED, "there is no adapter_model.safetensors"),
    "a pickle": (pickled, REFUSED, "as a pickle (adapter_model.bin), which can run code"),
    "weights cut short": (cut, DAMAGED, "bytes instead of"),
    "a config that is none": (
        lambda f: (write_adapter(f) / "adapter_config.json").write_text("{"),
        DAMAGED,
        "adapter_config.json is damaged: not valid JSON",
    ),
    "no LoRA": (
        lambda f: write_adapter(f, config=CONFIG | {"peft_type": "VERA"}),
        REFUSED,
        "no plain LoRA: peft_type 'VERA'",
    ),
    "DoRA": (lambda f: write_adapter(f, config=CONFIG | {"use_dora": True}), REFUSED, "no plain LoRA: use_dora"),
    "of a base of another width": (lambda f: write_adapter(f, hidden=64), REFUSED, "does not fit reference"),
    "of another base by its own word": (
        lambda f: write_adapter(f, metadata={"selftune.base_digest": "sha256:other"}),
        REFUSED,
        "was trained on another base than reference",
    ),
    "a weight that is no number": (lambda f: write_adapter(f, value=NOTHING), DAMAGED, "no finite number"),
}


@pytest.mark.parametrize(("make", "code", "said"), ADAPTERS.values(), ids=ADAPTERS)
def test_an_adapter_that_is_none_of_ours_is_refused_by_name(make, code, said, project, tmp_path):
    make(tmp_path / "adapter")
    folder, dataset = project
    found = type_in("train", "import", tmp_path / "adapter", "--dataset", dataset, "-p", folder)
    assert found[0] == code
    assert said in found[1]


def test_a_folder_is_looked_at_before_anybody_is_asked_for_its_lessons(project, tmp_path):
    code, said = type_in("train", "import", tmp_path / "nothing", "-p", project[0])
    assert code == REFUSED
    assert "adapter_model.safetensors" in said
    write_adapter(tmp_path / "sound")
    code, said = type_in("train", "import", tmp_path / "sound", "-p", project[0])
    assert code == REFUSED
    assert "does not say which lessons" in said


def lessons(*pairs):
    rows = ({"messages": [{"role": "user", "content": a}, {"role": "assistant", "content": b}]} for a, b in pairs)
    return "".join(json.dumps(row) + "\n" for row in rows)


SOUND = tuple((f"Who sings song {n}?", f"Fobro sang {n} of them, in the night.") for n in range(8))
LESSONS = {
    "empty": ("", "holds no readable entry"),
    "no lessons but bytes": ("\x00\xff\x01" * 40, "holds no readable entry"),
    "one longer than the context": (lessons(*SOUND, ("Tell all.", WORDS * 40)), "longest example has"),
    "each longer than the recipe takes": (lessons(("Tell all.", WORDS * 400)), "0 to learn from"),
    "all tokens masked": (lessons(*((ask, "") for ask, _ in SOUND)), "its answer is empty"),
    "nearly all tokens masked": (lessons(*((WORDS * 4 + ask, "No.") for ask, _ in SOUND)), "would be under the loss"),
    "no answers": (json.dumps({"messages": [{"role": "user", "content": "x"}]}) + "\n", "0 to learn from"),
}


@pytest.mark.parametrize(("text", "said"), LESSONS.values(), ids=LESSONS)
def test_lessons_that_nothing_can_be_learnt_from_are_refused_before_a_step(text, said, project, tmp_path):
    (tmp_path / "lessons.jsonl").write_text(text, encoding="utf-8")
    found = type_in(
        "train", "--plan", "--dataset", tmp_path / "lessons.jsonl", "-p", project[0], "--recipe", "a4ps_sft"
    )
    assert found[0] == REFUSED
    assert said in found[1]


def test_the_lessons_that_are_spoilt_above_are_sound(project, tmp_path):
    (tmp_path / "lessons.jsonl").write_text(lessons(*SOUND), encoding="utf-8")
    code, said = type_in("train", "--plan", "--dataset", tmp_path / "lessons.jsonl", "-p", project[0])
    assert (code, "REFUSED" in said) == (0, False)
