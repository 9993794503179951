from __future__ import annotations

from dataclasses import replace

import pytest

from selftune.codex.reading import load_codex
from selftune.errors import ConfigError
from selftune.gate.policies import load_policy
from selftune.loop.config import BuildSection, CurationSection, ProjectConfig
from selftune.loop.ejected import eject
from selftune.loop.planning import (
    make_curation,
    refuse_learning_to_govern,
    refuse_other_prompting,
    refuse_related_judge,
)
from selftune.records import JudgeIdentity, Prompting
from selftune.testing import fake_base, fake_build

QWEN = fake_base("qwen2.5-7b")
CODE = JudgeIdentity(name="checks", version="1")


def model(*lineage: str) -> JudgeIdentity:
    return JudgeIdentity(name="oracle:m", version="1", lineage=lineage)


@pytest.mark.parametrize("judge", [CODE, model("mistral-large"), model("gpt-4o", "gpt-4")])
def test_code_and_strangers_may_choose_what_is_learnt(judge):
    refuse_related_judge(judge, QWEN, load_policy("small"))


@pytest.mark.parametrize("judge", [model("Qwen/Qwen2.5-72B-Instruct"), model("mine-1", "qwen3-8b")])
def test_a_judge_of_the_models_own_family_is_refused_before_anything_is_paid_for(judge):
    with pytest.raises(ConfigError, match="both descend from qwen") as refused:
        refuse_related_judge(judge, QWEN, load_policy("small"))
    assert "[judge]" in refused.value.next_step


def test_a_judge_of_unknown_lineage_is_no_stranger():
    with pytest.raises(ConfigError, match="unknown"):
        refuse_related_judge(model("???"), QWEN, load_policy("small"))


def test_a_policy_may_allow_it_openly():
    refuse_related_judge(model("qwen3-8b"), QWEN, replace(load_policy("small"), independence="reported"))


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


def test_only_lessons_as_served_carry_the_codex_in_force(project):
    whole = make_curation(project)
    assert (whole.rendering, whole.codex) == (WHOLE, None)
    own = eject(project.folder, "codex", "brick_robin")
    own.write_text(own.read_text().replace('version = "1"', 'version = "2"'))
    served = make_curation(replace(project, config=config_with(SERVED, SERVED)))
    assert served.rendering is SERVED
    assert served.codex.version == "2"
