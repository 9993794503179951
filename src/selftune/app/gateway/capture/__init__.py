"""Capture: what passed through the gateway comes into the log, and no answer waits or fails for it.

Four steps, each in a process of its own. The gateway hands an exchange on (`make`) and holds the last bytes of the
answer back until it hears that it is on the disk, for a quarter of a second at most. The writer (`writer`) reads both
bodies, sends what they say through the project's door, and appends it to the spool (`spool`): words are redacted before
the first write. The ingest (`ingest`) takes the spool into the store and deletes what the store has. What is on the
disk is kept exactly once, whoever of them is killed.

It promises nothing for what is not yet on the disk: that is counted, and said aloud.
"""
