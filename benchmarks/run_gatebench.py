"""GateBench: rules of promotion on nights of known truth.

    python benchmarks/run_gatebench.py [--each 40] [--fresh 15] [--seed WORDS] [--rule MODULE:CLASS] [--page]

Prints false promotions, missed gains and items spent of each rule on recorded nights, whose seed is in this file, and
on fresh ones: their seed comes from `--seed`, from GATEBENCH_SEED or from the machine's own chance, and its digest is
printed. `--rule` adds a rule of your own (see `gatebench/rule.py`, about 20 lines); `--page` writes the figures and
drawings of `docs/gatebench.md` anew. The last line is the ratio of false promotions, "+0.02" by ours.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from figures import write_results
from gatebench.baselines import baselines
from gatebench.nights import FALSE, GAINS
from gatebench.ours import OurGate
from gatebench.plots import draw_kinds, draw_scores
from gatebench.score import score

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gatebench.rule import Rule
    from gatebench.score import Score

RECORDED: Final = 20_261_121
SIZES: Final = (48, 160, 400)
FRESH_SIZE: Final = 160
_DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
_BEGIN, _END = "<!-- figures: run_gatebench.py --page -->", "<!-- end of figures -->"


def main() -> None:
    """Score every rule, print the tables, then the ratio."""
    asked = _arguments()
    began = time.process_time()
    rules = [*baselines(), OurGate(), OurGate("strict"), *_loaded(asked.rule)]
    scores = [score(rule, items, asked.each, RECORDED) for items in SIZES for rule in rules]
    words = asked.seed or os.environ.get("GATEBENCH_SEED") or os.urandom(16).hex()
    digest = hashlib.sha256(words.encode()).hexdigest()
    fresh = [score(rule, FRESH_SIZE, asked.fresh, int(digest[:12], 16)) for rule in rules]
    told = [
        f"Recorded nights, seed {RECORDED}: {asked.each} of each of {len(GAINS) + len(FALSE)} kinds.",
        "",
        *table(scores),
        "",
        f"Fresh nights, {asked.fresh} of each kind, from a seed with the SHA-256 digest {digest[:16]}…",
        "",
        *table(fresh),
    ]
    print("\n".join(told))
    seconds = time.process_time() - began
    write_results("gatebench", {"cpu_seconds": seconds, "scores": [_as_data(one) for one in (*scores, *fresh)]})
    if asked.page:
        _write_page(told, scores)
    first, ours = (
        sum(one.false_promotions.hits for one in scores if one.title == rule.title) for rule in (rules[0], rules[4])
    )
    print(f"\n{seconds:.0f} s of the processor")
    print(f"ratio of false promotions, {rules[0].title} / {rules[4].title}: {first / max(1, ours):.1f}x")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--each", type=int, default=40)
    parser.add_argument("--fresh", type=int, default=15)
    parser.add_argument("--seed")
    parser.add_argument("--rule", action="append", default=[])
    parser.add_argument("--page", action="store_true")
    return parser.parse_args()


def _loaded(named: Sequence[str]) -> list[Rule]:
    """Rules of the caller's own; their folder is the one the command runs in."""
    sys.path.insert(0, str(Path.cwd()))
    return [getattr(import_module(module), name)() for module, _, name in (one.partition(":") for one in named)]


def table(scores: Sequence[Score]) -> list[str]:
    """Markdown: a row for each rule and size."""
    rows = ["| items | rule | false promotions | " + " | ".join(f"missed, {kind}" for kind in GAINS) + " | spent |"]
    rows.append("|---|---|---|" + "---|" * (len(GAINS) + 1))
    for one in scores:
        missed = " | ".join(str(one.missed(kind)) for kind in GAINS)
        rows.append(f"| {one.items} | {one.title} | {one.false_promotions} | {missed} | {one.spent:.0f} |")
    n, gains = scores[0].false_promotions.n, scores[0].missed(next(iter(GAINS))).n
    return [*rows, "", f"n = {n} nights behind each false share, {gains} behind each missed one; 95 % intervals."]


def _as_data(one: Score) -> dict[str, Any]:
    promoted = {kind: [share.hits, share.n] for kind, share in one.promoted}
    return {"rule": one.title, "items": one.items, "promoted": promoted, "spent": one.spent}


def _write_page(told: Sequence[str], scores: Sequence[Score]) -> None:
    page = _DOCS / "gatebench.md"
    before, _, rest = page.read_text(encoding="utf-8").partition(_BEGIN)
    after = rest.partition(_END)[2]
    page.write_text("\n".join([before + _BEGIN, "", *told, "", _END]) + after, encoding="utf-8")
    (_DOCS / "gatebench.svg").write_text(draw_scores(scores), encoding="utf-8")
    (_DOCS / "gatebench_kinds.svg").write_text(draw_kinds(scores, FRESH_SIZE), encoding="utf-8")
    recorded = json.dumps([_as_data(one) for one in scores], indent=1)
    (Path(__file__).parent / "gatebench" / "recorded.json").write_text(recorded + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
