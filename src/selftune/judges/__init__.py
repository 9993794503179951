"""Judge: from interactions to judgements."""
