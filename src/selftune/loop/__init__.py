"""The cycle, and what runs it: eight stages, the store and what people said, brought together.

Open `cycle.py` first: one turn in some twenty lines. `planning.py` reads a project into a `Plan` before the first step,
`executor.py` runs each step once and keeps what it gave with its ledger row, and `runner.py` walks one command through
it all: lease, what was cut off, the stages, what is told afterwards.

The folders bring the stages what they may not fetch themselves: `incoming/` what is new, `lessons/` where better ones
come from, `measuring/` what a candidate is asked and who grades it, `deciding/` what else a decision rests on,
`releasing/` what serves, `experiments/` what is registered before it is run.
"""
