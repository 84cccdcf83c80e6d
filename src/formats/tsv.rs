//! Tables for people, spreadsheets and awk: columns separated by tabs under a header that begins with `#`.

use std::io::Write;

use crate::families::FamilyStatistics;
use crate::formats::annotation_writer::AnnotationWriter;
use crate::formats::copy_row::CopyRow;
use crate::genome::Contig;
use crate::query::SequenceStatistics;

// Writing into a Vec cannot fail, so its results are dropped.

/// Header of the statistics of sequences.
pub(super) const STATISTICS_HEADER: &[u8] =
    b"#name\tlength\tkmers\tfound\trepeated\tmean_frequency\tmedian_frequency\tmax_frequency\n";

/// Rows as TSV.
pub(super) struct Tsv;

impl AnnotationWriter for Tsv {
    fn header(&self, _contigs: &[Contig], out: &mut Vec<u8>) {
        out.extend_from_slice(
            b"#contig\tstart\tend\tstrand\tfamily\tclass\tscore\te_value\tkimura\tsubstituted\tdeleted\tinserted\t\
              consensus_start\tconsensus_end\tconsensus_left\tid\n",
        );
    }

    fn row(&self, row: &CopyRow<'_>, out: &mut Vec<u8>) {
        let CopyRow { contig, start, end, strand, family, class, score, e_value, .. } = row;
        let _ = write!(out, "{contig}\t{start}\t{end}\t{strand}\t{family}\t{class}\t{score}\t{e_value:.3e}\t");
        let CopyRow { substituted, deleted, inserted, .. } = row;
        let _ = write!(out, "{}\t{substituted:.2}\t{deleted:.2}\t{inserted:.2}", row.kimura_text());
        push_columns(out, &[row.consensus_start.into(), row.consensus_end.into(), row.consensus_left.into(), row.id]);
        out.push(b'\n');
    }
}

/// Families without their consensi.
pub(super) fn families(families: &[FamilyStatistics]) -> Vec<u8> {
    let mut out = b"#name\tclass\tlength\tcopies\tfull_length_copies\tbases\tdivergence\tseed\tkmer\tkmer_frequency\t\
                    tandem\tterminal_repeat\tevidence\tsubfamily_of\n"
        .to_vec();
    for f in families {
        let _ = write!(out, "{}\t{}\t{}\t{}\t{}", f.name, f.class, f.length, f.copies, f.full_length_copies);
        let _ = write!(out, "\t{}\t{:.2}\t{}\t{}\t{}", f.bases, f.divergence, f.seed, f.kmer, f.kmer_frequency);
        let subfamily_of = f.subfamily_of.as_deref().unwrap_or("-");
        let _ = writeln!(out, "\t{}\t{}\t{}\t{subfamily_of}", f.tandem, f.terminal_repeat, f.evidence);
    }
    out
}

/// Appends the statistics of a sequence.
pub(super) fn statistics(out: &mut Vec<u8>, row: &SequenceStatistics) {
    out.extend_from_slice(row.name.as_bytes());
    push_columns(out, &[row.length, row.kmers, row.found, row.repeated]);
    let _ = write!(out, "\t{:.2}", row.mean_frequency);
    push_columns(out, &[row.median_frequency, row.max_frequency]);
    out.push(b'\n');
}

/// Appends the frequency of a k-mer of a sequence.
pub(super) fn kmer(out: &mut Vec<u8>, name: &str, start: u64, frequency: u64) {
    out.extend_from_slice(name.as_bytes());
    push_columns(out, &[start, frequency]);
    out.push(b'\n');
}

/// Appends numbers, each behind a tab.
pub(super) fn push_columns(out: &mut Vec<u8>, numbers: &[u64]) {
    for &number in numbers {
        out.push(b'\t');
        push_number(out, number);
    }
}

/// Appends a number in decimal; several times faster than formatting, and rows of k-mers are little else.
pub(crate) fn push_number(out: &mut Vec<u8>, mut number: u64) {
    // A u64 has at most 20 digits.
    let mut digits = [0; 20];
    let mut at = digits.len();
    loop {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

/// Appends a position of a k-mer as `contig:start:strand`.
pub(crate) fn push_position(out: &mut Vec<u8>, contig: &str, start: u64, strand: char) {
    out.extend_from_slice(contig.as_bytes());
    out.push(b':');
    push_number(out, start);
    out.push(b':');
    out.push(strand as u8);
}
