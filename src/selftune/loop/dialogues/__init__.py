"""Dialogues held in a project: under its codex, with what it serves, kept in its log, gone on with after a crash."""
