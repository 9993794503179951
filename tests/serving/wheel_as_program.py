"""`llama-server` out of the wheel: llama.cpp's own parser of arguments and its own server, without the program around.

The parser is called in the wheel's library by its C++ name; it fills in the struct inside a `CommonParams`, which
begins behind the header that every Python object has. `SAID_PARAMETERS` in the environment names a file to which the
parsed parameters are told before the server starts.
"""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

_PARSE = "_Z19common_params_parseiPPcR13common_params13llama_examplePFviS0_E"
_SERVER = 12  # llama_example
_HEADER_BYTES = object.__basicsize__


def parse(arguments):
    """The parameters that llama.cpp makes of these arguments; None where it refuses them."""
    import xllamacpp

    (library,) = Path(xllamacpp.__file__).parent.glob("xllamacpp*.so")
    function = ctypes.CDLL(str(library))[_PARSE]
    function.restype = ctypes.c_bool
    parameters = xllamacpp.CommonParams()
    words = [b"llama-server", *(argument.encode() for argument in arguments)]
    given = (ctypes.c_char_p * (len(words) + 1))(*words, None)
    place = ctypes.c_void_p(id(parameters) + _HEADER_BYTES)
    return parameters if function(ctypes.c_int(len(words)), given, place, ctypes.c_int(_SERVER), None) else None


def told(parameters):
    """What bears on answers, as plain values."""
    return {
        "model": parameters.model.path,
        "port": parameters.port,
        "slots": parameters.n_parallel,
        "context": parameters.n_ctx,
        "threads": (parameters.cpuparams.n_threads, parameters.cpuparams_batch.n_threads),
        "caches": (parameters.cache_ram_mib, parameters.cache_idle_slots),
        "fit": parameters.fit_params,
        "pages": parameters.ui,
        "verbosity": parameters.verbosity,
        "adapters": [(adapter.path, adapter.scale) for adapter in parameters.lora_adapters],
        "types": (int(parameters.cache_type_k), int(parameters.cache_type_v), int(parameters.flash_attn_type)),
    }


if __name__ == "__main__":
    if sys.argv[1:] == ["--version"]:
        sys.stderr.write("version: 7777 (0123abc)\nbuilt for a test\n")
        sys.exit(0)
    import signal

    import xllamacpp

    parsed = parse(sys.argv[1:])
    if parsed is None:
        sys.exit(1)
    try:
        server = xllamacpp.Server(parsed)
    except RuntimeError:
        sys.exit(1)
    signal.pause()
