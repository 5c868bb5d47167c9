"""``python -m lmac`` is the command ``lmac``."""

from .cli import main

if __name__ == "__main__":
    raise SystemExit(main())
