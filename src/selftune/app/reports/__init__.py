"""Campaigns: long measurements of what the product promises, printed by `make report`. A module of this package each."""
