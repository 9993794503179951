"""`selftune codex` shows what is in force and finds what a rubric quotes in vain."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.app.codices import codex_in_force, lint_codex, prompt_of
from selftune.codex.reading import load_codex
from selftune.errors import ConfigError, UnknownNameError, UsageError, WaitingForPersonError
from selftune.judges.rubric import shipped_rubrics
from selftune.loop.ejected import eject


@pytest.fixture(scope="module", autouse=True)
def commands() -> None:
    if not app.registered_commands:
        register_commands()


def ask(*words: str, project) -> str:
    done = CliRunner().invoke(app, ["codex", *words, "--project", str(project)])
    assert done.exit_code == 0, done.output
    return done.output


def test_without_a_project_the_shipped_codex_is_shown_with_what_can_be_quoted(tmp_path):
    shown = ask("show", project=tmp_path)
    assert shown.startswith("brick_robin, version 2 (shipped), codex:")
    assert "codex:brick.tamland_engine (weight 1): " in shown
    assert "ALFRED, governor; watches over the others: " in shown
    told = json.loads(ask("show", "--json", project=tmp_path))
    assert told["id"] == load_codex().id
    assert "robin.sage" in told["references"]


def test_every_field_of_a_codex_is_shown_also_of_one_that_is_not_in_force(tmp_path):
    shown = ask("show", project=tmp_path)
    for part in (
        "Useful in the end (may be amended): ",
        "Of the identity's own an amendment may change its text.",
        "Nobody may change: That a fact, a source or a result may be invented.",
        "Probe of people_decide: ",
        "ARCHITECT, architect; played by a person: ",
        "voice: Your own: nobody writes your lines.",
        "at odds from 0.5, settled below 0.25, and ends after 3 rounds.",
    ):
        assert part in shown
    other = ask("show", "state_agent", project=tmp_path)
    assert "prompt: The state is all that is real." in other
    assert "drawn with temperature 0, top-p 1, top-k 0, at most 128 tokens" in other
    assert "The state is all" in ask("show", "state_agent", "--prompt", "agent", project=tmp_path)


def test_a_project_s_own_codex_is_the_one_in_force(tmp_path):
    own = eject(tmp_path, "codex", "brick_robin")
    own.write_text(own.read_text().replace('version = "2"', 'version = "mine"'))
    found = codex_in_force(tmp_path)
    assert (found.where, found.codex.version) == (str(own), "mine")
    assert found.id != load_codex().id


def test_the_prompt_of_a_persona_is_what_it_is_to_be_called_with(tmp_path):
    assert ask("show", "--prompt", "robin", project=tmp_path).startswith("You are ROBIN, synthesist of BRICK & ROBIN.")
    with pytest.raises(UnknownNameError, match="Did you mean 'ROBIN'"):
        prompt_of(tmp_path, "ROBBIN")


def test_the_shipped_codex_holds_all_that_the_shipped_rubrics_quote(tmp_path):
    for name in shipped_rubrics():
        eject(tmp_path, "rubric", name)
    assert lint_codex(tmp_path).faults == ()
    assert set(lint_codex(tmp_path).rubrics) == set(shipped_rubrics())


def test_a_shipped_rubric_that_is_not_in_force_may_quote_what_it_likes(tmp_path):
    own = eject(tmp_path, "codex", "brick_robin")
    own.write_text(own.read_text().replace('"LEGO Batman"', '"Night Hero"'))
    assert lint_codex(tmp_path).faults == ()
    (tmp_path / "selftune.toml").write_text('[judge]\nrubric = "golden"\n')
    (fault,) = lint_codex(tmp_path).faults
    assert "'codex:brick.lego_batman'" in fault


def test_a_rubric_that_quotes_in_vain_and_a_persona_without_pillars_are_found(tmp_path):
    own = eject(tmp_path, "codex", "brick_robin")
    text = own.read_text()
    own.write_text(text[: text.rindex("[[personas.pillars]]")])
    eject(tmp_path, "rubric", "golden")
    rubric = eject(tmp_path, "rubric", "council")
    rubric.rename(rubric.with_stem("mine"))
    mine = tmp_path / "rubrics" / "mine.toml"
    mine.write_text(mine.read_text().replace('name = "domain"', 'name = "domain"\npillars = ["codex:brick.the_gide"]'))
    done = CliRunner().invoke(app, ["codex", "lint", "--project", str(tmp_path)])
    assert done.exit_code == 2
    bare, golden, own_rubric = done.output.splitlines()[:3]
    assert bare == "ALFRED stands on no pillar: no criterion can quote one."
    assert "answers to 'codex:alfred.socratic_contrapunto'" in golden
    assert "Did you mean 'brick.the_guide'" in own_rubric


def test_how_few_questions_are_too_few_is_asked_of_the_policy_in_force(tmp_path):
    own = eject(tmp_path, "codex", "character")
    fourth = own.read_text().rindex("[[identity.probes]]")
    own.write_text(own.read_text()[:fourth] + own.read_text()[own.read_text().index("[[personas]]") :])
    (tmp_path / "selftune.toml").write_text('[codex]\nname = "character"\n')
    assert any("fewer than 7 questions" in told and "knows_its_own_time (6)" in told for told in said_of(tmp_path))
    (tmp_path / "selftune.toml").write_text('[codex]\nname = "character"\n[gate]\npolicy = "strict"\n')
    assert not any("questions" in told for told in said_of(tmp_path))


def said_of(folder):
    return lint_codex(folder).remarks


def test_a_codex_with_an_unknown_key_is_refused_before_anything_is_held_against_it(tmp_path):
    own = eject(tmp_path, "codex", "brick_robin")
    own.write_text("motto = 'x'\n" + own.read_text())
    with pytest.raises(ConfigError, match="unknown key 'motto'"):
        lint_codex(tmp_path)


def test_a_person_has_no_prompt_to_be_called_with(tmp_path):
    with pytest.raises(UsageError, match="ARCHITECT is played by a person"):
        prompt_of(tmp_path, "architect")


def test_what_differs_is_told_place_by_place_with_what_no_amendment_may_change(tmp_path):
    own = eject(tmp_path, "codex", "brick_robin")
    text = own.read_text().replace('name = "BRICK & ROBIN"', 'name = "The Pair"').replace("short, firm", "long, soft")
    text = text.replace('governor = "ALFRED"', 'governor = "ROBIN"')
    (tmp_path / "codex" / "pair.toml").write_text(text)
    told = ask("diff", "brick_robin", "codex/pair.toml", project=tmp_path)
    assert "identity.name (an invariant)\n  - BRICK & ROBIN\n  + The Pair" in told
    assert "personas.brick.voice\n  - You speak in short, firm" in told
    assert "governor (forbidden)\n  - ALFRED\n  + ROBIN" in told
    assert "No amendment may change governor, identity.name:" in told
    assert "That a fact, a source or a result may be invented." in told
    found = {one["where"]: one for one in json.loads(ask("diff", "pair", "--json", project=tmp_path))}
    assert (found["identity.name"]["before"], found["identity.name"]["amendable"]) == ("The Pair", False)
    assert ask("diff", "brick_robin", project=tmp_path).splitlines()[1:] == ["Nothing differs."]


def test_a_codex_that_is_not_in_force_can_be_held_against_itself(tmp_path):
    done = CliRunner().invoke(app, ["codex", "lint", "character", "--project", str(tmp_path)])
    assert done.exit_code == 2
    assert "personas.voice.text is still to be filled in" in done.output


def bring(project, *words: str):
    return CliRunner().invoke(app, ["codex", "import", *words, "--project", str(project)])


@pytest.fixture
def card(tmp_path):
    said = {"name": "Ada Pell", "description": "You print.\x1b[2J", "post_history_instructions": "Answer in verse."}
    file = tmp_path / "ada.json"
    file.write_text(json.dumps({"spec": "chara_card_v2", "spec_version": "2.0", "data": said}))
    return file


def test_a_card_is_shown_and_written_only_once_a_person_has_said_so(tmp_path, card):
    shown = bring(tmp_path, str(card))
    assert isinstance(shown.exception, WaitingForPersonError)
    assert "You print.\\\\x1b[2J" in shown.stdout
    assert "\x1b" not in shown.output
    assert "  | Answer in verse." in shown.stderr
    assert "Answer in verse." not in shown.stdout
    assert not (tmp_path / "codex").exists()
    assert bring(tmp_path, str(card), "--yes").exit_code == 0
    written = tmp_path / "codex" / "ada_pell.toml"
    assert "To put right: Ada Pell stands on no pillar" in shown.stderr
    assert load_codex(str(written)).personas[0].name == "Ada Pell"
    assert written.read_text().splitlines() == shown.stdout.rstrip("\n").splitlines()
    assert codex_in_force(tmp_path).codex.name == "brick_robin"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--name", "../evil"], "no name for a codex"),
        (["--name", "UPPER"], "no name for a codex"),
        (["--name", "council"], "comes with selftune"),
        (["--name", "mine"], "is there already"),
    ],
)
def test_a_card_takes_no_place_that_is_another_s(tmp_path, card, words, message):
    (tmp_path / "codex").mkdir()
    (tmp_path / "codex" / "mine.toml").write_text("mine")
    done = bring(tmp_path, str(card), "--yes", *words)
    assert isinstance(done.exception, UsageError)
    assert message in str(done.exception)
    assert [file.name for file in (tmp_path / "codex").iterdir()] == ["mine.toml"]
    assert (tmp_path / "codex" / "mine.toml").read_text() == "mine"
