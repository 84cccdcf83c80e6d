"""An open index."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Literal, NamedTuple, Optional, Union

import numpy as np
from numpy.typing import NDArray

from . import _native
from ._errors import InputError, UsageError
from ._kmers import Kmers, letters_of
from ._records import Records, records
from ._values import Path, Progress, Reporter, Size, optional_size, size_in_bytes

#: Sequences: a mapping of names to letters, pairs of both, letters alone, or the path of a file of FASTA or FASTQ.
Sequences = Union[Mapping[str, str], Iterable[tuple[str, str]], Iterable[str], "os.PathLike[str]", str]

#: Seeds that are read at once: those of one record of an index.
_SEEDS = 1 << 15


class Contigs(NamedTuple):
    """The contigs of a genome, in its order."""

    #: Names: the first words of the FASTA headers.
    names: tuple[str, ...]
    #: Bases of each, uint64 of shape ``(n,)``.
    lengths: NDArray[np.uint64]
    #: MD5 of the upper-case letters of each in hexadecimal, the M5 tag of SAM headers.
    m5: tuple[str, ...]


class Seed(NamedTuple):
    """A repeated k-mer."""

    #: The lexicographically smaller of the k-mer and its reverse complement.
    kmer: str
    #: Occurrences in the genome, both strands.
    frequency: int


class Positions(NamedTuple):
    """Positions of k-mers in compressed sparse rows: those of k-mer i are ``offsets[i]`` to ``offsets[i + 1]``."""

    #: int64 of shape ``(n + 1,)``.
    offsets: NDArray[np.int64]
    #: Number of the contig, from 0: uint32 of shape ``(offsets[-1],)``.
    contig: NDArray[np.uint32]
    #: First base of the k-mer, counted from 0: uint64.
    start: NDArray[np.uint64]
    #: 1 if the k-mer reads as given there, -1 if its reverse complement does: int8.
    strand: NDArray[np.int8]


class Index:
    """An open index; `open` returns one.

    Any number of threads may use one index at a time: look-ups do not hold the interpreter's lock. A process that was
    forked, or that receives a pickled index, may use it too.
    """

    def __init__(self, path: Path, options: Mapping[str, Any]) -> None:
        self._path = os.fspath(path)
        self._options = dict(options)
        self._native = _native.Index.open(self._path, **self._options)
        (
            self._k,
            self._bases,
            self._min_frequency,
            self._max_frequency,
            self._max_positions,
            self._stored_kmers,
            self._seeds,
        ) = self._native.facts()
        self._contigs: Optional[Contigs] = None

    def __enter__(self) -> Index:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[type[Index], tuple[str, dict[str, Any]]]:
        return (Index, (os.path.abspath(self._path), self._options))

    def __repr__(self) -> str:
        state = ", closed" if self.closed else ""
        return f"<reprise_genome.Index {self._path!r}, k {self._k}, {self._bases} bases{state}>"

    def close(self) -> None:
        """Closes the index and frees its cache; later look-ups raise `UsageError`."""
        self._native.close()

    @property
    def closed(self) -> bool:
        """Whether the index is closed."""
        return self._native.closed

    @property
    def path(self) -> str:
        """The folder of the index, as it was given."""
        return self._path

    @property
    def k(self) -> int:
        """Bases in a k-mer."""
        return self._k

    @property
    def bases(self) -> int:
        """Bases of the genome."""
        return self._bases

    @property
    def min_frequency(self) -> int:
        """K-mers that occur less often are not stored: their count is 0."""
        return self._min_frequency

    @property
    def max_frequency(self) -> int | None:
        """K-mers that occur more often are not stored; ``None`` if there is no limit."""
        return self._max_frequency

    @property
    def max_positions(self) -> int | None:
        """Of a k-mer with more positions, this many are stored, evenly sampled; ``None`` if there is no limit."""
        return self._max_positions

    @property
    def stored_kmers(self) -> int:
        """Distinct k-mers that are stored; a k-mer and its reverse complement are one."""
        return self._stored_kmers

    @property
    def seed_count(self) -> int:
        """Stored k-mers that occur twice or more."""
        return self._seeds

    @property
    def contigs(self) -> Contigs:
        """Names, lengths and M5 digests of the contigs, in the order of the genome.

        Raises `DamagedError`.
        """
        if self._contigs is None:
            names, lengths, digests = self._native.contigs()
            lengths.setflags(write=False)
            self._contigs = Contigs(tuple(names), lengths, tuple(digests))
        return self._contigs

    def spectrum(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]:
        """How many distinct k-mers of the genome occur how often, whatever the filters of the index.

        Returns two arrays of shape ``(n,)``, dtype uint64: frequencies, ascending, and the number of k-mers of each.

        Raises `DamagedError`.
        """
        return self._native.spectrum()

    def counts(self, kmers: Kmers, *, other_letters: Literal["error", "zero"] = "error") -> NDArray[Any]:
        """How often each k-mer occurs in the genome, both strands counted; 0 if it is not stored.

        `kmers` is a list of n texts, an array of shape ``(n, k)`` and dtype uint8 (letters of ASCII, either case), or an
        array of shape ``(n,)`` and dtype ``S``. `reprise.windows` makes one of all k-mers of a sequence. A k-mer with
        other letters than A, C, G and T is an error, or, with ``other_letters="zero"``, occurs 0 times.

        Returns an array of shape ``(n,)`` in the order of the k-mers. Its dtype is uint32, or uint64 if a k-mer of this
        genome occurs 2**32 times or more.

        Raises `InputError` for texts that are no k-mers of the index; `DamagedError`; `ResourceError`.
        """
        letters, windows = letters_of(kmers, self._k)
        return self._native.counts(letters, windows, _is_zero(other_letters))

    def positions(self, kmers: Kmers, *, other_letters: Literal["error", "zero"] = "error") -> Positions:
        """Every position of each k-mer, or at most `max_positions`, evenly sampled.

        Takes k-mers as `counts` does. Returns `Positions`: offsets (int64, n + 1), contig (uint32), start (uint64, bases
        from 0) and strand (int8, 1 or -1); positions of a k-mer ascend. They take 13 bytes each.

        Raises `InputError` for texts that are no k-mers of the index; `DamagedError`; `ResourceError` if they do not
        fit `max_memory`.
        """
        letters, windows = letters_of(kmers, self._k)
        return Positions(*self._native.positions(letters, windows, _is_zero(other_letters)))

    def profile(self, region: str) -> NDArray[Any]:
        """The frequency of every k-mer of a region of the genome, such as ``"chr1:1-20000"``.

        Regions are those of samtools: counted from 1, both ends included; ``"chr1"`` is all of a contig.

        Returns an array of shape ``(max(0, bases - k + 1),)`` and the dtype of `counts`, by start of the k-mer; 0 for
        k-mers that are not stored or have other letters than A, C, G and T.

        Raises `InputError` for an unknown contig or a text that is no region; `DamagedError`; `ResourceError`.
        """
        return self._native.profile(region)

    def fetch(self, contig: str, start: int = 0, end: int | None = None) -> str:
        """Bases of a contig, 0-based and half-open, to its end by default; soft mask and N as in the input.

        Raises `InputError` for an unknown contig or an interval that is not within it; `DamagedError`.
        """
        if start < 0 or (end is not None and end < 0):
            raise InputError(f"{contig}:{start}-{end} has a negative end; bases are counted from 0")
        return self._native.fetch(contig, start, end)

    def seeds(self, limit: int | None = None) -> Iterator[Seed]:
        """Repeated k-mers by falling frequency, all of them or the first `limit`.

        They are read while the iterator runs. Raises `DamagedError`.
        """
        end = self._seeds if limit is None else min(limit, self._seeds)
        for first in range(0, end, _SEEDS):
            for kmer, frequency in self._native.seeds(first, min(_SEEDS, end - first)):
                yield Seed(kmer, frequency)

    def hits(
        self,
        sequences: Sequences,
        *,
        max_e_value: float = 1e-3,
        max_divergence: float = 1.0,
        progress: Progress = False,
    ) -> Records:
        """Local alignments of sequences with the genome, on both strands, diverged copies too.

        `sequences` is a mapping of names to letters, pairs of both, letters alone (named by their number), or the path
        of a file of FASTA or FASTQ. Alignments with an E-value of at most `max_e_value` for the whole search and a share
        of substituted bases of at most `max_divergence` (0 to 1) are returned.

        Returns `Records`, a structured array of shape ``(n,)``, by contig and start.

        Raises `InputError` for sequences that cannot be used; `ResourceError`; `DamagedError`; `KeyboardInterrupt`.
        """
        return self._search(sequences, False, False, max_e_value, max_divergence, progress)

    def annotate(
        self,
        library: Sequences,
        *,
        tandem: bool = True,
        max_e_value: float = 1e-3,
        max_divergence: float = 1.0,
        progress: Progress = False,
    ) -> Records:
        """Copies of the repeats of a library, none of which overlaps another, as the command `annotate` finds them.

        `library` is given as the sequences of `hits`; names may have a class (``name#class/family``). With `tandem`,
        simple repeats and satellites are found too, which need no library; their names follow those of the library.

        Returns `Records`, a structured array of shape ``(n,)``, by contig and start; fragments of one copy share an id.

        Raises as `hits` does.
        """
        return self._search(library, True, tandem, max_e_value, max_divergence, progress)

    def _search(
        self,
        sequences: Sequences,
        annotate: bool,
        tandem: bool,
        max_e_value: float,
        max_divergence: float,
        progress: Progress,
    ) -> Records:
        queries = _queries(sequences)
        with Reporter(progress) as report:
            rows, names = self._native.search(queries, annotate, tandem, max_e_value, max_divergence, report)
        return records(rows, self.contigs.names, tuple(names))


def open(
    path: Path,
    *,
    cache_size: Size = "512M",
    max_memory: Size | None = None,
    threads: int | None = None,
    populate: bool = False,
) -> Index:
    """Opens an index, the folder that `build_index` or the command made. It takes the same short time whatever its size.

    `cache_size` limits the memory of pages (bytes, or a text such as ``"512M"``), `max_memory` that of everything that
    grows with the input, by default half of what the process may use. Large look-ups and searches run on `threads`
    threads, by default one for each core. With `populate` all of the index is read into memory at once.

    The index is a context manager, which closes it.

    Raises `DamagedError` if the folder is no sound index; `SystemCallError` if it cannot be read; `ResourceError`.
    """
    options = {
        "cache_size": size_in_bytes(cache_size, "cache_size"),
        "max_memory": optional_size(max_memory, "max_memory"),
        "threads": threads,
        "populate": populate,
    }
    return Index(path, options)


def _is_zero(other_letters: str) -> bool:
    if other_letters not in ("error", "zero"):
        raise UsageError(f'other_letters is {other_letters!r}; it must be "error" or "zero"')
    return other_letters == "zero"


def _queries(sequences: Sequences) -> str | list[tuple[str, bytes]]:
    """Sequences as the extension module takes them: a path, or names and letters."""
    if isinstance(sequences, (str, os.PathLike)):
        return os.fspath(sequences)
    pairs: list[tuple[str, bytes]] = []
    listed: Iterable[object] = sequences.items() if isinstance(sequences, Mapping) else sequences
    for number, entry in enumerate(listed):
        name, letters = entry if isinstance(entry, tuple) else (str(number), entry)
        if not (isinstance(name, str) and isinstance(letters, str)):
            raise InputError(f"sequence {number} is {entry!r}; use letters, or a name and letters")
        pairs.append((name, letters.encode("ascii", "replace")))
    if len({name for name, _ in pairs}) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise InputError(f"two sequences are called {twice!r}; names must differ")
    if not any(letters for _, letters in pairs):
        raise InputError("there is no sequence")
    return pairs
