"""A persistent k-mer index of genomes, and the repeat finder on it.

::

    import reprise_genome as reprise

    reprise.build_index("genome.fa", "genome.reprise")
    with reprise.open("genome.reprise") as index:
        index.counts(["ACGTACGTACGTACGT"])

Intervals are 0-based and half-open, regions as texts are those of samtools. A k-mer and its reverse complement are one;
frequencies count both strands. Errors are subclasses of `Error`, one for each exit code of the command.
"""

from ._build import BuildReport, build_index, detect
from ._errors import (
    DamagedError,
    Error,
    InputError,
    RepriseWarning,
    ResourceError,
    SystemCallError,
    UsageError,
)
from ._index import Contigs, Index, Positions, Seed, open
from ._kmers import windows
from ._native import __version__
from ._records import Records

__all__ = [
    "BuildReport",
    "Contigs",
    "DamagedError",
    "Error",
    "Index",
    "InputError",
    "Positions",
    "Records",
    "RepriseWarning",
    "ResourceError",
    "Seed",
    "SystemCallError",
    "UsageError",
    "__version__",
    "build_index",
    "detect",
    "open",
    "windows",
]
