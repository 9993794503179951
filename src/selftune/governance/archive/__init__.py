"""The archive of a training programme, ours or another's: its sessions as they were, by number.

What this room promises: a session is kept word for word but for secrets; a number is never kept twice, and what came
later under it is set aside and counted; phases are worked out anew each time from what was measured, and never kept;
nothing here is ever learnt from.

What it does not promise: that what a programme says of its sessions is true. It keeps what it was given, and shows
gaps, disorder and missing times beside it.
"""
