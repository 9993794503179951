"""fake-mlx-lm: `python -m mlx_lm lora --config FILE` over transformers on a processor. It is not mlx-lm.

What it shows: that a config, its data and what is printed go through our back-end, and that an adapter in mlx-lm's own
layout (rows times matrix, so each of ours turned around) comes back as the one that was trained. Of mlx-lm it shows
nothing.
"""
