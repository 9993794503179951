"""`selftune compare` reads every format it names, and prints exactly what `--json` promises."""

from __future__ import annotations

import json
import re
import zipfile
from pathlib import Path

import pytest
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.errors import UnknownNameError, UsageError
from selftune.loop.project import create_project, open_project
from selftune.records import Evaluation, GenerationParameters, ItemOutcome, encode_record
from selftune.testing import fake_build, fake_proof

if not app.registered_commands:
    register_commands()

KEYS = {
    "outcome", "reason", "difference", "interval", "p_value", "n", "items_needed", "method", "unpaired", "arms",
    "checks", "warnings",
}  # fmt: skip
ARM_KEYS = {
    "mean", "interval", "n", "judge_overall_mean", "by_category", "by_difficulty", "by_agent", "critical_failures",
    "unscored", "bimodality",
}  # fmt: skip
LOW = [3.0, 4.0, 5.0, 4.5, 3.5, 4.0, 5.5, 4.0, 3.0, 4.5, 5.0, 3.5]
HIGH = [8.0, 8.5, 7.5, 9.0, 8.0, 7.5, 9.0, 8.5, 8.0, 7.0, 9.5, 8.0]


def run(*words: object, catch: bool = True):
    return CliRunner().invoke(app, ["compare", *map(str, words)], catch_exceptions=catch)


def compared(*words: object) -> dict:
    done = run(*words, "--json")
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    document = json.loads(done.stdout)
    assert done.exit_code == {"better": 0, "worse": 3, "inconclusive": 4, "invalid": 8}[document["outcome"]]
    return document


def csv_file(path: Path, scores) -> Path:
    path.write_text("item_id,score\n" + "".join(f"i{n},{score}\n" for n, score in enumerate(scores)))
    return path


def judged_file(path: Path, scores, *, without=()) -> Path:
    """Five components a verdict, all equal, so that the weights give the same; the judge's own is 1 below."""
    names = ("voice_authenticity", "rhetorical_pattern", "historical_accuracy", "position_fidelity",
             "character_integrity")  # fmt: skip
    rows = []
    for n, score in enumerate(scores):
        verdict = {name: {"score": score, "justification": "As it is."} for name in names}
        verdict |= {"overall_score": score - 1, "critical_failures": ["breaks"] if score < 3.5 else []}
        failed = {name: {"score": 0, "justification": "Parse error"} for name in names} | {"overall_score": 0.0}
        rows.append({
            "id": f"q-{n}", "category": "tone" if n % 2 else "facts", "difficulty": "hard", "prompt": f"Question {n}?",
            "response": f"Answer {n}.", "scores": failed if n in without else verdict,
            "overall_score": 0.0 if n in without else score - 1,
        })  # fmt: skip
    path.write_text(json.dumps({"summary": {"judge_model": "j"}, "results": rows}))
    return path


def inspect_file(path: Path, scores, **config) -> Path:
    log = {
        "version": 2, "status": "success", "eval": {"task": "t", "model": "m"}, "plan": {"config": config},
        "samples": [
            {"id": n, "epoch": 1, "input": f"Question {n}?", "target": "", "messages": [],
             "metadata": {"category": "c"}, "scores": {"match": {"value": "C" if score > 6 else "I"}}}
            for n, score in enumerate(scores)
        ],
    }  # fmt: skip
    if path.suffix == ".eval":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("header.json", json.dumps({key: log[key] for key in log if key != "samples"}))
            for sample in log["samples"]:
                archive.writestr(f"samples/{sample['id']}_epoch_1.json", json.dumps(sample))
    else:
        path.write_text(json.dumps(log))
    return path


def harness_file(path: Path, scores, *, docs: str = "d") -> Path:
    rows = [
        {"doc_id": n, "doc_hash": f"{docs}{n}", "filtered_resps": [""], "filter": "none", "metrics": ["acc"],
         "acc": float(score > 6)}
        for n, score in enumerate(scores)
    ]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def evaluation_of(scores) -> Evaluation:
    build = fake_build()
    outcomes = tuple(
        ItemOutcome(
            item_id=f"i{n}", category="c", difficulty="easy", score=score / 10, answer="", reasons=(), agent="a",
            pair=f"p{n // 2}",
        )
        for n, score in enumerate(scores)
    )  # fmt: skip
    return Evaluation(
        build_id=build.id, build_digest=build.digest, proof=fake_proof(build), suite="s", suite_digest="d", scorer="x",
        scorer_lineage=(), generation=GenerationParameters(), seeds=(0,), outcomes=outcomes,
    )  # fmt: skip


def evaluation_file(path: Path, scores) -> Path:
    path.write_text(encode_record(evaluation_of(scores)))
    return path


WRITERS = {
    "judged.json": judged_file,
    "inspect.json": inspect_file,
    "inspect.eval": inspect_file,
    "samples_t_2026.jsonl": harness_file,
    "evaluation.json": evaluation_file,
    "table.csv": csv_file,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_is_told_better_worse_and_not_sure(name, tmp_path):
    for arm in ("old", "new"):
        (tmp_path / arm).mkdir()
    old, new = WRITERS[name](tmp_path / "old" / name, LOW), WRITERS[name](tmp_path / "new" / name, HIGH)
    forth, back, same = compared(old, new), compared(new, old), compared(old, old)
    assert [forth["outcome"], back["outcome"], same["outcome"]] == ["better", "worse", "inconclusive"]
    assert forth["n"] == len(LOW)
    assert forth["difference"] == pytest.approx(-back["difference"])


def test_evaluations_of_a_project_are_named_by_their_ids(tmp_path):
    create_project(tmp_path, name="p", base="reference", recipe="reference_sft", suite="state_obedience")
    build, old, new = fake_build(), evaluation_of(LOW), evaluation_of(HIGH)
    with open_project(tmp_path) as project:
        project.store.save([build, old, new], event="made by a test")
    found = compared(old.id, new.id[:30], "--project", tmp_path)
    assert (found["outcome"], found["n"]) == ("better", len(LOW))
    assert compared(evaluation_file(tmp_path / "old.json", LOW), new.id, "--project", tmp_path)["n"] == len(LOW)
    with pytest.raises(UnknownNameError, match="evaluation:none"):
        run(old.id, "evaluation:none", "--project", tmp_path, catch=False)


def test_json_holds_exactly_what_it_promises(tmp_path):
    old = judged_file(tmp_path / "old.json", LOW, without=(5, 6))
    document = compared(old, judged_file(tmp_path / "new.json", HIGH), "--max-unscored", 0.2)
    assert set(document) == KEYS
    assert set(document["unpaired"]) == {"difference", "interval", "p_value"}
    assert set(document["arms"]) == {"champion", "candidate"}
    assert all(set(arm) == ARM_KEYS for arm in document["arms"].values())
    assert all(
        set(check) == {"name", "measured", "threshold", "interval", "n", "status"} for check in document["checks"]
    )
    champion = document["arms"]["champion"]
    failed = {"reason": "the judge failed: Parse error"}
    assert champion["unscored"] == [{"item_id": "q-5"} | failed, {"item_id": "q-6"} | failed]
    scored = [score for n, score in enumerate(LOW) if n not in {5, 6}]
    assert champion["mean"] == pytest.approx(sum(scored) / 10)
    assert champion["judge_overall_mean"] == pytest.approx(sum(scored) / 10 - 1)
    assert champion["critical_failures"] == 2
    assert (champion["by_category"]["facts"]["n"], champion["by_difficulty"]["hard"]["n"]) == (5, 10)
    change = document["arms"]["candidate"]["by_category"]["facts"]["change"]
    assert set(change) == {"difference", "interval", "adjusted_p_value", "n"}
    assert any("counted as zeros" in warning for warning in document["warnings"])


def test_one_file_with_two_arms_and_columns_of_other_names(tmp_path):
    table = tmp_path / "both.jsonl"
    rows = [{"case": n, "who": who, "mark": score, "trial": 1} for who, scores in (("x", LOW), ("y", HIGH))
            for n, score in enumerate(scores)]  # fmt: skip
    table.write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = ("--item", "case", "--score", "mark", "--arm", "who")
    assert compared(f"{table}#x", f"{table}#y", *columns)["outcome"] == "better"
    with pytest.raises(UnknownNameError, match="'z'"):
        run(f"{table}#x", f"{table}#z", *columns, catch=False)
    with pytest.raises(UsageError, match="has no column for the item; it has case, who, mark, trial"):
        run(f"{table}#x", f"{table}#y", catch=False)


def test_a_table_may_hold_labels_repeats_and_reasons(tmp_path):
    def rows(scores, agent="a"):
        lines = ["item_id,score,category,difficulty,agent,repeat,cluster,reason,critical"]
        for n, score in enumerate(scores):
            lines += [f"i{n},{score},c{n % 2},easy,{agent},{k},g{n // 2},,{n == 0}" for k in range(2)]
        return "\n".join([*lines, "i99,,c0,easy,a,0,g9,the server was down,"]) + "\n"

    (tmp_path / "old.csv").write_text(rows(LOW))
    (tmp_path / "new.csv").write_text(rows(HIGH))
    document = compared(tmp_path / "old.csv", tmp_path / "new.csv", "--max-unscored", 0.1)
    assert (document["outcome"], document["n"]) == ("better", 12)
    assert "over 6 clusters" in document["method"]
    champion = document["arms"]["champion"]
    assert champion["unscored"] == [{"item_id": "i99", "reason": "the server was down"}]
    assert champion["critical_failures"] == 1
    assert set(champion["by_agent"]) == {"a"}


def test_other_parameters_and_other_questions_are_told_by_name(tmp_path):
    warm = inspect_file(tmp_path / "old.json", LOW, temperature=0.7)
    cold = inspect_file(tmp_path / "new.json", HIGH, temperature=1.0)
    assert any(warning.startswith("temperature was 0.7") for warning in compared(warm, cold)["warnings"])
    ours, theirs = harness_file(tmp_path / "a.jsonl", LOW), harness_file(tmp_path / "b.jsonl", HIGH, docs="e")
    other = compared(ours, theirs)
    assert (other["outcome"], other["n"]) == ("invalid", 0)
    assert "ask something else in the other arm" in other["reason"]


def test_the_table_for_people_reads_within_80_columns(tmp_path):
    old, new = judged_file(tmp_path / "old.json", LOW), judged_file(tmp_path / "new.json", HIGH)
    shown = run(old, new).stdout
    table = shown[shown.index("champion") - 40 : shown.index("Score: overall")]
    assert all(len(line) <= 80 for line in table.splitlines())
    assert shown.startswith("better: the candidate is better by +4.08")
    # Six pairs that all agree are two chances of 64: enough; the means stand beside them.
    assert "facts" in table
    three = run(judged_file(old, LOW[:6]), judged_file(new, HIGH[:6])).stdout
    assert "too few to say" in three
    assert "10.00" not in three.replace("from 0 to 10", "")


def test_the_page_is_one_file_that_asks_nobody_for_anything(tmp_path):
    old, new = judged_file(tmp_path / "old.json", LOW, without=(5,)), judged_file(tmp_path / "new.json", HIGH)
    page = tmp_path / "verdict.html"
    assert compared(old, new, "--max-unscored", 0.2, "--html", page)["outcome"] == "better"
    text = page.read_text()
    assert 'class="outcome good">better' in text
    assert not re.search(r'(?:src|href)="(?:https?:)?//|@import|url\(', text)
    assert "champion, q-5: the judge failed: Parse error" in text
    assert text.count("<svg") == 3
    assert "q-10" in text
    hostile = judged_file(tmp_path / "hostile.json", HIGH)
    hostile.write_text(hostile.read_text().replace("q-", "<script>alert(1)</script>-"))
    run(hostile, hostile, "--html", page)
    assert "<script>alert" not in page.read_text()


def test_the_page_of_an_outage_says_so(tmp_path):
    old = judged_file(tmp_path / "old.json", LOW, without=range(12))
    page = tmp_path / "verdict.html"
    assert compared(old, old, "--html", page)["outcome"] == "invalid"
    assert "nothing moved" in page.read_text()


def test_the_judges_own_overall_and_single_criteria_can_be_compared(tmp_path):
    old, new = judged_file(tmp_path / "old.json", LOW), judged_file(tmp_path / "new.json", HIGH)
    ours, own = compared(old, new), compared(old, new, "--metric", "judge_overall")
    assert own["arms"]["champion"]["mean"] == pytest.approx(ours["arms"]["champion"]["mean"] - 1)
    assert compared(old, new, "--metric", "voice_authenticity")["difference"] == pytest.approx(ours["difference"])
    with pytest.raises(UnknownNameError, match="'voice'"):
        run(old, new, "--metric", "voice", catch=False)


@pytest.mark.parametrize("listed", [True, False])
def test_samples_of_the_harness_with_several_metrics_ask_which(listed, tmp_path):
    def samples(name, shift):
        rows = [
            {"doc_id": n, "doc": {"q": 1}, "target": "x", "filtered_resps": [""], "acc": float((n + shift) % 4 > 1),
             "acc_norm": 1.0, "bleu": [1, 2], "n_words": 7}
            | ({"metrics": ["acc", "acc_norm", "bleu"], "filter": kind} if listed else {})
            for n in range(20) for kind in (("strict", "flexible") if listed else ("none",))
        ]  # fmt: skip
        (tmp_path / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        return tmp_path / name

    old, new = samples("samples_quiz_2026-01-01.jsonl", 0), samples("samples_quiz_2026-02-02.jsonl", 1)
    with pytest.raises(UsageError, match=r"holds [34] scores: acc"):
        run(old, new, catch=False)
    metric = "acc,strict" if listed else "acc"
    assert compared(old, new, "--metric", metric)["n"] == 20
    with pytest.raises(UnknownNameError):
        run(old, new, "--metric", "f1", catch=False)


def test_logs_of_inspect_with_words_parts_chats_and_broken_samples(tmp_path):
    def log(name, shift):
        samples = [
            {"id": n, "epoch": 1, "input": [{"role": "user", "content": f"Q{n}?", "id": f"{name}{n}"}],
             "scores": {"graded": {"value": {"wit": (n + shift) % 5, "said": "yes" if n % 3 else "0.5"}}}}
            for n in range(20)
        ]  # fmt: skip
        samples.append({"id": 20, "epoch": 1, "input": "Q?", "scores": {}, "error": {"message": "timeout\nat line 1"}})
        (tmp_path / name).write_text(
            json.dumps({"version": 2, "eval": {"task": "t", "model": "m"}, "plan": {}, "samples": samples})
        )
        return tmp_path / name

    old, new = log("old.json", 0), log("new.json", 1)
    with pytest.raises(UsageError, match="holds 2 scores"):
        run(old, new, catch=False)
    found = compared(old, new, "--metric", "graded.wit")
    assert (found["n"], found["outcome"]) == (20, "inconclusive")
    assert found["arms"]["champion"]["unscored"] == [{"item_id": "20", "reason": "the sample broke off: timeout"}]
    assert compared(old, new, "--metric", "graded.said")["arms"]["champion"]["mean"] == pytest.approx(16.5 / 20)
    with pytest.raises(UnknownNameError):
        run(old, new, "--metric", "graded.tone", catch=False)


def test_a_json_array_is_a_table_too_and_truth_values_are_scores(tmp_path):
    rows = [{"id": n, "score": n % 2 == 0, "category": 7} for n in range(20)]
    (tmp_path / "rows.json").write_text("\ufeff" + json.dumps(rows))
    (tmp_path / "words.csv").write_text("id,score\n" + "".join(f"{n},{n % 2 == 0}\n" for n in range(20)))
    found = compared(tmp_path / "rows.json", tmp_path / "words.csv")
    assert (found["difference"], list(found["arms"]["champion"]["by_category"])) == (0.0, ["7"])


def test_names_from_a_file_steer_no_terminal(tmp_path):
    rows = "".join(f"i{n},{n % 5},\x1b[31mred [bold]\n" for n in range(12))
    (tmp_path / "odd.csv").write_text("item_id,score,category\n" + rows)
    shown = run(tmp_path / "odd.csv", tmp_path / "odd.csv").stdout
    assert "red [bold]" in shown
    assert "\x1b" not in shown


def test_only_a_name_that_the_harness_gave_tells_the_task(tmp_path):
    mine, yours = tmp_path / "samples_quiz_base.jsonl", tmp_path / "samples_quiz_tuned.jsonl"
    assert compared(harness_file(mine, LOW), harness_file(yours, HIGH))["outcome"] == "better"
    quiz, sums = (tmp_path / f"samples_{task}_2026-01-01T10-00-00.1.jsonl" for task in ("quiz", "sums"))
    other = compared(harness_file(quiz, LOW), harness_file(sums, HIGH))
    assert (other["outcome"], "suite is quiz in one arm, sums in the other" in other["reason"]) == ("invalid", True)
