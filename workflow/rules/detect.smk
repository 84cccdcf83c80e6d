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


# The search for families in stages; a run of one shard has none, and `families` does all of it.
rule discovery:
    input:
        INDEX,
        before=lambda wildcards: (
            [DISCOVERY.format(name=wildcards.name, part=int(wildcards.part) - 1)] if int(wildcards.part) > 1 else []
        ),
    output:
        temp(DISCOVERY),
    params:
        command=detect("discovery"),
    threads: threads_of("discovery")
    resources:
        mem_mb=memory_of("discovery"),
        runtime=minutes_of("discovery"),
    log:
        f"{RESULTS}/logs/{{name}}.discovery.{{part}}.log",
    shell:
        "{params.command} " + LIMITS


rule refinement:
    input:
        INDEX,
        drafts=lambda wildcards: DISCOVERY.format(name=wildcards.name, part=samples_of(wildcards.name)),
    output:
        temp(REFINEMENT),
    params:
        command=detect("refinement"),
    threads: threads_of("refinement")
    resources:
        mem_mb=memory_of("refinement"),
        runtime=minutes_of("refinement"),
    log:
        f"{RESULTS}/logs/{{name}}.refinement.log",
    shell:
        "{params.command} " + LIMITS


rule survey_part:
    input:
        INDEX,
        REFINEMENT,
    output:
        temp(SURVEY),
    params:
        command=detect("survey"),
    threads: threads_of("survey")
    resources:
        mem_mb=memory_of("survey"),
        runtime=minutes_of("survey"),
    log:
        f"{RESULTS}/logs/{{name}}.survey.{{part}}.log",
    shell:
        "{params.command} " + LIMITS


rule families:
    input:
        INDEX,
        stages=[REFINEMENT, *parts_of(SURVEY)] if SHARDS > 1 else [],
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
