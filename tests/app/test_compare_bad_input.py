"""What is wrong with a file or a wish is said plainly, with what to do next; nothing is guessed."""

from __future__ import annotations

import errno
import gzip
import io
import json
import os
import resource
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from selftune.app.cli.exit_codes import ExitCode, system_exit_code
from selftune.app.cli.main import app, register_commands
from selftune.app.cli.screen import show_error, show_system_error
from selftune.app.refereeing import Wishes, compare_files
from selftune.errors import ConfigError, MissingFileError, SelftuneError, UnknownNameError, UsageError
from selftune.gate.policies import policy_text


def archive(*names):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as into:
        for name in names:
            into.writestr(name, "<a/>")
    return packed.getvalue()


GOOD = "item_id,score\n" + "".join(f"i{n},{n % 5 + 1}\n" for n in range(20))


def compare(tmp_path, content, name="bad.csv", **wishes):
    bad, good = tmp_path / name, tmp_path / "good.csv"
    bad.write_bytes(content if isinstance(content, bytes) else content.encode())
    good.write_text(GOOD)
    return compare_files(str(good), str(bad), Wishes(**wishes))


def typed(*words):
    if not app.registered_commands:
        register_commands()
    return CliRunner().invoke(app, ["compare", *map(str, words)])


DEEP = "[" * 100_000 + "]" * 100_000
BAD = {
    "no text": ("bad.csv", b"item_id,score\na,\x80\x01\n", "is no table in UTF-8"),
    "UTF-16": ("bad.csv", GOOD.encode("utf-16"), "is no text in UTF-8 but in UTF-16"),
    "UTF-16, the other way round": ("bad.tsv", b"\xfe\xff" + GOOD.encode("utf-16-be"), "but in UTF-16"),
    "UTF-16 in lines of JSON": ("bad.jsonl", '{"item_id": "a"}'.encode("utf-16"), "but in UTF-16"),
    "compressed": ("bad.csv", gzip.compress(GOOD.encode()), r"it is compressed \(gzip\)"),
    "compressed lines": ("bad.jsonl.gz", gzip.compress(b'{"item_id": "a"}'), r"it is compressed \(gzip\)"),
    "a decimal comma": ("bad.csv", "item_id;score\na;1,5\n", "'1,5', which is no finite number; write decimals with a"),
    "half a document": ("bad.json", '[{"item_id": "a", "score": 1}, {"item', "is no JSON, or a part of it is missing"),
    "a sheet": ("bad.xlsx", archive("xl/workbook.xml"), "is an archive, and no log of Inspect AI"),
    "binary": ("bad.bin", bytes(range(256)), "no score file that we know"),
    "a picture by another name": ("bad.json", b"\x89PNG\r\n\x1a\n\0", "no score file that we know"),
    "empty": ("bad.csv", "", "holds no row"),
    "empty lines": ("bad.jsonl", "", "no score file that we know"),
    "only a header": ("bad.csv", "item_id,score\n", "holds no row"),
    "another object": ("bad.json", '{"a": 1}', "no score file that we know"),
    "other columns": ("bad.csv", "name,points\na,1\n", "has no column for the item; it has name, points"),
    "no score column": ("bad.jsonl", '{"item_id": "a"}\n', "has no column for the score; it has item_id"),
    "two columns of one name": ("bad.csv", "item_id,score,score\na,1,2\n", "two of its columns have one name"),
    "a row too short": ("bad.csv", "item_id,score\na,1\nb\n", "row 2 has 1 cells, the header 2"),
    "an open quote": ("bad.csv", 'item_id,score\n"a,1\n', "is no table in UTF-8"),
    "no id": ("bad.csv", "item_id,score\n,1\n", "row 1 names no item"),
    "a word for a score": ("bad.csv", "item_id,score\na,good\n", "the score of 'a' in row 1 is 'good'"),
    "NaN": ("bad.csv", "item_id,score\na,NaN\n", "'NaN', which is no finite number"),
    "infinite": ("bad.csv", "item_id,score\na,-inf\n", "'-inf', which is no finite number"),
    "NaN in JSON": ("bad.jsonl", '{"item_id": "a", "score": NaN}\n', "nan, which is no finite number"),
    "Infinity in JSON": ("bad.jsonl", '{"item_id": "a", "score": Infinity}\n', "inf, which is no finite number"),
    "a list for a score": ("bad.jsonl", '{"item_id": "a", "score": [1]}\n', "which is no finite number"),
    "huge": ("bad.csv", "item_id,score\na,1e300\n", "a score of 1e\\+300"),
    "huge whole number": ("bad.jsonl", '{"item_id": "a", "score": 1' + "0" * 400 + "}\n", "no finite number"),
    "the same item twice": ("bad.csv", "item_id,score\na,1\na,2\n", "item 'a' stands in it twice"),
    "an item again after thousands": (
        "bad.csv",
        "item_id,score\n" + "".join(f"i{n % 2500},1\n" for n in range(2501)),
        "item 'i0' stands in it twice",
    ),
    "the same repeat twice": ("bad.csv", "item_id,score,repeat\na,1,0\na,2,0\n", "item 'a' stands in it twice"),
    "half a line": ("bad.jsonl", '{"item_id": "a", "score": 1}\n{"item_id"', "is no JSON after row 1"),
    "a row that is none": ("bad.jsonl", '{"item_id": "a", "score": 1}\n7\n', "row 2 is no object"),
    "nested deeply": ("bad.json", DEEP, "can't be read: RecursionError|no score file that we know"),
    "nested deeply in a row": ("bad.jsonl", '{"item_id": "a", "score": 1}\n' + DEEP, "no JSON after row 1"),
    "results that are none": ("bad.json", '{"summary": {}, "results": [1]}', "has no list 'results' of objects"),
    "no results": ("bad.json", '{"summary": {}, "results": []}', "holds no row"),
    "a log without samples": ("bad.json", '{"eval": {"task": "t", "model": "m"}}', "sample"),
    "an archive that is none": ("bad.eval", b"PK\x03\x04 and no more", "bad.eval"),
    "a damaged record": ("bad.json", '{"record": "evaluation", "format": 1}', "."),
}  # fmt: skip


@pytest.mark.parametrize("what", BAD)
def test_a_bad_file_is_refused_with_what_is_wrong_and_what_to_do(what, tmp_path):
    name, content, said = BAD[what]
    with pytest.raises(SelftuneError, match=said) as caught:
        compare(tmp_path, content, name)
    assert caught.value.next_step
    assert str(tmp_path) not in caught.value.message


@pytest.mark.parametrize(
    "content",
    [
        "\ufeff" + GOOD,
        GOOD.replace("\n", "\r\n"),
        GOOD.replace(",", ";"),
        ("\ufeff" + GOOD).replace("\n", "\r\n").replace(",", ";"),
        GOOD.replace(",", "\t"),
        GOOD.replace("i1,", '"i1",') + "\n\n",
        "extra,score,item_id\n" + "".join(f"x,{n % 5 + 1},i{n}\n" for n in range(20)),
    ],
)
def test_tables_as_spreadsheets_write_them_read_the_same(content, tmp_path):
    verdict = compare(tmp_path, content)
    assert (verdict.n, verdict.difference) == (20, 0.0)


def test_json_lines_with_a_mark_in_front_read_the_same(tmp_path):
    lines = "".join(json.dumps({"item_id": f"i{n}", "score": n % 5 + 1}) + "\n" for n in range(20))
    assert compare(tmp_path, "\ufeff" + lines, "bad.jsonl").n == 20


def test_what_is_not_there_is_no_zero(tmp_path):
    content = GOOD.replace("i3,4", "i3,").replace("i4,5", "i4,n/a")
    verdict = compare(tmp_path, content)
    assert verdict.outcome == "invalid"
    assert [row.item_id for row in verdict.candidate.unscored] == ["i3", "i4"]
    assert compare(tmp_path, content, max_unscored=0.1).n == 18


def test_a_missing_file_an_unknown_metric_an_unknown_arm(tmp_path):
    with pytest.raises(MissingFileError):
        compare_files(str(tmp_path / "no.csv"), str(tmp_path / "no.csv"), Wishes())
    with pytest.raises(UnknownNameError, match="'scor'"):
        compare(tmp_path, GOOD, metric="scor")
    with pytest.raises(UnknownNameError):
        compare(tmp_path, GOOD, columns=(("item", "case"),))
    (tmp_path / "good.csv").write_text(GOOD)
    with pytest.raises(UsageError, match="no column of arms"):
        compare_files(f"{tmp_path}/good.csv#a", f"{tmp_path}/good.csv#b", Wishes())


def test_scales_that_do_not_fit_are_refused(tmp_path):
    small = "item_id,score\n" + "".join(f"i{n},{n % 5 / 5}\n" for n in range(20))
    with pytest.raises(UsageError, match="not seem to be scored on one scale"):
        compare(tmp_path, small)
    assert compare(tmp_path, small, scale=(0.0, 10.0)).outcome == "worse"
    percent = "item_id,score\n" + "".join(f"i{n},{n % 5 * 20 + 15}\n" for n in range(20))
    with pytest.raises(UsageError, match="end at 5, half of the other's lie above 10"):
        compare(tmp_path, percent)
    assert compare(tmp_path, percent, scale=(0.0, 100.0)).outcome == "better"
    with pytest.raises(UsageError, match="outside 0 to 1") as caught:
        compare(tmp_path, small, scale=(0.0, 1.0))
    assert "--scale" in caught.value.next_step


def test_a_missing_category_column_leaves_the_categories_out(tmp_path):
    labelled = "item_id,score,category\n" + "".join(f"i{n},{n % 5 + 1},c\n" for n in range(20))
    verdict = compare(tmp_path, labelled)
    assert (verdict.outcome, verdict.shifts) == ("inconclusive", ())
    assert [part.name for part in verdict.candidate.by_category] == ["c"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("alpah = 0.05\n", "alpah"),
        ("alpha = 2.0\n", "alpha"),
        ("power = 1.0\n", "power"),
        ("least_gain = -0.1\n", "least_gain"),
        ("max_unscored = 3.0\n", "max_unscored"),
        ('rules = ["gain"]\n', "is left out"),
        ('rules = ["gain", "shine"]\n', "shine"),
        ('alpha = "small"\n', "alpha"),
    ],
)
def test_a_policy_with_an_unknown_unwired_or_impossible_key_is_refused(text, said, tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=said) as caught:
        compare(tmp_path, GOOD, policy=str(path))
    assert caught.value.next_step


def test_a_policy_that_sets_what_no_declared_rule_reads_is_refused(tmp_path):
    path = tmp_path / "own.toml"
    path.write_text(policy_text("small").replace('"agent_cap", ', ""))
    with pytest.raises(ConfigError, match="'agent_cap' is set, but the rule 'agent_cap' that reads it is not declared"):
        compare(tmp_path, GOOD, policy=str(path))


def test_a_policy_that_is_not_there_is_refused(tmp_path):
    with pytest.raises(UnknownNameError):
        compare(tmp_path, GOOD, policy="smal")
    with pytest.raises(MissingFileError):
        compare(tmp_path, GOOD, policy=str(tmp_path / "no.toml"))


def test_a_folder_and_a_pipe_are_told_from_a_file_that_is_not_there(tmp_path):
    with pytest.raises(UsageError, match="is a folder"):
        compare_files(str(tmp_path), str(tmp_path), Wishes())
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(UsageError, match="is no file on a disk"):
        compare_files(str(tmp_path / "pipe"), str(tmp_path / "pipe"), Wishes())
    (tmp_path / "nowhere.csv").symlink_to(tmp_path / "gone.csv")
    with pytest.raises(MissingFileError):
        compare_files(str(tmp_path / "nowhere.csv"), str(tmp_path / "nowhere.csv"), Wishes())


def test_a_link_is_the_file_it_leads_to(tmp_path):
    (tmp_path / "own.csv").write_text(GOOD)
    (tmp_path / "link.csv").symlink_to("own.csv")
    assert compare_files(str(tmp_path / "own.csv"), str(tmp_path / "link.csv"), Wishes()).n == 20


def test_a_page_takes_the_place_of_an_older_page_and_of_no_scores(tmp_path):
    scores, page = tmp_path / "good.csv", tmp_path / "page.html"
    scores.write_text(GOOD)
    refused = typed(scores, scores, "--html", scores)
    assert isinstance(refused.exception, UsageError)
    assert "by its name it is no page" in refused.exception.message
    assert scores.read_text() == GOOD
    for _ in range(2):
        assert typed(scores, scores, "--html", page).exit_code == 4
    assert page.read_text().startswith("<!DOCTYPE html>")
    assert {path.name for path in tmp_path.iterdir()} == {"good.csv", "page.html"}


def test_a_page_that_the_disk_has_no_room_for_leaves_the_older_one_whole(tmp_path):
    scores, page = tmp_path / "good.csv", tmp_path / "page.html"
    scores.write_text(GOOD)
    page.write_text("the older page")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_000, before[1]))
    try:
        refused = typed(scores, scores, "--html", page)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert isinstance(refused.exception, OSError)
    assert page.read_text() == "the older page"
    assert {path.name for path in tmp_path.iterdir()} == {"good.csv", "page.html"}


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_device_is_written_to_and_not_replaced(tmp_path):
    scores = tmp_path / "good.csv"
    scores.write_text(GOOD)
    refused = typed(scores, scores, "--html", "/dev/full")
    assert (type(refused.exception), Path("/dev/full").is_char_device()) == (OSError, True)


def test_what_a_file_holds_steers_no_terminal_by_way_of_an_error(tmp_path, capsys):
    with pytest.raises(UsageError) as caught:
        compare(tmp_path, "it\x1b[31mem,sc\x1b]0;owned\x07ore\na,1\n")
    show_error(caught.value)
    show_system_error(FileNotFoundError(2, "No such file", "odd\x1b[2Jname"))
    said = capsys.readouterr().err
    assert "has no column for the item" in said
    assert not {"\x1b", "\x07"} & set(said)
    assert "Next: Check that path." in said


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("init", "{file}"), "Choose another path"),
        (("demo", "--folder", "{file}"), "a part of it is a file"),
    ],
)
def test_a_file_where_a_folder_was_meant_is_a_wrong_path_and_no_failure(arguments, said, tmp_path, capsys):
    place = tmp_path / "a file"
    place.write_text("x")
    if not app.registered_commands:
        register_commands()
    refused = CliRunner().invoke(app, [one.format(file=place) for one in arguments]).exception
    assert isinstance(refused, OSError)
    show_system_error(refused)
    assert system_exit_code(refused) is ExitCode.USAGE
    shown = capsys.readouterr().err
    assert said in shown
    assert "Errno" not in shown


def test_other_refusals_of_the_system_are_failures_but_a_full_disk_is_a_budget():
    assert system_exit_code(OSError(errno.ENOSPC, "full")) is ExitCode.BUDGET
    assert system_exit_code(OSError(errno.EIO, "broken")) is ExitCode.ERROR
