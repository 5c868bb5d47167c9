"""Names of files: how a compressed one is called, and how names are shown to people."""

from __future__ import annotations

import unicodedata

SUFFIX = ".lmac"

#: Categories of what a terminal would not show as it is: control and format characters, lone surrogates, separators of lines.
_HIDDEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def shown(name: str) -> str:
    r"""A name, or a message with names in it, on one line and without anything that a terminal obeys.

    >>> shown("notes\n\x1b[2J\udcff")
    'notes\\n\\x1b[2J\\xff'
    """
    return "".join(_escaped(character) if unicodedata.category(character) in _HIDDEN else character for character in name)


def _escaped(character: str) -> str:
    if "\udc80" <= character <= "\udcff":  # a byte that is no text, as Python keeps it
        return f"\\x{ord(character) - 0xDC00:02x}"
    return character.encode("unicode_escape").decode()
