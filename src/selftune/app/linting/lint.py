"""Every rule over one report, and over the records behind it where they are there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from selftune.app.linting.base import Held
from selftune.app.linting.document import parse_report
from selftune.app.linting.evidence import hold_against_files, read_evidence
from selftune.app.linting.markup import is_markup, parse_markup
from selftune.app.linting.records import hold_against_records
from selftune.app.linting.rules.changes import check_deltas, check_ratios, check_rises, check_rises_by
from selftune.app.linting.rules.claims import check_optima, check_steady_claims, check_trends
from selftune.app.linting.rules.intervals import check_intervals, check_significance
from selftune.app.linting.rules.leaks import check_targeted_training
from selftune.app.linting.rules.methods import (
    check_counts_across_methods,
    check_mixed_rows,
    check_mixed_sentences,
    check_mixed_tables,
)
from selftune.app.linting.rules.shares import check_share_columns, check_shares, check_wholes
from selftune.app.linting.rules.sums import check_compositions, check_sums, check_totals
from selftune.app.linting.rules.values import check_blank_rows, check_model_names, check_owners, check_same_quantity
from selftune.app.linting.rules.weights import check_weighted_means
from selftune.app.reporting.pages.html import as_html
from selftune.app.reporting.pages.markdown import as_markdown
from selftune.errors import MissingFileError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.app.linting.base import Contradiction, Rule
    from selftune.app.linting.document import Document
    from selftune.loop.project import Project

RULES: Final[tuple[Rule, ...]] = (
    check_sums,
    check_compositions,
    check_totals,
    check_shares,
    check_share_columns,
    check_wholes,
    check_intervals,
    check_significance,
    check_deltas,
    check_rises,
    check_rises_by,
    check_ratios,
    check_mixed_sentences,
    check_mixed_tables,
    check_mixed_rows,
    check_counts_across_methods,
    check_weighted_means,
    check_same_quantity,
    check_owners,
    check_model_names,
    check_blank_rows,
    check_steady_claims,
    check_trends,
    check_optima,
    check_targeted_training,
)
_MOST_BYTES: Final = 16 << 20


@dataclass(frozen=True, kw_only=True)
class Linted:
    """What came of one report.

    Attributes:
        figures: Numbers in tables that were looked at.
        recomputed: Files and builds whose figures the report prints, and that were counted again; or the command that
            makes this page, and made it again.
    """

    contradictions: tuple[Contradiction, ...]
    tables: int
    figures: int
    recomputed: tuple[str, ...]


def lint_report(path: Path, records: Path | None = None, project: Project | None = None) -> Linted:
    """Every contradiction of a report, in itself, with a folder of files and with the records of a project.

    Raises:
        MissingFileError: there is no such report, or no such folder of records.
        UsageError: it is no text.
    """
    text = _text(path)
    document = read_report(text)
    held = [Held(contradictions=tuple(one for rule in RULES for one in rule(document)), recomputed=())]
    if records is not None:
        held.append(hold_against_files(document, read_evidence(records)))
    if project is not None:
        write = as_html if is_markup(text) else as_markdown
        held.append(hold_against_records(document, project, lambda page: read_report(write(page))))
    found = [one for some in held for one in some.contradictions]
    return Linted(
        contradictions=tuple(sorted(dict.fromkeys(found), key=lambda one: (one.lines, one.rule))),
        tables=len(document.tables),
        figures=sum(
            row.amount(at) is not None for t in document.tables for row in t.rows for at in range(len(row.cells))
        ),
        recomputed=tuple(name for some in held for name in some.recomputed),
    )


def read_report(text: str) -> Document:
    """The parts of a report, in Markdown or in HTML."""
    return parse_markup(text) if is_markup(text) else parse_report(text)


def _text(path: Path) -> str:
    if not path.is_file():
        raise MissingFileError(f"there is no report {path}.", next_step="Check the path.")
    if path.stat().st_size > _MOST_BYTES:
        raise UsageError(f"{path.name} has more than {_MOST_BYTES >> 20} MiB.", next_step="Name a report.")
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path.name} is no text in UTF-8.", next_step="Name a report in Markdown or text.") from error
