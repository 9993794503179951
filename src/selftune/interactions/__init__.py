"""Capture: what was said comes in. From sources (log files, users of what serves, answers drawn again) to Interactions.

Everything goes through one door (`door.py`): mended, redacted and made nobody's by name before the first write. A line
that can't be read becomes a `Quarantined` record that says why, and can be tried again; none is dropped. Which words a
person may not send onward is written on the interaction; holding to it is for the rooms that send.

`formats/` has one module a format, `reading/` what they share, `privacy/` what must not come in as it is.
"""
