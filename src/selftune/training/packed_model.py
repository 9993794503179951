"""A base loaded for packed rows: attention that never leaves a row, and logits only where something is learnt."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selftune.bases.memory import LEAST_LOGIT_ROWS, LOGITS_AT_ONCE
from selftune.bases.offline import stay_offline

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    import torch

    from selftune.training.batches import Pack
    from selftune.training.packed_layers import Spans

_ATTENTION: Final = "selftune_packed"


def load_model(folder: Path, precision: str = "float32", device: str = "cpu") -> Any:
    """The frozen base of a Hugging Face folder, from safetensors only, ready for `loss_of` and `logits_of`."""
    stay_offline()
    import torch
    from transformers import AttentionInterface, AutoModelForCausalLM

    from selftune.training.packed_layers import shorten

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
    if precision == "float32":
        shorten(model)
    return model.to(device).train()


def loss_of(model: Any, pack: Pack) -> torch.Tensor:
    """Summed cross-entropy in nats over the tokens under the loss, a scalar in float32."""
    return costs_of(model, pack).sum()


def costs_of(model: Any, pack: Pack) -> torch.Tensor:
    """What each token under the loss costs in nats, `[targets]`, in float32."""
    import torch

    from selftune.training.packed_layers import token_costs

    weight = model.get_output_embeddings().weight
    rows = max(LEAST_LOGIT_ROWS, LOGITS_AT_ONCE // len(weight))
    return token_costs(_outputs_of(model, pack), weight, torch.tensor(pack.targets, device=weight.device), rows)


def logits_of(model: Any, pack: Pack) -> torch.Tensor:
    """The model's prediction of each target, `[targets, vocabulary]`, in float32."""
    logits: torch.Tensor = model.get_output_embeddings()(_outputs_of(model, pack))
    return logits.float()


def _outputs_of(model: Any, pack: Pack) -> torch.Tensor:
    """What comes out of the decoder where each target is predicted, `[targets, width]`."""
    import torch

    from selftune.training.packed_layers import is_shortened, spans_of

    spans = spans_of(pack, model.device)
    hidden: torch.Tensor = model.get_decoder()(
        input_ids=torch.tensor([pack.tokens], device=model.device),
        position_ids=torch.tensor([pack.positions], device=model.device),
        use_cache=False,
        spans=spans,
    ).last_hidden_state[0]
    return hidden[spans.predictors if is_shortened(model) else spans.needed[spans.predictors]]


def _attend_within_segments(
    module: Any,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: None,  # noqa: ARG001 - transformers' signature; None, since no mask function is registered
    *,
    spans: Spans,
    scaling: float | None = None,
    dropout: float = 0.0,
    **kwargs: object,  # noqa: ARG001 - transformers' signature
) -> tuple[torch.Tensor, None]:
    """Scaled dot-product attention segment by segment; `query` is `[1, heads, tokens, width]`."""
    import torch
    from torch.nn import functional

    sizes = [span.size for span in spans.spans]
    apart = zip(*(torch.split(one, sizes, dim=2) for one in (query, key, value)), spans.spans, strict=True)
    parts = [
        functional.scaled_dot_product_attention(
            q,
            k,
            v,
            attn_mask=span.mask,
            is_causal=span.mask is None,
            dropout_p=dropout,
            scale=scaling,
            enable_gqa=module.num_key_value_groups > 1,
        )
        for q, k, v, span in apart
    ]
    return torch.cat(parts, dim=2).transpose(1, 2).contiguous(), None


def parameters_of(adapter: Mapping[str, torch.Tensor], device: torch.device | str = "cpu") -> dict[str, torch.Tensor]:
    """The adapter's tensors on a device, as leaves that gradients reach."""
    return {name: tensor.to(device, copy=True).requires_grad_() for name, tensor in adapter.items()}
