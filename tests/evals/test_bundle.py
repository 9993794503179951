"""An evaluation says what it was made with."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from selftune.evals.bundle import made_with, source_digest
from selftune.evals.config import EvaluationConfig
from selftune.evals.stage import evaluate
from selftune.testing import FakeServe, fake_build, fake_context

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.records import Suite


def test_an_evaluation_names_the_code_and_the_machine_that_made_it(tmp_path: Path, suite: Suite) -> None:
    items = tuple(replace(one, expect='{"path":"x","value":"yes"}') for one in suite.items)
    named = replace(suite, scorer="state_obedience", items=items)
    context = fake_context(tmp_path, serve=FakeServe(lambda build, request: "yes"))
    found = evaluate(fake_build(), EvaluationConfig(suite=named), context)
    assert found.made_with == made_with()
    assert [one.split()[0] for one in found.made_with[:3]] == ["selftune", "source", "Python"]


def test_any_change_of_a_line_or_a_name_is_another_source(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (package / "one.py").write_text("1\n")
    digests = [source_digest(package)]
    (package / "one.py").write_text("2\n")
    digests.append(source_digest(package))
    (package / "one.py").rename(package / "two.py")
    digests.append(source_digest(package))
    (package / "notes.txt").write_text("no code")
    assert len(set(digests)) == 3
    assert source_digest(package) == digests[-1]
