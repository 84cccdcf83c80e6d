//! Target site duplications: most transposons cut the target with overhangs of one length, so that their copies lie
//! between equal bases of that length.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::families::classify::copy_ends::{CopyEnds, END_MARGIN};
use crate::families::classify::evidence::TargetSite;
use crate::families::terminal_repeats::MAX_END_OFFSET;
use crate::sequence::code::{A, T};

/// Nats that chance needs: 11 lengths at 49 pairs of offsets are tried, so that 14 nats are reached by chance once in
/// e^14 / 539 = 2,200 families.
const MIN_NATS: f64 = 14.0;
/// Minimum number of copies that have a site.
const MIN_COPIES: usize = 3;
/// Lengths that are tried, in bases: those of all superfamilies (Wicker et al. 2007) but Helitrons, which have none.
const LENGTHS: RangeInclusive<usize> = 2..=12;
/// Shortest site without a motif in bases: two are equal by chance in every sixteenth copy at least.
const MIN_LENGTH_WITHOUT_MOTIF: usize = 3;

/// A target that a superfamily prefers (Wicker et al. 2007).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Motif {
    Ta,
    Twa,
    Ttaa,
}

impl Motif {
    /// All motifs, in the order in which they are tried.
    const ALL: [Self; 3] = [Self::Ta, Self::Twa, Self::Ttaa];

    fn of(site: &[u8]) -> Option<Self> {
        match site {
            [T, A] => Some(Self::Ta),
            [T, A, A] | [T, T, A] => Some(Self::Twa),
            [T, T, A, A] => Some(Self::Ttaa),
            _ => None,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Ta => "TA",
            Self::Twa => "TWA",
            Self::Ttaa => "TTAA",
        }
    }

    /// The chance that both sides of a copy have the motif, the same one of two.
    fn chance(self, frequencies: &[f64; 4]) -> f64 {
        let both = |code: u8| frequencies[usize::from(code)].powi(2);
        match self {
            Self::Ta => both(T) * both(A),
            Self::Twa => both(T) * both(A) * (both(T) + both(A)),
            Self::Ttaa => both(T).powi(2) * both(A).powi(2),
        }
    }
}

/// The duplications on both sides of copies, unless chance explains them: many copies have the same length, and copies
/// have different bases, or a motif that is known as a target.
pub(super) fn target_site(copies: &[CopyEnds]) -> Option<TargetSite> {
    if copies.len() < MIN_COPIES {
        return None;
    }
    let frequencies = flank_composition(copies);
    let mut best: Option<(f64, TargetSite)> = None;
    let offsets = || (0..=MAX_END_OFFSET).flat_map(|left| (0..=MAX_END_OFFSET).map(move |right| (left, right)));
    for (length, (left, right)) in LENGTHS.flat_map(|length| offsets().map(move |offset| (length, offset))) {
        let mut sites: BTreeMap<&[u8], usize> = BTreeMap::new();
        for copy in copies {
            let site = copy.before(left, length);
            if site == copy.behind(right, length) && site.iter().all(|&code| code < 4) {
                *sites.entry(site).or_default() += 1;
            }
        }
        // A motif that all have may be a part of the element that the consensus lacks; so an offset farther out does
        // not count.
        let allow_motif = (left, right) == (0, 0);
        let Some((nats, site)) = assess(&sites, length, copies.len(), allow_motif, &frequencies) else { continue };
        if nats >= MIN_NATS && best.as_ref().is_none_or(|(most, _)| nats > *most) {
            best = Some((nats, site));
        }
    }
    best.map(|(_, site)| site)
}

/// The site of one length and one pair of offsets, and by how many nats chance fails to explain it.
fn assess(
    sites: &BTreeMap<&[u8], usize>,
    length: usize,
    total: usize,
    allow_motif: bool,
    frequencies: &[f64; 4],
) -> Option<(f64, TargetSite)> {
    let with_motif = |motif: Motif| -> usize {
        sites.iter().filter(|(site, _)| Motif::of(site) == Some(motif)).map(|(_, count)| count).sum()
    };
    // Two thirds of all copies have a motif, or it is not the target.
    let motif = Motif::ALL.into_iter().find(|&motif| allow_motif && 3 * with_motif(motif) >= 2 * total);
    let all: usize = sites.values().sum();
    let most = sites.values().copied().max().unwrap_or(0);
    // No site may be that of more than a third of the copies, or it is a part of the element.
    let is_diverse = 3 * most <= all;
    let (seen, chance) = match motif {
        Some(motif) => (with_motif(motif), motif.chance(frequencies)),
        None if length >= MIN_LENGTH_WITHOUT_MOTIF && is_diverse => {
            let equal: f64 = frequencies.iter().map(|f| f * f).sum();
            (all, equal.powi(length as i32))
        }
        None => return None,
    };
    if seen < MIN_COPIES || 2 * seen < total {
        return None;
    }
    let site = TargetSite { length: length as u64, copies: seen as u64, motif: motif.map(|m| m.name().to_owned()) };
    Some((surprise(seen, total, chance), site))
}

/// Shares of T, C, A and G outside the copies, each counted once more than it occurs.
fn flank_composition(copies: &[CopyEnds]) -> [f64; 4] {
    let mut counts = [1.0f64; 4];
    for copy in copies {
        let outside = copy.before(0, END_MARGIN).iter().chain(copy.behind(0, END_MARGIN));
        outside.filter(|code| **code < 4).for_each(|&code| counts[usize::from(code)] += 1.0);
    }
    let sum: f64 = counts.iter().sum();
    counts.map(|count| count / sum)
}

/// How unlikely `seen` or more of `total` are if one has a chance of `chance`, in nats at least (H. Chernoff, 1952).
fn surprise(seen: usize, total: usize, chance: f64) -> f64 {
    let share = seen as f64 / total as f64;
    if share <= chance {
        return 0.0;
    }
    let rest = if seen == total { 0.0 } else { (1.0 - share) * ((1.0 - share) / (1.0 - chance)).ln() };
    total as f64 * (share * (share / chance).ln() + rest)
}
