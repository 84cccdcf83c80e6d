//! Which bases of the genome earlier pairs cover: they are not searched again.

use std::ops::Range;

use crate::Result;
use crate::families::parameters::KNOWN_TENTHS;
use crate::memory::{Budget, Component, Reservation};

/// A bit for each base of the genome: single bases are tested far more often than ranges are added.
pub(crate) struct Coverage {
    words: Vec<u64>,
    _reservation: Reservation,
}

impl Coverage {
    /// No base covered.
    ///
    /// # Errors
    /// [`Error::Memory`](crate::Error::Memory) if the budget has no space for it.
    pub(crate) fn new(bases: u64, budget: &Budget) -> Result<Self> {
        let words = bases.div_ceil(64);
        let reservation = budget.reserve(Component::Genome, words * 8, "a bit for each base of the genome")?;
        Ok(Self { words: vec![0; words as usize], _reservation: reservation })
    }

    /// Whether a base is covered.
    pub(crate) fn contains(&self, at: u64) -> bool {
        self.words[(at / 64) as usize] >> (at % 64) & 1 == 1
    }

    pub(crate) fn add(&mut self, range: &Range<u64>) {
        range.clone().for_each(|at| self.words[(at / 64) as usize] |= 1 << (at % 64));
    }

    /// Bases that are covered.
    pub(crate) fn count(&self) -> u64 {
        self.words.iter().map(|word| u64::from(word.count_ones())).sum()
    }

    /// Whether [`KNOWN_TENTHS`] of the bases of a range are covered.
    pub(crate) fn covers(&self, range: &Range<u64>) -> bool {
        let covered = range.clone().filter(|&at| self.contains(at)).count() as u64;
        10 * covered >= KNOWN_TENTHS * (range.end - range.start)
    }
}
