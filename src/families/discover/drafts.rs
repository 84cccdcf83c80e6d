//! The draft of a family around one point: a core from its closest relatives, a consensus from the anchors of the core,
//! and the copies that show whether it is a family.

use std::cmp::Reverse;

use crate::Result;
use crate::families::discover::anchors::Anchor;
use crate::families::discover::consensus::without_duplicates;
use crate::families::discover::copies::{AlignedCopy, divergence_limit};
use crate::families::discover::search::Search;
use crate::families::extension::BaseSource;
use crate::families::family::{Family, FamilyCopy};
use crate::families::parameters::{MAX_CORE_ANCHORS, MAX_CORE_EXTENSION, MIN_CORE_SCORE};

/// The result of the search around a point.
pub(crate) enum Draft {
    /// A family.
    Family(Family),
    /// The copies of a consensus that are too few, or all in one locus.
    FewCopies(Vec<FamilyCopy>),
    /// No consensus of the least length and number of copies.
    Nothing,
}

impl Search<'_> {
    /// The family around a point with these anchors, if there is one.
    pub(crate) fn draft(&self, at: u64, anchors: &[Anchor]) -> Result<Draft> {
        let draft = self.draft_without(&[], at, anchors)?;
        let Draft::FewCopies(copies) = draft else { return Ok(draft) };
        // Copies in one locus that are nearly the same hide older ones from which they derive: one represents all.
        let independent = without_duplicates(&copies, anchors.to_vec(), |anchor| anchor.at);
        if independent.len() < self.options.min_copies || independent.len() == anchors.len() {
            return Ok(Draft::FewCopies(copies));
        }
        Ok(match self.draft_without(&copies, at, &independent)? {
            Draft::Nothing => Draft::FewCopies(copies),
            other => other,
        })
    }

    /// The family around a point, grown over its anchors but only one of the `duplicates`.
    fn draft_without(&self, duplicates: &[FamilyCopy], at: u64, anchors: &[Anchor]) -> Result<Draft> {
        let (core, centre) = self.core(at, anchors);
        if core.len() < self.options.min_length {
            return Ok(Draft::Nothing);
        }
        let anchors = self.core_anchors(&core, centre.min(core.len() - 1), duplicates)?;
        if anchors.len() < self.options.min_copies {
            return Ok(Draft::Nothing);
        }
        let (consensus, _) = self.grow(&anchors, self.options.scores.max_extend);
        if consensus.len() < self.options.min_length {
            return Ok(Draft::Nothing);
        }
        let (consensus, copies) = self.lengthen(consensus, duplicates)?;
        let is_deep = self.count_deep(&copies, consensus.len()) >= self.options.min_length;
        let seed = copies.iter().map(|copy| &copy.copy).rfind(|copy| copy.genome.contains(&at)).cloned();
        let mut copies: Vec<FamilyCopy> = copies.into_iter().map(|copy| copy.copy).collect();
        copies.sort_by_key(|copy| copy.genome.start);
        if !is_deep || self.count_loci(&copies) < self.options.min_copies {
            return Ok(Draft::FewCopies(copies));
        }
        Ok(match seed.or_else(|| copies.first().cloned()) {
            Some(seed) => Draft::Family(Family { consensus, seed, copies }),
            None => Draft::Nothing,
        })
    }

    /// Grows the core of a family over the anchors most similar to the point itself, so that no related family joins.
    /// Returns it, and its base at the point.
    fn core(&self, at: u64, anchors: &[Anchor]) -> (Vec<u8>, usize) {
        let window = self.window(at);
        let centre = (at - window.start) as usize;
        let mut template = Vec::new();
        self.sample.read(window, &mut template);
        let similarities = self.similarities(&template, centre, anchors);
        let scores = similarities.iter().map(|similarity| similarity.score);
        let mut closest = best_first(scores.zip(anchors.iter().copied()).collect());
        closest.truncate(MAX_CORE_ANCHORS);
        self.grow(&closest, MAX_CORE_EXTENSION)
    }

    /// The anchors of base `centre` of a core that are of its family, best first.
    fn core_anchors(&self, core: &[u8], centre: usize, duplicates: &[FamilyCopy]) -> Result<Vec<Anchor>> {
        let anchors = without_duplicates(duplicates, self.anchors(core, centre)?, |anchor| anchor.at);
        let similarities = self.similarities(core, centre, &anchors);
        let limit = divergence_limit(similarities.iter().filter(|s| s.score >= MIN_CORE_SCORE));
        let of_family = similarities
            .iter()
            .zip(anchors)
            .filter(|(s, _)| s.score >= MIN_CORE_SCORE && s.divergence() <= limit)
            .map(|(s, anchor)| (s.score, anchor));
        Ok(best_first(of_family.collect()))
    }

    /// Bases of a consensus that at least the least number of copies cover.
    fn count_deep(&self, copies: &[AlignedCopy], length: usize) -> usize {
        let mut changes = vec![0i32; length + 1];
        for AlignedCopy { copy, .. } in copies {
            changes[copy.consensus.start as usize] += 1;
            changes[copy.consensus.end as usize] -= 1;
        }
        let mut depth = 0;
        let is_deep = |change: &&i32| {
            depth += **change;
            depth as usize >= self.options.min_copies
        };
        changes.iter().filter(is_deep).count()
    }

    /// Copies, ascending, that are the tandem distance or more beyond all before them.
    fn count_loci(&self, copies: &[FamilyCopy]) -> usize {
        let mut end = None;
        let begins_locus = |copy: &&FamilyCopy| {
            let is_distant = end.is_none_or(|end| copy.genome.start >= end + self.options.tandem_distance);
            end = end.max(Some(copy.genome.end));
            is_distant
        };
        copies.iter().filter(begins_locus).count()
    }
}

/// Anchors by falling score, equal ones by position.
fn best_first(mut anchors: Vec<(i32, Anchor)>) -> Vec<Anchor> {
    anchors.sort_by_key(|(score, anchor)| (Reverse(*score), anchor.at));
    anchors.into_iter().map(|(_, anchor)| anchor).collect()
}
