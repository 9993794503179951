"""Writes the shipped suites whose right answers are computed: `python -m selftune.evals.writing`.

The sentences are our own and lie in the TOML files here; what is drawn (numbers, names, which sentence is left out)
comes from a seed, so that the same bytes come out on any machine. A suite that is written wholly by hand lies in
`evals/suites` alone.
"""
