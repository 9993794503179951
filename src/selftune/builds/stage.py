"""Build: from a run or a base to one thing that can be served, compared with what it was made from, named by digest."""

from __future__ import annotations

import shutil
from contextlib import ExitStack
from typing import TYPE_CHECKING, Final

from selftune.bases.memory import give_memory_back
from selftune.bases.offline import stay_offline
from selftune.bases.provenance import Provenance
from selftune.builds.adapter import CONFIG_FILE, WEIGHTS_FILE, open_adapter
from selftune.builds.base import Parts
from selftune.builds.distance import measure_distance
from selftune.builds.forms import ADAPTER_FILE, MODEL_FILE, form_called
from selftune.builds.parity import compare_greedy, compare_template, compare_tokens, render_in_folder, stopping_ids
from selftune.builds.reference_model import ReferenceModel
from selftune.builds.tensor_types import Quantisation
from selftune.context import Progress
from selftune.errors import ConfigError, IntegrityError
from selftune.records import (
    BaseModel,
    Build,
    BuildOrigin,
    FileDigest,
    Run,
    ServingForm,
    digest_file,
)
from selftune.serving.llama_cpp import run_server
from selftune.serving.ordering import Order
from selftune.serving.processor import fitting_threads
from selftune.serving.proof import template_digest

if TYPE_CHECKING:
    from pathlib import Path

    from selftune.builds.config import BuildConfig
    from selftune.context import Context
    from selftune.records import Distance, Parity
    from selftune.serving.client import LoopbackClient

STAGE_VERSION: Final = 4
_CONTEXT_TOKENS: Final = 512


class ParityError(IntegrityError):
    """What was built does not answer as the model it was made from."""


def build(source: Run | BaseModel, config: BuildConfig, context: Context) -> Build:
    """One deployable thing, its files kept as blobs, its agreement with the source measured as served.

    Raises:
        UnsupportedModelError: the base can't be written as GGUF.
        UnsupportedAdapterError: the run's adapter can't be merged or converted exactly.
        ParityError: tokens, template or greedy answers are not those of the source.
        ConfigError: the form does not fit the source.
    """
    form = _fitting_form(source, config)
    stay_offline()
    folder = context.work.folder("build")
    parts = Parts(
        base_folder=context.base_folder,
        adapter_folder=_adapter_folder(source, context),
        quantisation=config.quantisation,
        provenance=_provenance(source, context),
    )
    made = form_called(form, lambda done, total: _tell(context, done, total)).make(parts, folder)
    parity, distance = _prove(made.files, parts, config, context) if config.proved else ((), None)
    if failed := [figure for figure in parity if not figure.passed]:
        worst = failed[0]
        raise ParityError(
            f"the build's {worst.name} agree in {worst.measured:.1%} of {worst.n}, not in {worst.threshold:.0%}.",
            next_step=_closer_form(Quantisation(config.quantisation)),
        )
    kept = tuple(_keep(path, folder, context) for path in made.files)
    return Build(
        origin=_origin(source, config),
        form=form,
        quantisation=config.quantisation,
        base_digest=context.base.digest,
        run_id=source.id if isinstance(source, Run) else None,
        files=kept,
        template_digest=template_digest(render_in_folder(context.base_folder)),
        tokenizer_digest=digest_file(context.base_folder / "tokenizer.json"),
        system_prompt=config.system_prompt,
        generation=config.generation,
        size_bytes=sum(entry.size_bytes for entry in kept),
        tools=(*_tools(), made.quantiser),
        parity=parity,
        prompting=config.prompting,
        distance=distance,
    )


def _closer_form(failed: Quantisation) -> str:
    if failed in {Quantisation.F32, Quantisation.F16}:
        return "llama.cpp can't serve this base as it is; selftune base check says what of it is known to work."
    return "Build it as F16, which rounds less."


def _fitting_form(source: Run | BaseModel, config: BuildConfig) -> ServingForm:
    form = ServingForm(config.form)
    trained = isinstance(source, Run)
    if trained != (form is not ServingForm.BASE):
        fitting = "adapter, merged, quantised or folder" if trained else "base"
        raise ConfigError(
            f"a {'run' if trained else 'base'} can't be built in the form {form.value!r}.",
            next_step=f"Choose {fitting}.",
        )
    if form is ServingForm.QUANTISED and config.quantisation in {Quantisation.F32, Quantisation.F16}:
        raise ConfigError(
            f"the form 'quantised' with {config.quantisation} quantises nothing.",
            next_step="Choose Q8_0, Q6_K, Q5_K_M or Q4_K_M, or the form 'merged'.",
        )
    if form is ServingForm.FOLDER and config.quantisation not in {Quantisation.F32, Quantisation.F16}:
        raise ConfigError(
            f"the GGUF file beside the form 'folder' can't be {config.quantisation}: it shows what the folder answers.",
            next_step="Choose F16 or F32.",
        )
    if isinstance(source, Run):
        _check_run(source)
    return form


def _check_run(run: Run) -> None:
    if not run.adapter:
        raise ConfigError(
            f"run {run.id[:12]} left no adapter ({run.status.value}).",
            next_step="Look at its reason, then train again.",
        )


def _origin(source: Run | BaseModel, config: BuildConfig) -> BuildOrigin:
    if isinstance(source, Run):
        return BuildOrigin.RUN
    return BuildOrigin.BASE if config.system_prompt is None else BuildOrigin.PROMPT


def _adapter_folder(source: Run | BaseModel, context: Context) -> Path | None:
    """The run's adapter under the names that PEFT gives its files; None for a base."""
    digest = source.digest if isinstance(source, BaseModel) else source.base_digest
    if digest != context.base.digest:
        raise _other_base(digest, context)
    if isinstance(source, BaseModel):
        return None
    folder = context.work.folder("adapter")
    for entry in source.adapter:
        if entry.name in {CONFIG_FILE, WEIGHTS_FILE}:
            shutil.copyfile(context.blobs.path(entry.digest), folder / entry.name)
    return folder


def _provenance(source: Run | BaseModel, context: Context) -> Provenance:
    if isinstance(source, BaseModel):
        return Provenance()
    return Provenance(
        stage_history=source.stage_history,
        base_digest=context.base.digest,
        dataset_id=source.dataset_id,
        run_id=source.id,
    )


def _other_base(digest: str, context: Context) -> ConfigError:
    return ConfigError(
        f"it was made on the base {digest[:19]}, this project's base is {context.base.digest[:19]}.",
        next_step="Set [base] name to the base that it was made on.",
    )


def _tell(context: Context, done: int, total: int) -> None:
    context.report(Progress(done=done, total=total, note="write tensors"))


def _prove(
    files: tuple[Path, ...], parts: Parts, config: BuildConfig, context: Context
) -> tuple[tuple[Parity, ...], Distance | None]:
    found = _compare(files, parts, config, context)
    give_memory_back()  # the comparison held the whole model
    return found


def _compare(
    files: tuple[Path, ...], parts: Parts, config: BuildConfig, context: Context
) -> tuple[tuple[Parity, ...], Distance | None]:
    """Serve the files once and compare, with the least noise that the server offers."""
    by_name = {path.name: str(path) for path in files}
    order = Order(
        model=by_name[MODEL_FILE],
        adapter=by_name.get(ADAPTER_FILE),
        context_tokens=min(_CONTEXT_TOKENS, context.base.context_length),
        threads=fitting_threads(sum(path.stat().st_size for path in files)),
        exact=True,
    )
    context.report(Progress(done=0, total=None, note="compare with the source"))
    with run_server(order, context.work.folder("logs") / "parity.log") as server, server.watched() as client:
        exact = compare_tokens(client, parts.base_folder), compare_template(client, parts.base_folder)
        if not config.parity_prompts:
            return exact, None
        greedy, distance = _compare_answers(client, parts, config)
        return (*exact, greedy), distance


def _compare_answers(client: LoopbackClient, parts: Parts, config: BuildConfig) -> tuple[Parity, Distance]:
    folder, quantisation = parts.base_folder, Quantisation(config.quantisation)
    with ExitStack() as stack:
        adapter = stack.enter_context(open_adapter(parts.adapter_folder)) if parts.adapter_folder else None
        reference = ReferenceModel(folder, adapter, stopping_ids(folder))
        greedy = compare_greedy(client, reference, folder, quantisation=quantisation, prompts=config.parity_prompts)
        return greedy, measure_distance(client, folder, reference)


def _keep(path: Path, folder: Path, context: Context) -> FileDigest:
    name, size = path.relative_to(folder).as_posix(), path.stat().st_size
    return FileDigest(name=name, digest=context.blobs.put_file(path), size_bytes=size)


def _tools() -> tuple[str, ...]:
    from importlib.metadata import version

    return tuple(f"{name} {version(name)}" for name in ("selftune", "gguf"))
