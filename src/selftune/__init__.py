"""Turn a log of what your model said into a measurably better model, only when the evidence says so.

`selftune.open(folder)` is the Python API; docs/python_api.md tells it. Importing this wakes nothing: what is asked for
is imported when it is asked for. The types stand in `__init__.pyi`.
"""

from importlib import import_module

__version__ = "0.1.0"

# Named as texts: whatever imports `__version__` from here would stand in a circle with what these need.
_HOMES = {
    "open": ("selftune.app.python_api", "open_folder"),
    "ProjectFolder": ("selftune.app.python_api", "ProjectFolder"),
    "Decision": ("selftune.records", "Decision"),
    "Release": ("selftune.records", "Release"),
    "SelftuneError": ("selftune.errors", "SelftuneError"),
    "NotYet": ("selftune.errors", "NotYet"),
}

__all__ = ["Decision", "NotYet", "ProjectFolder", "Release", "SelftuneError", "__version__", "open"]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'selftune' has no attribute {name!r}")
    module, called = _HOMES[name]
    return getattr(import_module(module), called)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
