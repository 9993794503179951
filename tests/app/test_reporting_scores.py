"""Several models on one page: each with its interval, every two ruled on, none better by looking often."""

from __future__ import annotations

import random

import pytest
from tests.app.test_reporting import World
from tests.gate.referee_sheets import sheet

from selftune.app.reporting.naming import page_of, page_of_files
from selftune.app.reporting.pages.markdown import as_markdown
from selftune.app.reporting.scores import rule_every_pair, scores_page
from selftune.errors import UsageError
from selftune.gate.referee.verdict import Finding


def drawn(seed, *, shift=0.0, n=60):
    chance = random.Random(seed)
    return {f"q-{at:02}": min(10.0, max(0.0, chance.gauss(6.0 + shift, 1.0))) for at in range(n)}


def test_every_two_are_ruled_on_in_order():
    sheets = [sheet(drawn(1), name="a"), sheet(drawn(2, shift=2), name="b"), sheet(drawn(3, shift=-2), name="c")]
    ruled = rule_every_pair(sheets)
    named = [(one.verdict.champion.name, one.verdict.candidate.name, str(one.outcome)) for one in ruled]
    assert named == [("a", "b", "better"), ("a", "c", "worse"), ("b", "c", "worse")]


def test_a_verdict_that_only_holds_alone_fades_among_many():
    """Ten models that are equal but for one gain that would just do by itself."""
    level = {f"q-{at}": 5.0 + at % 3 for at in range(30)}
    chance = random.Random(4)
    gain = {name: score + chance.gauss(0.45, 1.0) for name, score in level.items()}
    two = [sheet(level, name="a"), sheet(gain, name="b")]
    (alone,) = rule_every_pair(two)
    assert alone.outcome is Finding.BETTER
    assert 0.002 < alone.p_value < 0.05
    others = [
        sheet(
            {name: score + random.Random(f"{seed}{name}").gauss(0, 1) for name, score in level.items()}, name=f"m{seed}"
        )
        for seed in range(8)
    ]
    among = rule_every_pair([*two, *others])[0]
    assert among.outcome is Finding.INCONCLUSIVE
    assert among.p_value > alone.p_value
    text = as_markdown(scores_page([*two, *others]))
    assert "better if these two were the only ones: " in text


def test_files_of_scores_stand_side_by_side_with_means_categories_and_verdicts(tmp_path):
    rows = [f"q-{at},{arm},{(at * 7 + shift) % 10 / 10},{'wit' if at % 2 else 'tone'}" for at in range(40)
            for arm, shift in (("old", 0), ("new", 1), ("newer", 2))]  # fmt: skip
    path = tmp_path / "scores.csv"
    path.write_text("item_id,arm,score,category\n" + "\n".join(rows))
    names = [f"{path}#{arm}" for arm in ("old", "new", "newer")]
    text = as_markdown(page_of_files(names))
    assert "| model | mean | interval | n | without a score | critical failures | tone | wit |" in text
    assert text.count("| old | ") >= 3
    assert "# Scores of old, new, newer" in text
    assert "Every answer has a score." in text


def test_scores_on_two_scales_are_refused_on_one_page(tmp_path):
    paths = [tmp_path / "ten.csv", tmp_path / "one.csv"]
    for path, width in zip(paths, (10, 1), strict=True):
        path.write_text("item_id,score\n" + "\n".join(f"q-{at},{at % 7 / 7 * width}" for at in range(30)))
    with pytest.raises(UsageError, match="can't stand on one page"):
        page_of_files([str(path) for path in paths])


def test_evaluations_side_by_side_are_ruled_on_too(project, tmp_path):
    world = World(project, tmp_path)
    text = as_markdown(page_of(project, [world.champion.id, world.candidate.id]))
    assert "## Every two of them" in text
    assert " | better | +0." in text
