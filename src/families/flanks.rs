//! Whether copies lie in different loci: their flanks share no more words than random sequences.
//!
//! Copies of a transposon have flanks of their own. Copies in a duplicated part of the genome do not.

use std::cmp::Ordering;
use std::ops::Range;

use crate::families::bases::{Bases, UNKNOWN};
use crate::families::copies::PlacedAlignment;

/// Bases of a flank that are compared. Longer flanks find older duplications and contain other repeats more often.
const FLANK: u64 = 120;
/// Bases of a word: two random flanks share one of their 112 words, on either strand, in about one of ten cases.
const WORD: usize = 9;
/// Minimum number of words of a flank that can be compared: at the end of a contig or in a run of N there are fewer.
const MIN_WORDS: usize = 20;
/// Flanks are alike if they share one of this many words: the flanks of a duplication that is 18 % diverged, since a
/// word of 9 bases is the same with probability 0.82^9 = 1/6. Random flanks share less than one in ten.
const ALIKE: usize = 6;

/// The words of the bases before and behind a range.
pub(crate) type Flanks = [Vec<u32>; 2];

/// The different words of a range, sorted, each as the smaller of itself and its reverse complement; those with an
/// unknown base are left out.
pub(crate) fn words(bases: &Bases<'_>, range: Range<u64>) -> Vec<u32> {
    let codes = bases.codes(&range);
    let windows = codes.windows(WORD).filter(|w| w.iter().all(|&code| code < UNKNOWN));
    let canonical = windows.map(|w| {
        let forward = w.iter().fold(0, |word, &code| word << 2 | u32::from(code & 3));
        let reverse = w.iter().rev().fold(0, |word, &code| word << 2 | u32::from(code & 3 ^ 2));
        forward.min(reverse)
    });
    let mut words: Vec<u32> = canonical.collect();
    words.sort_unstable();
    words.dedup();
    words
}

/// The number of words that two sorted lists have in common.
fn shared_words(a: &[u32], b: &[u32]) -> usize {
    let (mut i, mut j, mut shared) = (0, 0, 0);
    while let (Some(one), Some(other)) = (a.get(i), b.get(j)) {
        let order = one.cmp(other);
        i += usize::from(order != Ordering::Greater);
        j += usize::from(order != Ordering::Less);
        shared += usize::from(order == Ordering::Equal);
    }
    shared
}

/// The flanks of a range of the genome, all contigs end to end.
pub(crate) fn flanks(range: &Range<u64>, bases: &Bases<'_>) -> Flanks {
    let around = bases.around(range, FLANK);
    [words(bases, around.start..range.start), words(bases, range.end..around.end)]
}

/// Whether two flanks share many more words than random ones.
fn alike(a: &[u32], b: &[u32]) -> bool {
    let fewer = a.len().min(b.len());
    fewer >= MIN_WORDS && ALIKE * shared_words(a, b) >= fewer
}

/// Whether both flanks of one range are like those of the other, on either strand.
pub(crate) fn both_alike(one: &Flanks, other: &Flanks) -> bool {
    let pairs = |x: usize, y: usize| alike(&one[0], &other[x]) && alike(&one[1], &other[y]);
    pairs(0, 1) || pairs(1, 0)
}

/// Whether a flank of one range is unlike those of the other.
pub(crate) fn flanks_differ(one: &Range<u64>, other: &Range<u64>, bases: &Bases<'_>) -> bool {
    !both_alike(&flanks(one, bases), &flanks(other, bases))
}

/// Whether no flank of one copy is like the flank of the other at the same end of the consensus.
pub(crate) fn neither_flank_alike(one: &PlacedAlignment<'_>, other: &PlacedAlignment<'_>, bases: &Bases<'_>) -> bool {
    let turned = usize::from(one.alignment.strand != other.alignment.strand);
    let (one, other) = (flanks(&one.genome, bases), flanks(&other.genome, bases));
    (0..2).all(|side| !alike(&one[side], &other[side ^ turned]))
}
