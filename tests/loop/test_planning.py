from __future__ import annotations

from dataclasses import replace

import pytest

from selftune.codex.reading import load_codex
from selftune.errors import ConfigError, NothingNewError, UsageError
from selftune.gate.policies import load_policy
from selftune.loop.config import BuildSection, CurationSection, ProjectConfig
from selftune.loop.ejected import eject
from selftune.loop.lessons.learnt import last_learnt
from selftune.loop.planning import (
    choose_recipe,
    make_curation,
    refuse_learning_to_govern,
    refuse_other_prompting,
    refuse_related_judge,
    refuse_what_serves,
)
from selftune.loop.project import Project
from selftune.records import (
    Dataset,
    DatasetKind,
    Decision,
    JudgeIdentity,
    Model,
    Outcome,
    PlayedBy,
    Prompting,
    Run,
    RunStatus,
    ServingForm,
)
from selftune.testing import MemoryReader, fake_base, fake_build
from selftune.training.config import Recipe
from selftune.training.repeating import holds_recipe

QWEN = fake_base("qwen2.5-7b")
CODE = JudgeIdentity(name="checks", version="1")


REGISTRY = MemoryReader()


def model(*lineage: str) -> JudgeIdentity:
    return JudgeIdentity(name="oracle:m", version="1", lineage=lineage)


@pytest.mark.parametrize("judge", [CODE, model("mistral-large"), model("gpt-4o", "gpt-4")])
def test_code_and_strangers_may_choose_what_is_learnt(judge):
    refuse_related_judge(judge, QWEN, load_policy("small"), REGISTRY)


@pytest.mark.parametrize("judge", [model("Qwen/Qwen2.5-72B-Instruct"), model("mine-1", "qwen3-8b")])
def test_a_judge_of_the_models_own_family_is_refused_before_anything_is_paid_for(judge):
    with pytest.raises(ConfigError, match="both descend from qwen") as refused:
        refuse_related_judge(judge, QWEN, load_policy("small"), REGISTRY)
    assert "[judge]" in refused.value.next_step


def test_a_judge_of_unknown_lineage_is_no_stranger():
    with pytest.raises(ConfigError, match="unknown"):
        refuse_related_judge(model("???"), QWEN, load_policy("small"), REGISTRY)


def test_a_judge_that_the_registry_knows_as_made_of_the_base_is_refused_whatever_it_is_called():
    made_of_it = Model(name="stranger-1", entered_at="t", base_digest=QWEN.digest)
    read = MemoryReader([QWEN, made_of_it])
    with pytest.raises(ConfigError, match="both descend from"):
        refuse_related_judge(model("stranger-1"), QWEN, load_policy("small"), read)


def test_a_policy_may_allow_it_openly():
    refuse_related_judge(model("qwen3-8b"), QWEN, replace(load_policy("small"), independence="reported"), REGISTRY)


SERVED, WHOLE = Prompting.AS_SERVED, Prompting.DIALOGUE


def config_with(rendering: Prompting, prompting: Prompting) -> ProjectConfig:
    return ProjectConfig(curation=CurationSection(rendering=rendering), build=BuildSection(prompting=prompting))


@pytest.mark.parametrize("prompting", list(Prompting))
def test_dialogues_are_learnt_as_the_release_is_prompted(prompting):
    refuse_other_prompting(config_with(prompting, prompting), fake_build(prompting=prompting))


@pytest.mark.parametrize(
    ("rendering", "prompting", "champion", "key"),
    [
        (SERVED, WHOLE, WHOLE, "[curation] rendering"),
        (WHOLE, SERVED, SERVED, "[curation] rendering"),
        (WHOLE, SERVED, WHOLE, "[build] prompting"),
    ],
)
def test_a_rendering_that_is_not_the_prompting_of_what_serves_is_refused_with_the_way_out(
    rendering, prompting, champion, key
):
    with pytest.raises(ConfigError, match="what serves is prompted as") as refused:
        refuse_other_prompting(config_with(rendering, prompting), fake_build(prompting=champion))
    assert f'Set {key} to "{champion.value}"' in refused.value.next_step


def test_a_governor_whose_turns_would_be_learnt_is_refused():
    codex = load_codex()
    refuse_learning_to_govern(codex)
    refuse_learning_to_govern(replace(codex, governor=""))
    with pytest.raises(ConfigError, match="governor 'ROBIN' would be learnt") as refused:
        refuse_learning_to_govern(replace(codex, governor="ROBIN"))
    assert "as_served" in refused.value.next_step
    renamed = tuple(replace(one, name="OWNER") if one.name == "ARCHITECT" else one for one in codex.personas)
    with pytest.raises(ConfigError, match="person 'OWNER' would be learnt"):
        refuse_learning_to_govern(replace(codex, personas=renamed))
    played = tuple(replace(one, played_by=PlayedBy.MODEL) for one in codex.personas)
    with pytest.raises(ConfigError, match="turns of 'ARCHITECT' would be left out"):
        refuse_learning_to_govern(replace(codex, personas=played))


def test_only_lessons_as_served_carry_the_codex_in_force(project):
    whole = make_curation(project)
    assert (whole.rendering, whole.codex) == (WHOLE, None)
    own = eject(project.folder, "codex", "brick_robin")
    own.write_text(own.read_text().replace('version = "2"', 'version = "mine"'))
    served = make_curation(replace(project, config=config_with(SERVED, SERVED)))
    assert served.rendering is SERVED
    assert served.codex.version == "mine"


def run_of(project: Project, **changes: object) -> Run:
    said = {
        "recipe": "by hand", "recipe_digest": "", "dataset_id": "dataset:0", "base_digest": project.base.digest,
        "stage_history": ("sft",), "objective": "sft", "backend": "imported", "status": RunStatus.FINISHED, "seed": 0,
        "steps": 0, "planned_steps": 0, "passes": 0.0, "examples": 1, "supervised_tokens": 0,
    }  # fmt: skip
    return Run(**said | changes)


def test_a_run_of_another_base_is_not_weighed(project):
    other = run_of(project, base_digest="sha256:another")
    with pytest.raises(UsageError, match="another base"):
        choose_recipe(project, load_policy("small"), other)


def test_a_run_is_trained_again_only_by_the_recipe_that_its_record_holds(project):
    here = Recipe(name="mine", learning_rate=3e-4)
    told = run_of(project, recipe="mine", recipe_digest=here.digest, backend="packed", settings=here.settings, seed=4)
    assert choose_recipe(project, load_policy("small"), told) == replace(here, seed=4)
    assert not holds_recipe(run_of(project, settings=(("lora_rank", "8"),))), "an import says a few words, no recipe"


def test_what_serves_already_is_not_weighed_against_itself(project):
    run = run_of(project)
    champion = replace(fake_build(form=ServingForm.MERGED, quantisation="F16"), run_id=run.id)
    with pytest.raises(NothingNewError, match="serves already"):
        refuse_what_serves(run, champion, ProjectConfig())
    refuse_what_serves(run, champion, ProjectConfig(build=BuildSection(quantisation="Q8_0")))
    refuse_what_serves(replace(run, seed=1), champion, ProjectConfig())


def test_a_decision_about_an_older_dataset_makes_nothing_new_that_was_learnt_since(project):
    older, newer = (dataset_of(watermark=mark) for mark in (10, 20))
    runs = [run_of(project, dataset_id=dataset.id) for dataset in (older, newer)]
    project.store.save([older, newer, *runs], event="made by a test")
    decisions = [
        Decision(
            run_id=run.id,
            build_id=None,
            arms=(),
            policy="p",
            policy_digest="p",
            checks=(),
            outcome=Outcome.INVALID,
            reason=str(n),
        )
        for n, run in enumerate(reversed(runs))
    ]
    project.store.save(decisions, event="decided")
    assert last_learnt(project.store) == newer


def dataset_of(*, watermark: int) -> Dataset:
    return Dataset(
        kind=DatasetKind.SFT, train=(), holdout=(), rejects=(), mixture=(), watermark=watermark,
        config_digest="sha256:0", card="a card",
    )  # fmt: skip
