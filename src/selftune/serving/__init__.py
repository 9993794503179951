"""Servers that answer as a Build, and must prove which one: no stage, but a Protocol (`base.py`) that stages use.

`llama_cpp.py` runs one process for each build; `proof.py` is the challenge by which it shows files, template and
weights before anyone is let in; `client.py` asks over loopback, never through a proxy.
"""
