# The steps of `reprise detect` for one genome.


rule index_part:
    input:
        lambda wildcards: GENOMES[wildcards.name],
    output:
        temp(touch(INDEX_PART)),
    params:
        command=detect("index"),
    threads: threads_of("index")
    resources:
        mem_mb=memory_of("index"),
        runtime=minutes_of("index"),
    log:
        f"{RESULTS}/logs/{{name}}.index.{{part}}.log",
    shell:
        "{params.command} " + LIMITS


rule index:
    input:
        lambda wildcards: GENOMES[wildcards.name],
        parts=parts_of(INDEX_PART) if config["divide_index"] else [],
    output:
        touch(INDEX),
    params:
        command=detect("index"),
    threads: threads_of("index")
    resources:
        mem_mb=memory_of("index"),
        runtime=minutes_of("index"),
    log:
        f"{RESULTS}/logs/{{name}}.index.log",
    shell:
        "{params.command} " + LIMITS


rule families:
    input:
        INDEX,
    output:
        FAMILIES,
    params:
        command=detect("families"),
    threads: threads_of("families")
    resources:
        mem_mb=memory_of("families"),
        runtime=minutes_of("families"),
    log:
        f"{RESULTS}/logs/{{name}}.families.log",
    shell:
        "{params.command} " + LIMITS


rule annotation_part:
    input:
        INDEX,
        FAMILIES,
    output:
        temp(PART),
    params:
        command=detect("annotation"),
    threads: threads_of("annotation")
    resources:
        mem_mb=memory_of("annotation"),
        runtime=minutes_of("annotation"),
    log:
        f"{RESULTS}/logs/{{name}}.annotation.{{part}}.log",
    shell:
        "{params.command} " + LIMITS


rule annotation:
    input:
        INDEX,
        FAMILIES,
        parts=parts_of(PART),
    output:
        ANNOTATION,
    params:
        command=detect("annotation"),
    threads: threads_of("annotation")
    resources:
        mem_mb=memory_of("annotation"),
        runtime=minutes_of("annotation"),
    log:
        f"{RESULTS}/logs/{{name}}.annotation.log",
    shell:
        "{params.command} " + LIMITS


rule mask:
    input:
        INDEX,
        FAMILIES,
        ANNOTATION,
    output:
        MASK,
    params:
        command=detect("mask"),
    threads: threads_of("mask")
    resources:
        mem_mb=memory_of("mask"),
        runtime=minutes_of("mask"),
    log:
        f"{RESULTS}/logs/{{name}}.mask.log",
    shell:
        "{params.command} " + LIMITS


rule report:
    input:
        INDEX,
        FAMILIES,
        ANNOTATION,
        MASK,
    output:
        REPORT,
    params:
        command=detect("report"),
    threads: threads_of("report")
    resources:
        mem_mb=memory_of("report"),
        runtime=minutes_of("report"),
    log:
        f"{RESULTS}/logs/{{name}}.report.log",
    shell:
        "{params.command} " + LIMITS
