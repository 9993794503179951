"""The page that lists every host names every address that the code knows."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/network.md"
HOST = re.compile(r"https?://([a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,})", re.IGNORECASE)
# Names of formats, and places that a person is pointed to; nothing asks them for anything.
NEVER_ASKED = {"www.w3.org", "json-schema.org", "cyclonedx.org", "opentelemetry.io"}


def hosts_in(code: str) -> set[str]:
    """The hosts that stand in the strings of a module, those in its docstrings left out."""
    tree = ast.parse(code)
    told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in told
    ]
    return {host.lower() for text in texts for host in HOST.findall(text)}


def is_reserved(host: str) -> bool:
    """Whether nobody can own it (RFC 2606)."""
    return host.rsplit(".", maxsplit=1)[-1] in {"example", "invalid", "test"} or ".".join(host.split(".")[-2:]) in {
        "example.com",
        "example.org",
    }


def test_a_host_in_a_string_is_found_and_one_in_a_docstring_is_not():
    code = '"""See https://docs.example.net/page."""\nPLACE = "https://models.example.net/v1"\n'
    assert hosts_in(code) == {"models.example.net"}


def test_every_host_that_the_code_names_stands_on_the_page():
    page = PAGE.read_text(encoding="utf-8")
    sources = [ROOT / "install.py", *(ROOT / "src").rglob("*.py")]
    found = {(host, source.name) for source in sources for host in hosts_in(source.read_text(encoding="utf-8"))}
    unlisted = sorted(
        pair for pair in found if pair[0] not in NEVER_ASKED and not is_reserved(pair[0]) and f"`{pair[0]}`" not in page
    )
    assert unlisted == []
