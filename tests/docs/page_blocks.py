"""The fenced blocks of the pages, and what becomes of each in the tests.

A block that tells somebody to type something is run, or it stands below a comment that says why it is not:
`<!-- not run: it needs a card -->`. A browser shows nothing of such a comment.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = (*sorted(DOCS.rglob("*.md")), *(ROOT / name for name in ("README.md", "SECURITY.md", "CONTRIBUTING.md")))

_FENCE = re.compile(r"^(?P<indent> *)```(?P<language>\w*)\n(?P<body>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
_MARK = re.compile(r"<!-- not run: (.+?) -->\n\Z")
_PROGRAM = r"(?:\.venv/bin/)?(?:selftune|make|pip|python|podman|createdb|vllm|torchrun)"
_TYPED = re.compile(rf"(?:\$ )?(?P<line>(?:[A-Z_]+=\S+ )*{_PROGRAM}(?= |$).*)")


@dataclass(frozen=True)
class Block:
    """One fenced block: the page it stands on, its line there, its language, its text, and why it is not run."""

    page: Path
    line: int
    language: str
    body: str
    not_run: str | None

    @property
    def place(self) -> str:
        """Where a reader finds it."""
        return f"{self.page.relative_to(ROOT)}, line {self.line}"

    @property
    def commands(self) -> list[str]:
        """What it tells somebody to type, comments behind it and continued lines taken off."""
        lines = self.body.replace("\\\n", " ").splitlines()
        found = [match for line in lines if (match := _TYPED.fullmatch(line.strip()))]
        return [re.sub(r"\s+#.*", "", match["line"]) for match in found]


def blocks_of(page: Path) -> list[Block]:
    """Every fenced block of a page."""
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        before = text[: match.start()]
        mark = _MARK.search(before)
        found.append(Block(page, before.count("\n") + 1, match["language"], match["body"], mark[1] if mark else None))
    return found
