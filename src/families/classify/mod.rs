//! What a family is, as far as its consensus and the ends of its copies show it: how it was inserted leaves marks that need no
//! other sequence to be read. Nothing is claimed without such marks, and each claim comes with them.
//!
//! Signs and names are those of T. Wicker et al., Nat. Rev. Genet. 8 (2007) 973, and of RepeatMasker.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use crate::align::Alignment;
use crate::families::Part;
use crate::families::bases::{Bases, UNKNOWN};
use crate::genome::Contig;
use crate::kmer::Strand;
use crate::sequence::complement;

/// Bases to either side of an end that are looked at.
pub const AROUND: usize = 30;
/// Bases of the consensus that a copy may lack at an end of which the flank is looked at.
const LACKED: u32 = 10;
/// Bases by which an end of the consensus may be off.
const OFF: usize = 6;
/// Copies looked at.
const MOST_COPIES: usize = 200;

/// Bases around both ends of a copy, as the consensus reads: codes 0 to 3 ([`base_code`](crate::sequence::base_code)), others where
/// there is none. The copy's first base is in the middle of the first, the base behind its last one in the middle of the second.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyEnds {
    /// Around the first base.
    pub left: [u8; 2 * AROUND],
    /// Around the last base.
    pub right: [u8; 2 * AROUND],
}

/// What was seen of a family.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Evidence {
    /// Copies from end to end of which the flanks differ: those that were looked at.
    pub copies: u64,
    /// What it is of an element with terminal repeats, which copies of other extent show.
    pub part: Part,
    /// The repeat at both ends, in one direction.
    pub direct_repeat: Option<Terminal>,
    /// The repeat at both ends, of which one is the reverse complement of the other.
    pub inverted_repeat: Option<Terminal>,
    /// Whether it begins with TG and ends with CA.
    pub tg_ca: bool,
    /// Bases of the target that are on both sides of a copy.
    pub target_site: Option<TargetSite>,
    /// Copies that end in a run of A (or begin with one of T).
    pub poly_a: u64,
}

/// A repeat at both ends of a consensus.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Terminal {
    /// Bases of the one at the beginning.
    pub length: u64,
    /// Columns that are equal, in per cent.
    pub identity: f64,
}

/// Duplications of the target.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct TargetSite {
    /// Bases; 0 where each copy has its own length of 7 or more.
    pub length: u64,
    /// Copies that have one.
    pub copies: u64,
    /// What all of them have, where they have the same.
    pub motif: Option<String>,
}

impl fmt::Display for Evidence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = Vec::new();
        match self.part {
            Part::Whole => {}
            Part::TerminalRepeat => said.push("terminal repeat of an element, mostly alone".to_owned()),
            Part::Inside => said.push("between terminal repeats".to_owned()),
        }
        if let Some(Terminal { length, identity }) = &self.direct_repeat {
            said.push(format!("terminal repeats of {length} bases, {identity:.0} % alike"));
        }
        if let Some(Terminal { length, identity }) = &self.inverted_repeat {
            said.push(format!("inverted terminal repeats of {length} bases, {identity:.0} % alike"));
        }
        if self.tg_ca {
            said.push("TG...CA".to_owned());
        }
        if let Some(TargetSite { length, copies, motif }) = &self.target_site {
            let what = match (length, motif) {
                (_, Some(motif)) => motif.clone(),
                (0, None) => "7 bases and more".to_owned(),
                (length, None) => format!("{length} bases"),
            };
            said.push(format!("target sites of {what} in {copies} of {} copies", self.copies));
        }
        if self.poly_a > 0 {
            said.push(format!("poly-A in {} of {} copies", self.poly_a, self.copies));
        }
        f.write_str(&if said.is_empty() { "-".to_owned() } else { said.join("; ") })
    }
}

/// The class that the evidence bears out, as RepeatMasker writes it, and the evidence. `Unknown` where it bears out none.
///
/// `consensus` holds codes 0 to 3; `tandem` says that most copies lie in rows.
pub fn classify(consensus: &[u8], tandem: bool, copies: &[CopyEnds]) -> (&'static str, Evidence) {
    let copies = distinct(copies);
    let direct = direct_repeat(consensus);
    let inverted = if direct.is_some() { None } else { inverted_repeat(consensus) };
    let terminal = |found: &Local, length| Terminal { length, identity: (1000.0 * found.identity()).round() / 10.0 };
    let (first, last) = match (&direct, &inverted) {
        (Some((found, offset)), _) => (found.a.0, offset + found.b.1),
        (_, Some(found)) => (found.a.0, consensus.len() - found.b.0),
        _ => (0, consensus.len()),
    };
    let tg_ca = near_ends(consensus, first, last, [T, G], [C, A]);
    // Where the element begins and ends: the consensus may have some bases of its targets too.
    let (first, last) = match (&inverted, tg_ca) {
        (None, Some(ends)) => ends,
        _ => (first, last),
    };
    let copies: Vec<CopyEnds> = copies.iter().map(|copy| copy.within(first, consensus.len() - last)).collect();
    let mut evidence = Evidence {
        copies: copies.len() as u64,
        direct_repeat: direct.as_ref().map(|(found, _)| terminal(found, (found.a.1 - found.a.0) as u64)),
        inverted_repeat: inverted.as_ref().map(|found| terminal(found, (found.a.1 - found.a.0) as u64)),
        tg_ca: tg_ca.is_some(),
        ..Evidence::default()
    };
    if tandem {
        return ("Satellite", evidence);
    }
    let target = target_site(&copies);
    let length = target.as_ref().map_or(0, |target| target.length);
    if direct.is_some() {
        evidence.target_site = target.filter(|_| (4..=6).contains(&length));
        return ("LTR", evidence);
    }
    // What is left alone of an LTR element.
    if let (None, true, 4..=6) = (&inverted, evidence.tg_ca, length) {
        evidence.target_site = target;
        return ("LTR", evidence);
    }
    evidence.tg_ca = false;
    if let Some(found) = &inverted {
        let motif = target.as_ref().and_then(|target| target.motif.as_deref());
        let begins = &consensus[found.a.0..];
        let class = match (length, motif) {
            (2, Some("TA")) => "DNA/TcMar",
            (3, Some(_)) => "DNA/PIF-Harbinger",
            (3, None) if begins.starts_with(&[C, A, C, T, A]) || begins.starts_with(&[C, A, C, T, G]) => {
                "DNA/CMC-EnSpm"
            }
            (4, Some("TTAA")) => "DNA/PiggyBac",
            (8, _) if begins.starts_with(&[C, A]) || begins.starts_with(&[T, A]) => "DNA/hAT",
            (9, _) if found.a.1 - found.a.0 >= 40 => "DNA/MULE-MuDR",
            (2.., _) => "DNA",
            _ if found.score >= LONE_INVERTED && !is_monotonous(&begins[..found.a.1 - found.a.0]) => "DNA",
            _ => "Unknown",
        };
        if class != "Unknown" || found.score >= LONE_INVERTED {
            evidence.target_site = target;
            return (class, evidence);
        }
        evidence.inverted_repeat = None;
    }
    // A copy of an RNA: its poly-A, and targets that are cut with overhangs of any length.
    let turned: Vec<CopyEnds> = copies.iter().map(CopyEnds::turned).collect();
    for copies in [&copies, &turned] {
        let tails = copies.iter().filter(|copy| copy.tail().is_some()).count();
        let sites = copies.iter().filter(|copy| copy.tail().is_some_and(|end| copy.has_own_site(end))).count();
        if tails >= 3 && 2 * tails >= copies.len() {
            evidence.poly_a = tails as u64;
            if sites >= 3 && 4 * sites >= copies.len() {
                evidence.target_site = Some(TargetSite { length: 0, copies: sites as u64, motif: None });
                return ("Retroposon", evidence);
            }
            break;
        }
    }
    ("Unknown", evidence)
}

const T: u8 = 0;
const C: u8 = 1;
const A: u8 = 2;
const G: u8 = 3;

/// Score of an inverted repeat that bears out a class without target sites: chance gives it once in some ten million families.
const LONE_INVERTED: i32 = 18;

impl CopyEnds {
    /// The ends of a copy that begins and ends at these places of the genome, all contigs end to end.
    fn new(bases: &Bases, start: i64, end: i64, strand: Strand, contig: std::ops::Range<i64>) -> Self {
        let around = |middle: i64| -> [u8; 2 * AROUND] {
            std::array::from_fn(|i| {
                let at = middle - AROUND as i64 + i as i64;
                let code = if contig.contains(&at) { bases.codes()[at as usize] } else { UNKNOWN };
                if code & UNKNOWN != 0 { UNKNOWN } else { code & 3 }
            })
        };
        let forward = Self { left: around(start), right: around(end) };
        if strand == Strand::Reverse { forward.turned() } else { forward }
    }

    /// The other strand.
    fn turned(&self) -> Self {
        let turn = |around: &[u8; 2 * AROUND]| std::array::from_fn(|i| complement(around[2 * AROUND - 1 - i]));
        Self { left: turn(&self.right), right: turn(&self.left) }
    }

    /// The ends of what lies within the copy.
    fn within(&self, left: usize, right: usize) -> Self {
        let at =
            |around: &[u8; 2 * AROUND], at: Option<usize>| at.and_then(|at| around.get(at)).copied().unwrap_or(UNKNOWN);
        Self {
            left: std::array::from_fn(|i| at(&self.left, Some(i + left))),
            right: std::array::from_fn(|i| at(&self.right, i.checked_sub(right))),
        }
    }

    /// The last bases before the copy, `off` bases farther out.
    fn before(&self, off: usize, length: usize) -> &[u8] {
        &self.left[AROUND - off - length..AROUND - off]
    }

    /// The first bases behind the copy.
    fn behind(&self, off: usize, length: usize) -> &[u8] {
        &self.right[AROUND + off..AROUND + off + length]
    }

    /// Where a run of A ends (eight of ten, or more) that lies around the end of the copy.
    fn tail(&self) -> Option<usize> {
        let starts = AROUND - 14..AROUND + 6;
        let mut ends = starts.filter(|&at| self.right[at..at + 10].iter().filter(|&&code| code == A).count() >= 9);
        let mut end = ends.next_back()? + 10;
        // A of the target may belong to either.
        while self.right.get(end) == Some(&A) {
            end += 1;
        }
        Some(end)
    }

    /// Whether the bases before the copy come again behind its tail: 7 or more.
    fn has_own_site(&self, end: usize) -> bool {
        const LEAST: usize = 7;
        (0..=3).any(|off| {
            let site = self.before(off, LEAST);
            let monotonous = site.iter().filter(|&&code| code == A).count() + 2 > LEAST;
            // The site begins at most with the last A of the tail.
            let from = end.saturating_sub(4);
            !monotonous
                && site.iter().all(|&code| code < 4)
                && (from..(end + 14).min(2 * AROUND - LEAST)).any(|at| {
                    let long = (LEAST..=18).rev().find(|&length| {
                        AROUND >= off + length
                            && at + LEAST >= length
                            && self.before(off, length) == &self.right[at + LEAST - length..at + LEAST]
                    });
                    long.is_some()
                })
        })
    }
}

/// The ends of the copies of a family that go from end to end, the first ones; each copy is its parts by place.
pub(crate) fn copy_ends(copies: &[Vec<&Alignment>], length: u32, bases: &Bases, contigs: &[Contig]) -> Vec<CopyEnds> {
    let ends = copies.iter().filter_map(|parts| {
        let (first, last) = (parts.first()?, parts.last()?);
        let contig = &contigs[first.contig as usize];
        let at = |position: u64| (contig.start + position) as i64;
        let whole = at(0)..at(contig.length);
        let (lacks_left, lacks_right) = match first.strand {
            Strand::Forward => (first.query_range.start, length - last.query_range.end),
            Strand::Reverse => (length - first.query_range.end, last.query_range.start),
        };
        (lacks_left.max(lacks_right) <= LACKED).then(|| {
            let (start, end) =
                (at(first.range.start) - i64::from(lacks_left), at(last.range.end) + i64::from(lacks_right));
            CopyEnds::new(bases, start, end, first.strand, whole)
        })
    });
    ends.take(MOST_COPIES).collect()
}

/// Copies of which no two have the same flanks: those came by duplication, not by insertion.
fn distinct(copies: &[CopyEnds]) -> Vec<CopyEnds> {
    let mut seen = BTreeSet::new();
    let flanks = |copy: &CopyEnds| (copy.before(OFF, 12).to_vec(), copy.behind(OFF, 12).to_vec());
    copies.iter().filter(|copy| seen.insert(flanks(copy))).cloned().collect()
}

/// The length of the duplications on both sides, if chance does not explain them: many copies have the same length, and copies have
/// different bases, or one that is known as a target.
fn target_site(copies: &[CopyEnds]) -> Option<TargetSite> {
    /// Nats that chance needs for one in a thousand families, over all lengths and places that are tried.
    const LEAST: f64 = 14.0;
    let total = copies.len();
    if total < 3 {
        return None;
    }
    let mut counts = [1.0f64; 4];
    for copy in copies {
        let outside = copy.before(0, AROUND).iter().chain(copy.behind(0, AROUND));
        outside.filter(|code| **code < 4).for_each(|&code| counts[usize::from(code)] += 1.0);
    }
    let sum: f64 = counts.iter().sum();
    let frequency = counts.map(|count| count / sum);
    let alike: f64 = frequency.iter().map(|f| f * f).sum();
    let mut best: Option<(f64, TargetSite)> = None;
    for length in 2..=12usize {
        for (left, right) in (0..=OFF).flat_map(|left| (0..=OFF).map(move |right| (left, right))) {
            let mut sites: BTreeMap<&[u8], usize> = BTreeMap::new();
            for copy in copies {
                let site = copy.before(left, length);
                if site == copy.behind(right, length) && site.iter().all(|&code| code < 4) {
                    *sites.entry(site).or_default() += 1;
                }
            }
            let known = |site: &[u8]| match site {
                [T, A] => Some("TA"),
                [T, A, A] | [T, T, A] => Some("TWA"),
                [T, T, A, A] => Some("TTAA"),
                _ => None,
            };
            let of_motif = |name: &str| -> usize {
                sites.iter().filter(|(site, _)| known(site) == Some(name)).map(|(_, count)| count).sum()
            };
            let all: usize = sites.values().sum();
            // A motif that all have may be a part of the element that the consensus lacks; so a place farther out does not count.
            let motif = ["TA", "TWA", "TTAA"]
                .into_iter()
                .find(|name| (left, right) == (0, 0) && 3 * of_motif(name) >= 2 * total);
            let most = sites.values().copied().max().unwrap_or(0);
            let (seen, chance) = match motif {
                Some(name) => {
                    let one = |code: u8| frequency[usize::from(code)].powi(2);
                    let chance = match name {
                        "TA" => one(T) * one(A),
                        "TWA" => one(T) * one(A) * (one(T) + one(A)),
                        _ => one(T).powi(2) * one(A).powi(2),
                    };
                    (of_motif(name), chance)
                }
                None if length >= 3 && (3 * most <= all || all == 3 && most == 1) => (all, alike.powi(length as i32)),
                None => continue,
            };
            if seen < 3 || 2 * seen < total {
                continue;
            }
            let nats = surprise(seen, total, chance);
            if nats >= LEAST && best.as_ref().is_none_or(|(most, _)| nats > *most) {
                let motif = motif.map(str::to_owned);
                best = Some((nats, TargetSite { length: length as u64, copies: seen as u64, motif }));
            }
        }
    }
    best.map(|(_, site)| site)
}

/// How unlikely `seen` or more of `total` are where one has a chance of `chance`, in nats at least (H. Chernoff, 1952).
fn surprise(seen: usize, total: usize, chance: f64) -> f64 {
    let share = seen as f64 / total as f64;
    if share <= chance {
        return 0.0;
    }
    let rest = if seen == total { 0.0 } else { (1.0 - share) * ((1.0 - share) / (1.0 - chance)).ln() };
    total as f64 * (share * (share / chance).ln() + rest)
}

/// Where these letters begin and end what lies between `first` and `last`, up to three bases off.
fn near_ends(consensus: &[u8], first: usize, last: usize, begin: [u8; 2], end: [u8; 2]) -> Option<(usize, usize)> {
    let near = |at: usize, wanted: [u8; 2]| {
        let places = (at.saturating_sub(3)..=at + 3).filter(|&at| consensus.get(at..at + 2) == Some(&wanted[..]));
        places.min_by_key(|place| (place.abs_diff(at), *place))
    };
    Some((near(first, begin)?, near(last.checked_sub(2)?, end)? + 2))
}

/// Whether a sequence is mostly of two bases, or of a short period.
fn is_monotonous(codes: &[u8]) -> bool {
    let mut counts = [0; 4];
    codes.iter().filter(|code| **code < 4).for_each(|&code| counts[usize::from(code)] += 1);
    counts.sort_unstable();
    let periodic = (1..=4).any(|period| {
        let same = codes.iter().zip(codes.iter().skip(period)).filter(|(a, b)| a == b).count();
        5 * same >= 4 * codes.len().saturating_sub(period)
    });
    10 * (counts[2] + counts[3]) >= 9 * codes.len() || periodic
}

/// A local alignment of two sequences.
pub(crate) struct Local {
    score: i32,
    pub(crate) a: (usize, usize),
    pub(crate) b: (usize, usize),
    matches: usize,
    columns: usize,
}

impl Local {
    fn identity(&self) -> f64 {
        self.matches as f64 / self.columns.max(1) as f64
    }
}

/// The best alignment that begins within `slack` bases of both beginnings, in a band around the diagonal.
fn local(a: &[u8], b: &[u8], slack: usize, band: usize) -> Option<Local> {
    /// Score, beginnings, matches and columns.
    type Cell = (i32, u32, u32, u32, u32);
    const NONE: Cell = (i32::MIN / 2, 0, 0, 0, 0);
    let width = 2 * band + 1;
    let mut above = vec![NONE; width + 2];
    let mut best: Option<(Cell, usize, usize)> = None;
    for (i, &one) in a.iter().enumerate() {
        let mut row = vec![NONE; width + 2];
        for d in 0..width {
            let Some(j) = (i + d).checked_sub(band).filter(|&j| j < b.len()) else { continue };
            let equal = one == b[j] && one < 4;
            let mut cell = above[d + 1];
            if cell.0 <= 0 {
                // Only near the beginnings may one begin.
                if i > slack || j > slack {
                    cell = NONE;
                } else {
                    cell = (0, i as u32, j as u32, 0, 0);
                }
            }
            cell = (cell.0 + if equal { 1 } else { -2 }, cell.1, cell.2, cell.3 + u32::from(equal), cell.4 + 1);
            for gap in [above[d + 2], row[d]] {
                if gap.0 - 3 > cell.0 {
                    cell = (gap.0 - 3, gap.1, gap.2, gap.3, gap.4 + 1);
                }
            }
            row[d + 1] = cell;
            if cell.0 > best.map_or(0, |(cell, ..)| cell.0) {
                best = Some((cell, i + 1, j + 1));
            }
        }
        above = row;
    }
    best.map(|((score, i, j, matches, columns), end, other)| Local {
        score,
        a: (i as usize, end),
        b: (j as usize, other),
        matches: matches as usize,
        columns: columns as usize,
    })
}

/// The inverted repeat that a consensus begins and ends with. What lies at its end is told on the other strand.
fn inverted_repeat(consensus: &[u8]) -> Option<Local> {
    const LONGEST: usize = 500;
    const LEAST: i32 = 10;
    let half = (consensus.len() / 2).min(LONGEST);
    let turned: Vec<u8> = consensus.iter().rev().take(half).map(|&code| complement(code)).collect();
    local(&consensus[..half], &turned, OFF, 12).filter(|found| {
        let middle = &consensus[found.a.0..found.a.1];
        found.score >= LEAST && found.identity() >= 0.75 && !is_monotonous(middle)
    })
}

/// The repeat that a consensus begins and ends with, and how far apart the two are.
pub(crate) fn direct_repeat(consensus: &[u8]) -> Option<(Local, usize)> {
    const WORD: usize = 11;
    const LEAST: usize = 80;
    /// Bases between the two at the least: else it is two units of a tandem repeat.
    const BETWEEN: usize = 100;
    /// Bases before the first and behind the second one.
    const SLACK: usize = 40;
    const BAND: usize = 20;
    let length = consensus.len();
    if length < 2 * LEAST + BETWEEN {
        return None;
    }
    let word = |word: &[u8]| word.iter().fold(0u32, |key, &code| key << 2 | u32::from(code & 3));
    let mut begin: BTreeMap<u32, Vec<usize>> = BTreeMap::new();
    for at in 0..200.min(length / 2) {
        begin.entry(word(&consensus[at..at + WORD])).or_default().push(at);
    }
    let mut offsets: BTreeMap<usize, usize> = BTreeMap::new();
    for (at, letters) in consensus.windows(WORD).enumerate().skip(LEAST + BETWEEN) {
        for &first in begin.get(&word(letters)).into_iter().flatten().take(4) {
            if at >= first + LEAST + BETWEEN {
                *offsets.entry((at - first) / 8).or_default() += 1;
            }
        }
    }
    let mut offsets: Vec<(usize, usize)> = offsets.into_iter().filter(|&(_, count)| count >= 3).collect();
    offsets.sort_by_key(|&(bin, count)| (std::cmp::Reverse(count), bin));
    let candidates = offsets.into_iter().take(4).map(|(bin, _)| bin * 8 + 4);
    let found = candidates.filter_map(|offset| {
        let second = &consensus[offset.min(length)..];
        let found = local(&consensus[..second.len().min(length - BETWEEN)], second, SLACK + BAND, BAND)?;
        let fits = found.a.0 <= SLACK
            && found.b.1 + SLACK >= second.len()
            && found.a.1 >= found.a.0 + LEAST
            && offset + found.b.0 >= found.a.1 + BETWEEN
            && found.identity() >= 0.8;
        fits.then_some((found, offset))
    });
    found.max_by_key(|(found, offset)| (found.score, std::cmp::Reverse(*offset)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn codes(random: &mut Random, length: usize) -> Vec<u8> {
        (0..length).map(|_| random.below(4) as u8).collect()
    }

    fn turned(codes: &[u8]) -> Vec<u8> {
        codes.iter().rev().map(|&code| complement(code)).collect()
    }

    fn parsed(text: &str) -> Vec<u8> {
        text.bytes().map(|letter| b"TCAG".iter().position(|&b| b == letter).expect("one of four") as u8).collect()
    }

    /// Copies of `element` in places of their own, of which `site` gives what is on both sides; `tail` comes behind the element. The
    /// consensus that they are seen with lacks bases at its ends, or has some too many where these are negative.
    fn inserted(
        random: &mut Random,
        (number, element): (usize, &[u8]),
        (left, right): (isize, isize),
        mut site: impl FnMut(&mut Random) -> Vec<u8>,
        tail: impl Fn(&mut Random) -> Vec<u8>,
    ) -> Vec<CopyEnds> {
        (0..number)
            .map(|_| {
                let site = site(random);
                let mut text = codes(random, 60);
                text.extend(&site);
                let start = text.len() as isize + left;
                text.extend(element);
                let end = text.len() as isize - right;
                text.extend(tail(random));
                text.extend(&site);
                text.extend(codes(random, 60));
                let around = |middle: isize| std::array::from_fn(|i| text[(middle - AROUND as isize) as usize + i]);
                CopyEnds { left: around(start), right: around(end) }
            })
            .collect()
    }

    fn no_tail(_: &mut Random) -> Vec<u8> {
        Vec::new()
    }

    /// An element with an inverted repeat that begins with these letters.
    fn with_inverted(random: &mut Random, begin: &str, length: usize, all: usize) -> Vec<u8> {
        let mut repeat = parsed(begin);
        let more = codes(random, length - repeat.len());
        repeat.extend(more);
        let mut element = repeat.clone();
        let middle = codes(random, all - 2 * length);
        element.extend(middle);
        element.extend(turned(&repeat));
        element
    }

    #[test]
    fn elements_with_long_terminal_repeats() {
        let mut random = Random::new(1);
        let mut repeat = parsed("TG");
        repeat.extend(codes(&mut random, 300));
        repeat.extend(parsed("CA"));
        let mut second = repeat.clone();
        // Substitutions, and three bases less.
        (0..20).for_each(|i| second[15 * i + 2] ^= 1);
        second.drain(150..153);
        let element = [repeat.clone(), codes(&mut random, 3000), second].concat();
        for off in [(0, 0), (2, 0), (0, 3), (-2, -3)] {
            let copies = inserted(&mut random, (6, &element), off, |r| codes(r, 5), no_tail);
            let mut consensus = element.clone();
            consensus.drain(..off.0.max(0) as usize);
            consensus.truncate(consensus.len() - off.1.max(0) as usize);
            if off.0 < 0 {
                consensus = [codes(&mut random, 2), consensus, codes(&mut random, 3)].concat();
            }
            let (class, evidence) = classify(&consensus, false, &copies);
            assert_eq!(class, "LTR", "{off:?}: {evidence}");
            let repeat = evidence.direct_repeat.expect("a repeat");
            assert!((298..=306).contains(&repeat.length) && repeat.identity > 90.0, "{repeat:?}");
            let site = evidence.target_site.expect("target sites");
            assert!((site.length, site.copies) == (5, 6) && site.motif.is_none(), "{off:?}: {site:?}");
        }
        // The consensus alone shows it; what is repeated after a few bases is no element.
        assert_eq!(classify(&element, false, &[]).0, "LTR");
        let near = [&repeat[..], &repeat[..40], &repeat[..]].concat();
        assert_eq!(classify(&near, false, &[]).0, "Unknown");
        // One terminal repeat alone.
        let copies = inserted(&mut random, (5, &repeat), (0, 0), |r| codes(r, 5), no_tail);
        assert_eq!(classify(&repeat, false, &copies).0, "LTR");
        assert_eq!(classify(&repeat, false, &copies[..2]).0, "Unknown", "two copies may be chance");
        assert_eq!(classify(&repeat, true, &copies).0, "Satellite");
    }

    #[test]
    fn elements_with_inverted_repeats() {
        let mut random = Random::new(2);
        let fixed = |text: &str| {
            let codes = parsed(text);
            move |_: &mut Random| codes.clone()
        };
        type Site = Box<dyn FnMut(&mut Random) -> Vec<u8>>;
        let cases: Vec<(&str, &str, usize, Site)> = vec![
            ("DNA/TcMar", "CAGTG", 28, Box::new(fixed("TA"))),
            ("DNA/PIF-Harbinger", "GGCCT", 20, Box::new(|r| parsed(["TTA", "TAA"][r.below(2)]))),
            ("DNA/CMC-EnSpm", "CACTA", 20, Box::new(|r| codes(r, 3))),
            ("DNA/PiggyBac", "CCCTA", 16, Box::new(fixed("TTAA"))),
            ("DNA/hAT", "CAGGG", 14, Box::new(|r| codes(r, 8))),
            ("DNA/MULE-MuDR", "GAGAT", 110, Box::new(|r| codes(r, 9))),
            ("DNA", "GAGAT", 20, Box::new(|r| codes(r, 5))),
            // No targets that can be told: the repeat has to be long.
            (
                "DNA",
                "GATTC",
                24,
                Box::new(|r| {
                    let n = r.below(9);
                    codes(r, n)
                }),
            ),
            (
                "Unknown",
                "GATTC",
                8,
                Box::new(|r| {
                    let n = r.below(9);
                    codes(r, n)
                }),
            ),
        ];
        for (wanted, begin, length, mut site) in cases {
            let element = with_inverted(&mut random, begin, length, 1500);
            let copies = inserted(&mut random, (12, &element), (0, 0), &mut site, no_tail);
            let (class, evidence) = classify(&element, false, &copies);
            assert_eq!(class, wanted, "{begin}: {evidence}");
            // The other strand is the same element.
            let other: Vec<CopyEnds> = copies.iter().map(CopyEnds::turned).collect();
            assert_eq!(classify(&turned(&element), false, &other).0, wanted, "{begin}");
        }
    }

    #[test]
    fn copies_of_rna() {
        let mut random = Random::new(3);
        let element = [codes(&mut random, 800), parsed("GAAAAAAAAA")].concat();
        let site = |r: &mut Random| {
            let length = 8 + r.below(8);
            codes(r, length)
        };
        let tail = |r: &mut Random| vec![A; r.below(10)];
        let copies = inserted(&mut random, (12, &element), (0, 0), site, tail);
        let (class, evidence) = classify(&element, false, &copies);
        assert_eq!(class, "Retroposon", "{evidence}");
        assert_eq!(evidence.poly_a, 12, "{evidence}");
        let other: Vec<CopyEnds> = copies.iter().map(CopyEnds::turned).collect();
        assert_eq!(classify(&turned(&element), false, &other).0, "Retroposon");
        // A tail without targets is told, and no more claimed.
        let copies = inserted(&mut random, (12, &element), (0, 0), |_| Vec::new(), tail);
        let (class, evidence) = classify(&element, false, &copies);
        assert!(class == "Unknown" && evidence.poly_a == 12, "{class} {evidence}");
    }

    #[test]
    fn nothing_is_claimed_of_chance() {
        let mut random = Random::new(4);
        for number in 0..3000 {
            let (length, copies) = (100 + random.below(2000), 3 + random.below(20));
            // Every other genome is rich in A and T.
            let letter =
                |r: &mut Random| if number % 2 == 1 && r.below(3) > 0 { [A, T][r.below(2)] } else { r.below(4) as u8 };
            let consensus: Vec<u8> = (0..length).map(|_| letter(&mut random)).collect();
            let mut ends: Vec<CopyEnds> = (0..copies)
                .map(|_| CopyEnds {
                    left: std::array::from_fn(|_| letter(&mut random)),
                    right: std::array::from_fn(|_| letter(&mut random)),
                })
                .collect();
            for copy in &mut ends {
                // Within the copies there is the consensus.
                copy.left[AROUND..].copy_from_slice(&consensus[..AROUND]);
                copy.right[..AROUND].copy_from_slice(&consensus[length - AROUND..]);
            }
            let (class, evidence) = classify(&consensus, false, &ends);
            assert_eq!((class, evidence.target_site), ("Unknown", None), "family {number}");
        }
        // A duplicated stretch: flanks are alike, and are those of one insertion.
        let copy = CopyEnds { left: [A; 2 * AROUND], right: [A; 2 * AROUND] };
        assert_eq!(distinct(&vec![copy; 9]).len(), 1);
    }
}
