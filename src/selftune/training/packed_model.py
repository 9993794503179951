"""A base loaded for packed rows: attention that never leaves a row, and logits only where something is learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.bases.offline import stay_offline

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch

    from selftune.training.batches import Pack, Segment

_ATTENTION: Final = "selftune_packed"


def load_model(folder: Path, precision: str = "float32") -> Any:
    """The frozen base of a Hugging Face folder, from safetensors only, ready for `loss_of` and `logits_of`."""
    stay_offline()
    import torch
    from transformers import AttentionInterface, AutoModelForCausalLM

    # No mask function goes with it, so transformers hands no mask on: the segments are the mask.
    AttentionInterface.register(_ATTENTION, _attend_within_segments)
    model = AutoModelForCausalLM.from_pretrained(
        folder,
        dtype=getattr(torch, precision),
        attn_implementation=_ATTENTION,
        local_files_only=True,
        use_safetensors=True,
        trust_remote_code=False,
    )
    model.requires_grad_(requires_grad=False)
    return model.train()


def loss_of(model: Any, pack: Pack) -> torch.Tensor:
    """Summed cross-entropy in nats over the tokens under the loss, a scalar in float32."""
    import torch
    from torch.nn import functional

    logits = logits_of(model, pack)
    return functional.cross_entropy(logits, torch.tensor(pack.targets), reduction="sum")


def costs_of(model: Any, pack: Pack) -> torch.Tensor:
    """What each token under the loss costs in nats, `[targets]`, in float32."""
    import torch
    from torch.nn import functional

    return functional.cross_entropy(logits_of(model, pack), torch.tensor(pack.targets), reduction="none")


def logits_of(model: Any, pack: Pack) -> torch.Tensor:
    """The model's prediction of each target, `[targets, vocabulary]`, in float32."""
    import torch

    hidden = model.get_decoder()(
        input_ids=torch.tensor([pack.tokens]),
        position_ids=torch.tensor([pack.positions]),
        use_cache=False,
        segments=tuple((segment.start, segment.stop, _mask(segment)) for segment in pack.segments),
    ).last_hidden_state[0]
    logits: torch.Tensor = model.get_output_embeddings()(hidden[torch.tensor(pack.predictors)])
    return logits.float()


def _attend_within_segments(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,  # noqa: ARG001 - transformers' signature; None, since no mask function is registered
    *,
    segments: tuple[tuple[int, int, torch.Tensor | None], ...],
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: object,  # noqa: ARG001 - transformers' signature
) -> tuple[torch.Tensor, None]:
    """Scaled dot-product attention segment by segment; `query` is `[1, heads, tokens, width]`."""
    import torch
    from torch.nn import functional

    parts = [
        functional.scaled_dot_product_attention(
            query[:, :, start:stop],
            key[:, :, start:stop],
            value[:, :, start:stop],
            attn_mask=mask,
            is_causal=mask is None,
            dropout_p=dropout,
            scale=scaling,
            enable_gqa=module.num_key_value_groups > 1,
        )
        for start, stop, mask in segments
    ]
    return torch.cat(parts, dim=2).transpose(1, 2).contiguous(), None


def _mask(segment: Segment) -> torch.Tensor | None:
    """Which token may look at which, `[tokens, tokens]`: back, at the shared beginning or its own row."""
    import torch

    if segment.is_plain:
        return None
    branch = torch.tensor(segment.branches)
    own = (branch[None, :] == 0) | (branch[None, :] == branch[:, None])
    return own.tril()


def parameters_of(adapter: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The adapter's tensors as leaves that gradients reach."""
    return {name: tensor.clone().requires_grad_() for name, tensor in adapter.items()}
