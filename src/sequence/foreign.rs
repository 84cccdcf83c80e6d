//! Users pass files of other formats by mistake. A message that names the format and a tool that converts it saves a
//! search.

/// A format: offset of its mark, the mark, its name, and the remedy.
type Foreign = (usize, &'static [u8], &'static str, &'static str);

/// Bytes of the start of a file that have all marks: that of tar ends at byte 265.
pub(crate) const MARKS: usize = 512;

/// Archives and codecs that are not read at all.
const PACKED: &[Foreign] = &[
    (0, b"PK\x03\x04", "a zip archive", "unpack it with `unzip`"),
    (0, b"PK\x05\x06", "an empty zip archive", "pack it again"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it with `7z x`"),
    (0, b"Rar!\x1a\x07", "a RAR archive", "unpack it with `unrar x`"),
    (0, b"\x1f\x9d", "compressed by `compress`", "decompress it with `gunzip`"),
    (0, b"LZIP\x01", "compressed by lzip", "decompress it with `lzip -d`"),
    (0, b"\x04\x22\x4d\x18", "compressed by lz4", "decompress it with `lz4 -d`"),
    (0, b"\x5d\x00\x00", "compressed by lzma", "decompress it with `xz -d`"),
    (257, b"ustar\0", "a tar archive", "unpack it with `tar -xf`"),
    (257, b"ustar  \0", "a tar archive", "unpack it with `tar -xf`"),
];

/// Files that are given as sequence but are neither FASTA nor FASTQ.
const OTHERS: &[Foreign] = &[
    (0, b"BAM\x01", "BAM", "write its sequences with `samtools fasta`"),
    (0, b"CRAM", "CRAM", "write its sequences with `samtools fasta`"),
    (0, b"@HD\t", "SAM", "write its sequences with `samtools fasta`"),
    (0, b"@SQ\t", "SAM", "write its sequences with `samtools fasta`"),
    (0, b"@RG\t", "SAM", "write its sequences with `samtools fasta`"),
    (0, b"@PG\t", "SAM", "write its sequences with `samtools fasta`"),
    (0, b"@CO\t", "SAM", "write its sequences with `samtools fasta`"),
    (0, b"\x43\x27\x41\x1a", "2bit", TWO_BIT),
    (0, b"\x1a\x41\x27\x43", "2bit", TWO_BIT),
    (0, b"LOCUS ", "GenBank", "convert it with `any2fasta`, or with `seqret` of EMBOSS"),
    (0, b"ID   ", "EMBL", "convert it with `any2fasta`, or with `seqret` of EMBOSS"),
    (
        0,
        b"\x89HDF",
        "HDF5",
        "write the sequences of a Dfam file with `famdb.py families`, of reads with their maker's tools",
    ),
    (0, b"# STOCKHOLM", "Stockholm", "convert it with `any2fasta`, or with `esl-reformat fasta`"),
    (0, b"CLUSTAL", "Clustal", "convert it with `any2fasta`, or with `seqret` of EMBOSS"),
    (0, b"#NEXUS", "NEXUS", "convert it with `seqret` of EMBOSS"),
    (0, b"H\tVN:Z:", "GFA", "write its segments with `gfatools gfa2fa`"),
    (0, b"S\t", "GFA", "write its segments with `gfatools gfa2fa`"),
    (0, b"##gff", "GFF", "use the FASTA of the sequences that it annotates"),
    (0, b"##fileformat=VCF", "VCF", "use the FASTA of the sequences that it describes"),
    (0, b"BCF\x02", "BCF", "use the FASTA of the sequences that it describes"),
    (0, b"ABIF", "an ABI trace", "convert it with `seqret` of EMBOSS"),
    (0, b"%PDF", "PDF", "use the file of the sequences themselves"),
    (0, b"{\\rtf", "RTF", "save it as plain text"),
    (0, b"\xd0\xcf\x11\xe0", "a document of an office program", "save it as plain text"),
    (0, b"<", "HTML or XML", "it may be the page of a failed download; download the file itself"),
    (0, b"version https://git-lfs", "a pointer of Git LFS", "get the file itself with `git lfs pull`"),
    (0, b"\xff\xfe", UTF_16, TO_UTF_8),
    (0, b"\xfe\xff", UTF_16, TO_UTF_8),
    (1, b"\0", UTF_16, TO_UTF_8),
    (0, b"\0", UTF_16, TO_UTF_8),
    (0, b"\x1f\x8b", TWICE, "decompress it once with `gunzip`"),
    (0, b"\x28\xb5\x2f\xfd", TWICE, "decompress it once with `zstd -d`"),
    (0, b"BZh", TWICE, "decompress it once with `bunzip2`"),
    (0, b"\xfd7zXZ\0", TWICE, "decompress it once with `xz -d`"),
];

// Descriptions and remedies that several rows share.
const TWO_BIT: &str = "only a genome is read from 2bit, and only from an uncompressed file, not from a pipe; write its \
                       sequences with `twoBitToFa`";
const UTF_16: &str = "UTF-16 text or no text at all";
const TO_UTF_8: &str = "convert text with `iconv -f UTF-16 -t UTF-8`";
const TWICE: &str = "compressed twice";

/// Name and remedy of an archive or codec that is not read.
pub(crate) fn packed(start: &[u8]) -> Option<(&'static str, &'static str)> {
    find(PACKED, start)
}

/// Name and remedy of a format that is neither FASTA nor FASTQ.
pub(crate) fn other(start: &[u8]) -> Option<(&'static str, &'static str)> {
    find(OTHERS, start)
}

fn find(formats: &[Foreign], start: &[u8]) -> Option<(&'static str, &'static str)> {
    let (.., name, remedy) =
        formats.iter().find(|(at, mark, ..)| start.get(*at..).is_some_and(|rest| rest.starts_with(mark)))?;
    Some((*name, *remedy))
}
