"""Files made to break a reader: for each family of formats each of them has an answer, and none takes the process."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from contextlib import closing, suppress
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from test_databases import TALK, logs
from test_every_source import SAMPLES
from test_inspect import ABOUT

from selftune.errors import SelftuneError
from selftune.interactions.config import Capture
from selftune.interactions.detect import GROUP, detect_format
from selftune.interactions.reading.documents import LIMITS
from selftune.interactions.reading.lines import MAX_DEPTH
from selftune.interactions.reading.yaml_lists import read_yaml
from selftune.interactions.stage import capture
from selftune.plugins import load_plugin, registered
from selftune.records import Interaction, Quarantined, decode_record, encode_record
from selftune.testing import fake_context

FORMATS = sorted(registered(GROUP))
SUFFIXES = (".jsonl", ".json", ".yaml", ".chatml", ".eval", ".parquet", ".db")
BLOBS = [json.dumps(sample).encode() for _, sample in SAMPLES]
HEADS = (b"PAR1", b"SQLite format 3\0", b"PK\x03\x04", b"\xff\xfe", b"\xef\xbb\xbf", b"<|im_start|>user\n", b"- ", b"[")
PIECES = (b"null", b"[]", b"{", b'"', b"\0", b"\xff", b"NaN", b"\n", b": ", b"\\ud83d", b"<|im_end|>", b"&a ", b"*a")


def read(path: Path, format_name: str) -> list[Interaction | Quarantined]:
    return list(capture([load_plugin(GROUP, format_name)(path)], Capture(redact=()), fake_context(path.parent)))


@st.composite
def damaged(draw) -> bytes:
    """A sample of some format with pieces cut out of it and others put in."""
    data = bytearray(draw(st.sampled_from(BLOBS)))
    for _ in range(draw(st.integers(1, 5))):
        at = draw(st.integers(0, len(data)))
        data[at : at + draw(st.integers(0, 9))] = draw(st.sampled_from(PIECES) | st.binary(max_size=3))
    return bytes(data)


@pytest.mark.parametrize("format_name", FORMATS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    data=st.one_of(
        st.binary(max_size=120), damaged(), st.builds(bytes.__add__, st.sampled_from(HEADS), st.binary(max_size=60))
    ),
    suffix=st.sampled_from(SUFFIXES),
)
def test_no_bytes_under_any_name_make_a_reader_raise_anything_but_our_errors(tmp_path, format_name, data, suffix):
    path = tmp_path / f"log{suffix}"
    path.write_bytes(data)
    items = []
    with suppress(SelftuneError):
        items = read(path, format_name)
    for item in items:
        assert decode_record(encode_record(item).encode().decode()) == item


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.one_of(st.binary(max_size=120), damaged()), suffix=st.sampled_from(SUFFIXES))
def test_no_bytes_make_the_detection_raise_anything_but_our_errors(tmp_path, data, suffix):
    path = tmp_path / f"log{suffix}"
    path.write_bytes(data)
    with suppress(SelftuneError):
        assert detect_format(path).name in FORMATS


# --- One good entry, one that is made to break, one good entry; as each family holds them -----------------------------

TURNS = [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yo"}]
GOOD = json.dumps({"messages": TURNS}).encode()
GOOD_YAML = b"- {prompt: Hi, transcript: [{persona: BRICK, content: Yo}]}\n"
GOOD_CHATML = b"<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\nYo<|im_end|>\n"
BOMB = b"[" * 30_000
SAMPLE = {"id": 1, "epoch": 1, "messages": TURNS}


def lines(path: Path, entry: bytes) -> list:
    path = path / "log.jsonl"
    path.write_bytes(GOOD + b"\n" + entry + b"\n" + GOOD + b"\n")
    return read(path, "openai")


def array(path: Path, entry: bytes) -> list:
    path = path / "log.json"
    path.write_bytes(b"[" + GOOD + b",\n" + entry + b",\n" + GOOD + b"]")
    return read(path, "openai")


def yaml(path: Path, entry: bytes) -> list:
    path = path / "log.yaml"
    path.write_bytes(GOOD_YAML + b"- " + entry + b"\n" + GOOD_YAML)
    return read(path, "a4ps")


def chatml(path: Path, entry: bytes) -> list:
    path = path / "log.chatml"
    path.write_bytes(GOOD_CHATML + b"\n" + entry + b"\n\n" + GOOD_CHATML)
    return read(path, "chatml")


def archive(path: Path, entry: bytes) -> list:
    path = path / "log.eval"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as stream:
        stream.writestr("header.json", json.dumps({"version": 2, "eval": ABOUT}))
        for number, data in enumerate((json.dumps(SAMPLE).encode(), entry, json.dumps(SAMPLE).encode())):
            stream.writestr(f"samples/{number}_epoch_1.json", data)
    return read(path, "inspect")


def database(path: Path, entry: bytes) -> list:
    path = logs(path / "logs.db", TALK[0])
    with closing(sqlite3.connect(path)) as opened, opened:
        opened.executemany(
            "INSERT INTO responses (id, conversation_id, model, prompt, response) VALUES (?, ?, ?, ?, ?)",
            [("odd", "c2", "m", entry, "Yo"), ("last", "c3", "m", "Hi", "Yo")],
        )
    return read(path, "llm")


FAMILIES = {make.__name__: make for make in (lines, array, yaml, chatml, archive, database)}
# What each family answers; `in` for an entry that comes in, else the reason why it is set aside. YAML is one document:
# what its parser can't read takes the neighbours along, and it is said.
ANSWERS: dict[str, tuple[bytes, dict[str, str]]] = {
    "a bomb": (
        b'{"messages": ' + BOMB + b"]" * 30_000 + b"}",
        {"lines": "nested deeper than 64", "array": "nested deeper than 64", "archive": "nested deeper than 64"},
    ),
    "a bomb in YAML": (BOMB + b"]" * 30_000, {"yaml": "nested deeper than 64"}),
    "a bomb that never closes": (b'{"a":' * 30_000, {"lines": "", "array": "", "archive": "", "yaml": ""}),
    "a key twice": (
        b'{"messages": [], "messages": []}',
        {"lines": "occurs twice in one object", "array": "occurs twice in one object", "archive": "occurs twice"},
    ),
    "a key twice in YAML": (b"{prompt: a, prompt: b, transcript: []}", {"yaml": "key 'prompt' occurs twice"}),
    "no number": (b'{"messages": NaN}', {"lines": "NaN is not JSON", "array": "NaN is not JSON"}),
    "no number in YAML": (b"{prompt: .nan, transcript: []}", {"yaml": "NaN is not JSON"}),
    "infinity in YAML": (b"{prompt: .inf, transcript: []}", {"yaml": "Infinity is not JSON"}),
    "NUL": (
        b'{"messages": "\0"}',
        {"lines": "holds NUL bytes", "array": "holds NUL bytes", "archive": "holds NUL bytes", "yaml": "not YAML"},
    ),
    "NUL in text": (b"<|im_start|>user\na\0b<|im_end|>", {"chatml": "in"}),
    "NUL in a database": (b"a\0b", {"database": ""}),
    "what refers to itself": (b"&a {prompt: x, transcript: [*a]}", {"yaml": "it refers back to parts of itself"}),
    "code in a tag": (b"!!python/object/apply:os.system [ls]", {"yaml": "its tag '!!python/object/apply:os.system'"}),
    "a set": (b"!!set {a, b}", {"yaml": "its tag '!!set'"}),
    "a key that is a list": (b"{[a, b]: c}", {"yaml": "a key that is a list or a mapping"}),
    "a date that is none": (b"{prompt: 2020-02-31, transcript: []}", {"yaml": "day is out of range"}),
    "keys of all kinds": (b"{1: a, 2020-01-01: b, true: c, null: d, 1.5: e}", {"yaml": "'prompt'"}),
    "a control character": (b'{prompt: "a\x01b", transcript: []}', {"yaml": "not YAML"}),
    "words outside of the turns": (b"and then", {"chatml": "stands outside of the turns"}),
}
CASES = [(name, family) for name, (_, answers) in ANSWERS.items() for family in answers]


@pytest.mark.parametrize(("name", "family"), CASES)
def test_each_family_has_its_answer(name, family, tmp_path):
    entry, answers = ANSWERS[name]
    items = FAMILIES[family](tmp_path, entry)
    aside = [item for item in items if isinstance(item, Quarantined)]
    if answers[family] == "in":
        assert (len(items), aside) == (3, [])
        return
    assert len(aside) == 1
    assert answers[family] in aside[0].reason
    place = aside[0].reason.split(": ")[0]
    assert len(items) - 1 == (0 if place.endswith("the document") else 1 if place.endswith("all after it") else 2)


@pytest.mark.parametrize("family", ["lines", "array", "yaml", "chatml", "archive"])
def test_a_line_end_of_windows_and_a_mark_of_byte_order_change_nothing(family, tmp_path):
    plain = {
        "lines": GOOD + b"\n" + GOOD,
        "array": b"[\n" + GOOD + b",\n" + GOOD + b"\n]",
        "yaml": GOOD_YAML * 2,
        "chatml": GOOD_CHATML + b"\n" + GOOD_CHATML,
        "archive": json.dumps({"version": 2, "eval": ABOUT, "samples": [SAMPLE, SAMPLE]}, indent=1).encode(),
    }[family]
    suffix = {"lines": ".jsonl", "yaml": ".yaml", "chatml": ".chatml"}.get(family, ".json")
    name = {"yaml": "a4ps", "chatml": "chatml", "archive": "inspect"}.get(family, "openai")
    said = []
    for number, data in enumerate((plain, b"\xef\xbb\xbf" + plain.replace(b"\n", b"\r\n"))):
        path = tmp_path / f"log{number}{suffix}"
        path.write_bytes(data)
        items = read(path, name)
        assert all(isinstance(item, Interaction) for item in items), items
        said.append([[(turn.role, turn.content.replace("\r\n", "\n")) for turn in one.messages] for one in items])
    assert len(said[0]) == 2
    assert said[0] == said[1]


@pytest.mark.parametrize(
    ("suffix", "name", "data"),
    [
        (".jsonl", "openai", b'{"messages": [{"role": "user", "content": "gr\xf6\xdfer"}]}\n'),
        (".json", "openai", b'[{"messages": [{"role": "user", "content": "gr\xf6\xdfer"}]}]'),
        (".yaml", "a4ps", b"- {prompt: gr\xf6\xdfer, transcript: [{persona: BRICK, content: Yo}]}\n"),
        (".chatml", "chatml", b"<|im_start|>user\ngr\xf6\xdfer<|im_end|>\n"),
        (".json", "inspect", json.dumps({"eval": ABOUT, "samples": [SAMPLE]}).encode().replace(b"Hi", b"gr\xf6\xdfer")),
    ],
)
def test_what_is_no_utf_8_is_read_as_windows_1252_and_says_so(suffix, name, data, tmp_path):
    path = tmp_path / f"log{suffix}"
    path.write_bytes(data)
    (got,) = read(path, name)
    assert isinstance(got, Interaction)
    assert got.messages[0].content == "größer"
    assert "read_as_windows_1252" in got.flags


@pytest.mark.parametrize(
    ("suffix", "name", "begin", "end"),
    [
        (".jsonl", "openai", b'{"messages": "', b'"}\n'),
        (".json", "openai", b'[{"messages": "', b'"}]'),
        (".yaml", "a4ps", b"- {prompt: ", b", transcript: []}\n"),
        (".chatml", "chatml", b"<|im_start|>user\n", b"<|im_end|>\n"),
    ],
)
def test_an_entry_that_is_too_long_is_set_aside_by_its_beginning(suffix, name, begin, end, tmp_path):
    path = tmp_path / f"log{suffix}"
    path.write_bytes(begin + b"x" * LIMITS.line_bytes + end)
    (aside,) = read(path, name)
    assert isinstance(aside, Quarantined)
    assert "bytes" in aside.reason
    assert len(aside.raw) <= LIMITS.kept_bytes


def test_an_archive_that_unfolds_to_more_than_an_entry_may_hold_is_not_unfolded(tmp_path):
    first, aside, last = archive(tmp_path, b"[" + b" " * LIMITS.line_bytes + b"]")
    assert isinstance(first, Interaction)
    assert isinstance(last, Interaction)
    assert "bytes in one sample" in aside.reason
    assert aside.raw == ""


@given(
    st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab:-{}[]#&*!|> \n", max_size=6), st.lists)
)
def test_yaml_reads_json_as_json(value):
    # JSON is nearly a subset of YAML 1.2, and these are among what both read alike.
    assert read_yaml(json.dumps([value]), deepest=MAX_DEPTH) == [value]


def test_every_format_has_a_sample_that_comes_in_and_a_place_in_the_docs():
    page = (Path(__file__).parents[2] / "docs" / "formats.md").read_text("utf-8")
    known = {name for name in FORMATS for source, _ in SAMPLES if load_plugin(GROUP, name) is source}
    assert known | {"llm"} == set(FORMATS)  # llm's database has tests of its own
    assert {name for name in FORMATS if f"\n## {name}\n" in page} == set(FORMATS)
