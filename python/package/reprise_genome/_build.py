"""Builds an index, and runs the whole analysis of a genome."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path as FilePath
from typing import Any, Literal, NamedTuple, Union

from . import _native
from ._errors import UsageError, error_of_exit_code
from ._values import Path, Progress, Reporter, Size, optional_size


class BuildReport(NamedTuple):
    """What a build made."""

    #: The folder of the index.
    path: str
    #: Bases in a k-mer.
    k: int
    #: Contigs of the genome.
    contigs: int
    #: Bases of the genome.
    bases: int
    #: Distinct k-mers of the genome.
    distinct_kmers: int
    #: Those of them that occur twice or more.
    repeated_kmers: int
    #: Those that are stored.
    stored_kmers: int
    #: Positions that are stored.
    positions: int
    #: Bytes of the files of the index, without its manifest.
    size: int
    #: Passes over the genome; 0 if the index existed.
    passes: int


def paths(given: Path | Iterable[Path]) -> list[str]:
    """One path or several, as texts."""
    return [os.fspath(path) for path in ([given] if isinstance(given, (str, os.PathLike)) else given)]


def build_index(
    genome: Path | Sequence[Path],
    index: Path | None = None,
    *,
    k: int | None = None,
    min_frequency: int = 2,
    max_frequency: int | None = None,
    max_positions: int | None = None,
    layout: Literal["auto", "sorted-dictionary", "super-kmers"] = "auto",
    force: bool = False,
    wait: bool = False,
    resume: bool = False,
    prefix_names: bool = False,
    temporary_folder: Path | None = None,
    threads: int | None = None,
    max_memory: Size | None = None,
    progress: Progress = False,
) -> BuildReport:
    """Builds the index of a genome, as the command `build-index` does; the bytes are the same.

    `genome` is one file of a genome or several, FASTA (plain or compressed) or .2bit; `index` the folder to make, by
    default named after the genome, in the current folder. `k` is 1 to 32 bases, by default derived from the length of the genome. K-mers that occur
    `min_frequency` to `max_frequency` times are stored, with at most `max_positions` positions, evenly sampled;
    frequencies stay exact. `force` replaces an index, `wait` waits for another process that builds it, `resume`
    continues an interrupted build. `progress` is ``True`` for a line on standard error, or a function that is called
    with the phase, what is done of it and its length.

    The folder appears when it is complete. An exception, `KeyboardInterrupt` too, ends the build and removes what it has
    written.

    Raises `InputError` for a genome that cannot be used; `UsageError` for arguments out of range and an index that
    exists; `ResourceError`; `SystemCallError`; `DamagedError`.
    """
    genomes = paths(genome)
    if not genomes:
        raise UsageError("genome is empty; name a file")
    with Reporter(progress) as report:
        made = _native.build_index(
            genomes,
            None if index is None else os.fspath(index),
            k=k,
            min_frequency=min_frequency,
            max_frequency=max_frequency,
            max_positions=max_positions,
            layout=layout,
            force=force,
            wait=wait,
            resume=resume,
            prefix_names=prefix_names,
            temporary_folder=None if temporary_folder is None else os.fspath(temporary_folder),
            threads=threads,
            max_memory=optional_size(max_memory, "max_memory"),
            progress=report,
        )
    return BuildReport(os.fspath(made[0]), *made[1:])


#: The value of an option of `detect`.
Option = Union[bool, int, float, str, "os.PathLike[str]", Sequence[Union[str, "os.PathLike[str]"]], None]


def detect(
    genome: Path | Sequence[Path],
    folder: Path,
    *,
    progress: bool = False,
    **options: Option,
) -> dict[str, Any]:
    """Finds the repeats of a genome: families, copies, a masked genome and a report, as the command `detect` does.

    `genome` is one file or several, or the folder of an index; `folder` receives the results, and an interrupted run
    continues there. Options are the flags of the command with ``_`` for ``-`` (``tandem=True``, ``library="te.fa"``,
    ``max_memory="4G"``, ``threads=8``); a list repeats a flag. With `progress` the steps are printed on standard error.

    The command runs in a process of its own, which `KeyboardInterrupt` ends cleanly. Returns ``summary.json`` of the
    folder.

    Raises the errors of `build_index`, with the sentence of the command.
    """
    arguments = [*paths(genome), "-o", os.fspath(folder), "-v" if progress else "--quiet"]
    run("detect", [*arguments, *flags(options)], progress)
    summary: dict[str, Any] = json.loads((FilePath(folder) / "summary.json").read_text(encoding="utf-8"))
    return summary


def flags(options: Mapping[str, Option]) -> list[str]:
    """Options as flags of the command line."""
    arguments: list[str] = []
    for name, value in options.items():
        flag = f"-{name}" if len(name) == 1 else "--" + name.replace("_", "-")
        if value is True:
            arguments.append(flag)
        elif isinstance(value, (list, tuple)):
            arguments.extend(f"{flag}={os.fspath(entry)}" for entry in value)
        elif value is not None and value is not False:
            arguments.append(f"{flag}={os.fspath(value) if isinstance(value, os.PathLike) else value}")
    return arguments


def run(command: str, arguments: Sequence[str], progress: bool) -> None:
    """Runs a command in a process of its own; raises its error."""
    program = [sys.executable, os.path.join(os.path.dirname(os.path.abspath(__file__)), "__main__.py"), command]
    # In a session of its own, so that an interrupt from the keyboard reaches it once, from here.
    process = subprocess.Popen(
        [*program, *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
        errors="replace",
    )
    printed: list[str] = []
    try:
        assert process.stderr is not None
        for line in process.stderr:
            printed.append(line)
            if progress and not line.startswith("error: "):
                sys.stderr.write(line)
        code = process.wait()
    except BaseException:
        process.send_signal(signal.SIGINT)
        process.wait()
        raise
    finally:
        if process.stderr is not None:
            process.stderr.close()
    if code != 0:
        raise error_of_exit_code(code, _sentence(printed, code))


def _sentence(printed: Sequence[str], code: int) -> str:
    """The error that a command printed."""
    starts = [number for number, line in enumerate(printed) if line.startswith("error: ")]
    if not starts:
        return f"the command ended with exit code {code}"
    return printed[starts[-1]][len("error: ") :].strip()
