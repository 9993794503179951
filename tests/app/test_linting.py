"""The linter of reports: each rule on a contradiction and on its honest twin, and on a real report that had many."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.app.linting.document import parse_report
from selftune.app.linting.lint import lint_report, read_report
from selftune.app.linting.numbers import amounts_in, cell_amount
from selftune.errors import MissingFileError, UsageError

if not app.registered_commands:
    register_commands()

FIELD = Path(os.environ.get("SELFTUNE_FIELD_DATA", "."))
SEED = next((FIELD.parent / "seeds").glob("001_*.txt"), None)

CATEGORIES = """# Scores (raw)

HO=honesty, MA=manners, TO=tone, WI=wit

| Run | Overall | HO | MA | TO | WI | Failures |
|---|---|---|---|---|---|---|
| Alder | 5.90 | 5.00 | 6.00 | 6.00 | 7.00 | 4 |
| Birch | 7.00 | 8.00 | 6.00 | 7.00 | 7.00 | 3 |
| Cedar | 4.70 | 2.00 | 5.00 | 9.00 | 4.00 | 9 |
| Elder | 5.00 | 6.00 | 4.00 | 3.00 | 7.00 | 6 |
| Hazel | 8.20 | 9.00 | 8.00 | 7.00 | 8.50 | 1 |
| Larch | 6.10 | 6.00 | 3.00 | 9.00 | 8.00 | 2 |

# Corrected scores

| Run | Overall | HO | MA | TO | WI |
|---|---|---|---|---|---|
| Birch | 7.50 | 8.40 | 6.60 | 7.50 | 7.50 |

The suite has 10 prompts: 3 of honesty, 3 of manners, 2 of tone and 2 of wit.
"""


def table(head: str, *rows: str) -> str:
    """A table of pipes; cells stand between them."""
    rule = " | ".join("---" for _ in head.split("|"))
    return "\n".join(f"| {row} |" for row in (head, rule, *rows))


def page(*blocks: str) -> str:
    """Blocks with a line between."""
    return "\n\n".join(blocks)


MARKUP = """<!DOCTYPE html><body><h1>R</h1>
<table><caption>Means</caption><tr><th>Kind<th>old<th>new<th>Delta<tr><td>tone<td><b>6.10</b><td>7.20<td>{change}</table>
{more}</body>"""

PAIRS = {
    "sum": (
        "The bill: $4.05 for words + $8 for machines = $15 in all.",
        "The bill: $4.05 for words + $8 = ~$12.",
    ),
    "sum with a product": (
        "It is 475 + 2 \u00d7 399 = 1,300 pairs.",
        "It is 475 + 2 \u00d7 399 = 1,273 pairs.",
    ),
    "parts": (
        table("Set | Pairs | Of what", "a | 510 | 415 talks + 19 letters"),
        table(
            "Set | Pairs | Of what",
            "a | 434 | 415 talks + 19 letters",
            "b | 1,273 | 475 old + 399 new pairs (2\u00d7 each)",
            "c | 80 | grown since -1 day, +30 days",
        ),
    ),
    "total": (
        table("Run | Training | Judging | Total", "a | $5 | $0.50 | $8"),
        table(
            "Run | Training | Judging | Total",
            "a | $5 | $0.50 | ~$6",
            "b | $1 | $1 | $2",
            "c | $1 | $2 | $3",
            "Total | ~$11",
        ),
    ),
    "total below": (
        table("Run | Note | Total", "a | x | $5", "b | x | $6", "c | x | $7", "Total | x | $28"),
        table("Run | Note | Total", "a | x | $5", "b | x | $6", "c | x | $7", "Total | x | $18"),
    ),
    "share": (
        "It broke in 57% (38/39) of answers.",
        "It broke in 97% (38/39) of answers.",
    ),
    "shares of a whole": (
        "Chosen were base 267 (67%), old 91 (33%) and new 41 (10%).",
        "Chosen were base 267 (67%), old 91 (23%) and new 41 (10%).",
    ),
    "delta": (
        table("Kind | old | new | Delta", "tone | 6.10 | 7.20 | +2.10"),
        table("Kind | old | new | Delta", "tone | 6.10 | 7.20 | +1.10", "wit | 1.4 | 9.1 | +550%"),
    ),
    "delta to the first": (
        table("Try | Score | Delta vs baseline", "base | 7.79 | -", "a | 7.31 | +0.48"),
        table("Try | Score | Delta vs baseline", "base | 7.79 | -", "a | 7.31 | -0.48"),
    ),
    "rise": (
        "Wit, which stood at 7.8/10 in all runs, rose to 8.53/10, a +0.57 gain.",
        "Wit, which stood at 7.96/10 in all runs, rose to 8.53/10, a +0.57 gain.",
    ),
    "ratio": (
        "It scored 8.52 there and 1.74 here, a 7\u00d7 degradation.",
        "It scored 8.52 there and 1.74 here, a 4.9\u00d7 drop.",
    ),
    "model name": (
        "The judge is Great Owl 4.6 (great-4-owl-20250514).",
        "The judge is Great Owl 4.6 (great-owl-4-6).",
    ),
    "blank": (
        table("Run | First | Second", "a | - | -", "b | 1.5 | 2.5", "c | 3.5 | 1.2"),
        table("Run | First | Second", "a | - | 1.2", "b | 1.5 | 2.5", "c | 3.5 | 1.2"),
    ),
    "blank with a note column": (
        table("Run | First | Second | note", "a | - | - | -", "b | 1.5 | 2.5 | -", "c | 3.5 | 1.2 | -"),
        table("Run | First | Second | note", "a | - | - | it collapsed", "b | 1.5 | 2.5 | -", "c | 3.5 | 1.2 | -"),
    ),
    "leak": (
        "Then 35 pairs targeting the weakest eval prompts were written.",
        "Then 35 pairs targeting the weakest eval prompts were written; gains there are reported apart.",
    ),
    "share of a whole, the other way round": (
        "It held in 38 of 39 answers (57 %). Of 40 answers, 10 (50%) were refusals.",
        "It held in 38 of 39 answers (97 %). Of 40 answers, 10 (25%) were refusals. Seen were 30 of 40 (see page 7).",
    ),
    "share columns": (
        table("Kind | hits | n | share", "a | 10 | 40 | 50%"),
        table("Kind | hits | n | share", "a | 10 | 40 | 25%", "b | - | 12 | -"),
    ),
    "more than the whole": (
        "The model passed 41 of 39 items.",
        "The model passed 38 of 39 items, and failed 1 of 39.",
    ),
    "parts of a count": (
        "The suite has n = 36 items: 10 easy, 12 medium and 20 hard.",
        "The suite has n = 36 items: 10 easy, 12 medium and 14 hard.",
    ),
    "split": (
        "The split is real 60%, synthetic 30%, other 20%.",
        "The split is real 60%, synthetic 30%, other 10%. A mix of 5%, 7% and 9% noise was tried.",
    ),
    "total of counts": (
        table("Category | n", "a | 10", "b | 12", "c | 14", "Total | 40"),
        table("Category | n", "a | 10", "b | 12", "c | 14", "Total | 36"),
    ),
    "interval without its mean": (
        "The mean is 0.61 [0.70, 0.80] on 36 items.",
        "The mean is 0.61 [0.53, 0.67] on 36 items; 8 of 200 [1.7 %, 7.7 %]; n = 36 [0.1, 0.2].",
    ),
    "interval turned round": (
        "The change is +0.12 [+0.20, +0.05].",
        "The change is +0.12 [+0.05, +0.20], in German [0,05; 0,20].",
    ),
    "interval in a column": (
        table("Arm | mean | interval | n", "new | 0.91 | [0.53, 0.67] | 36"),
        table("Check | found | threshold | interval", "gain | 0.61 | 0.02 | [0.53, 0.67]", "b | - | - | -"),
    ),
    "significance": (
        "The gain is significant (p = 0.21).",
        "The gain is not significant (p = 0.21). The other is significant (p = 0.01). Significant at 10 %, p = 0.07.",
    ),
    "rise by a share": (
        "The score rose from 4.00 to 5.00, a gain of 50%. It rose from 40% to 55%, by 25 percentage points.",
        "The score rose from 4.00 to 5.00, a gain of 25%. It rose from 40% to 55%, by 15 percentage points.",
    ),
    "minus as typesetters write it": (
        table("Kind | old | new | Delta", "tone | 7.20 | 6.10 | \u20132.10"),
        table("Kind | old | new | Delta", "tone | 7.20 | 6.10 | \u20131.10", "wit | 1.0 | 2.0 | \u2013"),
    ),
    "markup": (
        MARKUP.format(change="<p>+2.10</p>", more="<p>It broke in 97%<br>(38/39) of answers.</p>"),
        MARKUP.format(change="+1.10", more="<script>'57% (38/39)'</script><blockquote>57% (38/39)</blockquote>"),
    ),
    "what is only quoted": (
        "The model said: in 57% (38/39) of answers.\n\n```text\nfine\n```",
        "The model said:\n\n````text\nIt broke in 57% (38/39) of answers.\n```\n| a | b |\n````\n\nIt is 97% (38/39).",
    ),
    "optimum": (
        "The recipe is near-optimal.",
        "No change that was tried improved the recipe. Near-optimal does not follow.",
    ),
    "optimum with an interval": (
        "The rate sits at an optimum: 7.1.",
        "The rate sits at an optimum: 7.1 [6.9, 7.3].",
    ),
}

SWEEP = """TO=tone, WI=wit, HO=honesty

| Run | LR | Overall | TO | WI | HO |
|---|---|---|---|---|---|
| a | 2e-5 | 8.8 | 8.7 | 8.8 | 9.4 |
| b | 1.2e-5 | 8.3 | 8.3 | 6.9 | 9.5 |
| c | 8e-6 | 7.8 | 7.2 | 7.9 | 9.4 |

"""

CLAIMS = {
    "robust": ("Tone is robust to the learning rate.", "Honesty is robust to the learning rate."),
    "unchanged": ("Tone was unchanged at 8.7 across all LRs.", "Honesty was unchanged at 9.4 across all LRs."),
    "a range": ("TO and WI differ only 0.0-0.3 over the LRs.", "HO does differ, but HO differs only 0.0-0.1."),
    "turning": (
        "Lower LR sacrifices wit (WI: 8.8 vs 6.9).",
        "Lower LR sacrifices tone (TO: 8.7 vs 7.2). The overall rises monotonically with the LR.",
    ),
}

MIXED = {
    "sentence": (
        "It fell from 7.50 to 4.70 after that.",
        "It fell from 7.00 to 4.70 after that. Raw 7.00, corrected 7.50.",
    ),
    "sentence of corrected ones": (
        "Birch beats Alder: 7.50 vs 5.90.",
        "Birch beats Alder: 7.00 vs 5.90.",
    ),
    "table": (
        page(
            "Gains (corrected):",
            table(
                "Kind | Alder | Birch Corrected",
                "honesty | 5.00 | 8.40",
                "manners | 6.00 | 6.60",
                "tone | 6.00 | 7.50",
                "wit | 7.00 | 7.50",
            ),
        ),
        page(
            "Gains:",
            table(
                "Kind | Alder | Birch",
                "honesty | 5.00 | 8.00",
                "manners | 6.00 | 6.00",
                "tone | 6.00 | 7.00",
                "wit | 7.00 | 7.00",
            ),
        ),
    ),
    "row": (
        table("Run | Overall | HO | MA | TO | WI", "Birch | 7.50 | 8.00 | 6.60 | 7.50 | 7.50"),
        table("Run | Overall | HO | MA | TO | WI", "Birch | 7.50 | 8.40 | 6.60 | 7.50 | 7.50"),
    ),
    "weights": (
        table("Kind | Rowan (new)", "Overall | 8.00", "honesty | 7.0", "manners | 7.0", "tone | 7.5", "wit | 7.0"),
        table("Kind | Rowan (new)", "Overall | 7.10", "honesty | 7.0", "manners | 7.0", "tone | 7.5", "wit | 7.0"),
    ),
    "two values": (
        table("Kind | Birch (corrected) | x", "honesty | 8.4 | 1", "manners | 6.6 | 1", "wit | 7.1 | 1"),
        table("Kind | Birch (corrected) | x", "honesty | 8.4 | 1", "manners | 6.6 | 1", "wit | 7.5 | 1"),
    ),
    "owner": (
        page(table("Run | Steps", "Alder | 861", "Larch | 1,011"), "The 861-step run had 6.10 in all."),
        page(table("Run | Steps", "Alder | 861", "Larch | 1,011"), "The 1,011-step run had 6.10 in all."),
    ),
}


def linted(tmp_path, text: str):
    path = tmp_path / "report.md"
    path.write_text(text)
    return lint_report(path).contradictions


@pytest.mark.parametrize("name", PAIRS)
def test_a_contradiction_is_found_and_its_honest_twin_is_not(name, tmp_path):
    bad, good = PAIRS[name]
    assert [one.rule for one in linted(tmp_path, bad)], name
    assert linted(tmp_path, good) == ()


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_is_held_against_the_table_it_is_about(name, tmp_path):
    bad, good = CLAIMS[name]
    found = linted(tmp_path, SWEEP + bad)
    assert found
    assert all(one.lines == (10, 3) or set(one.lines) == {3, 9} for one in found)
    assert linted(tmp_path, SWEEP + good) == ()


@pytest.mark.parametrize("name", MIXED)
def test_figures_made_in_two_ways_are_not_held_against_each_other(name, tmp_path):
    bad, good = MIXED[name]
    assert linted(tmp_path, CATEGORIES) == ()
    assert linted(tmp_path, f"{CATEGORIES}\n# More\n\n{bad}"), name
    assert linted(tmp_path, f"{CATEGORIES}\n# More\n\n{good}") == ()


def test_adjusted_p_values_make_no_adjusted_scores(tmp_path):
    one = "Means; p-values adjusted for looking at each:\n\n" + table(
        "Kind | new | n", "all | 0.8 | 62", "x | 0.7 | 31"
    )
    other = one.replace("0.8 | 62", "1.0 | 16").replace("0.7 | 31", "0.9 | 8")
    assert linted(tmp_path, f"# Suite A\n\n{one}\n\n# Suite B\n\n{other}") == ()
    raw = f"# Suite A (raw)\n\n{one}\n\n# Suite B (raw)\n\n{other}"
    assert {found.rule for found in linted(tmp_path, raw)} == {"two values"}


def test_a_finding_names_lines_figures_and_what_is_wrong(tmp_path):
    (found,) = linted(tmp_path, "# Cost\n\n" + PAIRS["sum"][0])
    assert (found.rule, found.lines, found.figures) == ("sum", (3,), ("$15", "12.05"))
    assert found.told == "$4.05 + $8 is 12.05, and $15 is printed"


@pytest.mark.parametrize(
    ("text", "value", "slack"),
    [("8.52", 8.52, 0.005), ("~$6", 6.0, 0.8), ("1,273", 1273, 0.5), ("2e-5", 2e-5, 5e-6), ("+550%", 550, 0.5),
     ("**7.8**", 7.8, 0.05), ("-0.75", -0.75, 0.005), ("8.5/10", 8.5, 0.05)],
)  # fmt: skip
def test_a_cell_is_read_as_the_number_it_prints(text, value, slack):
    found = cell_amount(text)
    assert (found.value, found.slack) == (pytest.approx(value), pytest.approx(slack))


@pytest.mark.parametrize("text", ["v4", "—", "", "Qwen3-32B", "2026-03-24", "N/A", "3 epochs"])
def test_what_is_no_number_is_none(text):
    assert cell_amount(text) is None


def test_versions_and_dates_are_no_figures():
    assert [amount.shown for _, amount in amounts_in("v4 of 2026-03-24 had 7.5 on Qwen3, 12 times")] == ["7.5", "12"]


def test_the_command_ends_with_3_and_says_where(tmp_path):
    path = tmp_path / "report.md"
    path.write_text(PAIRS["sum"][0])
    done = CliRunner().invoke(app, ["report", "lint", str(path)])
    assert done.exit_code == 3
    assert "report.md:1 sum: $4.05 + $8 is 12.05" in done.stdout
    path.write_text(CATEGORIES)
    clean = CliRunner().invoke(app, ["report", "lint", str(path), "--json"])
    assert clean.exit_code == 0
    assert json.loads(clean.stdout)["contradictions"] == []


def test_what_is_no_report_is_refused(tmp_path):
    with pytest.raises(MissingFileError):
        lint_report(tmp_path / "none.md")
    (tmp_path / "binary.md").write_bytes(b"\xff\x00\xfe")
    with pytest.raises(UsageError, match="no text"):
        lint_report(tmp_path / "binary.md")
    (tmp_path / "good.md").write_text("Fine.")
    with pytest.raises(MissingFileError, match="no folder"):
        lint_report(tmp_path / "good.md", tmp_path / "nowhere")


def test_pages_of_our_own_have_no_finding():
    pages = Path(__file__).parents[2].glob("docs/**/*.md")
    assert {page.name: lint_report(page).contradictions for page in pages if lint_report(page).contradictions} == {}


def test_any_text_parses(tmp_path):
    for text in (
        "",
        "|",
        "|||\n|||",
        "| a |\n|---|",
        "#",
        "| a | b |\n| 1 |\n| 1 | 2 | 3 |",
        "+ = +\n1 + = 2",
        "a" * 10_000,
    ):
        assert linted(tmp_path, text) == ()
    assert parse_report("| a | b |\n|---|---|\n| 1 | 2 |").tables[0].rows[0].cells == ("1", "2")


TAGS = st.sampled_from(["<table>", "</table>", "<tr>", "<td>", "</td>", "<th>", "<p>", "<pre>", "</pre>", "<svg>"])
OTHERS = st.sampled_from(["</svg>", "<h2>", "<caption>", "<br>", "&amp;", "1", "[2, 1]", "<", "</", "<!--", "a"])


@given(st.lists(TAGS | OTHERS, max_size=30).map("".join))
def test_any_markup_parses(text):
    document = read_report(f"<html>{text}")
    assert all(row.cells for table in document.tables for row in table.rows)


@pytest.mark.needs("field-data")
@pytest.mark.skipif(SEED is None, reason="the report itself does not lie beside the data")
def test_every_contradiction_of_a_real_report_is_found():
    """B55, and F1 to F5: each by the figures that contradict each other, and the line where one of them stands."""
    found = lint_report(SEED, FIELD / "foundry").contradictions
    by_rule = {(one.rule, line): one for one in found for line in one.lines or (0,)}
    expected = {
        "510 pairs of 415 + 19": ("parts", 90),
        "$15 of $4.05 + $8, and $13 in the ledger": ("sum", 94),
        "the 861-step scores are those of 1,011 steps": ("owner", 231),
        "7.8 and 7.96 are one quantity": ("two values", 154),
        "7.8 is raw beside a corrected overall": ("method", 164),
        "+0.57 is against 7.96, not 7.8": ("delta", 192),
        "Sonnet 4.6 is claude-4-sonnet": ("model name", 270),
        "a run without any score": ("blank", 8),
        "F1, 8.52 to 1.74": ("method", 117),
        "F1 again": ("method", 243),
        "F1, zeros for what the judge failed to give": ("zeros", 26),
        "F2, raw beside corrected columns": ("method", 108),
        "F2, the serving forms' table": ("method", 132),
        "F2, critical failures 2 against 6": ("method", 140),
        "F2, 8.29 and not 8.52": ("weighted mean", 148),
        "F3, pairs made for evaluation prompts": ("leak", 94),
        "F3, four prompts by eight words": ("leak", 0),
        "F4, voice is said to be robust": ("steady", 251),
        "F4, ground truth turns back": ("trend", 167),
        "F4, 7.8 across all rates": ("steady", 255),
        "F5, near-optimal": ("optimum", 256),
    }
    assert {name for name, key in expected.items() if key not in by_rule} == set()
    assert {"at-01", "at-05", "cc-02", "cc-03"} == set(by_rule["leak", 0].figures)
    assert by_rule["weighted mean", 148].figures == ("8.52", "8.29")
    assert by_rule["zeros", 26].figures == ("1.74", "2.98")
    assert "$13 for the same parts" in by_rule["sum", 94].told
    assert "7.69 is the raw one of 8.52" in by_rule["method", 117].told
    assert len(lint_report(SEED, FIELD / "foundry").recomputed) == 5
