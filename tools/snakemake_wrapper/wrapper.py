"""Runs `reprise detect` on the genome of a rule."""

from shlex import quote

from snakemake.shell import shell

log = snakemake.log_fmt_shell(stdout=True, stderr=True)
libraries = snakemake.input.get("library", [])
# One file of a name is no list.
libraries = [libraries] if isinstance(libraries, str) else libraries
libraries = " ".join(f"--library {quote(path)}" for path in libraries)
mem_mb = snakemake.resources.get("mem_mb")
# A program that the kernel ends for its memory leaves no message, so it gets nine tenths.
memory = f"--max-memory {mem_mb * 9 // 10}M" if mem_mb else ""
extra = snakemake.params.get("extra", "")

shell(
    "reprise detect {snakemake.input.genome:q} -o {snakemake.output[0]:q} --threads {snakemake.threads}"
    " {memory} {libraries} {extra} --quiet {log}"
)
