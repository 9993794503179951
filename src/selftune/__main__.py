"""`python -m selftune`: the command line for programs that start others by their module, such as torchrun."""

from __future__ import annotations

from selftune.app.cli.main import main

if __name__ == "__main__":
    main()
