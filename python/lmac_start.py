"""Where the command ``lmac`` begins: before the package is imported, which takes most of the time until there is something to clean up.

Until then Ctrl-C ends the process as the system does it, without a traceback. This module stands outside of the package, because importing
any part of that imports all of it.
"""

# Built in; ``signal`` itself takes milliseconds, in which Ctrl-C would show a traceback.
import _signal  # type: ignore[import-not-found]


def main() -> int:
    """Entry point; returns the exit code."""
    if _signal.getsignal(_signal.SIGINT) is _signal.default_int_handler:  # it may also be ignored, as behind nohup
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)
    from lmac.command_line import cli

    return cli.main()
