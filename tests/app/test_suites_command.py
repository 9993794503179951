"""`selftune suite`: listed, shown, linted against policy and log, and brought in from files of prompts."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from selftune.app.cli.main import app, register_commands
from selftune.app.suites.importing import FOUNDRY_CATEGORIES, import_suite, read_prompts
from selftune.app.suites.linting import lint, lint_in_force, lint_named
from selftune.errors import ConfigError, MissingFileError, UsageError
from selftune.evals.coverage import Grade
from selftune.evals.suite_files import suite_text, write_suite
from selftune.evals.suites import SUITES, load_suite
from selftune.gate.policies import load_policy
from selftune.records import Dataset, DatasetKind, Example, GenerationParameters, Message, Suite, SuiteItem
from selftune.store import Store

if not app.registered_commands:
    register_commands()

QUESTIONS = (
    "Which harbour does the night ferry leave from on Sundays?",
    "How much flour goes into the small rye loaf?",
    "Who keeps the key of the bell tower during winter?",
    "What colour was the first lighthouse painted after the storm?",
    "When do the orchard gates close in late summer?",
    "Where did the archive move its oldest maps?",
)


def run(*words: str):
    return CliRunner().invoke(app, words)


def item(place: int, **facts) -> SuiteItem:
    given = {"id": f"i{place}", "category": "ferry", "behaviour": "knows", "difficulty": "easy"}
    messages = (Message(role="user", content=QUESTIONS[place]),)
    return SuiteItem(**{**given, "messages": messages, "expect": f'{{"any_of":["{place}"]}}', **facts})


def suite_of(*items: SuiteItem, **facts) -> Suite:
    given = {
        "name": "harbour",
        "version": "1",
        "description": "made by a test",
        "scorer": "exact",
        "unit": "item",
        "categories": tuple(dict.fromkeys(one.category for one in items)),
        "generation": GenerationParameters(temperature=0.0),
        "seed": 0,
    }
    return Suite(**{**given, "items": items, **facts})


def policy(**facts):
    return replace(load_policy("small"), **{"min_units": 1} | facts)


def codes(suite: Suite, **facts) -> set[str]:
    return {one.code for one in lint(suite, None, **facts).findings}


@pytest.mark.parametrize("name", SUITES.names())
def test_a_suite_written_and_read_back_is_the_same_suite(name, tmp_path):
    suite = load_suite(name)
    write_suite(suite, tmp_path / "copy.yaml", "Two lines\nof comment.")
    assert load_suite(tmp_path / "copy.yaml") == suite
    assert (tmp_path / "copy.yaml").read_text().startswith("# Two lines\n# of comment.\nname:")


def test_every_field_of_an_item_survives_the_file(tmp_path):
    one = item(
        0, pair="p", agent="ada", scorer="regex", reference="a\nb", weight=2.5, tier="extended",
        follow_ups=("Sure?",), origin="interaction:1",
    )  # fmt: skip
    other = item(1, pair="p", tier="extended")
    suite = suite_of(one, other, unit="pair", repeats=4, purpose="regression")
    write_suite(suite, tmp_path / "s.yaml")
    assert load_suite(tmp_path / "s.yaml") == suite
    assert "weight" not in suite_text(suite_of(other))


def test_the_shipped_suites_are_listed_and_a_copy_of_the_project_stands_before_them(tmp_path):
    assert (
        "state_obedience (shipped): 384 items in 192 pairs" in run("suite", "list", "--project", str(tmp_path)).output
    )
    write_suite(suite_of(item(0)), tmp_path / "suites" / "harbour.yaml")
    first, *others = json.loads(run("suite", "list", "--project", str(tmp_path), "--json").output)["suites"]
    assert (first["name"], first["own"], first["items"]) == ("harbour", True, 1)
    assert {one["name"] for one in others} == set(SUITES.names())


def test_what_is_held_out_is_counted_and_only_printed_for_who_asks(tmp_path):
    write_suite(suite_of(item(0), item(1, tier="held_out")), tmp_path / "suites" / "harbour.yaml")
    where = ("harbour", "--project", str(tmp_path))
    for words in (("--items",), ("--json",)):
        shown = run("suite", "show", *where, *words).output
        assert QUESTIONS[0] in shown
        assert QUESTIONS[1] not in shown
    assert "1 items are held out" in run("suite", "show", *where).output
    assert "held_out: 1 items, one case = 1.000" in run("suite", "show", *where).output
    assert QUESTIONS[1] in run("suite", "show", *where, "--held-out").output


def test_lint_ends_with_3_for_an_error_and_0_without(tmp_path):
    write_suite(suite_of(*map(item, range(6))), tmp_path / "suites" / "harbour.yaml")
    clean = run("suite", "lint", "harbour", "--project", str(tmp_path))
    assert (clean.exit_code, clean.output.splitlines()[-1]) == (0, "0 errors, 0 warnings.")
    coarse = run("suite", "lint", "harbour", "--project", str(tmp_path), "--policy", "small", "--json")
    assert coarse.exit_code == 3
    assert {one["code"] for one in json.loads(coarse.output)["findings"]} >= {"coarse"}


@pytest.mark.parametrize("name", SUITES.names())
def test_no_shipped_suite_says_the_same_twice_or_leaks(name):
    assert not codes(load_suite(name)) & {"duplicate", "near_duplicate", "contradiction", "leak", "unknown_scorer"}


def test_in_a_project_the_suite_that_decides_is_held_against_the_policy_in_force_and_others_against_none(project):
    write_suite(suite_of(*map(item, range(6))), project.folder / "suites" / "harbour.yaml")
    assert lint_named(project.folder, "state_obedience", project=project).policy == "small"
    beside = lint_named(project.folder, "harbour", project=project)
    assert (beside.policy, beside.datasets, beside.findings) == (None, 0, ())
    assert lint_named(project.folder, "harbour", policy="strict", project=project).policy == "strict"


def test_without_a_name_all_suites_of_the_project_are_linted_the_one_that_decides_first(project):
    write_suite(suite_of(item(0), item(0, id="again")), project.folder / "suites" / "harbour.yaml")
    first, *_, last = lint_in_force(project)
    assert (first.suite, first.policy, first.errors) == ("state_obedience", "small", ())
    assert (last.suite, [one.code for one in last.errors]) == ("harbour", ["duplicate"])
    assert run("suite", "lint", "--policy", "small", "--project", str(project.folder)).exit_code != 0


def test_two_items_that_say_nearly_the_same_are_told_and_across_the_clean_room_they_are_a_leak():
    asked = "Please tell me in a few plain words which of the two harbours the night ferry leaves from on every Sunday"
    one = item(0, messages=(Message(role="user", content=f"{asked} in may."),))
    for tier, code in (("gold", "near_duplicate"), ("held_out", "leak")):
        other = item(1, tier=tier, messages=(Message(role="user", content=f"{asked} in june."),))
        assert codes(suite_of(one, other)) == {code}
    assert codes(suite_of(one, item(1, tier="held_out"))) == set()


@pytest.mark.parametrize("reword", [str.upper, lambda text: f"Please: {text}", lambda text: f"{text[:-1]}\n"])
def test_what_is_held_out_must_not_stand_elsewhere_in_other_letters(reword):
    asked = item(0).messages[0]
    known = item(1, tier="held_out", messages=(replace(asked, content=reword(asked.content)),))
    assert codes(suite_of(item(0), known)) == {"leak"}


def test_the_two_sides_of_a_pair_may_be_alike():
    asked = "Please tell me in a few plain words which of the two harbours the night ferry leaves from on every Sunday"
    sides = [item(n, pair="p", messages=(Message(role="user", content=asked + end),)) for n, end in enumerate(".?")]
    assert codes(suite_of(*sides)) == set()


def lesson(place: int, text: str) -> Example:
    turns = (Message(role="user", content=text), Message(role="assistant", content="At nine."))
    return Example(salt=str(place), interaction_id=f"interaction:{place}", judgement_id=None, messages=turns)


@pytest.fixture
def store(tmp_path):
    with Store.open(tmp_path) as store:
        lessons = (lesson(1, QUESTIONS[1]), lesson(2, "What is two plus two?"))
        dataset = Dataset(
            kind=DatasetKind.SFT, train=lessons, holdout=(), rejects=(), mixture=(), watermark=1, config_digest="c",
            card="two lessons",
        )  # fmt: skip
        store.save([dataset], event="made by a test")
        yield store


def test_an_item_that_a_dataset_teaches_is_contaminated_and_the_lesson_is_named(store):
    linted = lint(suite_of(*map(item, range(3))), None, store=store)
    (found,) = linted.errors
    assert (found.code, found.items, linted.datasets) == ("contaminated", ("i1",), 1)
    assert "lesson interaction:1 word for word" in found.sentence
    assert lint(suite_of(item(0), item(2)), None, store=store).errors == ()


def test_an_item_that_a_lesson_asks_but_for_a_word_is_to_be_looked_at(store):
    asked = ("What is two times two?", "What is two times nine?")
    items = [item(n, messages=(Message(role="user", content=text),)) for n, text in enumerate(asked)]
    linted = lint(suite_of(*items), None, store=store)
    (found,) = [one for one in linted.findings if one.code == "reworded"]
    assert (found.grade, found.items) == (Grade.WARNING, ("i0",))
    assert "i0 from lesson interaction:2" in found.sentence
    # What is told as contaminated is not told twice, and under another state it is another question.
    assert codes(suite_of(item(1)), store=store) == {"contaminated"}
    state = Message(role="system", content='== STATE ==\n{"name": "Ada"}\n== END STATE ==')
    apart = replace(items[0], messages=(state, *items[0].messages))
    assert "reworded" not in codes(suite_of(apart), store=store)


def test_what_was_put_right_is_learnt_from_on_purpose(store):
    assert lint(suite_of(item(1), purpose="regression"), None, store=store).errors == ()


def test_a_policy_that_could_not_decide_on_the_suite_is_an_error():
    linted = lint(suite_of(*map(item, range(6))), policy(least_gain=0.5, category_cap=0.5, min_units=40))
    assert [one.code for one in linted.errors] == ["undecidable"]


def test_what_a_policy_can_see_is_told_beside_what_it_asks_for():
    linted = lint(suite_of(*map(item, range(6))), policy(least_gain=0.2, category_cap=0.5))
    assert linted.detectable_gain > 0.2
    assert {one.code for one in linted.findings} >= {"weak"}


def write(path: Path, *rows: dict) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def foundry_rows(categories=FOUNDRY_CATEGORIES):
    return [
        {"id": f"x-{place}", "category": category, "prompt": QUESTIONS[place], "difficulty": "hard",
         "ground_truth_signal": "Must say so."}
        for place, category in enumerate(categories)
    ]  # fmt: skip


def test_foundry_prompts_become_a_suite_for_a_judge_with_ids_and_difficulty_kept(tmp_path):
    path = import_suite(write(tmp_path / "prompts.jsonl", *foundry_rows()), tmp_path)
    suite = load_suite(path)
    assert path == tmp_path / "suites" / "prompts.yaml"
    assert [one.id for one in suite.items] == [f"x-{place}" for place in range(6)]
    assert {one.difficulty for one in suite.items} == {"hard"}
    assert (suite.scorer, suite.items[0].reference, suite.categories) == ("judge", "Must say so.", FOUNDRY_CATEGORIES)
    assert (suite.generation.temperature, suite.generation.top_k, suite.generation.max_tokens) == (1.0, 64, 1024)


def test_a_probe_file_that_lacks_one_of_the_six_is_no_suite_and_lint_names_the_category(tmp_path):
    probe = write(tmp_path / "probe.jsonl", *foundry_rows([c for c in FOUNDRY_CATEGORIES if c != "private_voice"]))
    with pytest.raises(ConfigError, match="private_voice"):
        import_suite(probe, tmp_path)
    linted = run("suite", "lint", str(probe), "--project", str(tmp_path))
    assert linted.exit_code == 3
    assert "'private_voice'" in linted.output


def test_a_suite_that_is_there_is_only_replaced_by_force(tmp_path):
    prompts = write(tmp_path / "prompts.jsonl", *foundry_rows())
    path = import_suite(prompts, tmp_path)
    path.write_text(path.read_text().replace("Must say so", "Edited by hand"))
    with pytest.raises(UsageError, match="there already"):
        import_suite(prompts, tmp_path)
    assert "Edited by hand" in path.read_text()
    assert "Edited by hand" not in import_suite(prompts, tmp_path, force=True).read_text()


def test_a_csv_of_our_own_becomes_a_suite_and_says_who_scores(tmp_path):
    table = tmp_path / "own.csv"
    table.write_text(
        "id,category,difficulty,prompt,scorer,expect,agent,weight\n"
        'a,sums,easy,What is two plus two?,number,"{""value"": 4}",ada,2\n'
        "b,sums,easy,Say hello.,,,,\n",
        encoding="utf-8",
    )
    result = run("suite", "import", str(table), "--project", str(tmp_path), "--scorer", "exact")
    assert result.exit_code == 0, result.output
    one, other = load_suite(tmp_path / "suites" / "own.yaml").items
    assert (one.scorer, json.loads(one.expect), one.agent, one.weight) == ("number", {"value": 4}, "ada", 2.0)
    assert (other.scorer, other.agent, other.weight) == (None, None, 1.0)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"id": "a", "category": "c", "difficulty": "easy"}, "either a prompt or messages"),
        ({"id": "a", "category": "c", "prompt": "p"}, "'difficulty' is missing"),
        ({"id": "a", "category": "c", "difficulty": "easy", "promt": "p"}, "unknown key 'promt'"),
        ({"id": "a", "category": "c", "difficulty": "easy", "prompt": "p", "expect": "4"}, "expect"),
        ({"id": "a", "category": "c", "difficulty": "easy", "prompt": "p", "tier": "silver"}, "silver"),
    ],
)
def test_a_row_that_says_something_else_is_refused_by_its_place(row, said, tmp_path):
    with pytest.raises(ConfigError, match=said):
        read_prompts(write(tmp_path / "own.jsonl", row))


def test_a_byte_order_mark_is_no_part_of_the_first_column_and_an_empty_table_is_told(tmp_path):
    table = tmp_path / "own.csv"
    table.write_text("id,category,difficulty,prompt\na,sums,easy,How much?\n", encoding="utf-8-sig")
    assert [one.id for one in read_prompts(table).items] == ["a"]
    table.write_text("id,category,difficulty,prompt\n", encoding="utf-8")
    with pytest.raises(ConfigError, match="no item"):
        read_prompts(table)


@pytest.mark.parametrize("change", [{"weight": float("nan")}, {"weight": -1}, {"id": "b"}, {"id": 5}])
def test_rows_that_make_no_suite_are_refused(change, tmp_path):
    row = {"id": "a", "category": "c", "difficulty": "easy", "prompt": "p"}
    with pytest.raises(ConfigError):
        read_prompts(write(tmp_path / "own.jsonl", row | {"id": "b"}, row | change))


def test_a_file_that_is_not_there_or_no_json_is_refused(tmp_path):
    with pytest.raises(MissingFileError):
        read_prompts(tmp_path / "none.jsonl")
    (tmp_path / "bad.jsonl").write_text("{\n")
    with pytest.raises(ConfigError, match="row 1"):
        read_prompts(tmp_path / "bad.jsonl")


@pytest.mark.needs("field-data")
def test_the_foundry_evaluation_is_brought_in_whole_and_its_probe_set_is_refused(tmp_path):
    data = Path(os.environ["SELFTUNE_FIELD_DATA"]) / "foundry"
    suite = load_suite(import_suite(data / "eval-prompts.jsonl", tmp_path, name="foundry"))
    raw = [json.loads(line) for line in (data / "eval-prompts.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [(one.id, one.category, one.difficulty) for one in suite.items] == [
        (row["id"], row["category"], row["difficulty"]) for row in raw
    ]
    assert (len(suite.items), suite.categories) == (36, FOUNDRY_CATEGORIES)
    probe = data / "probe" / "probe-prompts.jsonl"
    with pytest.raises(ConfigError, match="position_discrimination"):
        import_suite(probe, tmp_path)
    guarding = policy(guarded=("position_discrimination",), least_gain=0.5)
    errors = [one for one in lint(read_prompts(probe), guarding).findings if one.grade is Grade.ERROR]
    assert [one.code for one in errors] == ["empty_category"]
    assert "position_discrimination" in errors[0].sentence
