from __future__ import annotations

from selftune.app.campaigns.balance import report


def test_every_promise_on_balance_and_exams_holds():
    figures = report().figures
    assert {figure.name: figure.measured for figure in figures if not figure.held} == {}
    assert len(figures) == 5
