"""Results of searches: structured arrays that know the names of their contigs and sequences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ._errors import Error

if TYPE_CHECKING:
    import pandas
    import polars

#: Fields of a row, in the order of memory.
RECORD = np.dtype(
    [
        ("start", "<u8"),
        ("end", "<u8"),
        ("id", "<u8"),
        ("e_value", "<f8"),
        ("divergence", "<f8"),
        ("kimura", "<f8"),
        ("score", "<i4"),
        ("contig", "<u4"),
        ("query", "<u4"),
        ("query_start", "<u4"),
        ("query_end", "<u4"),
        ("matches", "<u4"),
        ("substitutions", "<u4"),
        ("inserted", "<u4"),
        ("deleted", "<u4"),
        ("strand", "i1"),
    ],
    align=True,
)


class Records(np.ndarray[Any, np.dtype[np.void]]):
    """Alignments of sequences with the genome, a structured array of shape ``(n,)``, by contig and start.

    ============= ======= ==========================================================================================
    field         dtype   contents
    ============= ======= ==========================================================================================
    start, end    uint64  bases of the contig, 0-based and half-open
    id            uint64  number of the copy, from 1; fragments of one copy share it. For hits the number of the row
    e_value       float64 alignments of at least this score that chance explains in the whole search
    divergence    float64 share of the aligned pairs of bases that is substituted, 0 to 1
    kimura        float64 Kimura distance in substitutions a site, CpG adjusted; infinite for unrelated sequences
    score         int32   score in eighths of a nat, as the command prints it
    contig        uint32  number of the contig, from 0; `contig_names` has its name
    query         uint32  number of the sequence, from 0; `query_names` has its name
    query_start,  uint32  bases of the sequence, 0-based and half-open, on its own forward strand
    query_end
    matches       uint32  columns of two equal bases
    substitutions uint32  columns of two different bases
    inserted      uint32  bases that only the genome has
    deleted       uint32  bases that only the sequence has
    strand        int8    1 or -1: the strand of the genome on which the sequence reads
    ============= ======= ==========================================================================================
    """

    #: Names of the contigs of the genome, by number.
    contig_names: tuple[str, ...]
    #: Names of the sequences, by number.
    query_names: tuple[str, ...]

    def __array_finalize__(self, other: object) -> None:
        self.contig_names = getattr(other, "contig_names", ())
        self.query_names = getattr(other, "query_names", ())

    def __reduce__(self) -> Any:
        return (_restored, (np.asarray(self), self.contig_names, self.query_names))

    def _columns(self) -> dict[str, NDArray[Any]]:
        columns: dict[str, NDArray[Any]] = {name: np.ascontiguousarray(np.asarray(self)[name]) for name in self._names()}
        return columns

    def _names(self) -> tuple[str, ...]:
        return self.dtype.names or ()

    def to_pandas(self) -> pandas.DataFrame:
        """A pandas DataFrame with these fields; `contig` and `query` are categories of names.

        Raises `ImportError` if pandas is not installed.
        """
        import pandas

        frame = pandas.DataFrame(self._columns())
        for field, names in (("contig", self.contig_names), ("query", self.query_names)):
            # Tandem repeats of one unit share their name.
            number_of = {name: number for number, name in enumerate(dict.fromkeys(names))}
            numbers = np.array([number_of[name] for name in names], dtype=np.int64)
            codes = numbers[np.asarray(self)[field]]
            frame[field] = pandas.Categorical.from_codes(codes, categories=pandas.Index(list(number_of)))
        return frame

    def to_polars(self) -> polars.DataFrame:
        """A polars DataFrame with these fields; `contig` and `query` are names.

        Raises `ImportError` if polars is not installed.
        """
        import polars

        columns: dict[str, Any] = dict(self._columns())
        for field, names in (("contig", self.contig_names), ("query", self.query_names)):
            columns[field] = [names[number] for number in columns[field].tolist()]
        return polars.DataFrame(columns)


def records(rows: NDArray[np.uint8], contig_names: tuple[str, ...], query_names: tuple[str, ...]) -> Records:
    """Rows of the extension module as an array."""
    if len(rows) % RECORD.itemsize != 0:
        raise Error("the extension module is of another version; install the package again")
    return _restored(rows.view(RECORD), contig_names, query_names)


def _restored(rows: NDArray[Any], contig_names: tuple[str, ...], query_names: tuple[str, ...]) -> Records:
    array = rows.view(Records)
    array.contig_names, array.query_names = contig_names, query_names
    return array
