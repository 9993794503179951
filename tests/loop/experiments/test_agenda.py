"""`program.md` is read strictly: each knob is wired and each bound holds, or a line of it is refused."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

sys.path.insert(0, str(Path(__file__).parent))

from agenda_worlds import ROOMY, SHAPE, SPACE, a_project, program, read

from selftune.bases.shape import ModelShape, Tensor
from selftune.errors import ConfigError, SelftuneError, UnbalancedError, UnknownNameError, UsageError
from selftune.loop.config import CurationSection
from selftune.loop.experiments.agenda.corner import corner_bytes, fit_to_machine
from selftune.loop.experiments.agenda.document import PROGRAM
from selftune.loop.experiments.agenda.floors import refuse_thin
from selftune.loop.experiments.agenda.knobs import make_knob
from selftune.loop.experiments.agenda.points import ends_of
from selftune.loop.experiments.agenda.reading import parse_agenda
from selftune.loop.experiments.base import Lane, Lesson
from selftune.loop.experiments.changing import apply_changes
from selftune.loop.lessons.recipes import find_recipe
from selftune.loop.planning import make_curation
from selftune.records import Example
from selftune.training.config import Recipe, load_recipe
from selftune.training.machine import Machine, machine_of
from selftune.training.varying import vary


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    with a_project(tmp_path_factory.mktemp("project")) as opened:
        yield opened


def shipped(project):
    """The agenda of a project without one of its own."""
    (project.folder / PROGRAM).unlink(missing_ok=True)
    return read(project)


def space(lines: str, lane: str = "hyperparameters") -> str:
    return f"```toml\n[{lane}]\n{lines}\n```\n"


def with_curation(project, **changes):
    return replace(project, config=replace(project.config, curation=replace(project.config.curation, **changes)))


def test_the_shipped_agenda_holds_for_a_new_project(project):
    agenda = shipped(project)
    assert [knob.key for knob in agenda.knobs] == ["learning_rate", "lora_rank", "answers_per_prompt"]
    assert agenda.lanes == (Lane.HYPERPARAMETERS, Lane.MIXTURES)
    assert (agenda.tries, agenda.lessons, agenda.told) == ((), (), ())
    ranges = dict(find_recipe(project).ranges)
    assert [(knob.least, knob.most) for knob in agenda.knobs[:2]] == [ranges["learning_rate"], ranges["lora_rank"]]


def test_each_part_is_read_in_any_order_and_the_digest_knows_nothing_of_proposals_and_lessons(project):
    text = program(
        Lessons="- twice that rate broke it (when learning_rate>0.004 and order=tokens; on fake-base; from e-7)\n"
        "- read the answers,\n  not only the scores\n",
        Constraints='```toml\nscreen = "mine"\nguarded = ["isolation"]\nleast_gain = 0.03\nmost_changes = 2\n'
        '[floors]\n"identity + adversarial" = 0.15\n```\n',
        Proposals="Words.\n\n<!-- proposals:begin -->\n- lora_rank=32, learning_rate=2e-3: more room, faster\n"
        "<!-- proposals:end -->\n",
    )
    agenda = read(project, text)
    assert agenda.goal == "Better."
    assert (agenda.constraints.screen, agenda.constraints.guarded) == ("mine", ("isolation",))
    assert agenda.constraints.floors == (("identity + adversarial", 0.15),)
    (tried,) = agenda.tries
    assert (tried.changes, tried.reason) == (("learning_rate=0.002", "lora_rank=32"), "more room, faster")
    assert agenda.lessons == (
        Lesson(
            text="twice that rate broke it",
            conditions=("learning_rate>0.004", "order=tokens"),
            base="fake-base",
            source="e-7",
        ),
        Lesson(text="read the answers, not only the scores"),
    )
    bare = read(project, text.replace("- lora_rank=32, learning_rate=2e-3: more room, faster\n", ""))
    assert (bare.digest, bare.tries) == (agenda.digest, ())
    assert read(project, text.replace("0.03", "0.04")).digest != agenda.digest


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        (program() + "## Lesons\n", 17, "unknown heading 'Lesons'"),
        (program() + "## Goal\n", 17, "'Goal' stands in line 3 already"),
        (program("```toml\n[hyperparameters]\nlora_rank = [8, 64]\n"), 9, "never ends"),
        (program(""), 1, "the search space is empty"),
        (program("```toml\n[hyperparameters]\n```\n"), 9, "the search space is empty"),
        (program("```toml\n[hyperparameters]\nlora_rank = [8,\n```\n"), 11, "no valid TOML"),
        (program(SPACE + SPACE), 16, "a second block"),
        (program(space("lora_rnak = [8, 64]")), 11, "unknown knob 'lora_rnak'"),
        (program(space("lora_rank = [64, 8]")), 11, "the wrong way round"),
        (program(space("lora_rank = [32, 64]")), 11, "outside of its bounds"),
        (program(space("lora_rank = [8.5, 64]")), 11, "whole numbers"),
        (program(space("lora_rank = [8, 640]")), 11, "goes beyond 1 to 64"),
        (program(space("lora_rank = 8")), 11, "no pair of bounds"),
        (program(space("lora_rank = [true, 64]")), 11, "no pair of bounds"),
        (program(space("weight_decay = [0, 0.1]")), 11, "does not say how far weight_decay"),
        (program(space("max_seconds = [60, 600]")), 11, "can't be searched"),
        (program(space("holdout_share = [0.1, 0.5]", "mixtures")), 11, "can't be searched"),
        (program(space("lora_rank = [8, 64]", "mixtures")), 11, "belongs to the lane hyperparameters"),
        (program(space("lora_rank = [8, 64]", "lane_x")), 11, "no lane 'lane_x'"),
        (program("```toml\nlora_rank = [8, 64]\n```\n"), 10, "stands below no lane"),
        (program(space('order = ["shuffle", "shorttest"]', "curriculum")), 11, "unknown order 'shorttest'"),
        (program(space('order = ["tokens"]', "curriculum")), 11, "must name 'shuffle'"),
        (program(space("data_mix_ratio = [0.1, 0.9]", "mixtures")), 11, "outside of its bounds"),
        (program(space("most_repeats = [1, 4]", "mixtures")), 11, "would change nothing"),
        (program(space("length_gap = [0, 0.5]", "mixtures")), 11, "would change nothing"),
        (program(space('"mixture.isolation" = [0.1, 0.5]', "mixtures")), 11, "no value to vary around"),
        (program(Constraints="```toml\nleast_gian = 1\n```\n"), 20, "unknown key 'least_gian'"),
        (program(Constraints="```toml\nleast_gain = 2.0\n```\n"), 21, "between 0 and 1"),
        (program(Constraints="```toml\n[floors]\nidentity = 1.5\n```\n"), 18, "shares above 0"),
        (program(Proposals="- lora_rank=32\n"), 20, "must begin once"),
        (program(Proposals="<!-- proposals:end -->\n<!-- proposals:begin -->\n"), 20, "must begin once"),
        (program(Goal="<!-- proposals:begin -->\n<!-- proposals:end -->\n"), 5, "must begin once"),
        (program(Proposals="<!-- proposals:begin -->\nlora_rank=32\n<!-- proposals:end -->\n"), 21, "is no proposal"),
        (program(Proposals="<!-- proposals:begin -->\n- lora_rank\n<!-- proposals:end -->\n"), 21, "no KEY=VALUE"),
        (program(Proposals="<!-- proposals:begin -->\n- lora_rank=x\n<!-- proposals:end -->\n"), 21, "takes a number"),
        (
            program(Proposals="<!-- proposals:begin -->\n- lora_rank=32, order=tokens\n<!-- proposals:end -->\n"),
            21,
            "several lanes",
        ),
        (program(Lessons="Words.\n"), 20, "is no lesson"),
        (program(Lessons="- no (when lora_rnak>8)\n"), 20, "unknown knob"),
        (program(Lessons="- no (when lora_rank>high)\n"), 20, "no number"),
        (program(Lessons="- no (when lora_rank)\n"), 20, "no condition"),
        (program(Lessons="- no (when lora_rank>8; perhaps)\n"), 20, "says nothing of a lesson"),
    ],
)
def test_what_is_not_sound_is_refused_by_file_and_line_with_a_next_step(project, text, line, message):
    with pytest.raises(ConfigError, match=message) as refused:
        parse_agenda(text, PROGRAM, project)
    assert refused.value.message.startswith(f"{PROGRAM}, line {line}: ")
    assert refused.value.next_step


def test_the_nearest_knob_and_heading_are_offered(project):
    with pytest.raises(ConfigError) as refused:
        parse_agenda(program(space("lora_rnak = [8, 64]")), PROGRAM, project)
    assert "'lora_rank'" in refused.value.next_step
    with pytest.raises(ConfigError) as refused:
        parse_agenda(program() + "## Lesons\n", PROGRAM, project)
    assert "'Lessons'" in refused.value.next_step


def test_a_heading_inside_of_a_block_is_none_and_windows_line_ends_are_read(project):
    agenda = read(project, program(SPACE + "```\n## Nothing\n```\n").replace("\n", "\r\n"))
    assert len(agenda.knobs) == 3
    assert parse_agenda("\ufeff" + program(), PROGRAM, project).knobs == agenda.knobs


def test_a_recipe_that_says_no_range_has_nothing_to_search(project):
    other = replace(
        project, config=replace(project.config, training=replace(project.config.training, recipe="a4ps_sft"))
    )
    with pytest.raises(ConfigError, match="does not say how far learning_rate"):
        shipped(other)


@pytest.mark.parametrize(
    ("backend", "lines", "lane"),
    [
        ("unsloth", 'order = ["shuffle", "tokens"]', "curriculum"),
        ("unsloth", "weights.facts = [0.5, 2]", "curriculum"),
        ("mlx", "max_grad_norm = [0.5, 2]", "hyperparameters"),
    ],
)
def test_a_knob_that_the_program_which_trains_can_t_be_told_is_refused(project, backend, lines, lane):
    recipe = project.folder / "recipes" / f"{backend}.toml"
    recipe.parent.mkdir(exist_ok=True)
    recipe.write_text(f'backend = "{backend}"\n[ranges]\nmax_grad_norm = [0.1, 4]\n', encoding="utf-8")
    named = replace(project, config=replace(project.config, training=replace(project.config.training, recipe=backend)))
    with pytest.raises(ConfigError, match="can't be told"):
        parse_agenda(program(space(lines, lane)), PROGRAM, named)
    recipe.write_text(recipe.read_text().replace(backend, "packed"), encoding="utf-8")
    assert parse_agenda(program(space(lines, lane)), PROGRAM, named).knobs


# What is wired.


def curated(project, *changes):
    return make_curation(apply_changes(project, changes))


@pytest.mark.parametrize(
    ("project_has", "change", "found"),
    [
        ({}, "answers_per_prompt=3", {"answers_per_prompt": 3}),
        ({}, "threshold=4.0", {"threshold": 4.0}),
        ({}, "sure=0.8", {"sure": 0.8}),
        ({"data_mix_ratio": 0.5}, "data_mix_ratio=0.9", {"mix_by": "origin"}),
        ({"data_mix_ratio": 0.5}, "most_repeats=3", {"most_repeats": 3}),
        ({}, "max_share_per_kind=0.5", {"max_share_per_kind": 0.5}),
        ({}, "max_share_per_template=0.5", {"max_share_per_template": 0.5}),
        ({}, "max_share_motivator=0.25", {"max_share_motivator": 0.25}),
        ({"mixture": (("isolation", 0.5),)}, "mixture.isolation=0.25", {"mixture": (("isolation", 0.25),)}),
        ({"kind": "preference"}, "judge_noise=1", {"judge_noise": 1.0}),
        ({"kind": "preference"}, "length_ratio=3", {"length_ratio": 3.0}),
        ({"kind": "preference"}, "length_gap=0.5", {"length_gap": 0.5}),
    ],
)
def test_each_key_of_curation_reaches_what_curates(project, project_has, change, found):
    project = with_curation(project, **project_has)
    curation = curated(project, change)
    assert curation != make_curation(project)
    assert {key: getattr(curation, key) for key in found} == found


def test_each_lane_reaches_the_recipe_in_force(project):
    varied = apply_changes(project, ("learning_rate=0.002", "order=tokens", "weights.isolation=2"))
    recipe = find_recipe(varied)
    assert (recipe.learning_rate, recipe.order) == (0.002, "tokens")
    assert (recipe.weigh_by, recipe.weights) == ("kind", (("isolation", 2.0),))
    again = find_recipe(apply_changes(varied, ("learning_rate=0.004",)))
    assert (again.learning_rate, again.order) == (0.004, "tokens"), "what this command varies already stays"


@pytest.mark.parametrize(
    "change", ["learning_rate=1", "order=alphabet", "weights.isolation=0", "weights.x=nan", "sure=1", "threshold=high"]
)
def test_a_value_that_nothing_allows_is_refused(project, change):
    with pytest.raises(UsageError):
        apply_changes(project, (change,))


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=10, deadline=None)
@given(keys=st.sets(st.integers(0, 3)), order=st.sampled_from(["shuffle"]), weight=st.booleans())
def test_the_baselines_own_values_change_nothing(project, keys, order, weight):
    agenda = parse_agenda(program(SPACE + ""), PROGRAM, project)
    changes = [f"{knob.key}={knob.now}" for place, knob in enumerate(agenda.knobs) if place in keys]
    changes += [f"order={order}"] + ["weights.isolation=1.0"] * weight
    same = apply_changes(project, tuple(sorted(changes)))
    assert find_recipe(same).digest == find_recipe(project).digest
    assert make_curation(same) == make_curation(project)


def test_a_recipe_keeps_its_name_and_digest_where_a_change_changes_nothing():
    recipe = load_recipe("reference_sft")
    assert vary(recipe, ["lora_rank=16", "order=shuffle", "weights.x=1"]) is recipe
    with pytest.raises(UnknownNameError):
        vary(recipe, ["order=alphabet"])


# What base and machine can hold (C12).


def a_dense_35b() -> ModelShape:
    """The layers of Qwen2.5-32B, 68 in place of 64: 35 billion weights."""
    hidden, middle, keys, words = 5120, 27_648, 1024, 151_936
    sizes = {
        "self_attn.q_proj": (hidden, hidden), "self_attn.k_proj": (keys, hidden), "self_attn.v_proj": (keys, hidden),
        "self_attn.o_proj": (hidden, hidden), "mlp.gate_proj": (middle, hidden), "mlp.up_proj": (middle, hidden),
        "mlp.down_proj": (hidden, middle),
    }  # fmt: skip
    layers = (
        Tensor(name=f"model.layers.{at}.{name}.weight", dtype="BF16", shape=shape)
        for at in range(68)
        for name, shape in sizes.items()
    )
    words_both = (Tensor(name=name, dtype="BF16", shape=(words, hidden)) for name in ("embed", "lm_head"))
    return replace(
        SHAPE, layers=68, hidden=hidden, intermediate=middle, vocabulary=words, tensors=(*layers, *words_both)
    )


def councils_knobs(project, recipe: Recipe, *keys: str):
    return tuple(make_knob(key, "recipe", recipe, project.config) for key in keys)


def test_48_layers_of_35_billion_are_cut_on_a_mac_of_128_gb_and_32_fit(project):
    recipe, shape = replace(load_recipe("council_lora"), backend="mlx", load_in_4bit=True), a_dense_35b()
    assert shape.parameters == pytest.approx(35e9, rel=0.05)
    machine = machine_of(128, recipe)
    layers = councils_knobs(project, recipe, "lora_layers")
    cut, told = fit_to_machine(layers, recipe, shape, project.config.machine, machine)
    assert 32 <= (cut[0].most or 0) < 48
    assert "lora_layers goes to" in told[0]
    assert "GB" in told[0]
    assert corner_bytes(cut, recipe, shape) <= (machine.free_bytes or 0)
    one_more = replace(cut[0], most=(cut[0].most or 0) + 1)
    assert corner_bytes((one_more,), recipe, shape) > (machine.free_bytes or 0)


def test_no_knob_is_cut_below_what_is_in_force_and_one_without_a_choice_is_left_out(project):
    recipe, shape = replace(load_recipe("council_lora"), backend="mlx", load_in_4bit=True), a_dense_35b()
    knobs = councils_knobs(project, recipe, "lora_layers", "max_length", "lora_rank", "learning_rate")
    cut, told = fit_to_machine(knobs, recipe, shape, project.config.machine, machine_of(8, recipe))
    assert [knob.key for knob in cut] == ["lora_layers", "max_length", "lora_rank", "learning_rate"]
    assert all(float(knob.now) == knob.most for knob in cut[:3])
    assert "Even so" in told[-1]
    assert [line.partition(" ")[0] for line in told[:-1]] == ["lora_layers", "lora_rank"], "max_length stays as it is"


def test_a_base_has_no_more_layers_than_it_has(project):
    recipe = replace(load_recipe("council_lora"), lora_layers=16, ranges=(("lora_layers", (16.0, 48.0)),))
    knobs = councils_knobs(project, recipe, "lora_layers")
    cut, told = fit_to_machine(knobs, recipe, replace(SHAPE, layers=20), project.config.machine, ROOMY)
    assert (cut[0].most, told) == (20.0, ("lora_layers goes to 20 at most: the base has no more.",))


def test_what_nobody_knows_of_another_machine_is_told_and_cuts_nothing(project):
    recipe = replace(load_recipe("council_lora"), backend="ssh")
    knobs = councils_knobs(project, recipe, "lora_rank")
    cut, told = fit_to_machine(knobs, recipe, SHAPE, project.config.machine)
    assert cut == knobs
    assert "nobody said" in told[0]
    small = replace(project.config.machine, ssh="a@b", ssh_memory_gb=0.1)
    assert "lora_rank goes to 32 at most" in fit_to_machine(knobs, recipe, SHAPE, small)[1][0]


def test_a_space_of_which_nothing_is_left_is_refused(project):
    tiny = Machine(name="a tiny machine", free_bytes=1, is_here=True)
    with pytest.raises(ConfigError, match="nothing is left to vary"):
        read(project, program(space("lora_rank = [4, 64]").replace("[4, 64]", "[16, 64]")), machine=tiny)


# What must go on being learnt (C22).


def examples(**kinds: int) -> list[Example]:
    return [
        Example(salt="", interaction_id=f"{kind}{at}", judgement_id=None, messages=(), kind=kind)
        for kind, count in kinds.items()
        for at in range(count)
    ]


def test_a_try_that_would_meet_too_little_of_what_guards_a_model_is_refused():
    lessons = examples(identity=10, attacks=10, facts=80)
    plain = Recipe(name="r")
    refuse_thin((("identity + attacks", 0.2), ("identity", 0.1)), lessons, plain)
    refuse_thin((), lessons, plain)
    with pytest.raises(UnbalancedError, match="10% of what would be learnt shows identity") as refused:
        refuse_thin((("identity", 0.15),), lessons, plain)
    assert "Constraints" in refused.value.next_step
    more = replace(plain, weigh_by="kind", weights=(("facts", 4.0),))
    with pytest.raises(UnbalancedError, match="6% of what would be learnt shows identity"):
        refuse_thin((("identity + attacks", 0.2),), lessons, more)
    with pytest.raises(SelftuneError):
        refuse_thin((("identity", 0.1),), [replace(one, kind=None) for one in lessons], plain)


def test_every_end_of_every_knob_of_the_shipped_agenda_can_be_tried(project):
    for knob in shipped(project).knobs:
        for end in ends_of(knob):
            apply_changes(project, (f"{knob.key}={end}",))


def test_a_section_of_curation_has_every_key_that_is_wired():
    from selftune.loop.experiments.agenda.knobs import _CURATED

    assert {key for key in _CURATED if not hasattr(CurationSection(), key)} == set()
