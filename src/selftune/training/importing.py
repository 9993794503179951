"""An adapter trained elsewhere becomes a run: looked at as our own are, and believed in nothing it can't show."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from selftune.bases.memory import give_memory_back
from selftune.bases.provenance import Provenance, read_provenance, stamp
from selftune.bases.shape import PICKLES, read_header, read_json, read_shape
from selftune.errors import DamagedFileError, MissingFileError, UsageError
from selftune.records import FileDigest, Run, RunPurpose, RunStatus
from selftune.training.environment import code_version
from selftune.training.evidence import gather_evidence
from selftune.training.lora import CONFIG, FILES, WEIGHTS, layer_names
from selftune.training.order import UNKNOWN
from selftune.training.rows import RowMaker, load_tokenizer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch

    from selftune.bases.shape import ModelShape, Tensor
    from selftune.context import Context
    from selftune.records import Dataset
    from selftune.training.base import Row
    from selftune.training.evidence import Evidence

IMPORTED: Final = "imported"
_PREFIX: Final = "base_model.model."
_PLAIN: Final = {
    "peft_type": "LORA",
    "task_type": "CAUSAL_LM",
    "inference_mode": True,
    "use_rslora": False,
    "use_dora": False,
    "bias": "none",
    "fan_in_fan_out": False,
    "modules_to_save": None,
    "rank_pattern": {},
    "alpha_pattern": {},
}
# What makes an adapter more than W + s·BA with one scale: by any of these it would be applied wrongly.
_REFUSED: Final = ("use_dora", "modules_to_save", "fan_in_fan_out", "lora_bias", "rank_pattern", "alpha_pattern")
_DTYPES: Final = ("F32", "F16", "BF16")
_PROBES: Final = 4


def import_adapter(folder: Path, dataset: Dataset, context: Context) -> Run:
    """The run that an adapter in PEFT's layout stands for; its tensors are kept as float32, its config as we write it.

    One without effect becomes a run that trained nothing. Loss, steps and time are not ours to tell.

    Raises:
        MissingFileError: no adapter lies there.
        UsageError: only pickles lie there, it is no plain LoRA, or it is one for another base.
        DamagedFileError: a file can't be read, or a weight is no finite number.
    """
    config, provenance = _read_config(folder), read_provenance(_weights(folder))
    _check_origin(provenance, dataset, context)
    shape = read_shape(context.base_folder)
    _check_names(read_header(folder / WEIGHTS), config, shape, context)
    tensors = _read_tensors(folder / WEIGHTS)
    evidence = _look(tensors, config, dataset, context)
    history = provenance.stage_history or (UNKNOWN,)
    adapter = context.work.folder("imported")
    _write(adapter, tensors, config, context)
    stamp(
        adapter / WEIGHTS,
        Provenance(stage_history=history, base_digest=context.base.digest, dataset_id=dataset.id),
    )
    return Run(
        recipe=IMPORTED,
        recipe_digest="",
        dataset_id=dataset.id,
        base_digest=context.base.digest,
        stage_history=history,
        objective=history[-1],
        backend=IMPORTED,
        status=RunStatus.TRAINED_NOTHING if evidence.nothing else RunStatus.FINISHED,
        seed=context.seed,
        steps=0,
        planned_steps=0,
        passes=0.0,
        examples=len(dataset.taught),
        supervised_tokens=0,
        adapter=() if evidence.nothing else tuple(_keep(adapter / name, context) for name in FILES),
        mean_abs_delta=evidence.mean_abs_delta,
        reason=evidence.nothing,
        purpose=RunPurpose.PRODUCTION,
        settings=_settings(config, provenance),
        code_version=code_version(),
    )


def refuse_what_is_none(folder: Path) -> None:
    """Refuse a folder that holds no plain LoRA, by its config and the header of its weights, before anything is asked.

    Raises:
        MissingFileError, UsageError, DamagedFileError: as `import_adapter`.
    """
    read_header(_weights(folder))
    _read_config(folder)


def take_adapter(folder: Path, into: Path, context: Context) -> None:
    """Write an adapter that another program trained on this base down as ours are.

    Raises:
        SelftuneError: as `import_adapter`.
    """
    _weights(folder)
    config = _read_config(folder)
    _check_names(read_header(folder / WEIGHTS), config, read_shape(context.base_folder), context)
    _write(into, _read_tensors(folder / WEIGHTS), config, context)


def _weights(folder: Path) -> Path:
    weights = folder / WEIGHTS
    if weights.is_file():
        return weights
    pickles = sorted(path.name for path in folder.iterdir() if path.suffix in PICKLES) if folder.is_dir() else []
    if pickles:
        raise UsageError(
            f"{folder} holds its weights as a pickle ({pickles[0]}), which can run code; it was not opened.",
            next_step="Save the adapter as safetensors: save_pretrained(…, safe_serialization=True).",
        )
    raise MissingFileError(f"there is no {WEIGHTS} in {folder}.", next_step="Name the folder that PEFT has written.")


def _read_config(folder: Path) -> dict[str, Any]:
    config = read_json(folder / CONFIG)
    reasons = [name for name in _REFUSED if config.get(name)]
    if config.get("peft_type") != "LORA":
        reasons.append(f"peft_type {config.get('peft_type')!r}")
    if config.get("bias", "none") != "none":
        reasons.append("trained biases")
    numbers = (config.get("r"), config.get("lora_alpha"))
    if any(not isinstance(one, int | float) or isinstance(one, bool) or one <= 0 for one in numbers):
        reasons.append("no rank and alpha above 0")
    if reasons:
        raise UsageError(
            f"the adapter in {folder} is no plain LoRA: {', '.join(reasons)}.",
            next_step="Train a plain LoRA of one rank and one alpha on linear layers.",
        )
    return config


def _check_origin(said: Provenance, dataset: Dataset, context: Context) -> None:
    """What it says of itself must be true here; what it does not say is held against names and shapes alone."""
    if said.base_digest not in {None, context.base.digest}:
        raise UsageError(
            f"the adapter was trained on another base than {context.base.name}: on {said.base_digest}.",
            next_step="Import it into a project of that base.",
        )
    if said.dataset_id not in {None, dataset.id}:
        raise UsageError(
            f"the adapter says it was trained on {said.dataset_id}, not on {dataset.id}.",
            next_step=f"Name that dataset: --dataset {said.dataset_id}",
        )


def _check_names(tensors: tuple[Tensor, ...], config: dict[str, Any], shape: ModelShape, context: Context) -> None:
    """Every tensor must be one half of a pair that fits a linear layer of the base."""
    linears = {tensor.name.removesuffix(".weight"): tensor.shape for tensor in shape.tensors if len(tensor.shape) == 2}  # noqa: PLR2004 - a matrix
    found = {tensor.name: tensor for tensor in tensors}
    layers = layer_names(found)
    wanted = {
        f"{_PREFIX}{layer}.lora_{side}.weight": _half(side, linears.get(layer, (0, 0)), int(config["r"]))
        for layer in layers
        for side in "AB"
    }
    strange = [name for name in found if name not in wanted]
    other = [name for name, size in wanted.items() if name not in found or found[name].shape != size]
    if strange or other or not layers:
        name = (strange or other or ["no pair of tensors at all"])[0]
        raise UsageError(
            f"the adapter does not fit {context.base.name}: {name}.",
            next_step="Train on this very base, on its linear layers only; `selftune base list` names it.",
        )
    typed = next((one for one in tensors if one.dtype not in _DTYPES), None)
    if typed is not None:
        raise UsageError(
            f"the adapter holds {typed.name} as {typed.dtype}.", next_step="Save it as float32, float16 or bfloat16."
        )


def _half(side: str, matrix: tuple[int, ...], rank: int) -> tuple[int, int]:
    outputs, inputs = matrix
    return (rank, inputs) if side == "A" else (outputs, rank)


def _read_tensors(path: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    tensors = {name: tensor.float() for name, tensor in sorted(load_file(path).items())}
    broken = next((name for name, tensor in tensors.items() if not bool(tensor.isfinite().all())), None)
    if broken is not None:
        raise DamagedFileError(
            f"{path} holds a weight that is no finite number, in {broken}.", next_step="Train it again; it diverged."
        )
    return tensors


def _look(tensors: Mapping[str, torch.Tensor], config: dict[str, Any], dataset: Dataset, context: Context) -> Evidence:
    """Hold it against the adapter that does nothing: its own with B at zero."""
    initial, trained = context.work.folder("initial_adapter"), context.work.folder("imported")
    _write(initial, {n: t.zero_() if ".lora_B." in n else t for n, t in _copied(tensors)}, config, context)
    _write(trained, tensors, config, context)
    evidence = gather_evidence(context.base_folder, initial, trained, _probes(dataset, context))
    give_memory_back()
    return evidence


def _copied(tensors: Mapping[str, torch.Tensor]) -> list[tuple[str, torch.Tensor]]:
    return [(name, tensor.clone()) for name, tensor in tensors.items()]


def _probes(dataset: Dataset, context: Context) -> tuple[Row, ...]:
    """The first lessons that can be rendered."""
    maker = RowMaker(load_tokenizer(context.base_folder), "last_answer")
    rows: list[Row] = []
    for example in dataset.taught:
        try:
            rows.append(maker.make(example))
        except ValueError:
            continue
        if len(rows) == _PROBES:
            break
    if not rows:
        raise UsageError(f"{dataset.id} has no lesson to look at the adapter with.", next_step="Name its own dataset.")
    return tuple(rows)


def _write(folder: Path, tensors: Mapping[str, torch.Tensor], config: dict[str, Any], context: Context) -> None:
    from safetensors.torch import save

    told = _PLAIN | {"base_model_name_or_path": context.base.name, "r": int(config["r"])}
    told |= {"lora_alpha": config["lora_alpha"], "use_rslora": bool(config.get("use_rslora"))}
    told |= {"lora_dropout": config.get("lora_dropout", 0.0)}
    told |= {"target_modules": sorted({layer.rpartition(".")[2] for layer in layer_names(tensors)})}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / WEIGHTS).write_bytes(save(dict(tensors), metadata={"format": "pt"}))
    (folder / CONFIG).write_text(json.dumps(told, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _settings(config: dict[str, Any], said: Provenance) -> tuple[tuple[str, str], ...]:
    """What is known of how it was trained."""
    by = "said by the adapter" if said.base_digest else "by names and shapes"
    return (("lora_rank", str(int(config["r"]))), ("lora_alpha", str(config["lora_alpha"])), ("base known", by))


def _keep(path: Path, context: Context) -> FileDigest:
    return FileDigest(name=path.name, digest=context.blobs.put_file(path), size_bytes=path.stat().st_size)
