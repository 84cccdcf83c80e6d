//! A mask is an annotation, or a genome with its repeats in lower case; which of them is seen by the first byte.

use std::path::Path;

use crate::annotate::{Interval, Intervals};
use crate::genome::{ContigLengths, ContigLookup, GenomeReader, is_twobit};
use crate::memory::Budget;
use crate::sequence::{BYTE_ORDER_MARK, Feature, Input, Lines, Region, SequenceReader, Source};
use crate::text::shortened;
use crate::{Error, Progress, Result};

/// Buffer in front of the reader of either kind, in bytes: it looks for the first byte that is no blank.
const BUFFER: usize = 1 << 12;

/// The mask in a file: an annotation in any format that is read (BED, GFF3, GTF, `.out`, TSV), or soft-masked FASTA or
/// .2bit of the genome.
///
/// # Errors
/// As [`Intervals::read`]'s; [`Error::Input`] for sequence that is not of the genome.
pub(crate) fn read_found_mask(
    path: &Path,
    contigs: &ContigLengths,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Intervals> {
    read_mask(path, contigs, budget, progress, |_| false).map(|[_, mask]| mask)
}

/// As [`read_found_mask`]: the features without one of the `labels` ([`Feature::is_labelled`]), and those with one.
///
/// # Errors
/// As [`read_found_mask`]'s; [`Error::Input`] if there are labels, and the file is sequence.
pub(crate) fn read_true_mask(
    path: &Path,
    labels: &[String],
    contigs: &ContigLengths,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<[Intervals; 2]> {
    let is_skipped = |feature: &Feature<'_>| labels.iter().any(|label| feature.is_labelled(label));
    let [skipped, truth] = read_mask(path, contigs, budget, progress, is_skipped)?;
    Ok([truth, skipped])
}

/// The features of a file for which `is_first` is true, and the others. Lower case is of the others.
fn read_mask(
    path: &Path,
    contigs: &ContigLengths,
    budget: &Budget,
    progress: &dyn Progress,
    is_first: impl Fn(&Feature<'_>) -> bool,
) -> Result<[Intervals; 2]> {
    let source = &Source::new(path).within(budget);
    if is_twobit(source) {
        let mask = lower_case(GenomeReader::open(source)?, path, contigs, budget, progress)?;
        return Ok([Intervals::none(budget), mask]);
    }
    let mut input = Input::new(source.open()?, BUFFER);
    let start = input.peek(BUFFER).map_err(|e| source.read_error(1, e))?;
    let start = start.strip_prefix(BYTE_ORDER_MARK).unwrap_or(start);
    if start.trim_ascii_start().starts_with(b">") {
        let reader = SequenceReader::of(Box::new(input), source)?;
        let mask = lower_case(GenomeReader::Text(Box::new(reader)), path, contigs, budget, progress)?;
        return Ok([Intervals::none(budget), mask]);
    }
    Intervals::split(Lines::of(Box::new(input), source, budget), path, contigs, budget, is_first)
}

/// The bases in lower case of the sequences of a genome.
fn lower_case(
    mut reader: GenomeReader,
    path: &Path,
    contigs: &ContigLengths,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Intervals> {
    let mut mask = Intervals::none(budget);
    let mut seen = vec![false; contigs.lengths().len()];
    while let Some(head) = reader.next_record()? {
        let wrong = |problem: String| Error::input(path, Some(head.line), problem);
        let region = Region { contig: head.name, range: 0..0 };
        let contig = contigs.locate(&region).map_err(|e| match e {
            Error::Input { problem, .. } => wrong(problem),
            other => other,
        })?;
        let name = shortened(&region.contig);
        if std::mem::replace(&mut seen[contig as usize], true) {
            return Err(wrong(format!("two sequences are called {name:?}")));
        }
        let (mut at, length) = (0, contigs.lengths()[contig as usize]);
        while let Some(letters) = reader.next_bases()? {
            let end = at + letters.len() as u64;
            if end <= length {
                push_runs(letters, contig, at as u32, &mut mask)?;
            }
            at = end;
        }
        if at != length {
            let problem = format!("{name} has {at} bases, and {length} in the genome; use the same genome with a mask");
            return Err(wrong(problem));
        }
    }
    reader.report_skipped(progress);
    if let Some(missing) = seen.iter().position(|seen| !seen) {
        let name = shortened(contigs.name(missing as u32)).into_owned();
        let problem = format!("lacks contig {name:?} of the genome; use the same genome with a mask");
        return Err(Error::input(path, None, problem));
    }
    Ok(mask.sorted())
}

/// Adds the runs of lower case among letters that begin at a base of a contig.
fn push_runs(letters: &[u8], contig: u32, first: u32, mask: &mut Intervals) -> Result<()> {
    let mut start = first;
    for run in letters.chunk_by(|a, b| a.is_ascii_lowercase() == b.is_ascii_lowercase()) {
        let end = start + run.len() as u32;
        if run[0].is_ascii_lowercase() {
            mask.push(Interval { contig, start, end })?;
        }
        start = end;
    }
    Ok(())
}
