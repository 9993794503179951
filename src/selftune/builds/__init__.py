"""Build: from a Run or a base to a Build, one thing that can be served, its files named by digest.

A form is an adapter beside its base, a merged file, or a quantised one (`forms.py`). Whatever it is, the file that will
serve is asked, as served, what the model it was made from is asked, and how far the two agree stands in the Build
(`parity.py`). What the writer can't carry over exactly is refused by name.
"""
