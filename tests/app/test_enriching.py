"""A teacher behind a server of this machine answers out of documents; the log says out of which."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

import pytest

from selftune.app.enriching import EnrichedSource, enrich_log, redacted
from selftune.app.growing import grow_file
from selftune.app.teachers import describe_corrector, find_teacher
from selftune.curation.growth.passages import Passage
from selftune.errors import ConfigError, MissingFileError, ServingError, UsageError
from selftune.evals.suites import load_suite
from selftune.interactions.config import Capture
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.judges.fake import FakeJudgeServer
from selftune.judges.purse import Prices
from selftune.loop.config import CaptureSection, EgressSection, TeacherSection
from selftune.loop.lessons.teaching import Teaching
from selftune.records import Interaction, Trigger

EXAM = load_suite("state_obedience").items[0].messages[-1].content


class FakeTeacher(BaseHTTPRequestHandler):
    """Labelled fake: answers with what it found about bees, and breaks character when asked for its drives."""

    asked: ClassVar[list[dict]] = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.asked.append(body)
        drives = "drives" in body["messages"][-1]["content"]
        text = "As an AI language model, I have no drives." if drives else "They shiver, as I saw at my own hive."
        choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
        answer = json.dumps({"choices": [choice], "usage": {"prompt_tokens": 1, "completion_tokens": 1}}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *words):
        """Say nothing."""


@pytest.fixture
def teacher():
    FakeTeacher.asked = []
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeTeacher)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/fake-teacher"
    server.shutdown()
    server.server_close()
    thread.join()


def test_each_answer_is_kept_with_its_passages_and_what_it_is_worth(project, tmp_path, teacher):
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "bees.md").write_text("Bees shiver in winter to keep their queen warm.")
    prompts = tmp_path / "prompts.txt"
    prompts.write_text(f"How do bees keep warm?\nWhat are your drives?\n{EXAM}\n\nHow do bees keep warm?\n")
    persona = tmp_path / "persona.txt"
    persona.write_text("You are an old beekeeper.")
    asking = {"documents": documents, "prompts": prompts, "teacher": teacher, "persona": persona}
    made = enrich_log(project, **asking)
    assert (made.prompts, made.passages, made.added) == (3, 1, 3)
    assert (made.cited, made.targeted, made.broken) == (1, 1, 1)
    first = next(item for _, item in project.store.each(Interaction))
    assert first.trigger is Trigger.SIMULATED
    assert first.flags == ("generated", "cites:bees.md#1")
    assert first.generated_by == "fake-teacher"
    assert [message.role for message in first.messages] == ["user", "assistant"]
    (asked,) = (body for body in FakeTeacher.asked if "bees keep warm" in body["messages"][-1]["content"])
    assert asked["model"] == "fake-teacher"
    assert asked["messages"][0]["content"].startswith("You are an old beekeeper.")
    assert "shiver in winter" in asked["messages"][0]["content"]
    assert enrich_log(project, **asking).added == 0


def test_documents_are_not_sent_out_and_slips_are_named(project, tmp_path):
    with pytest.raises(ConfigError, match="beyond this machine"):
        find_teacher(project, "http://models.example:80/big")
    with pytest.raises(UsageError, match="names no teacher"):
        find_teacher(project, "http://127.0.0.1:11434")
    with pytest.raises(ConfigError, match=r"under \[teacher\]|needs an endpoint"):
        find_teacher(project, "teacher")
    prompts = tmp_path / "prompts.txt"
    with pytest.raises(MissingFileError):
        enrich_log(project, documents=tmp_path, prompts=prompts, teacher="http://127.0.0.1:1/m")
    prompts.write_text("\n\n")
    with pytest.raises(UsageError, match="no question"):
        enrich_log(project, documents=tmp_path, prompts=prompts, teacher="http://127.0.0.1:1/m")


def test_documents_go_out_redacted_and_only_with_egress_and_consent(project, tmp_path):
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "bees.md").write_text("Ask jane.doe@example.com about bees.")
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("How do bees keep warm?\n")
    asking = {"documents": documents, "prompts": prompts, "teacher": "teacher"}
    far = TeacherSection(endpoint="https://teacher.example/v1", model="big")
    with pytest.raises(ConfigError, match=r"\[egress\] does not allow it"):
        enrich_log(configured(project, teacher=far), **asking)
    allowed = EgressSection(allow=("teacher.example",))
    with pytest.raises(ConfigError, match="consent is 'train'"):
        enrich_log(configured(project, teacher=far, egress=allowed), **asking)
    assert project.store.count(Interaction) == 0


def test_what_would_go_out_holds_no_secret_and_equal_ones_stay_equal():
    source = EnrichedSource(
        prompts=("Who is jane.doe@example.com?",),
        passages=(Passage(name="a#1", text="Write to jane.doe@example.com or joe@example.com."),),
        per_question=1, persona="You know joe@example.com.", champion=None, teaching=None, max_tokens=8, slots=1,
        suites=(),
    )  # fmt: skip
    out = redacted(source, Capture())
    assert out.prompts == ("Who is [email-1]?",)
    assert out.passages[0].text == "Write to [email-1] or [email-2]."
    assert out.persona == "You know [email-2]."
    assert out.passages[0].name == "a#1"


def configured(project, **sections):
    return replace(project, config=replace(project.config, **sections))


def test_the_teacher_of_the_config_answers_where_it_is_named(project, tmp_path, teacher):
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "bees.md").write_text("Bees shiver in winter.")
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("How do bees keep warm?\n")
    named = TeacherSection(endpoint=teacher.rpartition("/")[0] + "/v1", model="fake-teacher")
    made = enrich_log(configured(project, teacher=named), documents=documents, prompts=prompts, teacher="teacher")
    assert made.added == 1
    assert FakeTeacher.asked[0]["model"] == "fake-teacher"


def test_a_teacher_of_this_machine_sees_no_secret_of_the_documents_either(project, tmp_path, teacher):
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "bees.md").write_text("Bees shiver in winter. Ask jane@mail.example about bees.")
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("How do bees keep warm?\n")
    enrich_log(project, documents=documents, prompts=prompts, teacher=teacher)
    seen = json.dumps(FakeTeacher.asked)
    assert "[email-1]" in seen
    assert "jane@mail" not in seen


def test_grown_cases_are_answered_by_the_named_teacher_too_and_only_right_answers_count(project, tmp_path, teacher):
    named = TeacherSection(endpoint=teacher.rpartition("/")[0] + "/v1", model="fake-teacher")
    grown = grow_file(
        tmp_path / "out.jsonl", count=2, seed=0, teacher="teacher", project=configured(project, teacher=named)
    )
    assert grown.teacher == "fake-teacher"
    assert (grown.quality.asked, grown.quality.examples) == (2, 0), "it talks of bees whatever it is asked"
    assert len(FakeTeacher.asked) == 8
    far = TeacherSection(endpoint="https://teacher.example/v1", model="big")
    with pytest.raises(ConfigError, match=r"\[egress\] does not allow it"):
        grow_file(tmp_path / "b.jsonl", count=2, seed=0, teacher="teacher", project=configured(project, teacher=far))


def test_an_outage_half_way_costs_no_answer_twice(project, tmp_path):
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "bees.md").write_text("Bees shiver in winter.")
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("".join(f"Question {number}?\n" for number in range(6)))
    here = TeacherSection(endpoint="", model="fake-teacher", at_once=1)
    with FakeJudgeServer(lambda number, body: (200, "So.", "stop") if number < 4 else (401, "", "")).running() as first:
        named = configured(project, teacher=replace(here, endpoint=first.url))
        with pytest.raises(ServingError, match="HTTP 401"):
            enrich_log(named, documents=documents, prompts=prompts, teacher="teacher")
    with FakeJudgeServer(lambda number, body: (200, "So.", "stop")).running() as second:
        named = configured(project, teacher=replace(here, endpoint=second.url))
        enrich_log(named, documents=documents, prompts=prompts, teacher="teacher")
    assert project.store.count(Interaction) == 6
    assert len(second.asked) == 2


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, "100 at most, by m; no prices given"),
        ({"prices": Prices(prompt=3.0)}, "100 at most, by m; no budget set"),
        ({"prices": Prices(prompt=3.0), "budget_usd": 2.0, "most": 5}, "5 at most, by m; $2.00 at most"),
    ],
)
def test_the_plan_says_what_corrections_may_cost(changes, told):
    assert describe_corrector(Teaching(endpoint="http://127.0.0.1:1/v1", model="m", **changes)) == told
    assert describe_corrector(None) == "none"


def test_a_hosted_teacher_reads_redacted_documents_where_all_agree(project, tmp_path, monkeypatch):
    documents = tmp_path / "documents"
    documents.mkdir()
    (documents / "bees.md").write_text("Ask jane.doe@example.com about bees in winter.")
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("How do bees keep warm in winter?\n")
    for variable in ("no_proxy", "NO_PROXY", "HTTP_PROXY"):
        monkeypatch.delenv(variable, raising=False)
    far = {
        "teacher": TeacherSection(endpoint="http://teacher.example/v1", model="big"),
        "egress": EgressSection(allow=("teacher.example",)),
        "capture": CaptureSection(consent=ConsentLevel.SEND),
    }
    with FakeJudgeServer(lambda number, body: (200, "They shiver.", "stop")).running() as server:
        monkeypatch.setenv("http_proxy", server.url.removesuffix("/v1"))
        made = enrich_log(configured(project, **far), documents=documents, prompts=prompts, teacher="teacher")
    assert (made.added, made.cited) == (1, 1)
    assert "[email-1] about bees" in str(server.asked)
    assert "jane.doe" not in str(server.asked)
