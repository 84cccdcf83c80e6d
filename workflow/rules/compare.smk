# The k-mers of all genomes, each with each, and their repeats side by side.


rule kmers:
    input:
        lambda wildcards: GENOMES[wildcards.name],
    output:
        touch(KMERS),
    params:
        command=shlex.join([*REPRISE, "build-index", "--min-frequency", "1", "-k", str(config["compare_k"])]),
        index=f"{RESULTS}/comparison/{{name}}.reprise",
    threads: threads_of("index")
    resources:
        mem_mb=memory_of("index"),
        runtime=minutes_of("index"),
    log:
        f"{RESULTS}/logs/{{name}}.kmers.log",
    shell:
        "{params.command} {input:q} -o {params.index:q} --force --quiet " + LIMITS


rule comparison:
    input:
        expand(KMERS, name=GENOMES),
    output:
        pairs=COMPARISON[0],
        matrix=COMPARISON[1],
        drawing=COMPARISON[2],
    params:
        command=shlex.join([*REPRISE, "compare", *(f"{RESULTS}/comparison/{name}.reprise" for name in GENOMES)]),
    threads: config["threads"]
    resources:
        mem_mb=lambda wildcards, attempt: 2000 * attempt,
        runtime=lambda wildcards, attempt: 60 * attempt,
    log:
        f"{RESULTS}/logs/comparison.log",
    shell:
        "{params.command} -o {output.pairs:q} --matrix {output.matrix:q} --svg {output.drawing:q} --force"
        " --quiet " + LIMITS


rule landscapes:
    input:
        [file.format(name=name) for name in GENOMES for file in REPORT],
    output:
        f"{RESULTS}/comparison/landscapes.html",
    params:
        command=shlex.join([*REPRISE, "report", *(f"{RESULTS}/{name}" for name in GENOMES)]),
    resources:
        mem_mb=lambda wildcards, attempt: 1000 * attempt,
        runtime=lambda wildcards, attempt: 10 * attempt,
    log:
        f"{RESULTS}/logs/landscapes.log",
    shell:
        "{params.command} -o {output:q} --force --quiet " + LIMITS
