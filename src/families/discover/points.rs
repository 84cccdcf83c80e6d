//! Points: the bins of the profile from which families are grown, the deepest first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::ops::Range;

use crate::families::discover::sample::Sample;
use crate::families::parameters::{BIN, MAX_DEFERRED_POINTS, MAX_POINTS, MIN_POINT_DISTANCE};

/// A bin of the profile from which a family may be grown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Point {
    depth: u16,
    /// The first of equally deep bins is the largest.
    bin: Reverse<u64>,
}

impl Point {
    pub(crate) fn bin(self) -> u64 {
        self.bin.0
    }

    /// Position of the base in the middle of the bin, all contigs end to end.
    pub(crate) fn at(self) -> u64 {
        self.bin() * BIN + BIN / 2
    }
}

/// The points of a genome that were not tried yet.
pub(crate) struct Points {
    queue: BinaryHeap<Point>,
    /// Whether each bin was tried.
    tried: Vec<bool>,
}

impl Points {
    /// Bytes for each bin of a sample, and for each bin that many positions resemble.
    pub(crate) const BYTES_PER_BIN: (u64, u64) = (size_of::<bool>() as u64, size_of::<Point>() as u64);

    /// No points in a genome of `bins` bins.
    pub(crate) fn new(bins: u64) -> Self {
        Self { queue: BinaryHeap::new(), tried: vec![false; bins as usize] }
    }

    /// Replaces the points by the bins of a profile that at least `min_copies` positions resemble, the bin included.
    pub(crate) fn set_profile(&mut self, depth: &[u16], min_copies: usize) {
        let deep = depth.iter().zip(0..).filter(|(depth, _)| usize::from(**depth) + 1 >= min_copies);
        self.queue = deep.map(|(&depth, bin)| Point { depth, bin: Reverse(bin) }).collect();
    }

    /// Drops all points; bins that were tried stay so.
    pub(crate) fn clear(&mut self) {
        self.queue = BinaryHeap::new();
    }

    /// Adds a point again.
    pub(crate) fn put_back(&mut self, point: Point) {
        self.queue.push(point);
    }

    /// Marks bins as tried.
    pub(crate) fn mark_tried(&mut self, bins: Range<u64>) {
        let end = (bins.end as usize).min(self.tried.len());
        self.tried[(bins.start as usize).min(end)..end].fill(true);
    }

    /// Marks a bin and `neighbours` bins to either side of it as tried.
    pub(crate) fn mark_tried_around(&mut self, bin: u64, neighbours: u64) {
        self.mark_tried(bin.saturating_sub(neighbours)..bin + neighbours + 1);
    }

    /// Takes the deepest points that are unused and not tried, [`MIN_POINT_DISTANCE`] from each other; points too near
    /// to one of them stay.
    pub(crate) fn next_batch(&mut self, sample: &Sample<'_>) -> Vec<Point> {
        let mut batch: Vec<Point> = Vec::new();
        let mut deferred = Vec::new();
        while batch.len() < MAX_POINTS && deferred.len() < MAX_DEFERRED_POINTS {
            let Some(point) = self.queue.pop() else { break };
            let at = point.at();
            let is_tried = at >= sample.bases.len() || self.tried[point.bin() as usize];
            if is_tried || !sample.is_usable(at) {
                continue;
            }
            if batch.iter().any(|other| other.bin().abs_diff(point.bin()) * BIN < MIN_POINT_DISTANCE) {
                deferred.push(point);
            } else {
                batch.push(point);
            }
        }
        self.queue.extend(deferred);
        batch
    }
}
