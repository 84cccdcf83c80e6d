//! Whether the copies of a family are genes of the genome. Selection preserves the proteins of genes, so that they
//! differ at third bases of codons and have no stop codons.

use std::ops::Range;

use crate::families::bases::Bases;
use crate::families::copies::{AlignedColumn, PlacedAlignment, for_each_column};

/// Standard deviations above chance of differences at third bases of codons, from which on copies are genes if they
/// have no stop codons. 4 is reached by chance once in 30,000 families; simulated transposons stay below, families of
/// genes of yeast and C. elegans have 4 to 30.
const MIN_GENE_DEVIATIONS: f64 = 4.0;
/// Standard deviations from which on much of a long consensus codes, whether or not it can be read: as high as few
/// families of transposons get.
const MIN_CODING_DEVIATIONS: f64 = 8.0;
/// Share of the bases of the copies in their longest regions without a stop codon, if they are genes.
const MIN_OPEN: f64 = 0.9;
/// Share of the copies that read without a stop codon in a window which a third of them reads through, if they are
/// genes.
const MIN_INTACT: f64 = 0.9;
/// Minimum windows that a third of the copies reads through.
const MIN_CODING_WINDOWS: usize = 3;
/// One of this many of all windows is read through, at least.
const CODING_PART: usize = 3;

/// Periods of three bases at which differences are compared: more add noise, fewer lose short exons.
const PERIODS: usize = 8;
/// Columns to either side of a column whose mean difference is usual there.
const AROUND: usize = 24;

/// Whether the copies are genes of a family, or a region of several genes: they differ at third bases more than at
/// others, and nearly all copies read what any of them reads without a stop. Transposons that code for proteins differ
/// in the same way if related ones are taken together, but many of their copies are decayed.
pub(super) fn is_gene_family(consensus: &[u8], copies: &[&PlacedAlignment<'_>], bases: &Bases<'_>) -> bool {
    let reading = OpenReading::of(consensus, copies, bases);
    let is_open = reading.open >= MIN_OPEN
        || reading.coding >= MIN_CODING_WINDOWS
            && CODING_PART * reading.coding >= reading.windows
            && reading.intact >= MIN_INTACT;
    is_open
        && (reading.preserved >= MIN_GENE_DEVIATIONS
            || third_base_deviations(consensus, copies, bases) >= MIN_GENE_DEVIATIONS)
}

/// Whether copies differ so much more at third bases than at others that much of their sequence codes, whether or not
/// it is read still.
pub(super) fn is_coding(consensus: &[u8], copies: &[&PlacedAlignment<'_>], bases: &Bases<'_>) -> bool {
    third_base_deviations(consensus, copies, bases) >= MIN_CODING_DEVIATIONS
}

/// Share of the copies that differ from the consensus, by column; `None` if fewer than two have a base.
fn differences(consensus: &[u8], copies: &[&PlacedAlignment<'_>], bases: &Bases<'_>) -> Vec<Option<f64>> {
    let mut columns = vec![(0u32, 0u32); consensus.len()];
    for copy in copies {
        for_each_column(copy, bases, |aligned, _| {
            if let AlignedColumn::Base(column, code) = aligned
                && code < 4
            {
                let (different, all) = &mut columns[column as usize];
                *different += u32::from(code != consensus[column as usize]);
                *all += 1;
            }
        });
    }
    let share = |&(different, all): &(u32, u32)| (all >= 2).then(|| f64::from(different) / f64::from(all));
    columns.iter().map(share).collect()
}

/// By how many standard deviations differences have a distance of a multiple of three bases more often than by chance.
/// Distances are those on the consensus, so that neither introns nor frames matter.
fn third_base_deviations(consensus: &[u8], copies: &[&PlacedAlignment<'_>], bases: &Bases<'_>) -> f64 {
    let shares = differences(consensus, copies, bases);
    let mean = |columns: &[Option<f64>]| {
        let (sum, count) = columns.iter().flatten().fold((0.0, 0.0), |(sum, count), share| (sum + share, count + 1.0));
        sum / f64::max(count, 1.0)
    };
    // Less the usual difference around, so that a variable region shows nothing.
    let residuals: Vec<Option<f64>> = (0..shares.len())
        .map(|at| Some(shares[at]? - mean(&shares[at.saturating_sub(AROUND)..(at + AROUND + 1).min(shares.len())])))
        .collect();
    let (mut sum, mut squares) = (0.0, 0.0);
    for (at, here) in residuals.iter().enumerate() {
        for period in 1..=PERIODS {
            if let (Some(here), Some(Some(there))) = (here, residuals.get(at + 3 * period)) {
                let product = here * there;
                sum += product;
                squares += product * product;
            }
        }
    }
    if squares > 0.0 { sum / f64::sqrt(squares) } else { 0.0 }
}

/// How much of the copies reads without a stop codon.
struct OpenReading {
    /// Share of their bases in the longest region of each without a stop codon.
    open: f64,
    /// Windows of the consensus that three copies or more cover, and those that a third of the copies reads through.
    windows: usize,
    coding: usize,
    /// Share of the copies of the latter that do.
    intact: f64,
    /// By how many standard deviations more windows of copies read without a stop codon than substitutions leave by
    /// chance.
    preserved: f64,
}

/// A window of the consensus whose reading frame is examined.
#[derive(Clone, Copy, Default)]
struct CodingWindow {
    /// Copies that cover it, and those without a stop codon in it.
    copies: u32,
    open: u32,
    /// Copies that would be without one by chance, and the variance of their number.
    expected: f64,
    variance: f64,
}

impl CodingWindow {
    /// Columns of a window. 300 random bases are free of stop codons in one of six frames once in 20 windows.
    const LENGTH: u32 = 300;
    /// Columns from one window to the next.
    const STEP: u32 = 100;
    /// Columns that a copy may lack at either end.
    const MAX_MISSING: u32 = 15;
    /// Bases of the codons at both ends, which may not be whole.
    const END_CODONS: usize = 6;
    /// Chance that a substitution in a codon makes a stop of it: 23 of the 549 that change a sense codon.
    const STOP_CHANCE: f64 = 23.0 / 549.0;
    /// Minimum number of copies that show anything by a third of them.
    const MIN_COPIES: u32 = 3;

    fn is_coding(&self) -> bool {
        self.copies >= Self::MIN_COPIES && 3 * self.open >= self.copies
    }
}

impl OpenReading {
    fn of(consensus: &[u8], copies: &[&PlacedAlignment<'_>], bases: &Bases<'_>) -> Self {
        let (mut open, mut all) = (0, 0);
        let count = (consensus.len() as u32).saturating_sub(CodingWindow::LENGTH) / CodingWindow::STEP + 1;
        let mut windows = vec![CodingWindow::default(); count as usize];
        let (mut columns, mut substitutions) = (Vec::new(), Vec::new());
        for copy in copies {
            let codes = bases.codes(&copy.genome);
            if codes.len() >= CodingWindow::LENGTH as usize / 2 {
                open += longest_open(&codes);
                all += codes.len();
            }
            columns.clear();
            substitutions.clear();
            for_each_column(copy, bases, |aligned, position| {
                if let AlignedColumn::Base(column, code) = aligned {
                    columns.push((column, position));
                    substitutions
                        .push(substitutions.last().unwrap_or(&0) + u32::from(code != consensus[column as usize]));
                }
            });
            for (from, window) in (0..).step_by(CodingWindow::STEP as usize).zip(&mut windows) {
                if let Some(window_range) = range_of_window(&columns, from) {
                    let first = copy.genome.start;
                    let codes = &codes[(window_range.start - first) as usize..(window_range.end - first) as usize];
                    window.open += u32::from(longest_open(codes) + CodingWindow::END_CODONS >= codes.len());
                    window.copies += 1;
                    let [first, last] = [from, from + CodingWindow::LENGTH]
                        .map(|to| columns.partition_point(|c: &(u32, u64)| c.0 < to));
                    let changes = substitutions[last - 1] - substitutions[first];
                    let chance = f64::exp(-CodingWindow::STOP_CHANCE * f64::from(changes));
                    window.expected += chance;
                    window.variance += chance * (1.0 - chance);
                }
            }
        }
        let coding = || windows.iter().filter(|window| window.is_coding());
        let (intact, among) = coding().fold((0, 0), |(open, copies), w| (open + w.open, copies + w.copies));
        let (more, variance) = coding().fold((0.0, 0.0), |(more, variance), window| {
            (more + f64::from(window.open) - window.expected, variance + window.variance)
        });
        // Windows overlap, and so depend on each other.
        let overlap = f64::from(CodingWindow::LENGTH / CodingWindow::STEP);
        Self {
            preserved: if variance > 0.0 { more / f64::sqrt(overlap * variance) } else { 0.0 },
            open: open as f64 / all.max(1) as f64,
            windows: windows.iter().filter(|window| window.copies >= CodingWindow::MIN_COPIES).count(),
            coding: coding().count(),
            intact: f64::from(intact) / f64::from(among.max(1)),
        }
    }
}

/// The positions of the bases of a copy in the window from a column on, unless it lacks too much of it. `columns` are
/// those in which the copy has a base, ascending, with its position.
fn range_of_window(columns: &[(u32, u64)], from: u32) -> Option<Range<u64>> {
    let to = from + CodingWindow::LENGTH;
    let first = columns.partition_point(|column| column.0 < from);
    let last = columns.partition_point(|column| column.0 < to);
    let (first, last) = (columns[first..last].first()?, columns[first..last].last()?);
    if first.0 > from + CodingWindow::MAX_MISSING || last.0 + CodingWindow::MAX_MISSING < to {
        return None;
    }
    Some(first.1.min(last.1)..first.1.max(last.1) + 1)
}

/// Bases of the longest region without a stop codon, in any of the six frames.
fn longest_open(codes: &[u8]) -> usize {
    // TAA, TAG, TGA, and as they read on the other strand; T is 0, C 1, A 2, G 3.
    const STOPS: [[[u8; 3]; 3]; 2] = [[[0, 2, 2], [0, 2, 3], [0, 3, 2]], [[0, 0, 2], [1, 0, 2], [0, 1, 2]]];
    let mut longest = 0;
    for stops in STOPS {
        for frame in 0..3.min(codes.len()) {
            let mut run = 0;
            for codon in codes[frame..].chunks_exact(3) {
                let codon = [codon[0] & 3, codon[1] & 3, codon[2] & 3];
                run = if stops.contains(&codon) { 0 } else { run + 3 };
                longest = longest.max(run);
            }
        }
    }
    longest
}
