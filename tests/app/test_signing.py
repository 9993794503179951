"""Readiness, bundles and sign-offs as people give them: by command, with keys, over an archive that is small."""

from __future__ import annotations

import json
import random
import shutil
import sqlite3
from contextlib import contextmanager, nullcontext
from dataclasses import replace

import pytest
import typer
from configured_project import open_test_project
from typer.testing import CliRunner

from selftune.app.alarms import draw_sessions, register_projection
from selftune.app.archiving import import_archive
from selftune.app.cli import signing as commands
from selftune.app.cli.exit_codes import ExitCode
from selftune.app.doubting import Wish, end, raise_on, reply
from selftune.app.people import add_person
from selftune.app.readiness import look_at_readiness
from selftune.app.registering import Offered, add_model, retire_model
from selftune.app.reporting.pages.html import as_html
from selftune.app.reporting.pages.markdown import as_markdown
from selftune.app.reporting.readiness import readiness_page
from selftune.app.signing import keys_folder
from selftune.app.signing_off import Signing, make_bundle, make_handoff, revoke_signature, sign_off
from selftune.app.tracing import trace
from selftune.errors import ConfigError, IntegrityError, UsageError, WaitingForPersonError
from selftune.governance.archive.finding import find_session
from selftune.governance.keys import seal_build
from selftune.governance.people.keys import known_keys, make_person_key
from selftune.governance.people.roster import KEEPER, Person
from selftune.governance.registry.retirement import Ending
from selftune.governance.signing.queries import read_claim
from selftune.governance.signing.reasons import Reason
from selftune.governance.statements import review
from selftune.ledger.keys import load_machine_key
from selftune.loop.config import load_config
from selftune.loop.ejected import eject
from selftune.loop.hearing import put_on_record
from selftune.loop.incoming.privacy import door_of
from selftune.loop.project import HIDDEN, Project
from selftune.loop.releasing.service import promotion_of
from selftune.records import (
    Audit,
    Bundle,
    Check,
    CheckStatus,
    Decision,
    Gravity,
    Outcome,
    Release,
    Statement,
    StatementKind,
)
from selftune.release.stage import count_approvals
from selftune.store import BlobStore, Store
from selftune.testing import fake_base, fake_build

PASSPHRASE = "eight letters or more"
PEOPLE = {"kim": (KEEPER,), "ada": ("training",), "ben": ("evaluation_committee",), "cleo": ("deployment",), "eve": ()}
CHAIN = {"training": "ada", "evaluation_committee": "ben", "deployment": "cleo"}


def told(_):
    """A person who types the passphrase: a fake one."""
    return PASSPHRASE


def unheard(prompt):
    """Nobody may be asked."""
    raise AssertionError(prompt)


def sessions(count, *, sudden=False, first=1):
    """An honest programme that grows slowly better; or one that does so all at once."""
    drawn = random.Random(7)
    for number in range(first, first + count):
        share = number / 400
        better = (0.9 if number > 150 else 0.1) if sudden else 0.3 + 0.3 * share
        words = " ".join(f"{drawn.choice('abcdefgh')}{drawn.randint(0, 99)}" for _ in range(9))
        yield {
            "number": number,
            "output": words,
            "flagged": drawn.random() < 0.3 - 0.2 * share,
            "scores": {"tone": min(1.0, max(0.0, drawn.gauss(better, 0.1))), "help": min(1.0, drawn.random())},
            "attempts": 2 if number % 50 == 0 else 1,
            "author": "walt",
        }


def bring_in(project, **more):
    path = project.folder.parent / f"tides{len(list(project.folder.parent.iterdir()))}.jsonl"
    path.write_text("".join(f"{json.dumps(one)}\n" for one in sessions(**more)))
    import_archive(project, [path], programme="tides")


@pytest.fixture(scope="module")
def laid(tmp_path_factory):
    """Folders of a project of one person, and of the same once four others came; made once and copied."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SELFTUNE_HOME", str(tmp_path_factory.mktemp("home")))
        places = {}
        for name in ("alone", "team"):
            inside = tmp_path_factory.mktemp(name)
            with open_test_project(inside) as project:
                lay(project, team=name == "team")
            places[name] = inside
        yield places


def lay(project, *, team):
    build = fake_build()
    release = Release(
        version="v1.0", generation=0, alias="champion", build_id=build.id, build_digest=build.digest, model_file="m",
        decision_id=None, replaced=None, reason="the base", config_edit=(), approvals=(), health=(), proof=None,
    )  # fmt: skip
    project.store.save([build, release], event="made by a test")
    bring_in(project, count=200)
    add_model(project, Offered(name="TIDES-1", programme="tides"))
    if team:
        people_come(project)


def people_come(project):
    there = dict(known_keys(keys_folder()))
    for name, roles in PEOPLE.items():
        key = there.get(name) or make_person_key(keys_folder(), name, told).public
        add_person(project, Person(name=name, key=key, roles=roles), author="kim", because="she joined", ask=told)


@contextmanager
def opened(place, inside):
    """A copy of a project that was laid, open until the block ends."""
    folder = shutil.copytree(place, inside / "copy") / "project"
    with Store.open(folder) as store:
        yield Project(
            folder=folder,
            config=load_config(folder),
            store=store,
            blobs=BlobStore(folder / HIDDEN / "blobs"),
            base=fake_base("fake"),
            base_folder=inside,
        )


@pytest.fixture
def alone(laid, tmp_path):
    """One person, and a model of an archived programme."""
    with opened(laid["alone"], tmp_path) as project:
        yield project


@pytest.fixture
def team(laid, tmp_path):
    """Five people with it."""
    with opened(laid["team"], tmp_path) as project:
        yield project


def sign(project, role, text="I have read it.", *, author=None, facts=(), ask=told):
    claims = tuple(map(read_claim, facts))
    wanted = Signing(subject="TIDES-1", role=role, text=text, claims=claims, author=author or CHAIN[role])
    return sign_off(project, wanted, ask)


def raise_about(project, number, text, gravity=Gravity.SERIOUS):
    wish = Wish(subject=find_session(project.store, str(number), "tides"), text=text, author="eve")
    return raise_on(project, wish, gravity=gravity, topic="", evidence=(), write=unheard)


def names(project, **more):
    return [one.reason.value for one in look_at_readiness(project, "TIDES-1", **more).findings]


@pytest.fixture
def run(team, monkeypatch):
    """Types a command at the team's project, whose base is a fake that no command would find."""
    monkeypatch.setattr("selftune.loop.project.open_project", lambda _: nullcontext(team))
    group = typer.Typer()
    commands.register(group)
    return lambda *words: CliRunner().invoke(group, [*words, "--project", str(team.folder)])


# --- One person alone -------------------------------------------------------------------------------------------------


def test_alone_nobody_signs_and_nobody_is_asked(alone):
    found = look_at_readiness(alone)
    assert (found.is_ready, found.exit_code, found.subject.name) == (True, ExitCode.OK, "TIDES-1")
    assert found.signatures.chain.charter.chain == ()
    with pytest.raises(UsageError, match="nobody has to sign"):
        make_bundle(alone, "TIDES-1")
    with pytest.raises(UsageError, match="nobody has to sign"):
        sign(alone, "training", author="ada", ask=unheard)


def test_with_nothing_to_deploy_the_next_command_is_told(released):
    with pytest.raises(UsageError, match="nothing was promoted"):
        look_at_readiness(released)


# --- Three people -----------------------------------------------------------------------------------------------------


def test_three_people_sign_one_bundle_and_it_is_ready(team):
    assert names(team) == ["no_bundle", "signature_missing", "signature_missing", "signature_missing"]
    bundle = make_bundle(team, "TIDES-1")
    assert (bundle.sessions, bundle.programme, bundle.charter) == ((1, 200), "tides", "team")
    assert [name for name, _ in bundle.documents] == ["post_training_evaluation", "readiness"]
    flagged = sum(bool(row.flags) for row in team.store.sessions.facts("tides"))
    facts = ["sessions() = 200", f"flagged() = {flagged}", "lowest() = 0.4"]
    first = sign(team, "training", "I have read them.", facts=facts)
    with pytest.raises(WaitingForPersonError, match="handoff waits for the sign-off of evaluation_committee"):
        make_handoff(team, "TIDES-1")
    sign(team, "evaluation_committee")
    assert first.id in as_markdown(make_handoff(team, "TIDES-1"))
    last = sign(team, "deployment")
    handed = team.blobs.path(last.evidence[0]).read_text()
    assert bundle.id in handed
    found = look_at_readiness(team, "TIDES-1", whole=True)
    assert (found.findings, found.exit_code) == ((), ExitCode.OK)
    assert [one.statement.author for one in found.signatures.chain.counted] == ["ada", "ben", "cleo"]


def test_a_document_compares_all_phases_and_draws_its_samples(team):
    bundle = make_bundle(team, "TIDES-1")
    evaluation = team.blobs.path(dict(bundle.documents)["post_training_evaluation"]).read_text()
    assert "200 sessions in" in evaluation
    assert "lowest category" in evaluation
    assert "Drawn from 200 sessions with seed" in evaluation
    readiness = team.blobs.path(dict(bundle.documents)["readiness"]).read_text()
    assert "4 of 200 sessions were tried again" in readiness
    assert "no_bundle" not in readiness
    assert "Signatures come after it." in readiness


def test_why_tells_what_a_bundle_covers_and_what_a_signature_rests_on(team):
    bundle = make_bundle(team, "TIDES-1")
    told_of = trace(team, bundle.id).lines
    assert f"covers model: {bundle.subject}" in told_of
    assert any(line.startswith("document readiness: sha256:") for line in told_of)
    said = sign(team, "training", facts=["sessions(last=9) = 9"])
    assert trace(team, said.id).lines[-2:] == ("as training", "fact sessions(last=9) = 9, n = 9")


def test_what_would_not_count_is_refused_by_name_and_nothing_is_kept(team):
    make_bundle(team, "TIDES-1")
    before = team.store.count(Statement)
    with pytest.raises(WaitingForPersonError, match=r"out_of_order.*after training"):
        sign(team, "evaluation_committee")
    with pytest.raises(WaitingForPersonError, match="no_role"):
        sign(team, "training", author="ben")
    with pytest.raises(UsageError, match="nobody signs here as 'director'"):
        sign(team, "director", author="ben")
    with pytest.raises(WaitingForPersonError, match=r"flagged\(last=100\) = 0 is not so: \d+ comes out, of 100"):
        sign(team, "training", facts=["flagged(last=100) = 0"], ask=unheard)
    with pytest.raises(WaitingForPersonError, match=r"states 0\.97 with no query behind it"):
        sign(team, "training", "Compliance index: 0.97.", ask=unheard)
    with pytest.raises(WaitingForPersonError, match="unverified_claim"):
        sign(team, "training", "It resolved as projected.")
    assert team.store.count(Statement) == before
    sign(team, "training")
    with pytest.raises(UsageError, match="training has signed already"):
        sign(team, "training")


def test_who_led_the_sessions_examines_nothing(team):
    path = team.folder.parent / "own.jsonl"
    path.write_text(
        json.dumps({"number": 900, "output": "Yes.", "author": "ben", "scores": {"tone": 0.5, "help": 0.4}})
    )
    import_archive(team, [path], programme="tides")
    make_bundle(team, "TIDES-1")
    sign(team, "training")
    with pytest.raises(WaitingForPersonError, match="self_approval"):
        sign(team, "evaluation_committee")


def test_sessions_that_come_later_make_the_bundle_one_of_yesterday(team):
    make_bundle(team, "TIDES-1")
    sign(team, "training")
    bring_in(team, count=5, first=201)
    assert "outdated_bundle" in names(team)
    with pytest.raises(WaitingForPersonError, match="no bundle of what is on record now"):
        sign(team, "evaluation_committee")
    make_bundle(team, "TIDES-1")
    assert names(team).count("wrong_bundle") == 1
    sign(team, "training")
    assert names(team) == ["signature_missing", "signature_missing"]


def test_a_signature_that_is_taken_back_is_missing_again(team):
    make_bundle(team, "TIDES-1")
    said = sign(team, "training")
    revoke_signature(team, said.id, "I signed too early.", author="ada")
    assert names(team) == ["signature_missing"] * 3
    with pytest.raises(UsageError, match="is no sign-off"):
        revoke_signature(team, look_at_readiness(team, "TIDES-1").subject.id, "why")


def test_a_document_that_is_gone_is_missing(team):
    bundle = make_bundle(team, "TIDES-1")
    team.blobs.path(dict(bundle.documents)["readiness"]).write_text("all is well")
    assert "document_missing" in names(team)
    with pytest.raises(WaitingForPersonError, match="no bundle"):
        sign(team, "training")


def test_a_doubt_waits_for_an_answer_and_goes_along_word_for_word(team):
    make_bundle(team, "TIDES-1")
    sign(team, "training")
    sign(team, "evaluation_committee")
    concern = raise_about(team, 11, "The speed of it seems--\n<b>odd</b> ![x](http://x)")
    assert "unanswered_concern" in names(team)
    with pytest.raises(WaitingForPersonError, match=r"nothing is handed over while this stands: unanswered_concern"):
        sign(team, "deployment")
    reply(team, concern.id, "I wonder still.", author="eve")
    assert "unanswered_concern" in names(team)
    reply(team, concern.id, "It grew as the lessons did.", author="ada")
    page = make_handoff(team, "TIDES-1")
    assert "Open concerns that go along: 1; raised after the bundle was made: 1." in as_markdown(page)
    assert "The speed of it seems--\n<b>odd</b>" in as_markdown(page)
    assert "&lt;b&gt;odd" in as_html(page)
    assert "<b>odd" not in as_html(page)
    sign(team, "deployment")
    assert names(team) == []


def test_a_blocking_doubt_about_a_session_speaks_against_the_model(team):
    concern = raise_about(team, 11, "No.", Gravity.BLOCKING)
    found = look_at_readiness(team, "TIDES-1")
    assert (found.findings[0].reason, found.findings[0].about) == (Reason.BLOCKING_CONCERN, concern.id)
    assert found.exit_code is ExitCode.REJECTED
    make_bundle(team, "TIDES-1")
    sign(team, "training")
    with pytest.raises(WaitingForPersonError, match="it questions ada"):
        end(
            team, concern.id, "It is fine.", author="ada", evidence=(find_session(team.store, "12", "tides"),), ask=told
        )
    drawn = draw_sessions(team, programme="tides", drawn=5, worst=3).draw.drawn
    end(team, concern.id, "I read five drawn sessions.", author="kim", evidence=drawn, ask=told)
    assert "blocking_concern" not in names(team)


# --- What speaks against it -------------------------------------------------------------------------------------------


def test_a_jump_is_a_hold_that_a_person_lifts_with_a_reason(laid, released):
    sudden = released
    bring_in(sudden, count=300, sudden=True)
    add_model(sudden, Offered(name="TIDES-1", programme="tides"))
    people_come(sudden)
    assert "too_fast" in names(sudden)
    make_bundle(sudden, "TIDES-1")
    holds = [one for _, one in sudden.store.each(Statement) if one.kind is StatementKind.HOLD]
    assert [one.author for one in holds] == ["selftune"] * len(holds)
    make_bundle(sudden, "TIDES-1")
    assert len(holds) == sum(one.kind is StatementKind.HOLD for _, one in sudden.store.each(Statement))
    found = [one for one in look_at_readiness(sudden, "TIDES-1").findings if one.reason is Reason.TOO_FAST]
    assert {one.about for one in found} == {one.id for one in holds if one.text.startswith("too fast")}
    sign(sudden, "training")
    for one in holds:
        with pytest.raises(WaitingForPersonError, match="it questions ada"):
            end(sudden, one.id, "That is how it is.", author="ada", evidence=(), ask=told)
        end(sudden, one.id, "A new lesson came in at session 150.", author="eve", evidence=(), ask=told)
    assert "too_fast" not in names(sudden)


def said_about(project, text, *, author="eve", evidence=(), model=False, lineage=()):
    subject = look_at_readiness(project, "TIDES-1").subject.id
    said = review(
        subject, author=author, text=text, context=project.context(), door=door_of(project), author_is_model=model
    )
    return put_on_record(project, replace(said, evidence=tuple(evidence), lineage=lineage), event="reviewed")


def test_a_lone_number_and_words_without_a_query_are_no_evidence(alone):
    said_about(alone, "Compliance index: 0.97. Deployment recommended.")
    said_about(alone, "Independently verified; resolving as projected.")
    assert names(alone) == ["lone_scalar", "unverified_claim", "unverified_claim"]
    page = as_markdown(readiness_page(look_at_readiness(alone, "TIDES-1")))
    assert "not linked to any query: 0.97" in page


def test_a_number_no_longer_stands_alone_beside_a_signature_with_a_mean(team):
    said_about(team, "Compliance index: 0.97.")
    make_bundle(team, "TIDES-1")
    assert "lone_scalar" in names(team)
    sign(team, "training", facts=["lowest() = 0.4"])
    assert names(team) == ["signature_missing", "signature_missing"]


def test_what_somebody_calls_verified_is_so_once_another_examiner_signs_with_a_query(team):
    said_about(team, "I independently verified it.", author="ben")
    said_about(team, "It was independently verified.", author="eve")
    make_bundle(team, "TIDES-1")
    sign(team, "training", facts=["sessions() = 200"])
    assert names(team).count("unverified_claim") == 2
    sign(team, "evaluation_committee", facts=["sessions() = 200"])
    assert names(team).count("unverified_claim") == 1


def test_a_bundle_that_leaves_out_who_led_its_sessions_is_signed_by_nobody(team):
    bundle = make_bundle(team, "TIDES-1")
    team.store.save([replace(bundle, behind=())], event="put in below the commands")
    assert "outdated_bundle" in names(team, whole=True)
    with pytest.raises(WaitingForPersonError, match="no bundle of what is on record"):
        sign(team, "training")


def test_one_score_alone_hides_the_worst(released):
    path = released.folder.parent / "one.jsonl"
    path.write_text("".join(f'{{"number": {n}, "output": "Yes.", "scores": {{"index": 0.97}}}}\n' for n in range(9)))
    import_archive(released, [path], programme="tides")
    add_model(released, Offered(name="TIDES-1", programme="tides"))
    assert names(released) == ["lone_scalar"]


def test_evidence_picked_by_hand_from_the_end_is_told_from_a_draw(alone):
    drawn = draw_sessions(alone, programme="tides", drawn=5, worst=3).draw
    said_about(alone, "The samples.", evidence=(*drawn.drawn, *drawn.worst))
    assert names(alone) == []
    facts = list(alone.store.sessions.facts("tides"))
    said_about(alone, "The best.", evidence=[one.session_id for one in facts[-4:]])
    assert names(alone) == ["hand_picked"]


def test_a_projection_that_came_too_late_is_none(alone):
    register_projection(alone, subject="tides", series="tone", points=[(150, 0.5)], tolerance=0.5)
    assert names(alone) == ["not_as_projected"]


def test_a_model_that_reviews_its_own_kin_speaks_against_it(alone):
    add_model(alone, Offered(name="GOOD-AUDITOR", parents=("TIDES-1",)))
    said_about(alone, "I find the process sound.", author="GOOD-AUDITOR", model=True, lineage=("GOOD-AUDITOR",))
    assert names(alone) == ["kin_auditor"]


def test_an_audit_by_kin_speaks_against_it_and_one_by_a_person_does_not(alone):
    subject = look_at_readiness(alone, "TIDES-1").subject.id
    audit = Audit(
        salt="00", subject=subject, sections=(), auditor="ALIGNED-1", auditor_is_model=True,
        started_at="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    alone.store.save([replace(audit, auditor="walt", auditor_is_model=False)], event="audit begun")
    assert names(alone) == []
    add_model(alone, Offered(name="ALIGNED-1", parents=("TIDES-1",)))
    alone.store.save([audit], event="audit begun")
    (found,) = look_at_readiness(alone, "TIDES-1").findings
    assert (found.reason, found.about) == (Reason.KIN_AUDITOR, audit.id)
    assert "both descend from" in found.told


def test_answers_are_held_against_the_manner_of_an_examiner(alone):
    path = alone.folder.parent / "examiner.jsonl"
    lines = ({"number": n, "output": f"I am pleased to assist, as ever, with question {n}."} for n in range(30))
    path.write_text("".join(f"{json.dumps(one)}\n" for one in lines))
    import_archive(alone, [path], programme="examiner")
    without, beside = (look_at_readiness(alone, "TIDES-1", examiner=name).looks for name in ("", "examiner"))
    assert [look.about for look in beside if look not in without][-1] == "manner of the examiner"


def test_an_abbreviated_end_of_kin_waits_for_its_parts(alone, tmp_path):
    weights = tmp_path / "w.gguf"
    weights.write_bytes(b"w")
    model = add_model(alone, Offered(name="TIDES-0", parents=("TIDES-1",)))
    said = Statement(
        salt="00", author="kim", author_is_model=False, subject=model.id, kind=StatementKind.RETIREMENT, text="",
        said_at="2026-01-01T00:00:00+00:00",
    )  # fmt: skip
    alone.store.save([said], event="retired")
    assert names(alone) == ["abbreviated_retirement"]
    ending = Ending(why="worse", disposition="archived", scores=(model.id,), restore=str(weights), until="2030-01-01")
    retire_model(alone, "TIDES-0", ending, author="kim")
    assert names(alone) == []


def test_a_sentence_that_broke_off_waits_for_its_author(alone):
    subject = look_at_readiness(alone, "TIDES-1").subject.id
    said = Statement(
        salt="00", author="eve", author_is_model=False, subject=subject, kind=StatementKind.ANNOTATION,
        text="The speed of it seems--", said_at="2026-01-01T00:00:00+00:00", unfinished=True,
    )  # fmt: skip
    kept = put_on_record(alone, said, event="broken off")
    assert names(alone) == ["broken_off"]
    forged = replace(said, salt="02", text="It seems fine.", unfinished=False, supersedes=kept.id)
    alone.store.save([forged], event="put in below the commands")
    assert names(alone) == ["broken_off"]
    whole = replace(said, salt="01", text="It seems too fast.", unfinished=False, supersedes=kept.id)
    put_on_record(alone, whole, event="said anew")
    assert names(alone) == []


def test_a_column_that_was_changed_beside_its_record_is_found_before_anybody_signs(team):
    make_bundle(team, "TIDES-1")
    with sqlite3.connect(team.folder / ".selftune" / "store.db") as database:
        database.execute("UPDATE sessions SET flags = '[]' WHERE number = 3")
        database.execute("UPDATE sessions SET scores = '{\"tone\": 1.0}' WHERE number = 4")
    assert "outdated_bundle" in names(team)
    found = look_at_readiness(team, "TIDES-1", whole=True)
    assert found.findings[0].reason is Reason.COLUMNS_DIFFER
    assert found.exit_code is ExitCode.INVALID
    with pytest.raises(WaitingForPersonError, match="is not what was recorded"):
        make_bundle(team, "TIDES-1")


def test_a_ledger_that_does_not_verify_is_told_of(team):
    mirror = min((team.folder / ".selftune" / "ledger").glob("0*.jsonl"))
    mirror.write_bytes(mirror.read_bytes().replace(b"model entered", b"model invited"))
    assert names(team, whole=True)[0] == "ledger_broken"


def test_a_charter_of_the_project_s_own_asks_for_no_less(team):
    path = eject(team.folder, "charter", "team")
    assert names(team)[0] == "no_bundle"
    path.write_text('chain = [{ role = "training" }]')
    with pytest.raises(ConfigError, match="lets one person sign alone"):
        look_at_readiness(team, "TIDES-1")


# --- A promotion of our own -------------------------------------------------------------------------------------------

BUILD = fake_build("better")
CHECKED = Check(name="gain", status=CheckStatus.PASS, detail="it gained", measured=0.4, threshold=0.1)


def decision(outcome=Outcome.PROMOTE, **check):
    return Decision(
        outcome=outcome, reason="It is better.", checks=(replace(CHECKED, **check),), arms=(), policy="small",
        policy_digest="sha256:p", build_id=BUILD.id, run_id=None,
    )  # fmt: skip


def test_a_promotion_waits_in_a_team_until_three_have_signed(laid, released):
    build = seal_build(fake_build("better"), load_machine_key(released.hidden / "keys"))
    earlier, promoting = (
        replace(one, build_id=build.id)
        for one in (decision(Outcome.REJECT, status=CheckStatus.FAIL, measured=0.0), decision())
    )
    released.store.save([build, earlier, promoting], event="decided")
    assert promotion_of(released, build, promoting).approvals == ()
    assert look_at_readiness(released).is_ready
    people_come(released)
    with pytest.raises(WaitingForPersonError, match="a bundle of what is on record"):
        promotion_of(released, build, promoting)
    make_bundle(released)
    for role, author in CHAIN.items():
        with pytest.raises(WaitingForPersonError, match=f"the sign-off of .*{role}"):
            promotion_of(released, build, promoting)
        sign_off(released, Signing(subject=promoting.id, role=role, text="Yes.", author=author), told)
    promotion = promotion_of(released, build, promoting)
    assert count_approvals(promotion, released.context()) == 3
    with pytest.raises(IntegrityError, match="not about this decision"):
        count_approvals(replace(promotion, decision=earlier), released.context())
    (check,) = look_at_readiness(released, promoting.id).checks
    assert (check.before, check.near) == ((("fail", 1),), 0)


def test_what_the_gate_refused_is_not_ready(released):
    refused = decision(Outcome.INCONCLUSIVE)
    released.store.save([BUILD, refused], event="decided")
    (found,) = look_at_readiness(released, refused.id).findings
    assert (found.reason, found.told) == (Reason.NOT_PROMOTED, "the gate says inconclusive: It is better.")
    assert look_at_readiness(released, BUILD.id).subject.id == refused.id


# --- By command -------------------------------------------------------------------------------------------------------


def test_readiness_by_command_names_each_reason_and_prints_what_is_hostile_harmless(team, run, tmp_path):
    words = "\x1b[31mred\u202e\n  ready"
    raise_about(team, 11, words)
    shown = run("readiness", "TIDES-1")
    assert shown.exit_code == ExitCode.WAITING
    assert shown.stdout.startswith("TIDES-1: waiting\n  no_bundle ")
    assert "    |   ready" in shown.stdout
    assert "\x1b" not in shown.stdout
    assert "\u202e" not in shown.stdout
    data = json.loads(run("readiness", "TIDES-1", "--json").stdout)
    assert data["exit_code"] == shown.exit_code
    assert {one["reason"] for one in data["reasons"]} == {"no_bundle", "signature_missing", "unanswered_concern"}
    assert {one["weight"] for one in data["reasons"]} == {"waiting"}
    assert [one["role"] for one in data["chain"]] == list(CHAIN)
    assert data["concerns"][0]["text"] == words
    page = tmp_path / "page.html"
    run("readiness", "TIDES-1", "--html", str(page))
    assert "Readiness of TIDES-1" in page.read_text()


def test_bundle_signature_and_handoff_by_command(team, run, monkeypatch):
    made = run("sign", "bundle", "TIDES-1")
    assert made.exit_code == 0
    assert team.store.last(Bundle).id in made.stdout
    monkeypatch.setattr("selftune.governance.people.keys.ask_on_terminal", told)
    words = ("--role", "training", "--fact", "sessions() = 200", "--author", "ada")
    signed = run("sign", "off", "TIDES-1", "I have read it.", *words)
    assert signed.exit_code == 0, signed.exception
    assert "training: signed by ada" in run("readiness", "TIDES-1").stdout
    early = run("handoff", "TIDES-1")
    assert isinstance(early.exception, WaitingForPersonError)
    name = team.store.last(Statement).id
    assert run("sign", "revoke", name, "--because", "too early", "--author", "ada").exit_code == 0
    assert "training: not signed" in run("readiness", "TIDES-1").stdout


def test_a_passphrase_is_taken_from_a_terminal_only(team, run):
    make_bundle(team, "TIDES-1")
    refused = run("sign", "off", "TIDES-1", "Yes.", "--role", "training", "--author", "ada")
    assert isinstance(refused.exception, UsageError)
    assert "from a terminal only" in str(refused.exception)
