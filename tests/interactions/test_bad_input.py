"""Defined answers to whatever a file may hold."""

from __future__ import annotations

import io
import json
import os
import re
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selftune.errors import UsageError
from selftune.interactions.config import Capture
from selftune.interactions.detect import list_logs, open_sources
from selftune.interactions.formats.openai import OpenAIMessages
from selftune.interactions.reading.documents import Document, Limits
from selftune.interactions.reading.lines import mend_escapes, read_entries
from selftune.interactions.repair import join_surrogates
from selftune.interactions.stage import capture
from selftune.records import Interaction, Quarantined, decode_record, encode_record
from selftune.testing import fake_context


class Dribble(io.BytesIO):
    """A stream that gives a few bytes at a time."""

    def __init__(self, data: bytes, step: int) -> None:
        super().__init__(data)
        self._step = step

    def read(self, size=-1):
        return super().read(min(self._step, size) if size > 0 else size)


GOOD = b'{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}'


def read(data: bytes, tmp_path, name: str = "log.jsonl") -> list[Interaction | Quarantined]:
    path = tmp_path / name
    path.write_bytes(data)
    return list(capture([OpenAIMessages(path)], Capture(), fake_context(tmp_path)))


def said(text: str) -> bytes:
    return b'{"messages": [{"role": "user", "content": ' + text.encode() + b"}]}"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"messages": [', "not JSON"),
        (b"[1, 2", "not JSON"),
        (b"null", "the entry is no object but missing"),
        (b'"text"', "the entry is no object but a str"),
        (b"{}", "'messages' is no list but missing"),
        (b'{"messages": []}', "it holds no message"),
        (b'{"messages": [7]}', "a message is no object but a int"),
        (b'{"messages": [{"role": "wizard", "content": "x"}]}', "has the role 'wizard'"),
        (b'{"messages": [{"role": "user", "content": 7}]}', "content of message 1 is no list but a int"),
        (b'{"messages": [{"role": "user", "content": "x"}], "messages": []}', "key 'messages' occurs twice"),
        (said("NaN"), "NaN is not JSON"),
        (said("-Infinity"), "-Infinity is not JSON"),
        (said("1e999"), "number 1e999 is too large"),
        (said("[" * 100 + "]" * 100), "nested deeper than 64"),
        (said("[" * 100_000 + "]" * 100_000), "nested deeper than 64"),
        (said("1" * 5000), "not JSON"),
        (b'{"messages": "\0"}', "holds NUL bytes"),
        (b"\0" * 512, "holds NUL bytes"),
        (GOOD[:-1] + b', "trigger": "sorcery"}', "'trigger' is 'sorcery'"),
        (GOOD[:-1] + b', "consent": {"train": "maybe"}}', "'consent'"),
        (GOOD[:-1] + b', "feedback": 5}', "'feedback'"),
        (GOOD[:-1] + b', "dissonance": ["high"]}', "'dissonance' holds something that is no number"),
    ],
)
def test_a_broken_line_is_quarantined_with_file_line_and_reason_and_the_rest_goes_in(line, reason, tmp_path):
    before, broken, after = read(GOOD + b"\n" + line + b"\n" + GOOD + b"\n", tmp_path)
    assert isinstance(before, Interaction)
    assert isinstance(after, Interaction)
    assert isinstance(broken, Quarantined)
    assert broken.reason.startswith("log.jsonl, line 2: ")
    assert reason in broken.reason
    assert broken.raw.encode() == line


def test_bom_crlf_blank_lines_and_a_missing_last_newline_change_nothing(tmp_path):
    plain = read(GOOD + b"\n" + GOOD + b"\n", tmp_path)
    odd = read(b"\xef\xbb\xbf" + GOOD + b"\r\n\r\n  \n" + GOOD, tmp_path)
    assert [item.position for item in odd] == [item.position for item in plain]


def test_utf_16_with_its_mark_is_read(tmp_path):
    line = '{"messages": [{"role": "user", "content": "größer"}]}'
    (got,) = read((line + "\n").encode("utf-16"), tmp_path)
    assert isinstance(got, Interaction)
    assert got.messages[0].content == "größer"


def test_a_line_in_windows_1252_is_read_as_such_and_flagged(tmp_path):
    good, old = read(said('"größer"') + b"\n" + said('"größer … „so“"').decode().encode("cp1252") + b"\n", tmp_path)
    assert isinstance(good, Interaction)
    assert isinstance(old, Interaction)
    assert good.flags == ()
    assert old.messages[0].content == "größer … „so“"
    assert set(old.flags) == {"read_as_windows_1252", "repaired_text"}


def test_a_document_in_windows_1252_flags_each_of_its_items(tmp_path):
    data = b"[" + said('"größer"').decode().encode("cp1252") + b", " + GOOD + b"]"
    for item in read(data, tmp_path, "log.json"):
        assert isinstance(item, Interaction)
        assert "read_as_windows_1252" in item.flags


def test_escaped_nul_and_half_a_surrogate_pair_are_mended_and_flagged(tmp_path):
    (got,) = read(said(r'"a\u0000b \ud83d \ud83d\ude00"'), tmp_path)
    assert isinstance(got, Interaction)
    assert got.messages[0].content == "ab \ufffd \U0001f600"
    assert got.flags == ("repaired_text",)
    encode_record(got).encode()


def test_without_repair_half_a_surrogate_pair_still_never_reaches_a_record(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(said(r'"\ud83d"') + b"\n")
    (got,) = capture([OpenAIMessages(path)], Capture(repair=False), fake_context(tmp_path))
    assert got.messages[0].content == "\ufffd"
    encode_record(got).encode()


CUT = "\ud83d"  # the first half of an emoji
FACTS = {"id": f"c{CUT}", "created_at": f"2026{CUT}", "user": CUT, "feedback": {"correction": f"no {CUT}"}}
ASSISTANT = {
    "role": "assistant",
    "content": f"a{CUT}",
    "persona": f"P{CUT}",
    "tool_calls": [{"function": {"name": f"w{CUT}", "arguments": {"k": CUT}}}],
}
CUT_ENTRIES = {
    "openai": {"messages": [{"role": "user", "content": f"u{CUT}"}, ASSISTANT]},
    "state_obedience": {"messages": [{"role": "system", "content": f"== STATE =={CUT}== END STATE =="}, ASSISTANT]},
    "sharegpt": {
        "system": f"s{CUT}",
        "conversations": [
            {"from": "human", "value": f"u{CUT}"},
            {"from": "function_call", "value": json.dumps({"name": f"w{CUT}", "arguments": {"k": CUT}})},
            {"from": "gpt", "value": f"a{CUT}"},
        ],
    },
    "a4ps": {"prompt": f"u{CUT}", "transcript": [{"persona": f"BRICK{CUT}", "content": f"a{CUT}"}]},
}


@pytest.mark.parametrize("repair", [True, False])
@pytest.mark.parametrize("format_name", CUT_ENTRIES)
def test_half_a_surrogate_pair_anywhere_in_an_entry_becomes_the_replacement_character(format_name, repair, tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(FACTS | CUT_ENTRIES[format_name]) + "\n")
    (got,) = capture(open_sources(path, format_name), Capture(repair=repair), fake_context(tmp_path))
    assert isinstance(got, Interaction)
    assert "repaired_text" in got.flags
    assert got.answer == "a\ufffd"
    assert got.feedback is not None
    assert got.feedback.correction == "no \ufffd"
    assert decode_record(encode_record(got).encode().decode(), Interaction) == got


@given(st.text(st.one_of(st.characters(), st.sampled_from("\\u\ud83d\ude00\udfff"))))
def test_mending_escapes_is_joining_surrogates(text):
    assert json.loads(mend_escapes(json.dumps(text))) == join_surrogates(text)
    assert json.loads(mend_escapes(json.dumps(json.dumps(text)))) == json.dumps(text)


def test_a_huge_line_is_quarantined_by_its_beginning(tmp_path):
    path = tmp_path / "log.jsonl"
    path.write_bytes(GOOD + b"\n" + b"x" * 5000 + b"\n" + GOOD)
    first, huge, last = read_entries(path, Limits(line_bytes=1000, kept_bytes=100))
    assert (first.fault, last.fault) == (None, None)
    assert huge.fault is not None
    assert huge.fault.startswith("5,001 bytes in one entry")
    assert len(huge.raw) == 100


def test_a_huge_file_in_utf_16_is_refused_with_the_way_to_recode_it(tmp_path):
    path = tmp_path / "log.json"
    path.write_bytes((b"[" + GOOD + b"]").decode().encode("utf-16"))
    with pytest.raises(UsageError, match="more than 50 bytes") as refused:
        list(read_entries(path, Limits(recoded_bytes=50)))
    assert "iconv" in refused.value.next_step


def test_an_item_that_is_too_long_is_set_aside_with_its_size_and_those_behind_it_are_read(tmp_path):
    path = tmp_path / "log.json"
    long, longer = b'{"messages": "' + b"x" * 5000 + b'"}', b'{"m": ["' + rb"x\\\" ]" * (1 << 19) + b'"]}'
    path.write_bytes(b"[" + b", ".join([GOOD, long, GOOD, longer, GOOD]) + b"]")
    assert len(longer) > 3 << 20
    entries = list(read_entries(path, Limits(line_bytes=1000, kept_bytes=100)))
    assert [entry.fault is None for entry in entries] == [True, False, True, False, True]
    for entry, data in ((entries[1], long), (entries[3], longer)):
        assert entry.fault is not None
        assert entry.fault.startswith(f"{len(data):,} bytes in one entry")
        assert len(entry.raw) == 100


@pytest.mark.parametrize(
    "broken",
    [
        b'{"a": 1,, "b": [2]}',
        b'{"a": "}" "b"}',
        b"nothing",
        b"}",
        b"[1 2]",
        b'{"messages": tru}',
        b'{"a": "\\"}" 5}',
    ],
)
def test_a_broken_item_ends_where_its_brackets_close_and_those_behind_it_are_read(broken, tmp_path):
    path = tmp_path / "log.json"
    path.write_bytes(b"[" + GOOD + b", " + broken + b" , " + GOOD + b"]")
    first, aside, last = read_entries(path)
    assert (first.fault, last.fault) == (None, None)
    assert aside.fault is not None
    assert aside.place == "item 2"
    assert aside.raw.encode() == broken


@pytest.mark.parametrize("broken", [b'{"a": "', b'{"a": [', b'{"a": "\\"}'])
def test_an_item_that_never_closes_takes_all_behind_it_along_and_says_so(broken, tmp_path):
    path = tmp_path / "log.json"
    path.write_bytes(b"[" + GOOD + b", " + broken + b", " + GOOD.replace(b'"', b"'"))
    first, rest = read_entries(path)
    assert first.fault is None
    assert rest.place == "item 2 and all after it"
    assert rest.raw.encode() == broken + b", " + GOOD.replace(b'"', b"'")


def test_an_array_larger_than_what_is_read_at_once_gives_all_its_items_and_stays_small(tmp_path):
    path = tmp_path / "log.json"
    with path.open("wb") as stream:
        stream.write(b"[")
        for number in range(6_000):
            stream.write(b",\n " if number else b" ")
            stream.write(said(json.dumps(f"{number} größer " + "word " * 300, ensure_ascii=False)))
        stream.write(b"]\n")
    assert path.stat().st_size > 8 << 20
    tracemalloc.start()
    texts = [entry.value["messages"][0]["content"][:6] for entry in read_entries(path)]
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert texts == [f"{number} größer"[:6] for number in range(6_000)]
    assert peak < path.stat().st_size


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(
        st.recursive(st.none() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9), st.lists),
        max_size=5,
    ),
    array=st.booleans(),
    step=st.integers(1, 7),
)
def test_items_come_out_whole_wherever_the_reading_stops(values, array, step):
    texts = [json.dumps(value, ensure_ascii=False) for value in values]
    text = f" [{' , '.join(texts)}]\n" if array else "\n".join(texts)
    items = list(Document(Dribble(text.encode("utf-8", "replace"), step), Limits()).items())
    expected = [value.encode("utf-8", "replace").decode() for value in texts]
    if array or not text.lstrip().startswith("["):
        assert [item.data.decode() for item in items] == expected


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text(alphabet='ab{}[],:"\\ 1', max_size=12), max_size=5),
    step=st.integers(1, 5),
    limit=st.sampled_from([3, 1000]),
)
def test_whatever_an_array_holds_every_byte_of_it_is_in_an_item_or_counted(texts, step, limit):
    data = ("[" + ",".join(texts) + "]").encode()
    whole = list(Document(io.BytesIO(data), Limits(line_bytes=limit, kept_bytes=2)).items())
    pieces = list(Document(Dribble(data, step), Limits(line_bytes=limit, kept_bytes=2)).items())
    if limit > len(data):
        assert [item[:3] for item in pieces] == [item[:3] for item in whole]
    for items in (whole, pieces):
        told = sum(len(re.sub(r"[\s,]", "", item.data.decode())) for item in items if item.size == len(item.data))
        held = len(re.sub(r"[\s,]", "", data.decode())) - 2
        assert told <= held + 1
        if all(item.size == len(item.data) for item in items):
            assert told >= held - 1


def test_a_broken_item_of_an_array_does_not_take_the_others_along(tmp_path):
    data = b"[" + GOOD + b', {"messages": [], "messages": []}, ' + GOOD + b', {"cut": '
    kinds = [(type(item), getattr(item, "reason", "")) for item in read(data, tmp_path, "log.json")]
    assert [kind for kind, _ in kinds] == [Interaction, Quarantined, Interaction, Quarantined]
    assert "item 2" in kinds[1][1]
    assert "item 4 and all after it" in kinds[3][1]


def test_what_follows_an_array_is_kept_whole_however_it_is_read():
    (rest,) = Document(Dribble("[] größer → ❌".encode(), 1), Limits()).items()
    assert (rest.place, rest.data.decode(), rest.size) == ("what follows the array", "größer → ❌", 16)


@pytest.mark.parametrize("tail", [b"]\n[" + GOOD + b"]", b",", b""])
def test_nothing_of_an_odd_array_is_lost_in_silence(tail, tmp_path):
    first, rest = read(b"[" + GOOD + tail, tmp_path, "log.json")
    assert isinstance(first, Interaction)
    assert isinstance(rest, Quarantined)


def test_lines_in_a_file_that_is_called_a_document_are_read_as_lines(tmp_path):
    first, broken, last = read(GOOD + b"\n" + b'{"cut": \n' + GOOD + b"\n", tmp_path, "log.json")
    assert isinstance(first, Interaction)
    assert isinstance(last, Interaction)
    assert isinstance(broken, Quarantined)
    assert broken.reason.startswith("log.json, line 2: not JSON")


def test_one_object_over_many_lines_is_one_entry(tmp_path):
    (got,) = read(json.dumps(json.loads(GOOD), indent=2).encode(), tmp_path, "log.json")
    assert isinstance(got, Interaction)


def test_a_long_file_is_streamed(tmp_path):
    path = tmp_path / "log.jsonl"
    with path.open("wb") as stream:
        for number in range(4_000):
            stream.write(said(json.dumps(f"{number} " + "word " * 200)) + b"\n")
    source = OpenAIMessages(path)
    context = fake_context(tmp_path)
    # Modules imported late, and the digests of texts that hold no secret (bounded, see `Remembered`), are not the file.
    assert sum(1 for _ in capture([source], Capture(redact=()), context)) == 4_000
    tracemalloc.start()
    count = sum(1 for _ in capture([source], Capture(redact=()), context))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert count == 4_000
    assert peak < path.stat().st_size / 3


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.one_of(st.binary(max_size=200), st.text(max_size=100).map(lambda text: said(json.dumps(text)))))
def test_no_bytes_make_the_reader_raise_or_lose_its_neighbours(tmp_path, data):
    got = read(GOOD + b"\n" + data.replace(b"\n", b"") + b"\n" + GOOD + b"\n", tmp_path)
    assert sum(isinstance(item, Interaction) for item in got) >= 2
    for item in got:
        assert decode_record(encode_record(item)) == item


def test_a_line_of_100_mb_is_set_aside_with_its_size_and_memory_stays_bounded(tmp_path):
    path, size = tmp_path / "log.jsonl", 100 << 20
    with path.open("wb") as stream:
        stream.write(GOOD + b"\n")
        for _ in range(size >> 20):
            stream.write(b"x" * (1 << 20))
        stream.write(b"\n" + GOOD + b"\n")
    tracemalloc.start()
    first, huge, last = read_entries(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (first.fault, last.fault) == (None, None)
    assert huge.fault is not None
    assert huge.fault.startswith("104,857,601 bytes in one entry, more than 16,777,216")
    assert len(huge.raw) == Limits().kept_bytes
    assert peak < size // 2


@pytest.mark.needs("odd-file-names")
def test_a_file_whose_name_is_no_utf_8_comes_in_under_a_name_that_can_be_kept(tmp_path):
    path = tmp_path / os.fsdecode(b"log-\xff.jsonl")
    path.write_bytes(GOOD + b"\n{\n")
    got, broken = capture(open_sources(path), Capture(), fake_context(tmp_path))
    assert got.source == "openai:log-\\xff.jsonl"
    assert broken.reason.startswith("log-\\xff.jsonl, line 2: not JSON")
    assert decode_record(encode_record(got).encode().decode()) == got


def test_links_that_lead_round_in_a_circle_do_not(tmp_path):
    folder = tmp_path / "logs"
    (folder / "inner").mkdir(parents=True)
    (folder / ".hidden").mkdir()
    for name in ("b.jsonl", "inner/a.jsonl", "inner/notes.txt", ".hidden/c.jsonl"):
        (folder / name).write_bytes(GOOD)
    (folder / "inner" / "back").symlink_to(folder, target_is_directory=True)
    (folder / "self.jsonl").symlink_to(folder / "self.jsonl")
    (folder / "folder.jsonl").mkdir()
    assert [path.relative_to(folder).as_posix() for path in list_logs(folder)] == ["b.jsonl", "inner/a.jsonl"]
