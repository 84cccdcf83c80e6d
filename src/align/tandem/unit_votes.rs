//! The copies of a unit correct it.

use crate::align::operations::Column;
use crate::sequence::NO_BASE;

/// The votes of copies at each position of a unit.
pub(super) struct UnitVotes {
    /// Copies with each base, and with a gap.
    bases: Vec<[u32; 5]>,
    /// First bases inserted before the position.
    inserted: Vec<[u32; 4]>,
}

impl UnitVotes {
    /// For a unit of this many bases.
    pub(super) fn new(unit: usize) -> Self {
        Self { bases: vec![[0; 5]; unit], inserted: vec![[0; 4]; unit] }
    }

    /// Adds the votes of codes that are aligned with the repeated unit, from this position of the unit on.
    pub(super) fn add(&mut self, codes: &[u8], phase: usize, columns: impl Iterator<Item = Column>) {
        let (mut i, mut j) = (0, phase);
        let mut last = Column::Pair;
        for column in columns {
            match column {
                Column::Pair => {
                    self.bases[j][usize::from(codes[i].min(NO_BASE))] += u32::from(codes[i] < NO_BASE);
                    (i, j) = (i + 1, (j + 1) % self.bases.len());
                }
                Column::Genome => {
                    if last != Column::Genome && codes[i] < NO_BASE {
                        self.inserted[j][usize::from(codes[i])] += 1;
                    }
                    i += 1;
                }
                Column::Query => {
                    self.bases[j][4] += 1;
                    j = (j + 1) % self.bases.len();
                }
            }
            last = column;
        }
    }

    /// The majority at each position of the unit. A position that most copies lack is removed, and a base that most have
    /// between two positions is inserted.
    pub(super) fn consensus(&self, unit: &[u8]) -> Vec<u8> {
        let mut chosen = Vec::with_capacity(unit.len() + 1);
        for ((votes, inserted), &own) in self.bases.iter().zip(&self.inserted).zip(unit) {
            let max = |votes: &[u32]| votes.iter().copied().max().unwrap_or(0);
            if 2 * inserted.iter().sum::<u32>() > votes.iter().sum() {
                chosen.extend((0..4).find(|&base| inserted[usize::from(base)] == max(inserted)));
            }
            // The base of the unit wins a tie.
            let first = (0..5).find(|&base| votes[usize::from(base)] == max(votes)).unwrap_or(own);
            let best = if votes[usize::from(own)] == max(votes) { own } else { first };
            if best < NO_BASE {
                chosen.push(best);
            }
        }
        if chosen.is_empty() { unit.to_vec() } else { chosen }
    }
}
