"""``python -m lmac`` is the command ``lmac``."""

from .command_line.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
