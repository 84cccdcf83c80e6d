//! Target site duplications: most transposons cut the target with overhangs of one length, so that their copies lie
//! between equal bases of that length.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use crate::families::classify::copy_ends::{CopyEnds, END_MARGIN};
use crate::families::classify::evidence::TargetSite;
use crate::families::terminal_repeats::MAX_END_OFFSET;
use crate::sequence::code::{A, T};

/// Nats by which a site must explain the flanks better than chance does: 11 lengths at 49 pairs of offsets are tried,
/// each with four rates of decay, so that chance reaches 15 nats once in e^15 / 2156 = 1,500 families at most.
const MIN_NATS: f64 = 15.0;
/// Minimum number of copies that have a site.
const MIN_COPIES: usize = 3;
/// Lengths that are tried, in bases: those of all superfamilies (Wicker et al. 2007) but Helitrons, which have none.
const LENGTHS: RangeInclusive<usize> = 2..=12;
/// Shortest site without a motif in bases: two are equal by chance in every sixteenth copy at least.
const MIN_LENGTH_WITHOUT_MOTIF: usize = 3;
/// Shares of the bases of both sites that are still equal, from young copies to old ones and to families of which half
/// of the copies end elsewhere. Two sites that lost 10 % of their bases each are equal in 81 %.
const EQUAL_SHARES: [f64; 4] = [0.95, 0.85, 0.75, 0.65];
/// Weight of the composition of all flanks in that of one column, in copies.
const PSEUDO_COPIES: f64 = 4.0;
/// A site counts for a copy if at most one of this many of its bases differ.
const BASES_PER_DIFFERENCE: usize = 4;

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

    fn name(self) -> &'static str {
        match self {
            Self::Ta => "TA",
            Self::Twa => "TWA",
            Self::Ttaa => "TTAA",
        }
    }

    /// The codes of the motif that a site is nearest to.
    fn nearest(self, site: &[u8]) -> &'static [u8] {
        match self {
            Self::Ta => &[T, A],
            Self::Twa if site.get(1) == Some(&T) => &[T, T, A],
            Self::Twa => &[T, A, A],
            Self::Ttaa => &[T, T, A, A],
        }
    }

    /// Bases of the motif.
    fn length(self) -> usize {
        self.nearest(&[]).len()
    }
}

/// Whether at least two copies, and a quarter of all, lie between equal bases of one length of these, at equal offsets
/// from their ends: what two insertions show, which are too few for a likelihood.
pub(super) fn have_sites_alike(copies: &[CopyEnds], lengths: RangeInclusive<usize>) -> bool {
    let offsets = || (0..=MAX_END_OFFSET).flat_map(|left| (0..=MAX_END_OFFSET).map(move |right| (left, right)));
    lengths.flat_map(|length| offsets().map(move |offset| (length, offset))).any(|(length, (left, right))| {
        let flanks = Flanks { copies, length, left, right };
        let sites: BTreeSet<&[u8]> = flanks
            .sites()
            .filter(|(before, behind)| before == behind && before.iter().all(|&b| b < 4))
            .map(|s| s.0)
            .collect();
        sites.len() >= 2 && 4 * sites.len() >= copies.len()
    })
}

/// Whether copies lie between A and T, as Helitrons do, which duplicate nothing (V. V. Kapitonov & J. Jurka, Proc. Natl.
/// Acad. Sci. USA 98 (2001) 8714).
pub(super) fn lie_between_a_and_t(copies: &[CopyEnds]) -> bool {
    /// Nats by which this explains the flanks better than chance: five copies reach 12.
    const MIN_NATS: f64 = 12.0;
    /// Share of copies whose bases have not decayed.
    const SHARE: f64 = 0.9;
    let frequencies = flank_composition(copies);
    let nats = |base: u8, wanted: u8| {
        let chance = frequencies[usize::from(wanted)];
        if base == wanted { f64::ln(SHARE / chance) } else { f64::ln((1.0 - SHARE) / (1.0 - chance)) }
    };
    copies.iter().map(|copy| nats(copy.before(0, 1)[0], A) + nats(copy.behind(0, 1)[0], T)).sum::<f64>() >= MIN_NATS
}

/// A site, and by how many nats it explains the flanks better than chance.
pub(super) struct Explained {
    pub(super) nats: f64,
    pub(super) site: TargetSite,
}

/// The duplications on both sides of copies, unless chance explains them. Sites may have decayed: the likelihoods of
/// all pairs of bases of all copies are added up, for each length and each pair of offsets of the ends.
pub(super) fn target_site(copies: &[CopyEnds]) -> Option<Explained> {
    if copies.len() < MIN_COPIES {
        return None;
    }
    let frequencies = flank_composition(copies);
    let offsets = || (0..=MAX_END_OFFSET).flat_map(|left| (0..=MAX_END_OFFSET).map(move |right| (left, right)));
    let any = LENGTHS
        .filter(|length| *length >= MIN_LENGTH_WITHOUT_MOTIF)
        .flat_map(|length| offsets().map(move |offset| (length, offset)))
        .map(|(length, (left, right))| Flanks { copies, length, left, right })
        .filter_map(|flanks| explained(&flanks, &frequencies));
    // A motif that all have may be a part of the element that the consensus lacks; so it counts at the ends alone.
    let with_motif = Motif::ALL.into_iter().filter_map(|motif| {
        explained_by(motif, &Flanks { copies, length: motif.length(), left: 0, right: 0 }, &frequencies)
    });
    let best = with_motif.chain(any).reduce(|best, next| if next.nats > best.nats { next } else { best })?;
    (best.nats >= MIN_NATS && best.site.copies >= MIN_COPIES as u64).then_some(best)
}

/// The flanks of copies in which a site of one length lies, at offsets from the ends.
struct Flanks<'a> {
    copies: &'a [CopyEnds],
    length: usize,
    left: usize,
    right: usize,
}

impl Flanks<'_> {
    /// The bases before and behind each copy.
    fn sites(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.copies.iter().map(|copy| (copy.before(self.left, self.length), copy.behind(self.right, self.length)))
    }

    /// The site, of all copies that have it nearly unchanged.
    fn site(&self, motif: Option<Motif>, is_site: impl Fn(&[u8], &[u8]) -> usize) -> TargetSite {
        let allowed = self.length / BASES_PER_DIFFERENCE;
        let copies = self.sites().filter(|(before, behind)| is_site(before, behind) <= allowed).count();
        TargetSite { length: self.length as u64, copies: copies as u64, motif: motif.map(|m| m.name().to_owned()) }
    }
}

/// How well equal bases on both sides explain the flanks. A base that most copies have at one place, since it is a part
/// of the element, is equal by chance: the chance follows from the composition of both columns.
fn explained(flanks: &Flanks<'_>, frequencies: &[f64; 4]) -> Option<Explained> {
    let columns: Vec<(f64, f64, f64)> = (0..flanks.length)
        .map(|i| {
            let known = || flanks.sites().map(|(before, behind)| (before[i], behind[i])).filter(|(a, b)| a.max(b) < &4);
            let shares = |side: &dyn Fn((u8, u8)) -> u8| {
                let mut counts = frequencies.map(|share| PSEUDO_COPIES * share);
                known().for_each(|pair| counts[usize::from(side(pair))] += 1.0);
                let sum: f64 = counts.iter().sum();
                counts.map(|count| count / sum)
            };
            let (before, behind) = (shares(&|pair| pair.0), shares(&|pair| pair.1));
            let chance: f64 = before.iter().zip(&behind).map(|(one, other)| one * other).sum();
            let equal = known().filter(|(a, b)| a == b).count() as f64;
            (equal, known().count() as f64 - equal, chance)
        })
        .collect();
    let nats = |share: f64| -> f64 {
        let column = |&(equal, other, chance): &(f64, f64, f64)| {
            equal * f64::ln(share / chance) + other * f64::ln((1.0 - share) / (1.0 - chance))
        };
        columns.iter().map(column).sum()
    };
    let nats = EQUAL_SHARES.into_iter().map(nats).reduce(f64::max)?;
    let differences = |before: &[u8], behind: &[u8]| before.iter().zip(behind).filter(|(a, b)| a != b).count();
    Some(Explained { nats, site: flanks.site(None, differences) })
}

/// How well a motif on both sides explains the flanks.
fn explained_by(motif: Motif, flanks: &Flanks<'_>, frequencies: &[f64; 4]) -> Option<Explained> {
    let differences = |site: &[u8]| site.iter().zip(motif.nearest(site)).filter(|(a, b)| a != b).count();
    let nats = |share: f64| -> f64 {
        let base = |(&base, &wanted): (&u8, &u8)| {
            let chance = frequencies[usize::from(wanted)];
            if base == wanted { f64::ln(share / chance) } else { f64::ln((1.0 - share) / (1.0 - chance)) }
        };
        let side = |site: &[u8]| site.iter().zip(motif.nearest(site)).map(base).sum::<f64>();
        flanks.sites().map(|(before, behind)| side(before) + side(behind)).sum()
    };
    let nats = EQUAL_SHARES.into_iter().map(nats).reduce(f64::max)?;
    let site = flanks.site(Some(motif), |before, behind| differences(before) + differences(behind));
    Some(Explained { nats, site })
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
