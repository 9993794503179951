"""What a judge beyond this machine receives: words whose consent includes `send`, redacted; read off a fake server."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from interaction_logs import write

from selftune.errors import ConfigError
from selftune.interactions.privacy.consent import ConsentLevel
from selftune.judges.config import Judging
from selftune.judges.endpoint import appoint_endpoint
from selftune.judges.fake import FAKE_MODEL, FakeJudgeServer, fake_verdict
from selftune.judges.oracle import OracleJudge
from selftune.judges.rubric import load_rubric
from selftune.ledger.keys import make_machine_key
from selftune.loop.config import JudgeSection, ProjectConfig
from selftune.loop.configured import make_judging
from selftune.loop.incoming.intake import import_files
from selftune.loop.project import Project
from selftune.records import Consent, Interaction, JudgementStatus, Message, Trigger
from selftune.store import BlobStore, Store
from selftune.testing import fake_base

RUBRIC = load_rubric("golden")
OK = (200, fake_verdict(dict.fromkeys([item.name for item in RUBRIC.criteria], 5.0)), "stop")
SECRETS = ("jane@mail.example", "4111 1111 1111 1111", "Tr0ub4dor&3x", "Jane Doe")


@pytest.fixture
def project(tmp_path):
    folder = tmp_path / "project"
    (folder / ".selftune" / "keys").mkdir(parents=True)
    make_machine_key(folder / ".selftune" / "keys")
    with Store.open(folder) as store:
        yield Project(
            folder=folder,
            config=ProjectConfig(),
            store=store,
            blobs=BlobStore(folder / ".selftune" / "blobs"),
            base=fake_base(),
            base_folder=tmp_path,
        )


def talk(word: str, **facts) -> dict:
    asked = f"{word}: mail jane@mail.example, charge 4111 1111 1111 1111, password: Tr0ub4dor&3x"
    messages = [{"role": "user", "content": asked}, {"role": "assistant", "content": f"{word}, done."}]
    return {"messages": messages, "author": "Jane Doe"} | facts


def test_only_redacted_words_that_may_be_sent_arrive(project, tmp_path):
    marked = {"messages": [talk("inner")["messages"][0] | {"consent": "train"}, talk("inner")["messages"][1]]}
    log = write(tmp_path / "log.jsonl", talk("alpha"), talk("bravo", consent="train"), talk("charlie", consent="keep"))
    import_files(project, [log, write(tmp_path / "more.jsonl", marked)], consent=ConsentLevel.SEND)
    import_files(project, [write(tmp_path / "plain.jsonl", talk("delta"))])
    with FakeJudgeServer(lambda number, body: OK).running() as server:
        config = Judging(name="oracle", rubric="golden", endpoint=server.url, model=FAKE_MODEL, retry_wait_seconds=0.0)
        # The same server, taken for one beyond this machine.
        hosted = OracleJudge(replace(appoint_endpoint(config), local=False), config)
        verdicts = [hosted.judge(item, RUBRIC, "salt") for _, item in project.store.each(Interaction)]
        received = json.dumps(server.asked)
    assert [verdict.status for verdict in verdicts].count(JudgementStatus.SCORED) == 1
    assert len(server.asked) == 1
    assert "alpha" in received
    assert not [word for word in ("bravo", "charlie", "inner", "delta") if word in received]
    assert not [secret for secret in SECRETS if secret in received]
    assert "[email-1]" in received
    assert "[card-1]" in received


def test_words_that_were_kept_under_older_rules_are_not_sent(project):
    def kept(number: int, content: str) -> Interaction:
        return Interaction(
            salt="s",
            conversation=f"c{number}",
            task_id="t",
            trigger=Trigger.USER,
            messages=(Message(role="user", content=content), Message(role="assistant", content="Done.")),
            source="ask",
            position=str(number),
            consent=Consent(send=True),
        )

    fine, older = kept(1, "Ring [phone-1], alpha."), kept(2, "Ring +49 30 23125 042, bravo.")
    project.store.save([fine, older], event="captured")
    with FakeJudgeServer(lambda number, body: OK).running() as server:
        config = make_judging(replace(project, config=judged_by(server)))
        assert config.outlet is not None
        hosted = OracleJudge(replace(appoint_endpoint(config), local=False), config)
        verdicts = [hosted.judge(item, RUBRIC, "salt") for _, item in project.store.each(Interaction)]
        received = json.dumps(server.asked)
    assert [verdict.status for verdict in verdicts] == [JudgementStatus.SCORED, JudgementStatus.UNSCORED]
    assert "older rules" in verdicts[1].reason
    assert "alpha" in received
    assert "bravo" not in received


def judged_by(server: FakeJudgeServer) -> ProjectConfig:
    return ProjectConfig(judge=JudgeSection(name="oracle", rubric="golden", endpoint=server.url, model=FAKE_MODEL))


def test_the_judge_on_this_machine_gets_what_may_not_be_sent_but_nothing_unredacted(project, tmp_path):
    import_files(project, [write(tmp_path / "log.jsonl", talk("alpha"))])
    with FakeJudgeServer(lambda number, body: OK).running() as server:
        config = Judging(name="oracle", rubric="golden", endpoint=server.url, model=FAKE_MODEL)
        for _, item in project.store.each(Interaction):
            OracleJudge.from_config(config).judge(item, RUBRIC, "salt")
        received = json.dumps(server.asked)
    assert "alpha" in received
    assert not [secret for secret in SECRETS if secret in received]


def test_a_host_that_is_not_named_is_refused_before_a_word_is_read():
    with pytest.raises(ConfigError, match=r"\[egress\]"):
        OracleJudge.from_config(Judging(name="oracle", endpoint="https://judge.example/v1", model="m"))
