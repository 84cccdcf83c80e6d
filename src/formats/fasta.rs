//! Families as a library: FASTA, with headers that RepeatMasker or readers of REPrise's `.reprof` understand.

use std::io::Write;

use crate::families::FamilyStatistics;

/// Bases in a line, as most programs write FASTA.
const LINE_BASES: usize = 80;

/// Records with `>family#class` and statistics behind it.
pub(super) fn families(families: &[FamilyStatistics]) -> Vec<u8> {
    let mut out = Vec::new();
    for f in families {
        // Writing into a Vec cannot fail.
        let _ = write!(out, ">{}#{} length={} copies={} ", f.name, f.class, f.length, f.copies);
        let _ = writeln!(out, "full_length={} divergence={:.2} seed={}", f.full_length_copies, f.divergence, f.seed);
        push_lines(&mut out, &f.consensus);
    }
    out
}

/// Records of REPrise's `.reprof`, with running numbers as names.
pub(super) fn reprof(families: &[FamilyStatistics]) -> Vec<u8> {
    let mut out = Vec::new();
    for (number, f) in families.iter().enumerate() {
        let _ = writeln!(
            out,
            ">R={number}, seedfreq={}, elementfreq={}, length={}, Seed={}",
            f.kmer_frequency, f.copies, f.length, f.kmer
        );
        push_lines(&mut out, &f.consensus);
    }
    out
}

fn push_lines(out: &mut Vec<u8>, letters: &str) {
    for line in letters.as_bytes().chunks(LINE_BASES) {
        out.extend_from_slice(line);
        out.push(b'\n');
    }
}
