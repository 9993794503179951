"""Bases as people have them on disk, spoilt in every way: a message, a next step, an exit code; nothing is taken."""

from __future__ import annotations

import json
import shutil

import pytest
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.bases.rendering import against_rendering
from selftune.builds.tiny import make_tiny_model
from selftune.errors import SelftuneError

pytestmark = pytest.mark.needs("train")

if not app.registered_commands:
    register_commands()

WEIGHTS, TOKENIZER, TEMPLATE, CONFIG = "model.safetensors", "tokenizer.json", "chat_template.jinja", "config.json"
DOWN = "model.layers.0.mlp.down_proj.weight"
DAMAGED, REFUSED = 8, 2
NO_END = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("sound") / "mine", hidden=64)


@pytest.fixture
def base(sound, tmp_path):
    """A copy to spoil."""
    return shutil.copytree(sound, tmp_path / "mine")


def type_in(home, *words):
    """Exit code and everything said, as `main` has it."""
    done = CliRunner().invoke(app, words, env={"SELFTUNE_HOME": str(home)})
    if isinstance(done.exception, SelftuneError):
        return done.exception.exit_code, done.output + str(done.exception)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.output


def cut(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def edit_json(path, edit):
    body = json.loads(path.read_text())
    edit(body)
    path.write_text(json.dumps(body))


def edit_tensors(path, edit):
    from safetensors.torch import load_file, save_file

    tensors = load_file(path)
    edit(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


def be_a_pickle(folder):
    (folder / WEIGHTS).rename(folder / "pytorch_model.bin")


def add_token(body):
    where = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    body["added_tokens"].append({"id": 5000, "content": "<x>", "special": True, **where})


SPOILT = {
    "weights cut short": (lambda f: cut(f / WEIGHTS), DAMAGED, "bytes instead of"),
    "weights that are none": (lambda f: (f / WEIGHTS).write_bytes(b"\xff" * 500), DAMAGED, "no header"),
    "weights as a pickle": (be_a_pickle, REFUSED, "as a pickle (pytorch_model.bin), which can run code"),
    "no weights": (lambda f: (f / WEIGHTS).unlink(), REFUSED, "holds no *.safetensors"),
    "a tensor too few": (
        lambda f: edit_tensors(f / WEIGHTS, lambda t: t.pop(DOWN)),
        REFUSED,
        f"its files lack {DOWN}",
    ),
    "a tensor of another shape": (
        lambda f: edit_tensors(f / WEIGHTS, lambda t: t.update({DOWN: t[DOWN][:, 8:].clone()})),
        REFUSED,
        f"{DOWN} is 64 by 120 where its config asks for 64 by 128",
    ),
    "layers too few": (
        lambda f: edit_json(f / CONFIG, lambda c: c.update(num_hidden_layers=10**6)),
        REFUSED,
        "asks for 1,000,000 layers",
    ),
    "no architecture of ours": (
        lambda f: edit_json(f / CONFIG, lambda c: c.update(model_type="bert")),
        REFUSED,
        "architecture 'bert' is none of llama",
    ),
    "a vision-language model": (
        lambda f: edit_json(f / CONFIG, lambda c: c.update(vision_config={})),
        REFUSED,
        "vision-language model",
    ),
    "a config cut short": (lambda f: cut(f / CONFIG), DAMAGED, "config.json is damaged: not valid JSON"),
    "no config": (lambda f: (f / CONFIG).unlink(), REFUSED, "there is no config.json"),
    "a tokenizer cut short": (lambda f: cut(f / TOKENIZER), DAMAGED, "tokenizer.json is damaged"),
    "no tokenizer": (lambda f: (f / TOKENIZER).unlink(), REFUSED, "no tokenizer.json"),
    "the vocabulary of another model": (
        lambda f: edit_json(f / TOKENIZER, add_token),
        REFUSED,
        "its tokenizer has token 5,000, its model only 455 rows",
    ),
    "a tokenizer's settings that are none": (
        lambda f: (f / "tokenizer_config.json").write_text("nope"),
        DAMAGED,
        "tokenizer_config.json is damaged",
    ),
    "no template": (lambda f: (f / TEMPLATE).unlink(), REFUSED, "has no single chat template"),
    "a template that is no text": (
        lambda f: (f / TEMPLATE).write_bytes(b"\xff\xfe\x00"),
        DAMAGED,
        "chat_template.jinja is damaged: it is no UTF-8 text",
    ),
    "a template cut short": (lambda f: cut(f / TEMPLATE), REFUSED, "fails on a plain conversation (TemplateSyntaxErr"),
    "a template that breaks out": (
        lambda f: (f / TEMPLATE).write_text("{{ ''.__class__.__mro__[1].__subclasses__() }}"),
        REFUSED,
        "fails on a plain conversation (SecurityError",
    ),
    "a template that takes all memory": (
        lambda f: (f / TEMPLATE).write_text("{{ 'x' * 10**12 }}"),
        REFUSED,
        "fails on a plain conversation (MemoryError",
    ),
    "a template that forgets": (
        lambda f: (f / TEMPLATE).write_text("{{ messages[-1].content }}"),
        REFUSED,
        "loses words of a plain conversation",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("spoil", "code", "said"), SPOILT.values(), ids=SPOILT)
def test_a_spoilt_base_is_named_by_the_check_and_is_not_taken(spoil, code, said, base, tmp_path):
    spoil(base)
    tried = said.startswith(("fails", "loses"))  # in a process of its own, which costs a second
    for verb in ("add",) if tried else ("check", "add"):
        found = type_in(tmp_path, "base", verb, str(base))
        assert found[0] == code
        assert said in found[1]
    assert type_in(tmp_path, "base", "list") == (0, "reference\n")


def test_the_base_that_is_spoilt_above_is_sound(sound, tmp_path):
    code, said = type_in(tmp_path, "base", "check", str(sound))
    assert (code, "training: yes" in said, "serving: yes" in said) == (0, True, True)
    assert type_in(tmp_path, "base", "add", str(sound))[0] == 0


def test_a_template_without_end_is_ended(base):
    (base / TEMPLATE).write_text(NO_END)
    assert against_rendering(base, seconds=1) == ("its chat template does not come to an end within 1 s",)


@pytest.mark.parametrize("content", [b"GGUF\x03\x00\x00", b"hello world", b"GGUF\x03\x00\x00\x00" + b"\xff" * 16])
def test_a_gguf_file_that_is_none_is_damaged(content, tmp_path):
    (tmp_path / "model.gguf").write_bytes(content)
    for verb in ("check", "add"):
        code, said = type_in(tmp_path, "base", verb, str(tmp_path / "model.gguf"))
        assert code == DAMAGED
        assert "model.gguf is damaged" in said


def test_the_check_tries_the_template_too(base, tmp_path):
    (base / TEMPLATE).write_text("{{ messages[-1].content }}")
    code, said = type_in(tmp_path, "base", "check", str(base))
    assert code == REFUSED
    assert said.count("loses words of a plain conversation") == len(("training", "serving"))


def test_what_can_be_trained_and_not_served_is_taken_and_the_check_says_no(base, tmp_path):
    edit_json(base / CONFIG, lambda c: c.update(model_type="mistral", sliding_window=64))
    code, said = type_in(tmp_path, "base", "check", str(base))
    assert code == REFUSED
    assert "training: yes" in said
    assert "looks back 64 tokens" in said
    code, said = type_in(tmp_path, "base", "add", str(base))
    assert code == 0
    assert "Beware: it can't be served here: its sliding window: it looks back 64 tokens at most." in said
    assert "Note: its layers look back 64 tokens" in said


@pytest.mark.needs("serve")
def test_a_base_with_a_weight_that_is_no_number_is_never_served(base, tmp_path):
    edit_tensors(base / WEIGHTS, lambda t: t[DOWN].view(-1)[5].fill_(float("nan")))
    assert type_in(tmp_path, "base", "add", str(base))[0] == 0
    code, said = type_in(tmp_path, "init", str(tmp_path / "p"), "--base", "mine")
    assert code == REFUSED
    assert f"{DOWN} holds values that are no numbers" in said
