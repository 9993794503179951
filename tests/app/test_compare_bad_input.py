"""What is wrong with a file or a wish is said plainly, with what to do next; nothing is guessed."""

from __future__ import annotations

import json

import pytest

from selftune.app.refereeing import Wishes, compare_files
from selftune.errors import ConfigError, MissingFileError, SelftuneError, UnknownNameError, UsageError
from selftune.gate.policies import policy_text

GOOD = "item_id,score\n" + "".join(f"i{n},{n % 5 + 1}\n" for n in range(20))


def compare(tmp_path, content, name="bad.csv", **wishes):
    bad, good = tmp_path / name, tmp_path / "good.csv"
    bad.write_bytes(content if isinstance(content, bytes) else content.encode())
    good.write_text(GOOD)
    return compare_files(str(good), str(bad), Wishes(**wishes))


DEEP = "[" * 100_000 + "]" * 100_000
BAD = {
    "no text": ("bad.csv", b"\xff\xfe\x00\x01\x80", "is no table in UTF-8"),
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
