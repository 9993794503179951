"""What the linter looks for; each rule is general and names no report."""
