//! Passes pairs on in order, without those that repeat earlier ones, and reports to the walk which bases they cover.

use std::ops::Range;
use std::sync::mpsc::Sender;

use crate::Result;
use crate::families::candidates::candidate::AlignedPair;
use crate::families::candidates::walk::CoveredRanges;
use crate::families::parameters::KNOWN_TENTHS;
use crate::genome::BaseMask;
use crate::genome::Contig;
use crate::memory::{Budget, Component};

/// Receives the pairs of batches, in order.
pub(crate) struct PairSink<'a, F> {
    pub(crate) budget: &'a Budget,
    pub(crate) contigs: &'a [Contig],
    /// The bases of all pairs that were passed on.
    pub(crate) written: BaseMask,
    /// Sends the ranges that each batch covers to the walk.
    pub(crate) covered: Sender<CoveredRanges>,
    pub(crate) pairs: &'a mut u64,
    pub(crate) each: F,
}

impl<F: FnMut(u64, Vec<AlignedPair>) -> Result<()>> PairSink<'_, F> {
    /// Passes on the pairs of a batch, without those whose sides are both covered by earlier pairs.
    ///
    /// # Errors
    /// Errors of `each`.
    pub(crate) fn receive(&mut self, id: u64, mut aligned: Vec<AlignedPair>) -> Result<()> {
        let mut ranges: Vec<Range<u64>> = Vec::new();
        aligned.retain(|AlignedPair { alignment: a, .. }| {
            let (first, second) = (self.contigs[a.query as usize].start, self.contigs[a.contig as usize].start);
            let query = u64::from(a.query_range.start)..u64::from(a.query_range.end);
            let sides = [first + query.start..first + query.end, second + a.range.start..second + a.range.end];
            let is_known =
                sides.iter().all(|side| 10 * self.written.count(side) >= KNOWN_TENTHS * (side.end - side.start));
            if !is_known {
                sides.iter().for_each(|side| self.written.add(side));
                ranges.extend(sides);
            }
            !is_known
        });
        *self.pairs += aligned.len() as u64;
        let mut reservation = self.budget.empty_reservation(Component::Batches);
        reservation.resize((ranges.capacity() * size_of::<Range<u64>>()) as u64);
        (self.each)(id, aligned)?;
        // The walk may have failed and not receive it.
        let _ = self.covered.send((ranges, reservation));
        Ok(())
    }
}
