"""Campaigns: long measurements of what the product promises, one module each; `make report` prints them."""
