//! Low-complexity words occur everywhere by chance and would flood the seeds, so the table leaves them out.
//!
//! This check slides over a sequence with a window the size of a seed and costs a few operations a base. Finished
//! alignments are corrected for their composition instead (`Scorings::composition_score`), and whole consensi are
//! judged in `families`.

/// Recognises windows of low complexity: the score of DUST (A. Morgulis and others, J. Comput. Biol. 13 (2006) 1028)
/// over a window of the span of a seed pattern, before its division by the number of triplets.
pub(crate) struct SlidingDust {
    /// Triplets of the window, in a ring.
    window: Vec<u8>,
    at: usize,
    counts: [u16; 64],
    score: u32,
    triplet: u8,
}

/// A window is of low complexity if its score exceeds the number of its triplets by more than this: a mean of about one
/// equal pair for each triplet. DUST's own threshold is two pairs, over windows of 64 bases; empirical,
/// docs/annotation.md was measured with it.
const SCORE_MARGIN: u32 = 2;

impl SlidingDust {
    pub(crate) fn new(span: usize) -> Self {
        let triplets = span.saturating_sub(2).max(1);
        let mut counts = [0; 64];
        counts[0] = triplets as u16;
        // The score of a window of one triplet: it leaves before the first whole word is complete.
        let score = (triplets * (triplets - 1) / 2) as u32;
        Self { window: vec![0; triplets], at: 0, counts, score, triplet: 0 }
    }

    /// Appends a code; returns whether the window that ends with it is of low complexity.
    pub(crate) fn push(&mut self, code: u8) -> bool {
        self.triplet = (self.triplet << 2 | code & 3) & 63;
        let old = std::mem::replace(&mut self.window[self.at], self.triplet);
        let count = &mut self.counts[usize::from(old)];
        *count -= 1;
        self.score -= u32::from(*count);
        let count = &mut self.counts[usize::from(self.triplet)];
        self.score += u32::from(*count);
        *count += 1;
        self.at = if self.at + 1 == self.window.len() { 0 } else { self.at + 1 };
        self.score > self.window.len() as u32 + SCORE_MARGIN
    }
}
