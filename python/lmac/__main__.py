"""``python -m lmac`` is the command ``lmac``.

But Ctrl-C in its first moments shows a traceback: Python imports the package before anything here runs (see ``lmac_start``).
"""

from .command_line.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
