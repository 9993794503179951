"""What a run loses in fewer bits, trained at rank 1 and at rank 16: `python benchmarks/trained_ranks.py [RANK …]`.

The reference base learns from the guides' sample night, twelve steps at each rank with the same scale, and every run
is built, served and asked in three forms by `selftune forms`, the suite that decides in full. The report's campaign
`forms` plants a change that Q4_K_M must destroy; this one shows what comes of trained ones. No loss is told as that.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from figures import write_results

SAMPLES: Final = Path(__file__).resolve().parents[1] / "docs" / "guides" / "samples"
FORMS: Final = ("f16", "q8_0", "q4_k_m")
# alpha / r, the default's.
SCALE: Final = 1


def main(ranks: list[int]) -> None:
    """One line for each form of each rank: change of the score and distance, with interval and n."""
    found: dict[int, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "project"
        _selftune(Path(place), "init", str(folder))
        _selftune(folder, "import", str(SAMPLES / "night.jsonl"))
        try:
            for rank in ranks:
                found[rank] = measure(folder, rank)
                _tell(rank, found[rank])
        finally:
            _selftune(folder, "stop")
    write_results("trained_ranks", {"ranks": found})


def measure(folder: Path, rank: int) -> dict[str, Any]:
    """Train at this rank and compare its forms."""
    recipe = f"rank_{rank}"
    (folder / "recipes").mkdir(exist_ok=True)
    text = (SAMPLES / "short.toml").read_text(encoding="utf-8")
    (folder / "recipes" / f"{recipe}.toml").write_text(
        f"{text}lora_rank = {rank}\nlora_alpha = {SCALE * rank}\n", encoding="utf-8"
    )
    config = folder / "selftune.toml"
    lines = config.read_text(encoding="utf-8").splitlines()
    named = [f'recipe = "{recipe}"' if line.startswith("recipe = ") else line for line in lines]
    config.write_text("\n".join(named) + "\n", encoding="utf-8")
    _selftune(folder, "train")
    told = _selftune(folder, "forms", *(part for name in FORMS for part in ("--form", name)), "--json")
    result: dict[str, Any] = json.loads(told)
    return result


def _tell(rank: int, document: dict[str, Any]) -> None:
    for form in document["forms"]:
        own, far = form["figures"], form["distance"]
        score, change = own["score"], own["change"]
        fell = "" if change is None else f", change {change['mean']:+.3f} {_bounds(change['interval'])}"
        print(
            f"rank {rank:>2}, {form['name']:>7}: score {score['value']:.3f} {_bounds(score['interval'])}{fell}, "
            f"n = {score['n']}; KL {far['divergence']:.2g} {_bounds(far['interval'])} of {far['effect']:.2g} nats"
        )
    print(f"rank {rank:>2}, chosen: {document['chosen']}; refused: {_refused(document) or 'none'}")


def _refused(document: dict[str, Any]) -> str:
    return ", ".join(one["name"] for one in document["forms"] if one["figures"]["refused"])


def _bounds(interval: list[float]) -> str:
    return f"[{interval[0]:+.3g}, {interval[1]:+.3g}]"


def _selftune(folder: Path, *arguments: str) -> str:
    program = shutil.which("selftune", path=str(Path(sys.executable).parent))
    assert program is not None, "selftune is not installed beside this interpreter"
    ran = subprocess.run([program, *arguments], cwd=folder, check=False, capture_output=True, text=True)
    if ran.returncode and not (arguments[0] == "forms" and ran.stdout.strip()):
        sys.exit(f"selftune {' '.join(arguments)} ended with {ran.returncode}:\n{ran.stderr[-1500:]}")
    return ran.stdout


if __name__ == "__main__":
    main([int(rank) for rank in sys.argv[1:]] or [1, 16])
