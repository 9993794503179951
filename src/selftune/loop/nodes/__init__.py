"""Where a night trains: this machine with a small base that stands in, or the base that serves, here or over SSH.

It promises that mode, base and machine of every try are said, and that a try on a base that stands in promotes nothing.
It does not promise that what helped the small base helps the large one: that is what the full try is for.
"""
