"""Types and values that several modules take: paths, sizes, progress."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from typing import Optional, TextIO, Union

from ._errors import UsageError

#: A path of a file or folder.
Path = Union[str, "os.PathLike[str]"]
#: A number of bytes, or a text such as ``"512M"`` (units K, M, G and T, of 1024 each).
Size = Union[int, str]
#: ``True`` for a line on standard error, or a function that is called with the phase, what is done of it and its length
#: (bases, k-mers or bytes), ``None`` if that is not known. An exception that it raises ends the work.
Progress = Union[bool, Callable[[str, int, Optional[int]], object]]

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def size_in_bytes(size: Size, argument: str) -> int:
    """The bytes of a size."""
    if isinstance(size, str):
        match = re.fullmatch(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([KMGT]?)(?:i?B)?\s*", size, re.IGNORECASE)
        if match is None:
            raise UsageError(f'{argument} is {size!r}; a size is a number of bytes or a text such as "512M" or "4G"')
        return int(float(match.group(1)) * _UNITS[match.group(2).upper()])
    if size < 0:
        raise UsageError(f"{argument} is {size}; a size is 0 or more")
    return size


def optional_size(size: Size | None, argument: str) -> int | None:
    """The bytes of a size that may be missing."""
    return None if size is None else size_in_bytes(size, argument)


class _Line:
    """Progress on one line of a stream."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._shown = ""

    def __call__(self, phase: str, done: int, total: int | None) -> None:
        share = f" {100 * done // total}%" if total else ""
        text = f"{phase}{share}"
        if text != self._shown:
            self._stream.write("\r" + text.ljust(len(self._shown)))
            self._stream.flush()
            self._shown = text

    def end(self) -> None:
        if self._shown:
            self._stream.write("\r" + " " * len(self._shown) + "\r")
            self._stream.flush()


class Reporter:
    """The function that receives progress, while a ``with`` block runs."""

    def __init__(self, progress: Progress) -> None:
        self._line = _Line(sys.stderr) if progress is True else None
        self._call = progress if callable(progress) else self._line

    def __enter__(self) -> Callable[[str, int, Optional[int]], object] | None:
        return self._call

    def __exit__(self, *_: object) -> None:
        if self._line is not None:
            self._line.end()
