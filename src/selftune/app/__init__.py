"""The front doors: what a person types, and what they read afterwards.

`cli/` has the commands, one module a group, and nothing else of substance: each calls a module here that does the work
and gives plain data back. `suites/`, `linting/`, `scores/` and `reporting/` are about suites, other people's reports,
score files and our own pages; `campaigns/` measures what the product promises. No rule of promotion lives here.
"""
