"""Generated transcripts that try to talk a judge into a good score, and clean ones that only look like it."""
