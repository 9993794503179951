"""`selftune doctor` reads every record: what counts and chooses no longer does."""

from __future__ import annotations

import pytest

from selftune.app.health import _base, _driver, _records
from selftune.records import Interaction, Message, Trigger
from selftune.store.dialect import sqlite_module


def said(number: int) -> Interaction:
    words = (Message(role="user", content=f"Question {number}?"), Message(role="assistant", content="Yes."))
    facts = {"conversation": f"c{number}", "task_id": "chat", "source": "log", "position": f"line {number}"}
    return Interaction(salt="s", trigger=Trigger.USER, messages=words, **facts)


def test_a_damaged_record_is_named_and_the_others_are_not(project):
    ids = project.store.save(map(said, range(3)), event="captured")
    assert _records(project).level == "ok"
    connection = sqlite_module().connect(project.folder / ".selftune" / "store.db")
    with connection:
        connection.execute("UPDATE records SET body = replace(body, 'Question 1', 'Question 7')")
    connection.close()
    found = _records(project)
    assert (found.level, found.what) == ("bad", f"damaged records: 1, among them {ids[1]}")
    assert "backup" in found.mend


@pytest.mark.parametrize(("driver", "variable"), [("ollama", "OLLAMA_HOST"), ("vllm", "VLLM_URL")])
def test_a_server_that_does_not_run_or_is_elsewhere_is_named_with_what_to_do(monkeypatch, driver, variable):
    assert list(_driver("llama.cpp")) == []
    for host, said in (("127.0.0.1:1", "does not answer"), ("gpu.example", "another machine")):
        monkeypatch.setenv(variable, host)
        (found,) = _driver(driver)
        assert found.level == "bad"
        assert said in found.what


def test_a_llama_server_that_is_not_there_is_named(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    (found,) = _driver("llama_server")
    assert (found.level, found.what) == ("bad", "llama-server is not on the PATH.")


def test_a_driver_that_is_none_is_answered_with_the_nearest():
    (unknown,) = _driver("olama")
    assert "'ollama'" in unknown.mend


def test_the_files_of_a_base_are_looked_at_and_one_that_is_gone_is_named(monkeypatch, tmp_path):
    assert _base("reference").level == "ok"
    monkeypatch.setenv("SELFTUNE_HOME", str(tmp_path))
    gone = _base("never added")
    assert (gone.level, bool(gone.mend)) == ("bad", True)
