// Families and copies of the repeats of one genome, with the annotation divided over jobs. NOT RUN by the authors of
// reprise: the Snakemake workflow beside it is; this file has the same commands.
//
//   nextflow run workflow/nextflow/main.nf --genome genome.fa.gz --shards 8
nextflow.enable.dsl = 2

params.genome = null
params.shards = 4
params.results = 'results'

process INDEX {
    publishDir params.results, mode: 'copy'
    cpus 8
    memory { 16.GB * task.attempt }
    errorStrategy 'retry'
    maxRetries 2

    input:
    path genome

    output:
    path 'genome.reprise'

    script:
    """
    reprise build-index '${genome}' -o genome.reprise --quiet -t ${task.cpus} \\
        --max-memory ${(task.memory.toMega() * 9).intdiv(10)}M
    """
}

process FAMILIES {
    publishDir params.results, mode: 'copy'
    cpus 16
    memory { 32.GB * task.attempt }
    errorStrategy 'retry'
    maxRetries 2

    input:
    path index

    output:
    path 'families.fa'

    script:
    """
    reprise families '${index}' -o families.fa --quiet -t ${task.cpus} \\
        --max-memory ${(task.memory.toMega() * 9).intdiv(10)}M
    """
}

process ANNOTATE_PART {
    cpus 8
    memory { 8.GB * task.attempt }
    errorStrategy 'retry'
    maxRetries 2

    input:
    tuple path(index), path(library), val(part)

    output:
    path "part.${part}"

    script:
    """
    reprise annotate '${index}' --library '${library}' --shard ${part}/${params.shards} -o part.${part} --quiet \\
        -t ${task.cpus} --max-memory ${(task.memory.toMega() * 9).intdiv(10)}M
    """
}

process MERGE_ANNOTATION {
    publishDir params.results, mode: 'copy'
    cpus 1
    memory { 8.GB * task.attempt }
    errorStrategy 'retry'
    maxRetries 2

    input:
    path index
    path library
    path parts

    output:
    path 'repeats.*'

    script:
    """
    reprise merge-annotation ${parts} --index '${index}' --library '${library}' -o repeats --formats gff3,bed,out \\
        --quiet --max-memory ${(task.memory.toMega() * 9).intdiv(10)}M
    """
}

workflow {
    index = INDEX(Channel.fromPath(params.genome, checkIfExists: true))
    families = FAMILIES(index)
    parts = Channel.of(1..params.shards)
    made = ANNOTATE_PART(index.combine(families).combine(parts))
    MERGE_ANNOTATION(index, families, made.collect())
}
