"""The research agenda, `program.md`: read strictly, held against base and machine, written in its marked block."""
