"""The extension module; the modules beside it document what it does."""

from collections.abc import Callable, Sequence
from os import PathLike
from typing import Any, Optional, Union, final

import numpy as np
from numpy.typing import NDArray

_Path = Union[str, PathLike[str]]
_Progress = Callable[[str, int, Optional[int]], object]

__version__: str

@final
class Index:
    @staticmethod
    def open(
        path: _Path, cache_size: int, max_memory: Optional[int], threads: Optional[int], populate: bool
    ) -> Index: ...
    def close(self) -> None: ...
    @property
    def closed(self) -> bool: ...
    def facts(self) -> tuple[int, int, int, Optional[int], Optional[int], int, int]: ...
    def contigs(self) -> tuple[list[str], NDArray[np.uint64], list[str]]: ...
    def spectrum(self) -> tuple[NDArray[np.uint64], NDArray[np.uint64]]: ...
    def counts(self, letters: NDArray[np.uint8], windows: bool, zero: bool) -> NDArray[Any]: ...
    def positions(
        self, letters: NDArray[np.uint8], windows: bool, zero: bool
    ) -> tuple[NDArray[np.int64], NDArray[np.uint32], NDArray[np.uint64], NDArray[np.int8]]: ...
    def profile(self, region: str) -> NDArray[Any]: ...
    def fetch(self, contig: str, start: int, end: Optional[int]) -> str: ...
    def seeds(self, first: int, count: int) -> list[tuple[str, int]]: ...
    def search(
        self,
        queries: Union[_Path, Sequence[tuple[str, bytes]]],
        annotate: bool,
        tandem: bool,
        max_e_value: float,
        max_divergence: float,
        progress: Optional[_Progress],
    ) -> tuple[NDArray[np.uint8], list[str]]: ...

def build_index(
    genomes: Sequence[_Path],
    index: Optional[_Path],
    *,
    k: Optional[int],
    min_frequency: int,
    max_frequency: Optional[int],
    max_positions: Optional[int],
    layout: str,
    force: bool,
    wait: bool,
    resume: bool,
    prefix_names: bool,
    temporary_folder: Optional[_Path],
    threads: Optional[int],
    max_memory: Optional[int],
    progress: Optional[_Progress],
) -> tuple[str, int, int, int, int, int, int, int, int, int]: ...
def run_command(arguments: Sequence[str], has_stdout: bool) -> int: ...
