"""The notebook that a program runs in."""

import sys
from importlib import import_module
from typing import Any

__all__ = ["find_display"]


def find_display() -> Any:
    """The module `IPython.display` in a notebook; None in a terminal, that of IPython too."""
    ipython = sys.modules.get("IPython")
    # It is there while it is still being imported, too.
    find_shell = getattr(ipython, "get_ipython", None)
    shell = None if find_shell is None else find_shell()
    if shell is None or type(shell).__name__ == "TerminalInteractiveShell":
        return None
    return import_module("IPython.display")
