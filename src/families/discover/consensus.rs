//! Growth of a consensus: from anchors in both directions, then over its copies for as long as it gets longer.

use std::ops::Range;

use crate::Result;
use crate::families::discover::anchors::Anchor;
use crate::families::discover::copies::AlignedCopy;
use crate::families::discover::search::Search;
use crate::families::extension::{CopyExtent, Cursor, extend};
use crate::families::family::FamilyCopy;
use crate::families::parameters::{
    CONTINUING_PART, MAX_END_DISTANCE, MAX_EXTENSIONS, MAX_GROWN_COPIES, MAX_LENGTHENINGS, MIN_LENGTHENED_COPIES,
    MIN_LENGTHENING, Scores,
};
use crate::kmer::Strand;

impl Search<'_> {
    /// Grows a consensus from anchors, at most `max_extend` bases in either direction. Returns it, and the base that
    /// lies at the anchors.
    pub(crate) fn grow(&self, anchors: &[Anchor], max_extend: usize) -> (Vec<u8>, usize) {
        let scores = Scores { max_extend, ..self.options.scores };
        let (right, mut left) = self.cursors(&anchors[..anchors.len().min(MAX_GROWN_COPIES)]);
        let (rightward, extents) = extend(self.sample, &right, &scores, self.options.min_copies);
        reserve_read_bases(&mut left, &right, &extents);
        let (leftward, _) = extend(self.sample, &left, &scores, self.options.min_copies);
        let centre = leftward.len();
        let mut consensus: Vec<u8> = leftward.into_iter().rev().collect();
        consensus.extend(rightward);
        (consensus, centre)
    }

    /// Lengthens a consensus over all copies that reach its ends, for as long as it grows: copies that ended early, at
    /// a long gap or an insertion, take part again. Only one of the copies in `duplicates` takes part. Returns the
    /// consensus and its copies.
    pub(crate) fn lengthen(
        &self,
        mut consensus: Vec<u8>,
        duplicates: &[FamilyCopy],
    ) -> Result<(Vec<u8>, Vec<AlignedCopy>)> {
        let mut copies = self.family_copies(&consensus)?;
        for _ in 0..MAX_LENGTHENINGS {
            let mut spans: Vec<Range<u64>> = copies.iter().map(|copy| copy.copy.genome.clone()).collect();
            spans.sort_by_key(|span| span.start);
            let independent = without_duplicates(duplicates, copies.iter().collect(), |copy| copy.copy.genome.start);
            let beyond = |rightward: bool| self.beyond_end(&independent, consensus.len(), rightward, &spans);
            let (right, left) = (beyond(true), beyond(false));
            if right.len().max(left.len()) < MIN_LENGTHENING {
                break;
            }
            let mut longer: Vec<u8> = left.into_iter().rev().collect();
            longer.extend_from_slice(&consensus);
            longer.extend(right);
            consensus = longer;
            copies = self.family_copies(&consensus)?;
        }
        Ok((consensus, copies))
    }

    /// Bases beyond an end of a consensus of this length, outward, from the copies that reach it. `spans` are all
    /// copies in the genome, ascending.
    fn beyond_end(&self, copies: &[&AlignedCopy], length: usize, rightward: bool, spans: &[Range<u64>]) -> Vec<u8> {
        let scores = self.options.scores;
        let cursors = copies.iter().filter_map(|copy| self.cursor_beyond(&copy.copy, length, rightward, spans));
        let mut cursors: Vec<Cursor> = cursors.collect();
        if cursors.len() < MIN_LENGTHENED_COPIES || length >= scores.max_extend * MAX_EXTENSIONS {
            return Vec::new();
        }
        cursors.truncate(MAX_GROWN_COPIES);
        let continuing = cursors.len() as i32 / CONTINUING_PART;
        let scores = Scores { min_improvement: scores.min_improvement.max(continuing), ..scores };
        extend(self.sample, &cursors, &scores, 0).0
    }

    /// The cursor of a copy beyond an end of the consensus, if the copy reaches that end. It stops at the next of
    /// `spans`.
    fn cursor_beyond(&self, copy: &FamilyCopy, length: usize, rightward: bool, spans: &[Range<u64>]) -> Option<Cursor> {
        let distance =
            if rightward { length as u64 - u64::from(copy.consensus.end) } else { copy.consensus.start.into() };
        if distance > MAX_END_DISTANCE {
            return None;
        }
        let contig = self.sample.bases.contig_of(copy.genome.start);
        let up = rightward == (copy.strand == Strand::Forward);
        let next = spans.partition_point(|span| span.start < copy.genome.end);
        let own = spans.partition_point(|span| span.start < copy.genome.start);
        let limits = if up {
            (contig.start, spans.get(next).map_or(contig.end, |next| next.start.min(contig.end)))
        } else {
            (own.checked_sub(1).map_or(contig.start, |last| spans[last].end.max(contig.start)), contig.end)
        };
        let start = if up { copy.genome.end + distance } else { copy.genome.start.checked_sub(1 + distance)? };
        let complement = copy.strand == Strand::Reverse;
        (limits.0..limits.1).contains(&start).then_some(Cursor { start, down: !up, complement, limits })
    }
}

/// Keeps cursors to the left from the bases that cursors to the right have read, so that no base counts twice: else the
/// two terminal repeats of an element make it twice as long.
fn reserve_read_bases(left: &mut [Cursor], right: &[Cursor], extents: &[CopyExtent]) {
    let read: Vec<(u64, u64, bool)> = right
        .iter()
        .zip(extents)
        .filter(|(_, extent)| extent.score > 0)
        .map(|(cursor, extent)| {
            let bases = u64::from(extent.copy);
            if cursor.down {
                (cursor.start.saturating_sub(bases) + 1, cursor.start + 1, true)
            } else {
                (cursor.start, cursor.start + bases, false)
            }
        })
        .collect();
    for cursor in left {
        for &(from, to, down) in &read {
            // A cursor that reads in the direction of the other is on the other strand: no terminal repeat.
            if cursor.down == down {
                continue;
            }
            if cursor.down && from <= cursor.start {
                cursor.limits.0 = cursor.limits.0.max(to.min(cursor.start.wrapping_add(1)));
            } else if !cursor.down && to > cursor.start {
                cursor.limits.1 = cursor.limits.1.min(from.max(cursor.start));
            }
        }
    }
}

/// Removes all items that lie in one of the duplicates, except for the first.
pub(crate) fn without_duplicates<T>(duplicates: &[FamilyCopy], mut all: Vec<T>, at: impl Fn(&T) -> u64) -> Vec<T> {
    let mut seen = false;
    all.retain(|item| {
        let within = duplicates.iter().any(|copy| copy.genome.contains(&at(item)));
        !(within && std::mem::replace(&mut seen, true))
    });
    all
}
