"""A decoder layer for packed rows in few steps, each with its backward pass by hand. It wakes torch: import it late.

The same numbers as transformers' own layer up to rounding, for the families whose layers all look alike. What is
saved is memory between the two passes, and walks through it: on a CPU they cost more than the arithmetic beside them.
The base is frozen, so nothing here has a gradient for its weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import torch
from torch.nn import functional

from selftune.bases.memory import LAYERS_ALIKE

if TYPE_CHECKING:
    from selftune.training.batches import Pack, Segment

Tensor = torch.Tensor

# Beyond this share of a segment, all of its queries by causal attention cost less than some of them by a mask.
_FEW: Final = 0.45


@dataclass(frozen=True, kw_only=True)
class Span:
    """One segment as attention needs it.

    Attributes:
        mask: Which token may look at which, `[tokens, tokens]`; None: each at itself and what stands before it.
        needed: Places in the segment whose output the loss needs.
        needed_mask: Their rows of the mask, where they are few; None: they are picked out after attention.
    """

    size: int
    mask: Tensor | None
    needed: Tensor
    needed_mask: Tensor | None


@dataclass(frozen=True, kw_only=True)
class Spans:
    """A pack as its layers need it.

    Attributes:
        needed: Places in the pack whose output the loss needs, each once and in order.
        predictors: For each target the place of its predictor among `needed`.
    """

    spans: tuple[Span, ...]
    needed: Tensor
    predictors: Tensor


def spans_of(pack: Pack, device: torch.device | str = "cpu") -> Spans:
    """What attention needs to know of a pack, on the device that computes it.

    It is laid out on the CPU: how large each part is would else be waited for.
    """
    needed, predictors = torch.unique(torch.tensor(pack.predictors, dtype=torch.long), return_inverse=True)
    spans = tuple(_on(_span(segment, needed), device) for segment in pack.segments)
    return Spans(spans=spans, needed=needed.to(device), predictors=predictors.to(device))


def _on(span: Span, device: torch.device | str) -> Span:
    mask, rows = (None if one is None else one.to(device) for one in (span.mask, span.needed_mask))
    return Span(size=span.size, mask=mask, needed=span.needed.to(device), needed_mask=rows)


def _span(segment: Segment, needed: Tensor) -> Span:
    size, mask = segment.stop - segment.start, _mask(segment)
    own = needed[(needed >= segment.start) & (needed < segment.stop)] - segment.start
    if mask is not None:
        rows = mask[own]
    elif len(own) < _FEW * size:
        rows = torch.arange(size)[None, :] <= own[:, None]
    else:
        rows = None
    return Span(size=size, mask=mask, needed=own, needed_mask=rows)


def _mask(segment: Segment) -> Tensor | None:
    """Which token may look at which, `[tokens, tokens]`: back, at the shared beginning or its own row."""
    if segment.is_plain:
        return None
    branch = torch.tensor(segment.branches)
    own = (branch[None, :] == 0) | (branch[None, :] == branch[:, None])
    return own.tril()


def shorten(model: Any) -> None:
    """Give the model's layers the forward pass below where all are of a kind that it is right for.

    The last one then computes only what the loss needs: `[needed, width]` is what comes out of the decoder.
    """
    layers = model.get_decoder().layers
    alike = {f"{family}DecoderLayer" for family in LAYERS_ALIKE}
    if {type(layer).__name__ for layer in layers} <= alike and model.config.hidden_act == "silu":
        for layer in layers:
            layer.forward = partial(_decode, layer, is_last=layer is layers[-1])


def is_shortened(model: Any) -> bool:
    """Whether `shorten` changed it."""
    return "forward" in vars(model.get_decoder().layers[-1])


def _decode(
    layer: Any,
    hidden: Tensor,
    *,
    is_last: bool,
    spans: Spans,
    position_embeddings: tuple[Tensor, Tensor],
    **_: object,
) -> Tensor:
    """One layer over `[1, tokens, width]`."""
    x = hidden[0]
    attended = _attend(layer.self_attn, norm(layer.input_layernorm, x), position_embeddings, spans, is_last=is_last)
    if is_last:
        x = x[spans.needed]
    x = x + layer.self_attn.o_proj(attended)
    inner, mlp = norm(layer.post_attention_layernorm, x), layer.mlp
    out: Tensor = x + mlp.down_proj(gated(mlp.gate_proj(inner), mlp.up_proj(inner)))
    return out[None]


def _attend(
    attention: Any, x: Tensor, position_embeddings: tuple[Tensor, Tensor], spans: Spans, *, is_last: bool
) -> Tensor:
    """Attention of each segment by itself, `[tokens, width]`; in the last layer of what is needed alone."""
    width = attention.head_dim
    query, key, value = (
        linear(x).view(len(x), -1, width) for linear in (attention.q_proj, attention.k_proj, attention.v_proj)
    )
    if hasattr(attention, "q_norm"):
        query, key = norm(attention.q_norm, query), norm(attention.k_norm, key)
    cos, sin = (part[0, :, None, : width // 2] for part in position_embeddings)
    query, key = rotated(query, cos, sin), rotated(key, cos, sin)
    sizes = [span.size for span in spans.spans]
    apart = zip(*(torch.split(one, sizes) for one in (query, key, value)), spans.spans, strict=True)
    parts = [_attend_within(q, k, v, span, attention, is_last=is_last) for q, k, v, span in apart]
    return torch.cat(parts) if len(parts) > 1 else parts[0]


def _attend_within(query: Tensor, key: Tensor, value: Tensor, span: Span, attention: Any, *, is_last: bool) -> Tensor:
    """Scaled dot-product attention of one segment; all are `[tokens, heads, width]`, what comes out `[tokens, …]`."""
    few = is_last and span.needed_mask is not None
    mask = span.needed_mask if few else span.mask
    out = functional.scaled_dot_product_attention(
        *((query[span.needed] if few else query).transpose(0, 1)[None], key.transpose(0, 1)[None]),
        value.transpose(0, 1)[None],
        attn_mask=mask,
        is_causal=mask is None,
        dropout_p=attention.attention_dropout if attention.training else 0.0,
        scale=attention.scaling,
        enable_gqa=attention.num_key_value_groups > 1,
    )
    out = out[0].transpose(0, 1).flatten(1)
    return out[span.needed] if is_last and not few else out


def norm(module: Any, x: Tensor) -> Tensor:
    """X / sqrt(mean(x²) + epsilon) · weight along the last dimension (Zhang and Sennrich 2019)."""
    return _applied(_RootMeanSquare, x, module.weight, module.variance_epsilon)


def rotated(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Each pair of places turned by its position (Su et al. 2021), halves apart as transformers lays them out."""
    return _applied(_Rotation, x, cos, sin)


def gated(gate: Tensor, up: Tensor) -> Tensor:
    """SiLU of one times the other (Shazeer 2020)."""
    return _applied(_Gate, gate, up)


def low_rank_linear(layer: Any, x: Tensor, a: Tensor, b: Tensor, scale: float) -> Tensor:
    """W x + bias + s · B A x, where A is `[rank, inputs]` and B `[outputs, rank]`."""
    return _applied(_LowRankLinear, x, layer.weight, layer.bias, a, b, scale)


def token_costs(hidden: Tensor, weight: Tensor, targets: Tensor, rows: int) -> Tensor:
    """Cross-entropy of each target in nats, `[targets]`, with logits for so many `rows` at a time."""
    return _applied(_Costs, hidden, weight, targets, rows)


def _applied(function: type[torch.autograd.Function], *inputs: object) -> Tensor:
    result: Tensor = function.apply(*inputs)  # type: ignore[no-untyped-call] # torch ships it untyped
    return result


class _LowRankLinear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, a: Tensor, b: Tensor, scale: float) -> Tensor:
        rows = x.reshape(-1, x.shape[-1])
        low = (rows @ a.t()).mul_(scale)
        out = functional.linear(rows, weight, bias).addmm_(low, b.t())
        ctx.save_for_backward(rows, low, weight, a, b)
        ctx.scale = scale
        return out.view(*x.shape[:-1], -1)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        rows, low, weight, a, b = ctx.saved_tensors
        flat = grad.reshape(-1, grad.shape[-1])
        grad_low = (flat @ b).mul_(ctx.scale)
        grad_x = (flat @ weight).addmm_(grad_low, a).view(*grad.shape[:-1], -1) if ctx.needs_input_grad[0] else None
        return grad_x, None, None, grad_low.t() @ rows, flat.t() @ low, None


class _RootMeanSquare(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, epsilon: float) -> Tensor:
        inverse: Tensor = (
            torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(epsilon).rsqrt_()
        )
        ctx.save_for_backward(x, inverse, weight)
        return (x * inverse).mul_(weight)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        x, inverse, weight = ctx.saved_tensors
        weighted = grad * weight
        along = (weighted * x).sum(-1, keepdim=True).mul_(inverse**3).div_(x.shape[-1])
        return weighted.mul_(inverse).addcmul_(x, along, value=-1), None, None


class _Rotation(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
        ctx.save_for_backward(cos, sin)
        return _turn(x, cos, sin, 1.0)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        cos, sin = ctx.saved_tensors
        return _turn(grad, cos, sin, -1.0), None, None


def _turn(x: Tensor, cos: Tensor, sin: Tensor, direction: float) -> Tensor:
    out = torch.empty(x.shape, dtype=x.dtype, device=x.device)
    (left, right), (out_left, out_right) = x.chunk(2, dim=-1), out.chunk(2, dim=-1)
    torch.mul(left, cos, out=out_left).addcmul_(right, sin, value=-direction)
    torch.mul(right, cos, out=out_right).addcmul_(left, sin, value=direction)
    return out


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, gate: Tensor, up: Tensor) -> Tensor:
        ctx.save_for_backward(gate, up)
        return functional.silu(gate).mul_(up)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        gate, up = ctx.saved_tensors
        slope: Tensor = torch.ops.aten.silu_backward(grad * up, gate)
        return slope, functional.silu(gate).mul_(grad)


class _Costs(torch.autograd.Function):
    """Each cost hangs on one row alone, so its gradient is known as soon as its logits are, and these can go."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, weight: Tensor, targets: Tensor, rows: int) -> Tensor:
        costs, slopes = [], []
        for part, wanted in zip(torch.split(hidden, rows), torch.split(targets, rows), strict=True):
            shares = functional.linear(part, weight).float()
            shares -= shares.amax(dim=-1, keepdim=True)
            picked = shares.gather(1, wanted[:, None])
            total = shares.exp_().sum(dim=-1, keepdim=True)
            costs.append((total.log() - picked)[:, 0])
            if ctx.needs_input_grad[0]:
                shares.div_(total).scatter_add_(1, wanted[:, None], torch.full_like(picked, -1))
                slopes.append(shares.to(weight.dtype) @ weight)
        ctx.save_for_backward(*((torch.cat(slopes),) if slopes else ()))
        return torch.cat(costs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        (slopes,) = ctx.saved_tensors
        return (grad[:, None] * slopes).to(slopes.dtype), None, None, None
