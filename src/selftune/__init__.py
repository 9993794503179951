"""Turn a log of what your model said into a measurably better model, only when the evidence says so."""

__version__ = "0.1.0"
