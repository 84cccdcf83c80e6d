//! The part of the genome that discovery looks at, with marks on the bases that it may not use: those of simple
//! repeats, which seeds must not cover, and those of copies of families that were found.

use std::ops::Range;

use crate::Result;
use crate::families::bases::{Bases, UNKNOWN, base_mask};
use crate::families::extension::BaseSource;
use crate::genome::BaseMask;
use crate::memory::Budget;

/// A sample of the genome, or all of it. Positions are those of its [`Bases`].
pub(crate) struct Sample<'i> {
    pub(crate) bases: Bases<'i>,
    /// Bases that no seed covers.
    simple: BaseMask,
    /// Bases in copies of families that were found before.
    used: BaseMask,
}

impl<'i> Sample<'i> {
    /// Bytes of the marks of so many bases.
    pub(crate) fn mark_bytes(bases: u64) -> u64 {
        2 * BaseMask::bytes(bases)
    }

    /// Marks the simple repeats of a sample.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if the budget has no space for the marks.
    pub(crate) fn new(bases: Bases<'i>, budget: &Budget) -> Result<Self> {
        let (simple, used) = (base_mask(bases.len(), budget)?, base_mask(bases.len(), budget)?);
        bases.mark_simple_repeats(&simple);
        Ok(Self { bases, simple, used })
    }

    /// Whether a base is in no copy of a family; it may be unknown.
    pub(crate) fn is_unused(&self, at: u64) -> bool {
        !self.used.contains(at)
    }

    /// Whether a base is known and in no copy of a family.
    pub(crate) fn is_usable(&self, at: u64) -> bool {
        self.is_unused(at) && self.bases.codes(&(at..at + 1)).first().is_some_and(|&code| code < UNKNOWN)
    }

    /// Marks a range as a copy of a family.
    pub(crate) fn mark_used(&self, range: &Range<u64>) {
        self.used.add(range);
    }

    /// Bases of a range that are in no copy of a family.
    pub(crate) fn count_unused(&self, range: &Range<u64>) -> u64 {
        range.end - range.start - self.used.count(range)
    }

    /// Bases that seeds may cover, about: unknown ones count.
    pub(crate) fn seed_bases(&self) -> u64 {
        let all = 0..self.bases.len();
        all.end.saturating_sub(self.simple.count(&all) + self.used.count(&all))
    }

    /// Shares of T, C, A and G among the bases outside of simple repeats.
    pub(crate) fn composition(&self) -> [f64; 4] {
        self.bases.composition(&self.simple)
    }

    /// Shares of the pairs of neighbouring bases outside of simple repeats.
    pub(crate) fn pair_shares(&self) -> [[f64; 4]; 4] {
        self.bases.pair_shares(&self.simple)
    }

    /// Appends the codes of a range within a stretch as seeds read it: [`UNKNOWN`] also for bases that no seed may
    /// cover.
    pub(crate) fn read_seed_codes(&self, range: Range<u64>, out: &mut Vec<u8>) {
        let first = out.len();
        BaseSource::read(self, range.clone(), out);
        for at in self.simple.bases_within(range.clone()) {
            out[first + (at - range.start) as usize] = UNKNOWN;
        }
    }

    /// The codes of a range within a stretch as seeds read it.
    pub(crate) fn seed_codes(&self, range: Range<u64>) -> Vec<u8> {
        let mut codes = Vec::with_capacity((range.end - range.start) as usize);
        self.read_seed_codes(range, &mut codes);
        codes
    }
}

impl BaseSource for Sample<'_> {
    /// Bases in copies of other families match nothing.
    fn read(&self, range: Range<u64>, out: &mut Vec<u8>) {
        let first = out.len();
        self.bases.read(range.clone(), out);
        for at in self.used.bases_within(range.clone()) {
            out[first + (at - range.start) as usize] = UNKNOWN;
        }
    }
}
