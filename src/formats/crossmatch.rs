//! Alignments in the format of cross_match, as RepeatMasker writes them to `.align`
//! (<https://www.repeatmasker.org/webrepeatmaskerhelp.html#reading>), from which its scripts compute divergences.

use std::io::Write;

use crate::Result;
use crate::align::{Alignment, Counts, Operation, OperationKind};
use crate::formats::annotation_writer::{AnnotationWriter, CopyTable};
use crate::formats::copy_row::{CopyRow, NO_DIVERGENCE};
use crate::genome::Case;
use crate::sequence::reverse_complement_letters;

/// Annotations as alignments.
pub(super) struct CrossMatch;

/// Columns of an alignment in a line.
const LINE_COLUMNS: usize = 50;
/// Letters of a name in front of a line of sequence.
const NAME_LETTERS: usize = 13;
/// Bytes of text that are written together, about.
const WRITE_BYTES: usize = 1 << 19;

impl AnnotationWriter for CrossMatch {
    fn write(&self, table: &CopyTable<'_>, _header: bool, write: &mut dyn FnMut(&[u8]) -> Result<()>) -> Result<()> {
        let mut text = Vec::new();
        for (number, (copy, row)) in table.copies.iter().zip(table.rows(table.copies)).enumerate() {
            let aligned = Aligned::new(&copy.alignment, &row, table)?;
            head(&mut text, &row, copy.alignment.contig, number);
            aligned.push_lines(&mut text, &row);
            foot(&mut text, &row, &copy.alignment.counts);
            if text.len() >= WRITE_BYTES {
                write(&text)?;
                text.clear();
            }
        }
        write(&text)
    }
}

/// Appends the line of an alignment: the columns of `.out` without a class, and a name of its own before the number of
/// its copy.
fn head(out: &mut Vec<u8>, row: &CopyRow<'_>, contig: u32, number: usize) {
    let CopyRow { score, substituted, deleted, inserted, contig: name, start, end, .. } = row;
    let left = row.contig_length - end;
    // Writing into a Vec cannot fail.
    let _ = write!(out, "{score} {substituted:.2} {deleted:.2} {inserted:.2} {name} {} {end} ({left}) ", start + 1);
    let (first, last, left) = (row.consensus_start + 1, row.consensus_end, row.consensus_left);
    let _ = match row.is_forward() {
        true => write!(out, "{}#{} {first} {last} ({left})", row.family, row.class),
        false => write!(out, "C {}#{} ({left}) {last} {first}", row.family, row.class),
    };
    let _ = writeln!(out, " m_b{}s1i{number} {}\n", contig + 1, row.id);
}

/// The letters of an alignment, with `-` in gaps, in the direction of the genome.
struct Aligned {
    genome: Vec<u8>,
    consensus: Vec<u8>,
}

impl Aligned {
    fn new(alignment: &Alignment, row: &CopyRow<'_>, table: &CopyTable<'_>) -> Result<Self> {
        let Alignment { query, query_range, range, .. } = alignment;
        let mut bases = Vec::new();
        table.sequence(alignment.contig, range.clone())?.bases(range.clone(), Case::Upper, &mut bases);
        let letters = &table.library.sequence(*query as usize)[query_range.start as usize..query_range.end as usize];
        let letters = if row.is_forward() { letters.to_vec() } else { reverse_complement_letters(letters) };
        let letters = letters.to_ascii_uppercase();
        let (mut genome, mut consensus) = (Vec::new(), Vec::new());
        let (mut bases, mut letters) = (bases.into_iter(), letters.into_iter());
        for Operation { kind, length } in alignment.operations.iter() {
            let (length, gap) = (length as usize, || std::iter::repeat_n(b'-', length as usize));
            match kind {
                OperationKind::Pair => {
                    genome.extend(bases.by_ref().take(length));
                    consensus.extend(letters.by_ref().take(length));
                }
                OperationKind::Insertion => {
                    genome.extend(bases.by_ref().take(length));
                    consensus.extend(gap());
                }
                OperationKind::Deletion => {
                    genome.extend(gap());
                    consensus.extend(letters.by_ref().take(length));
                }
            }
        }
        Ok(Self { genome, consensus })
    }

    /// Appends lines of the genome, of the kinds of differences, and of the consensus.
    fn push_lines(&self, out: &mut Vec<u8>, row: &CopyRow<'_>) {
        let name = format!("{}#{}", row.family, row.class);
        let consensus_at = if row.is_forward() { u64::from(row.consensus_start) + 1 } else { row.consensus_end.into() };
        let mut genome = Side { name: row.contig, complement: false, at: row.start + 1 };
        let mut consensus = Side { name: &name, complement: !row.is_forward(), at: consensus_at };
        for (bases, letters) in self.genome.chunks(LINE_COLUMNS).zip(self.consensus.chunks(LINE_COLUMNS)) {
            genome.push_line(out, bases);
            out.extend_from_slice(&[b' '; 2 + NAME_LETTERS + 1 + 10 + 1]);
            out.extend(bases.iter().zip(letters).map(|(&base, &letter)| difference(base, letter)));
            out.push(b'\n');
            consensus.push_line(out, letters);
            out.push(b'\n');
        }
    }
}

/// One of the two sequences of an alignment while its lines are written.
struct Side<'a> {
    name: &'a str,
    /// Whether the sequence reads on its reverse strand, so that positions fall.
    complement: bool,
    /// Position of the next base, from 1.
    at: u64,
}

impl Side<'_> {
    fn push_line(&mut self, out: &mut Vec<u8>, letters: &[u8]) {
        let bases = letters.iter().filter(|&&letter| letter != b'-').count() as u64;
        let begin = self.at;
        // A line of gaps only stays at the base before it.
        let steps = bases.saturating_sub(1);
        let end = if self.complement { begin.saturating_sub(steps) } else { begin + steps };
        if bases > 0 {
            self.at = if self.complement { end.saturating_sub(1) } else { end + 1 };
        }
        let name: String = self.name.chars().take(NAME_LETTERS).collect();
        out.extend_from_slice(if self.complement { b"C " } else { b"  " });
        // Writing into a Vec cannot fail.
        let _ = write!(out, "{name:<NAME_LETTERS$} {begin:>10} ");
        out.extend_from_slice(letters);
        let _ = writeln!(out, " {end}");
    }
}

/// How two letters differ: a transition, a transversion, a gap or an unknown base.
fn difference(base: u8, letter: u8) -> u8 {
    match (base, letter) {
        (a, b) if a == b => b' ',
        (b'-', _) | (_, b'-') => b'-',
        (b'A', b'G') | (b'G', b'A') | (b'C', b'T') | (b'T', b'C') => b'i',
        (b'A' | b'C' | b'G' | b'T', b'A' | b'C' | b'G' | b'T') => b'v',
        _ => b'?',
    }
}

/// Appends what follows an alignment. The scores are of no matrix that has a name.
fn foot(out: &mut Vec<u8>, row: &CopyRow<'_>, counts: &Counts) {
    let kimura = row.kimura.unwrap_or(NO_DIVERGENCE);
    let (transitions, transversions) = (counts.transitions, counts.transversions);
    let ratio = if transversions > 0 { f64::from(transitions) / f64::from(transversions) } else { 1.0 };
    let (gaps, in_gaps) = (counts.insertions + counts.deletions, counts.inserted + counts.deleted);
    let bases = row.end - row.start;
    let rate = f64::from(gaps) / bases.max(1) as f64;
    let mean = f64::from(in_gaps) / f64::from(gaps.max(1));
    // Writing into a Vec cannot fail.
    let _ = write!(
        out,
        "Matrix = Unknown\nKimura (with divCpGMod) = {kimura:.2}\n\
         Transitions / transversions = {ratio:.2} ({transitions}/{transversions})\n\
         Gap_init rate = {rate:.2} ({gaps} / {bases}), avg. gap size = {mean:.2} ({in_gaps} / {gaps})\n\n"
    );
}
