//! Whether the copies of a family are genes: what they code for is kept, so they differ at the third bases of codons and have no stops.

use crate::families::bases::Bases;
use crate::families::refine::{Placed, Step, walk};

/// Periods of three looked at.
const PERIODS: usize = 8;
/// Columns to either side of which the mean is what is usual there.
const AROUND: usize = 24;

/// Share of the copies that differ from the consensus, by column; `None` where fewer than two have a base.
fn differences(length: usize, copies: &[&Placed<'_>], consensus: &[u8], bases: &Bases) -> Vec<Option<f64>> {
    let mut columns = vec![(0u32, 0u32); length];
    for copy in copies {
        walk(copy, bases, |step, _| {
            if let Step::Pair(column, code) = step
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

/// By how many standard deviations differences lie a multiple of three bases apart more often than chance has it. Distances are
/// those on the consensus, so that neither introns nor frames matter.
fn deviations(consensus: &[u8], copies: &[&Placed<'_>], bases: &Bases) -> f64 {
    let shares = differences(consensus.len(), copies, consensus, bases);
    let mean = |columns: &[Option<f64>]| {
        let (sum, count) = columns.iter().flatten().fold((0.0, 0.0), |(sum, count), share| (sum + share, count + 1.0));
        sum / f64::max(count, 1.0)
    };
    // Beside what is usual around, so that a variable stretch says nothing.
    let beside: Vec<Option<f64>> = (0..shares.len())
        .map(|at| Some(shares[at]? - mean(&shares[at.saturating_sub(AROUND)..(at + AROUND + 1).min(shares.len())])))
        .collect();
    let (mut sum, mut squares) = (0.0, 0.0);
    for (at, here) in beside.iter().enumerate() {
        for period in 1..=PERIODS {
            if let (Some(here), Some(Some(there))) = (here, beside.get(at + 3 * period)) {
                let product = here * there;
                sum += product;
                squares += product * product;
            }
        }
    }
    if squares > 0.0 { sum / f64::sqrt(squares) } else { 0.0 }
}

/// Columns of a window of which the reading frame is looked at, and from one to the next.
const WINDOW: u32 = 300;
const STEP: u32 = 100;
/// Columns of a window that a copy may lack.
const LACKED: u32 = 15;

/// How much of the copies reads without a stop.
struct Open {
    /// Share of the bases of the copies that lie in the longest stretch without a stop of each.
    whole: f64,
    /// Windows that three copies or more cover, and those of them that a third of the copies or more read through.
    windows: usize,
    coding: usize,
    /// Share of the copies of the latter that do.
    intact: f64,
}

fn open(length: usize, copies: &[&Placed<'_>], bases: &Bases) -> Open {
    let (mut open, mut all) = (0, 0);
    let mut windows = vec![(0u32, 0u32); (length as u32).saturating_sub(WINDOW) as usize / STEP as usize + 1];
    let mut pairs = Vec::new();
    for copy in copies {
        let codes = &bases.codes()[copy.genome.start as usize..copy.genome.end as usize];
        if codes.len() >= WINDOW as usize / 2 {
            open += longest_open(codes);
            all += codes.len();
        }
        pairs.clear();
        walk(copy, bases, |step, position| {
            if let Step::Pair(column, _) = step {
                pairs.push((column, position));
            }
        });
        for (from, (open, all)) in (0..).step_by(STEP as usize).zip(&mut windows) {
            let first = pairs.partition_point(|pair| pair.0 < from);
            let last = pairs.partition_point(|pair| pair.0 < from + WINDOW);
            let within = &pairs[first..last];
            let (Some(first), Some(last)) = (within.first(), within.last()) else { continue };
            if first.0 > from + LACKED || last.0 + LACKED < from + WINDOW {
                continue;
            }
            let (start, end) = (first.1.min(last.1) as usize, first.1.max(last.1) as usize + 1);
            // A codon at either end may not be whole.
            *open += u32::from(longest_open(&bases.codes()[start..end]) + 6 >= end - start);
            *all += 1;
        }
    }
    let covered = windows.iter().filter(|(_, all)| *all >= 3);
    let coding: Vec<&(u32, u32)> = covered.clone().filter(|(open, all)| 3 * open >= *all).collect();
    let (intact, among) = coding.iter().fold((0, 0), |(intact, among), (open, all)| (intact + open, among + all));
    Open {
        whole: open as f64 / all.max(1) as f64,
        windows: covered.count(),
        coding: coding.len(),
        intact: f64::from(intact) / f64::from(among.max(1)),
    }
}

/// Bases of the longest stretch without a stop codon, in any of the six frames.
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

/// Whether the copies are genes of a family, or a stretch of several genes: they differ at every third base more than at others, and
/// what any of them reads without a stop, nearly all do. Transposons that code for proteins differ so too where related ones are taken
/// together, but many of their copies are decayed.
pub(crate) fn are_genes(consensus: &[u8], copies: &[&Placed<'_>], bases: &Bases) -> bool {
    const DEVIATIONS: f64 = 4.0;
    const WHOLE: f64 = 0.9;
    const INTACT: f64 = 0.9;
    let Open { whole, windows, coding, intact } = open(consensus.len(), copies, bases);
    let open = whole >= WHOLE || coding >= 3 && 3 * coding >= windows && intact >= INTACT;
    open && deviations(consensus, copies, bases) >= DEVIATIONS
}

/// Whether copies differ at every third base so much more than at others that much of them codes, whether or not it is read still.
pub(crate) fn are_coding(consensus: &[u8], copies: &[&Placed<'_>], bases: &Bases) -> bool {
    const DEVIATIONS: f64 = 8.0;
    deviations(consensus, copies, bases) >= DEVIATIONS
}
