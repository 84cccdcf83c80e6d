"""Exceptions of the package, one for each exit code of the command."""

from __future__ import annotations

from typing import ClassVar


class RepriseWarning(UserWarning):
    """Something that a user should know and that does not stop the work, such as sequences that cannot be found."""


class Error(Exception):
    """Base of all errors of the package. Its text is the sentence that the command prints."""

    #: The exit code of the command for such an error.
    exit_code: ClassVar[int] = 1


class SystemCallError(Error, OSError):
    """A call of the system failed: a file that does not exist, a path without permission (exit code 1).

    Also raised if another process builds the same index.
    """

    exit_code: ClassVar[int] = 1


class UsageError(Error, ValueError):
    """An argument is wrong or does not fit the others, or the output exists (exit code 2)."""

    exit_code: ClassVar[int] = 2


class InputError(Error, ValueError):
    """Input cannot be used: a file that is not FASTA, a k-mer of another length, an unknown contig (exit code 3)."""

    exit_code: ClassVar[int] = 3


class DamagedError(Error):
    """An index is damaged, unfinished or of a newer format (exit code 4)."""

    exit_code: ClassVar[int] = 4


class ResourceError(Error, MemoryError):
    """There is too little memory or disk (exit code 5)."""

    exit_code: ClassVar[int] = 5


_BY_EXIT_CODE: dict[int, type[Error]] = {
    error.exit_code: error for error in (SystemCallError, UsageError, InputError, DamagedError, ResourceError)
}


def error_of_exit_code(code: int, sentence: str) -> Error:
    """The exception of an exit code of the command."""
    return _BY_EXIT_CODE.get(code, SystemCallError)(sentence)
