from __future__ import annotations

from dataclasses import replace

import pytest

from selftune.bases.provenance import folder_provenance
from selftune.bases.registry import check_base
from selftune.bases.shape import read_json
from selftune.builds.config import BuildConfig
from selftune.builds.stage import build
from selftune.context import ChatRequest
from selftune.errors import ConfigError, UnknownNameError
from selftune.records import (
    BaseModel,
    BuildOrigin,
    FileDigest,
    GenerationParameters,
    Message,
    Prompting,
    Run,
    RunStatus,
    ServingForm,
    digest_file,
)
from selftune.serving.llama_cpp import LlamaCpp, LlamaCppConfig
from selftune.testing import MemoryBlobs, MemoryWork, fake_context

pytestmark = [pytest.mark.needs("train"), pytest.mark.needs("serve")]


@pytest.fixture
def context(tiny, tmp_path):
    folder = tiny()
    files = tuple(
        FileDigest(name=f.name, digest=digest_file(f), size_bytes=f.stat().st_size) for f in sorted(folder.iterdir())
    )
    base = BaseModel(
        name="tiny",
        source="made by the test",
        architecture=read_json(folder / "config.json")["model_type"],
        parameters=1,
        context_length=512,
        files=files,
        template_digest="sha256:0",
        tokenizer_digest=digest_file(folder / "tokenizer.json"),
        licence="none",
    )
    made = fake_context(tmp_path)
    return replace(
        made, base=base, base_folder=folder, blobs=MemoryBlobs(tmp_path / "blobs"), work=MemoryWork(tmp_path / "work")
    )


def run_with(trained, context, **changes):
    files = tuple(
        FileDigest(name=name, digest=context.blobs.put_file(trained / name), size_bytes=(trained / name).stat().st_size)
        for name in ("adapter_config.json", "adapter_model.safetensors")
    )
    facts = {
        "recipe": "r",
        "recipe_digest": "sha256:1",
        "dataset_id": "dataset:1",
        "base_digest": context.base.digest,
        "stage_history": ("sft",),
        "objective": "sft",
        "backend": "peft",
        "status": RunStatus.FINISHED,
        "seed": 0,
        "steps": 1,
        "planned_steps": 1,
        "passes": 1.0,
        "examples": 1,
        "supervised_tokens": 1,
        "adapter": files,
    }
    return Run(**(facts | changes))


def test_base_is_built_its_parity_is_measured_as_served_and_it_has_nothing_that_training_changed(context):
    made = build(context.base, BuildConfig(form="base"), context)
    assert made.origin is BuildOrigin.BASE
    assert {figure.name: figure.measured for figure in made.parity} == {"tokens": 1.0, "template": 1.0, "greedy": 1.0}
    assert context.blobs.path(made.files[0].digest).read_bytes()[:4] == b"GGUF"
    assert [tool.split()[0] for tool in made.tools] == ["selftune", "gguf", "xllamacpp"]
    assert made.distance.effect is None
    assert not made.distance.outweighs_training


def test_the_same_base_builds_to_the_same_digest_twice(context):
    config = BuildConfig(form="base", parity_prompts=0)
    assert build(context.base, config, context).digest == build(context.base, config, context).digest


@pytest.mark.parametrize("form", ["merged", "adapter"])
def test_what_is_not_proved_has_the_same_files_no_figures_and_met_no_server(context, make_adapter, form, tmp_path):
    run = run_with(make_adapter(context.base_folder), context)
    unproved = build(run, BuildConfig(form=form, proved=False), context)
    assert (unproved.parity, unproved.distance) == ((), None)
    assert not list(tmp_path.rglob("parity.log"))
    proved = build(run, BuildConfig(form=form), context)
    assert {figure.name for figure in proved.parity} == {"tokens", "template", "greedy"}
    assert list(tmp_path.rglob("parity.log"))
    assert (unproved.digest, unproved.files) == (proved.digest, proved.files)
    assert unproved.id != proved.id


def test_how_a_build_is_prompted_is_a_fact_of_it_and_does_not_change_what_answers(context):
    whole = build(context.base, BuildConfig(form="base", parity_prompts=0), context)
    served = build(context.base, BuildConfig(form="base", parity_prompts=0, prompting=Prompting.AS_SERVED), context)
    assert (whole.prompting, served.prompting) == (Prompting.DIALOGUE, Prompting.AS_SERVED)
    assert whole.digest == served.digest
    assert whole.id != served.id


@pytest.mark.parametrize(
    ("form", "quantisation"),
    [("adapter", "F16"), ("merged", "F16"), ("folder", "F16"), ("quantised", "Q8_0"), ("quantised", "Q6_K")],
)
def test_trained_run_answers_as_peft_does_in_each_serving_form(context, make_adapter, form, quantisation):
    run = run_with(make_adapter(context.base_folder), context)
    made = build(run, BuildConfig(form=form, quantisation=quantisation), context)
    assert made.form is ServingForm(form)
    assert made.run_id == run.id
    assert all(figure.passed for figure in made.parity)
    assert [entry.name for entry in made.gguf_files] == ["model.gguf"] + ["adapter.gguf"] * (form == "adapter")


def laid_out(made, name, context, folder):
    folder.mkdir()
    for entry in made.folder(name):
        (folder / entry.name.removeprefix(f"{name}/")).symlink_to(context.blobs.path(entry.digest))
    return folder


def test_adapter_form_holds_the_very_folder_that_peft_wrote_and_no_second_copy_of_it(context, make_adapter, tmp_path):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    run = run_with(make_adapter(context.base_folder), context)
    made = build(run, BuildConfig(form="adapter", parity_prompts=0), context)
    assert {entry.digest for entry in made.folder("adapter")} == {entry.digest for entry in run.adapter}
    folder = laid_out(made, "adapter", context, tmp_path / "peft")
    PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(context.base_folder), folder)


def test_folder_form_is_a_base_that_says_what_trained_it(context, make_adapter, tmp_path):
    run = run_with(make_adapter(context.base_folder), context, stage_history=("sft", "orpo"))
    made = build(run, BuildConfig(form="folder", parity_prompts=0), context)
    folder = laid_out(made, "merged", context, tmp_path / "merged")
    said = folder_provenance(folder)
    assert (said.stage_history, said.run_id, said.base_digest) == (("sft", "orpo"), run.id, context.base.digest)
    report = check_base(str(folder), tmp_path / "home")
    assert report.trainable
    assert report.servable
    assert "trained here before: sft, orpo" in " ".join(report.notes)


@pytest.mark.parametrize("quantisation", ["Q8_0", "Q4_K_M"])
def test_gguf_file_beside_a_folder_is_never_coarser_than_the_folder(context, make_adapter, quantisation):
    run = run_with(make_adapter(context.base_folder), context)
    with pytest.raises(ConfigError, match="beside the form 'folder'"):
        build(run, BuildConfig(form="folder", quantisation=quantisation), context)


def test_a_build_serves_and_proves_itself(context, make_adapter, tmp_path):
    run = run_with(make_adapter(context.base_folder), context)
    request = ChatRequest(messages=(Message(role="user", content="Hello fox"),), seed=1)
    parameters = GenerationParameters(max_tokens=12)
    serve = LlamaCpp(context.blobs.path, tmp_path / "logs", LlamaCppConfig(threads=1, context_tokens=256, exact=True))
    said = {}
    for form in ("adapter", "merged"):
        made = build(run, BuildConfig(form=form, quantisation="F32", parity_prompts=0), context)
        with serve(made) as served:
            said[form] = served.chat(request, parameters).text
            assert served.proof.model_digest == made.file("model.gguf").digest
            assert served.proof.template_digest == made.template_digest
    assert said["adapter"] == said["merged"]


def test_run_of_another_base_is_refused(context, make_adapter):
    run = run_with(make_adapter(context.base_folder), context, base_digest="sha256:other")
    with pytest.raises(ConfigError, match="was made on the base"):
        build(run, BuildConfig(), context)


def test_run_without_adapter_is_refused(context, make_adapter):
    run = run_with(make_adapter(context.base_folder), context, adapter=(), status=RunStatus.TRAINED_NOTHING)
    with pytest.raises(ConfigError, match="trained_nothing"):
        build(run, BuildConfig(), context)


def test_base_can_not_be_merged_and_a_run_is_no_base(context, make_adapter):
    with pytest.raises(ConfigError, match="can't be built in the form"):
        build(context.base, BuildConfig(form="merged"), context)
    with pytest.raises(ConfigError, match="can't be built in the form"):
        build(run_with(make_adapter(context.base_folder), context), BuildConfig(form="base"), context)


def test_prompt_only_build_is_another_build_with_the_same_weights(context):
    bare = build(context.base, BuildConfig(form="base", parity_prompts=0), context)
    prompted = build(context.base, BuildConfig(form="base", parity_prompts=0, system_prompt="Obey."), context)
    assert prompted.origin is BuildOrigin.PROMPT
    assert prompted.files == bare.files
    assert prompted.digest != bare.digest


def test_unknown_form_and_quantisation_name_the_nearest():
    with pytest.raises(UnknownNameError, match="merged"):
        BuildConfig(form="mergd")
    with pytest.raises(UnknownNameError, match="Q4_K_M"):
        BuildConfig(quantisation="Q4_KM")


@pytest.mark.parametrize("form", ["adapter", "merged"])
def test_what_is_served_unquantised_lies_close_to_what_was_trained_and_far_from_the_base(context, make_adapter, form):
    run = run_with(make_adapter(context.base_folder), context)
    found = build(run, BuildConfig(form=form, quantisation="F32"), context).distance
    assert found.divergence < 1e-4
    assert found.effect > 0.01
    assert found.same_top == 1.0
    assert not found.outweighs_training
    assert found.interval[0] <= found.divergence <= found.interval[1]
