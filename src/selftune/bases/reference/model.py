"""The reference model: a Llama of 2.1 million parameters whose first two layers start as a copying circuit.

Look-up in a state is induction: find where the last tokens stood before, and repeat what came next (Olsson et al. 2022,
"In-context Learning and Induction Heads"). A model this small finds that circuit late or never, so it starts with one.
Layer 0 holds heads that look one, two and three tokens back and write what they see into slots of their own; layer 1
matches these slots against the present and copies the token it finds. All of it stays trainable.
"""

from __future__ import annotations

import math
from typing import Any

HIDDEN, LAYERS, HEADS, HEAD = 256, 4, 4, 64
ROPE_THETA = 1e5
MAX_POSITIONS = 1024

# The residual stream's dimensions at the start: the token itself, a constant that lets heads address positions, and one
# slot for each of the three tokens before.
_CONTENT = slice(0, 96)
_CONSTANT = slice(96, 112)
_SLOTS = (slice(112, 160), slice(160, 208), slice(208, 256))
_SLOT, _KEY = 48, 32
_COPIED = 24

_EMBEDDING_SCALE, _CONSTANT_SCALE, _FINAL_NORM = 0.1, 0.2, 0.5
_LOOK_BACK_GAIN, _SLOT_GAIN = 7.0, 0.08
_MATCH_GAIN, _COPY_GAIN = 1.8, 0.33
_NOISE = 0.02
_SHARP_PAIRS = 12  # rotary pairs that turn fast enough to tell neighbours apart
# How many of the tokens before must match, for each head of layer 1.
_MATCH_DEPTHS = (1, 2, 3, 2)


def new_model(vocabulary: int, seed: int, *, pad_id: int, end_id: int) -> Any:
    """A fresh `LlamaForCausalLM` in float32 with tied embeddings and the copying circuit in its first two layers."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=HIDDEN, intermediate_size=HIDDEN, num_hidden_layers=LAYERS,
        num_attention_heads=HEADS, num_key_value_heads=HEADS, head_dim=HEAD, max_position_embeddings=MAX_POSITIONS,
        rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA}, tie_word_embeddings=True,
        rms_norm_eps=1e-5, bos_token_id=pad_id, eos_token_id=end_id, pad_token_id=pad_id,
    )  # fmt: skip
    torch.manual_seed(seed)
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        _lay_out_embeddings(model, torch)
        projection = torch.linalg.qr(torch.randn(96, _SLOT))[0].T  # [slot, content], orthonormal rows
        _place_look_back_heads(model.model.layers[0].self_attn, projection, torch)
        _place_match_heads(model.model.layers[1].self_attn, projection, torch)
    return model


def _lay_out_embeddings(model: Any, torch: Any) -> None:
    weight = model.model.embed_tokens.weight
    weight.normal_(0.0, _EMBEDDING_SCALE * _NOISE)
    weight[:, _CONTENT] = torch.randn(weight.shape[0], 96) * _EMBEDDING_SCALE
    weight[:, _CONSTANT] = _CONSTANT_SCALE
    model.model.norm.weight.fill_(_FINAL_NORM)


def _clear(attention: Any) -> None:
    for matrix in (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj):
        matrix.weight.normal_(0.0, _NOISE)


def _place_look_back_heads(attention: Any, projection: Any, torch: Any) -> None:
    """Heads 0, 1 and 2 attend one, two and three tokens back; head 3 stays random.

    With queries turned back by d steps on the fast rotary pairs, the score is a sum of cos((distance - d) * frequency),
    which peaks at distance d.
    """
    _clear(attention)
    frequencies = ROPE_THETA ** (-torch.arange(HEAD // 2) / (HEAD // 2))
    # RMS of an embedding row at the start: 96 content and 16 constant dimensions out of 256.
    scale = _LOOK_BACK_GAIN / (16 * _CONSTANT_SCALE / math.sqrt((96 * 0.01 + 16 * 0.04) / HIDDEN))
    for head, slot in enumerate(_SLOTS):
        rows = head * HEAD
        for pair in range(_SHARP_PAIRS):
            turn = -(head + 1) * float(frequencies[pair])
            attention.q_proj.weight[rows + pair, _CONSTANT] = scale * math.cos(turn)
            attention.q_proj.weight[rows + pair + HEAD // 2, _CONSTANT] = scale * math.sin(turn)
            attention.k_proj.weight[rows + pair, _CONSTANT] = scale
        attention.v_proj.weight[rows : rows + _SLOT, _CONTENT] = projection
        attention.o_proj.weight[slot, rows : rows + _SLOT] = torch.eye(_SLOT) * _SLOT_GAIN


def _place_match_heads(attention: Any, projection: Any, torch: Any) -> None:
    """Each head matches the last one to three tokens with what stood before a position, and copies a quarter of it.

    Matching uses the slow rotary pairs alone, so that distance hardly matters.
    """
    _clear(attention)
    slow = torch.cat([torch.arange(HEAD // 2 - _KEY // 2, HEAD // 2), torch.arange(HEAD - _KEY // 2, HEAD)])
    for head, depth in enumerate(_MATCH_DEPTHS):
        rows = head * HEAD + slow
        for back in range(depth):
            key = torch.linalg.qr(torch.randn(_SLOT, _KEY))[0].T * (_MATCH_GAIN / math.sqrt(depth))
            if back == 0:
                attention.q_proj.weight[rows, _CONTENT] += key @ projection
            else:
                attention.q_proj.weight[rows, _SLOTS[back - 1]] += key
            attention.k_proj.weight[rows, _SLOTS[back]] += key
        copied = torch.arange(_COPIED) + head * _COPIED
        attention.v_proj.weight[head * HEAD + torch.arange(_COPIED), copied] = 1.0
        attention.o_proj.weight[copied, head * HEAD + torch.arange(_COPIED)] = _COPY_GAIN
