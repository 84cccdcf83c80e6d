"""The command `reprise`, which the package installs."""

from __future__ import annotations

import signal
import sys

from ._native import run_command


def main() -> None:
    """Runs the command line of this process, and ends it with the exit code of the command."""
    # The command handles signals itself; a handler of Python would run only after its end.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    # Python has no sys.stdout if standard output was closed.
    has_stdout = sys.__stdout__ is not None
    sys.exit(run_command(["reprise", *sys.argv[1:]], has_stdout))
