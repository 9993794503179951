"""Two logs of answers to the same prompts are compared; what only one of them answers asks nobody."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from selftune.app.comparing import compare_files, in_words
from selftune.errors import ConfigError, UsageError
from selftune.judges.fake import FakeJudgeServer, fake_verdict
from selftune.judges.rubric import load_rubric
from selftune.loop.project import Project
from selftune.scoring.sequential import Verdict

NAMES = [item.name for item in load_rubric("golden").criteria]


def judged_at(project: Project, server: FakeJudgeServer, model: str = "fake-judge") -> Project:
    section = replace(project.config.judge, rubric="golden", endpoint=server.url, model=model, at_once=4)
    return replace(project, config=replace(project.config, judge=section))


def longer(number, body):
    turns = [json.loads(line) for line in body["messages"][1]["content"].split("\n") if line.startswith("{")]
    first, second = (turn["content"] for turn in turns if turn["role"].startswith("answer"))
    return 200, fake_verdict(dict.fromkeys(NAMES, 1.0 if len(first) > len(second) else 5.0)), "stop"


def write(path, answers: dict[str, str], model: str | None = None):
    rows = [{"prompt": prompt, "response": answer, "model": model} for prompt, answer in answers.items()]
    path.write_text("\n".join(map(json.dumps, rows)))
    return path


def logs(tmp_path, count: int = 40, model: str | None = None):
    ours = {f"Question {number}?": "a much longer answer" for number in range(count)} | {"Only here?": "Yes."}
    theirs = {f"Question {number}?": "short" for number in reversed(range(count))}
    return write(tmp_path / "ours.jsonl", ours, model), write(tmp_path / "theirs.jsonl", theirs)


def test_every_shared_prompt_is_compared_in_both_orders(project, tmp_path):
    with FakeJudgeServer(longer).running() as server:
        outcome = compare_files(judged_at(project, server), *logs(tmp_path))
    assert (outcome.pairs, outcome.only_ours, outcome.only_theirs) == (40, 1, 0)
    assert (outcome.comparison.wins, outcome.comparison.calls, len(server.asked)) == (40, 80, 80)
    assert list(in_words(outcome)) == [
        "pairwise:fake-judge on 40 of 40 shared prompts, each in both orders (80 calls)",
        "  better 40, tied 0, worse 0, unscored 0",
        "  same winner in both orders: 100% (95 % 91% to 100%, n = 40)",
        "  answered by one file only: 1 and 0",
    ]


def test_a_clear_comparison_stops_early(project, tmp_path):
    with FakeJudgeServer(longer).running() as server:
        outcome = compare_files(judged_at(project, server), *logs(tmp_path, 100), sequential=True)
    assert outcome.comparison.sequential is not None
    assert (outcome.comparison.sequential.verdict, outcome.comparison.sequential.n) == (Verdict.BETTER, 17)
    assert len(server.asked) <= 2 * (17 + 4)
    assert any("sequential test: better after 17" in line for line in in_words(outcome))


def test_a_judge_of_the_family_that_wrote_the_answers_is_told(project, tmp_path):
    with FakeJudgeServer(longer).running() as server:
        related = compare_files(judged_at(project, server, "Qwen/Qwen2.5-72B"), *logs(tmp_path, 2, "qwen2.5:7b"))
        stranger = compare_files(judged_at(project, server, "llama-3"), *logs(tmp_path, 2, "qwen2.5:7b"))
    assert related.related == ("qwen",)
    assert any("kin of what it judges (qwen)" in line for line in in_words(related))
    assert stranger.related == ()


def test_logs_without_a_common_prompt_and_projects_without_an_endpoint_are_refused(project, tmp_path):
    ours, theirs = logs(tmp_path, 2)
    with pytest.raises(ConfigError, match="needs an endpoint and a model"):
        compare_files(project, ours, theirs)
    with FakeJudgeServer(longer).running() as server, pytest.raises(UsageError, match="share no prompt"):
        compare_files(judged_at(project, server), ours, write(tmp_path / "other.jsonl", {"Other?": "Yes."}))
