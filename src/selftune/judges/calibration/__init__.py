"""Whether a judge can be believed: held against people, against itself, and against fixed transcripts."""
