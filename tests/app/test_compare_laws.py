"""What holds for any two files: the words follow from the interval, no file breaks a reader, JSON stays JSON."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selftune.app.linting.lint import lint_report
from selftune.app.refereeing import Compared, Wishes, as_document, compare_files
from selftune.app.refereeing_page import comparison_page
from selftune.app.reporting.pages.html import as_html
from selftune.app.scores.base import Asked
from selftune.app.scores.files import read_scores
from selftune.errors import SelftuneError
from selftune.gate.policies import load_policy
from selftune.gate.referee.compare import referee
from selftune.gate.referee.verdict import Finding, Terms
from selftune.records.codec import to_builtins
from selftune.records.scores import ScoredRow, ScoreSheet, SheetFacts

law = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEN = (0.0, 10.0)
scores = st.none() | st.floats(0, 10).map(lambda score: round(score, 2))
words = st.none() | st.sampled_from(["a", "b"])
rows = st.builds(
    ScoredRow,
    item_id=st.integers(0, 14).map(str),
    score=scores,
    reason=st.just("lost"),
    category=words,
    difficulty=words,
    agent=words,
    cluster=words,
    repeat=st.just(""),
    judge_overall=scores,
    stated=scores,
    critical=st.booleans(),
    asked=st.none() | st.just("Why?"),
)
suffixes = st.sampled_from(["csv", "tsv", "json", "jsonl", "eval"])
arms = st.lists(rows, max_size=15, unique_by=lambda row: row.item_id)


def sheet(held) -> ScoreSheet:
    return ScoreSheet(held, SheetFacts(name="arm", format="test", metric="score"))


@law
@given(arms, arms, st.sampled_from([0.05, 0.5, 1.0]), st.booleans())
def test_the_words_follow_from_the_interval_and_everything_can_be_written(old, new, limit, with_policy):
    champion, candidate = sheet(old), sheet(new)
    policy = load_policy("small") if with_policy else None
    verdict = referee(champion, candidate, Terms(max_unscored=limit), scale=TEN, policy=policy)
    low, high = verdict.interval or (0.0, 0.0)
    if verdict.outcome is Finding.BETTER:
        assert low > 0
        assert verdict.difference >= 0.2 - 1e-9
    if verdict.outcome is Finding.WORSE:
        assert high < 0
    if verdict.difference is not None:
        assert low - 1e-6 <= verdict.difference <= high + 1e-6
    if verdict.items_needed is not None:
        assert (verdict.outcome, verdict.items_needed > verdict.n) == (Finding.INCONCLUSIVE, True)
    json.dumps(to_builtins(as_document(verdict)), allow_nan=False)
    as_html(comparison_page(Compared(verdict=verdict, champion=champion, candidate=candidate)))


@law
@given(arms, arms)
def test_an_item_without_a_score_moves_no_mean(old, new):
    terms = Terms(max_unscored=1.0)
    lost = ScoredRow(item_id="lost", score=None, reason="an outage")
    plain = referee(sheet(old), sheet(new), terms, scale=TEN)
    beside = referee(sheet([*old, lost]), sheet([*new, lost]), terms, scale=TEN)
    assert (beside.difference, beside.n, beside.champion.mean) == (plain.difference, plain.n, plain.champion.mean)
    assert beside.champion.unscored[-1].item_id == "lost"


@law
@given(arms, arms, st.randoms(use_true_random=False))
def test_the_order_of_the_rows_does_not_matter_where_every_flip_is_counted(old, new, chance):
    shuffled = list(new)
    chance.shuffle(shuffled)
    terms = Terms(max_unscored=1.0)
    one, other = (referee(sheet(old), sheet(held), terms, scale=TEN) for held in (new, shuffled))
    assert (one.outcome, one.n) == (other.outcome, other.n)
    assert one.difference == pytest.approx(other.difference)


@law
@given(
    st.binary(max_size=300) | st.text(max_size=300).map(str.encode),
    st.sampled_from(["csv", "tsv", "json", "jsonl", "eval"]),
)
def test_no_file_breaks_a_reader(tmp_path, content, suffix):
    path = tmp_path / f"any.{suffix}"
    path.write_bytes(content)
    # Whatever else is raised fails the test.
    with suppress(SelftuneError):
        read_scores(path, Asked())


cells = st.sampled_from(["", "1", "0.5", "a", "NaN", "1e400", '"', ",", "\n", "true", "-", "ä", "\x00"])


@law
@given(st.lists(st.lists(cells, max_size=4), max_size=6))
def test_no_table_breaks_a_comparison(tmp_path, table):
    path = tmp_path / "any.csv"
    path.write_text("item_id,score,category\n" + "\n".join(",".join(row) for row in table))
    # Whatever else is raised fails the test.
    with suppress(SelftuneError):
        compare_files(str(path), str(path), Wishes())


pieces = st.sampled_from(
    ["| Run | Overall | A |", "|---|---|---|", "| x | 1.0 | 2 |", "| y | - |", "# Raw scores", "corrected:", "A=abc",
     "1 + 2 = 4", "from 1.0 to 2.0, a +3.0 gain", "a 3x drop from 9.0 to 1.0", "robust", "0%", "5 (0%) 0 (0%) 0 (0%)",
     "near-optimal", "0% (0/0)", "| Delta | +0% | 0 |", "10 prompts"]
)  # fmt: skip


@law
@given(st.lists(pieces, max_size=25) | st.lists(st.text(max_size=40), max_size=10))
def test_no_report_breaks_the_linter(tmp_path, lines):
    path = tmp_path / "report.md"
    path.write_text("\n".join(lines))
    for one in lint_report(path).contradictions:
        assert all(1 <= line <= len(path.read_text().splitlines()) for line in one.lines)
