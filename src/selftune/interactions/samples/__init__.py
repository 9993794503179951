"""Small logs of our own, one for each shape that is hard to come by; the tests and the tutorials read them.

`state_core`, `state_adversarial` and `state_combined` have the shape of state-obedience sets (35, 20, 55 entries);
`a4ps_raw_log` is a raw log of personas, as JSON and as YAML; `mojibake` pairs each broken text with what was meant.
`python -m selftune.interactions.samples.write` writes the state sets and the broken texts.
"""
