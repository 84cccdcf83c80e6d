"""K-mers of the caller, as bytes that the extension module reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, Union

import numpy as np
from numpy.typing import NDArray

from ._errors import InputError, UsageError

#: K-mers: texts, or an array of shape ``(n, k)`` and dtype uint8, or of shape ``(n,)`` and dtype ``S`` or ``U``.
Kmers = Union[Sequence[str], Sequence[bytes], "NDArray[Any]"]


class Letters(NamedTuple):
    """Letters of k-mers: of all of them one after the other, or of the sequence whose windows they are."""

    letters: NDArray[np.uint8]
    windows: bool


def windows(sequence: str | bytes | NDArray[np.uint8], k: int) -> NDArray[np.uint8]:
    """All k-mers of a sequence, for `Index.counts` and `Index.positions`.

    Returns an array of shape ``(n, k)``, dtype uint8, n = ``max(0, len(sequence) - k + 1)``: a view of the letters that
    takes no memory, and the fastest way to look up a sequence.

    Raises `UsageError` if k is not from 1 to 32; `InputError` for letters that are not ASCII.
    """
    if not 1 <= k <= 32:
        raise UsageError(f"k is {k}; it must be from 1 to 32")
    if isinstance(sequence, str):
        sequence = _ascii(sequence)
    letters = np.frombuffer(sequence, dtype=np.uint8) if isinstance(sequence, bytes) else sequence
    letters = np.ascontiguousarray(letters, dtype=np.uint8)
    if len(letters) < k:
        return np.empty((0, k), dtype=np.uint8)
    return np.lib.stride_tricks.sliding_window_view(letters, k)


def _ascii(text: str) -> bytes:
    try:
        return text.encode("ascii")
    except UnicodeEncodeError as error:
        letter = text[error.start]
        raise InputError(f"letter {error.start + 1} is {letter!r}; sequences are letters of ASCII") from None


def letters_of(kmers: Kmers, k: int) -> Letters:
    """The letters of k-mers."""
    if isinstance(kmers, (str, bytes)):
        raise InputError("kmers is one text; use a list of k-mers, or reprise.windows(sequence, k) for all of a sequence")
    if isinstance(kmers, np.ndarray):
        if kmers.dtype.kind in "SU" and kmers.ndim == 1:
            return _of_texts(kmers, k)
        if kmers.dtype == np.uint8 and kmers.ndim == 2:
            return _of_rows(kmers, k)
        if kmers.dtype.kind != "O" or kmers.ndim != 1:
            raise InputError(
                f"kmers has dtype {kmers.dtype} and shape {kmers.shape}; use shape (n, k) of uint8 or shape (n,) of S{k}"
            )
    return _of_list(kmers, k)


def _of_rows(rows: NDArray[np.uint8], k: int) -> Letters:
    if rows.shape[1] != k:
        raise InputError(f"kmers has rows of {rows.shape[1]} letters and the index has k {k}")
    if len(rows) > 1 and rows.strides == (1, 1):
        # All windows of a sequence.
        shape = (len(rows) + k - 1,)
        return Letters(np.lib.stride_tricks.as_strided(rows, shape, (1,), writeable=False), True)
    return Letters(np.ascontiguousarray(rows).reshape(-1), False)


def _of_texts(texts: NDArray[Any], k: int) -> Letters:
    width = texts.dtype.itemsize // (4 if texts.dtype.kind == "U" else 1)
    if len(texts) > 0 and (width != k or texts.dtype.kind == "U"):
        # Shorter and longer texts are reported one by one.
        return _of_list(texts.tolist(), k)
    return Letters(np.ascontiguousarray(texts).view(np.uint8).reshape(-1), False)


def _of_list(kmers: Sequence[str] | Sequence[bytes] | NDArray[Any], k: int) -> Letters:
    for number, kmer in enumerate(kmers):
        if not isinstance(kmer, (str, bytes)):
            raise InputError(f"kmers[{number}] is {kmer!r}; a k-mer is a text")
        if len(kmer) != k:
            text = kmer if isinstance(kmer, str) else kmer.decode("ascii", "replace")
            raise InputError(f'kmers[{number}]: k-mer "{text}" has {len(text)} letters and the index has k {k}')
    # Any byte that is no letter of ACGT is reported by the index, with its k-mer.
    texts = (kmer if isinstance(kmer, bytes) else kmer.encode("ascii", "replace") for kmer in kmers)
    return Letters(np.frombuffer(b"".join(texts), dtype=np.uint8), False)
