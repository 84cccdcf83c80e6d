//! Drafts of families: where the genome resembles itself most, a consensus is grown over all copies, and what aligns to it
//! is taken away.

mod spaced;

use parking_lot::{Mutex, MutexGuard};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::ops::Range;

use rayon::prelude::*;

use crate::families::bases::{Bases, SIMPLE, TAKEN, UNKNOWN};
use crate::families::discover::spaced::{Hits, Pattern, SeedTable};
use crate::families::extension::{Follower, LANES, Reach, Way, extend, follow};
use crate::families::{Family, FamilyCopy, Scores};
use crate::genome::Contig;
use crate::kmer::Strand;
use crate::memory::system::malloc_trim;
use crate::memory::{Budget, Component, Reservation, available_threads};
use crate::sequence::reverse_complement;
use crate::{Error, Index, Progress, Result};

/// What discovery is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parameters {
    /// Of the extension.
    pub scores: Scores,
    /// Shortest consensus.
    pub min_length: usize,
    /// Fewest copies.
    pub min_copies: usize,
    /// Most families.
    pub max_families: usize,
    /// Like places on one strand are apart by this many bases at the least.
    pub tandem_distance: u64,
    /// Bases of the first sample of the genome that families are looked for in; each further one is three times as large. Copies are those
    /// of the whole genome. `None` for all of a genome up to 256 MiB at once, else 64 MiB.
    pub sample: Option<u64>,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            scores: Scores {
                matching: 1,
                mismatch: -1,
                gap_open: -3,
                gap_extend: -1,
                cap_penalty: 30,
                band: 16,
                stop_after: 100,
                max_extend: 10_000,
                min_improvement: 1,
            },
            min_length: 50,
            min_copies: 3,
            max_families: usize::MAX,
            tandem_distance: 500,
            sample: None,
        }
    }
}

/// Bases of a bin of the profile.
const BIN: u64 = 32;
/// Bases of the profile that one thread looks at together; a multiple of a bin.
const TILE: u64 = 1 << 15;
/// Places of a seed that are looked at.
const MOST_PLACES: usize = 256;
/// Bits of a chain that counts in the profile.
const PROFILE_BITS: f32 = 16.0;
/// Half of the window in which partners of a point are looked for.
const WINDOW: u64 = 256;
/// Bins to either side of a point that its window holds but for its edges.
const WITHIN: u64 = WINDOW / BIN - 3;
/// Bits of a chain between a window and a partner.
const CORE_BITS: f32 = 13.0;
/// Score with which a copy follows a core.
const CORE_SCORE: i32 = 15;
/// Copies that a core is grown over.
const NEAREST: usize = 12;
/// Bits of a chain between a consensus and a copy.
const COPY_BITS: f32 = 10.0;
/// Points whose families are grown together.
const POINTS: usize = 16;
/// Copies that a consensus is grown over.
const MOST_LANES: usize = 96;
/// Score with which a copy follows a consensus.
const COPY_SCORE: i32 = 30;
/// Points of families that are grown together, and the copies of such families, are apart by this many bases.
const APART: u64 = 8000;
/// Points that are put off while others are chosen.
const MOST_LATER: usize = 512;
/// Bytes that a bin takes: its depth, its place among the points, and whether it was looked at.
const PER_BIN: u64 = 2 + 16 + 1;
/// Times that a consensus is lengthened at the most, and bases that are worth another time.
const ROUNDS: usize = 5;
const WORTH_A_ROUND: usize = 20;
/// A copy reaches an end of the consensus that is this near.
const LEFT_OVER: u64 = 40;

/// For each bin of a sample how many other places resemble it, of those that no family has.
fn profile(
    bases: &Bases,
    table: &SeedTable,
    parameters: &Parameters,
    sample: &Range<u64>,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Vec<u16>> {
    let tiles: Vec<Range<u64>> = bases
        .contigs()
        .flat_map(|contig| {
            (contig.start / TILE..contig.end.div_ceil(TILE))
                .filter(|&tile| sample.contains(&rank(tile, bases.len())))
                .map(move |t| (t * TILE).max(contig.start)..((t + 1) * TILE).min(contig.end))
        })
        .collect();
    progress.phase("profile", Some(tiles.iter().map(|tile| tile.end - tile.start).sum()));
    let free = |place: u32| bases.codes()[place as usize] & TAKEN == 0;
    let bits = PROFILE_BITS + extra_bits(table);
    let spare = Mutex::new(Vec::new());
    let counts: Vec<Vec<u16>> = tiles
        .par_iter()
        .map(|tile| {
            let mut found = spare_hits(&spare, budget);
            let query = &bases.codes()[tile.start as usize..tile.end as usize];
            let first = tile.start / BIN;
            let mut counts = vec![0u16; (tile.end.div_ceil(BIN) - first) as usize];
            let span = table.span() as u64;
            for reverse in [false, true] {
                found.clear();
                if reverse {
                    table.search(
                        &reverse_complement(query).collect::<Vec<u8>>(),
                        true,
                        MOST_PLACES,
                        bits,
                        |_, place| free(place),
                        &mut found,
                    )?;
                } else {
                    let apart = |at: u32, place: u32| {
                        free(place) && (tile.start + u64::from(at)).abs_diff(place.into()) >= parameters.tandem_distance
                    };
                    table.search(query, false, MOST_PLACES, bits, apart, &mut found)?;
                }
                for chain in &found.chains {
                    let (from, to) = (
                        found.hits[chain.hits.start].query.into(),
                        u64::from(found.hits[chain.hits.end - 1].query) + span,
                    );
                    let (from, to): (u64, u64) =
                        if reverse { (query.len() as u64 - to, query.len() as u64 - from) } else { (from, to) };
                    for bin in (tile.start + from) / BIN..(tile.start + to).div_ceil(BIN) {
                        let count = &mut counts[(bin - first) as usize];
                        *count = count.saturating_add(1);
                    }
                }
            }
            progress.advance(query.len() as u64);
            locked(&spare).push(found);
            Ok(counts)
        })
        .collect::<Result<_>>()?;
    let mut depth = vec![0u16; bases.len().div_ceil(BIN) as usize];
    for (tile, counts) in tiles.iter().zip(counts) {
        for (bin, count) in (tile.start / BIN..).zip(counts) {
            depth[bin as usize] = depth[bin as usize].saturating_add(count);
        }
    }
    Ok(depth)
}

fn locked(spare: &Mutex<Vec<Hits>>) -> MutexGuard<'_, Vec<Hits>> {
    spare.lock()
}

/// A buffer that no thread uses now.
fn spare_hits(spare: &Mutex<Vec<Hits>>, budget: &Budget) -> Hits {
    locked(spare).pop().unwrap_or_else(|| Hits::new(budget))
}

/// What a chain must have more than in a genome of 10 Mb, where a base meets some six seeds by chance.
fn extra_bits(table: &SeedTable) -> f32 {
    (table.by_chance() / 8.0).log2().max(0.0)
}

/// A place that is thought to be one and the same place of a consensus.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Anchor {
    at: u64,
    strand: Strand,
    bits: f32,
}

struct Search<'a> {
    bases: &'a Bases,
    table: &'a SeedTable,
    parameters: &'a Parameters,
    /// What [`extra_bits`] says.
    extra: f32,
    budget: &'a Budget,
    /// Buffers that no thread uses now.
    spare: &'a Mutex<Vec<Hits>>,
}

impl Search<'_> {
    fn free(&self, at: u64) -> bool {
        self.bases.codes()[at as usize] & (TAKEN | UNKNOWN) == 0
    }

    /// All chains of a query on both strands, handed to `each`.
    fn with_chains<T>(&self, query: &[u8], least: f32, each: impl FnOnce(&Hits) -> T) -> Result<T> {
        let mut found = spare_hits(self.spare, self.budget);
        found.clear();
        let codes = self.bases.codes();
        let free = |_: u32, place: u32| codes[place as usize] & TAKEN == 0;
        self.table.search(query, false, MOST_PLACES, least, free, &mut found)?;
        self.table.search(
            &reverse_complement(query).collect::<Vec<u8>>(),
            true,
            MOST_PLACES,
            least,
            free,
            &mut found,
        )?;
        let given = each(&found);
        locked(self.spare).push(found);
        Ok(given)
    }

    /// Partners of a place of the genome, itself among them.
    fn anchors_around(&self, at: u64) -> Result<Vec<Anchor>> {
        let window = self.window(at);
        let query = &self.bases.codes()[window.start as usize..window.end as usize];
        self.anchors(query, (at - window.start) as usize, CORE_BITS + self.extra)
    }

    /// The window around a place.
    fn window(&self, at: u64) -> Range<u64> {
        let contig = self.bases.contig_of(at);
        at.saturating_sub(WINDOW).max(contig.start)..(at + WINDOW).min(contig.end)
    }

    /// Places that lie where base `centre` of a query does, best first.
    fn anchors(&self, query: &[u8], centre: usize, least: f32) -> Result<Vec<Anchor>> {
        self.with_chains(query, least, |found| self.anchors_of(found, query, centre))
    }

    fn anchors_of(&self, found: &Hits, query: &[u8], centre: usize) -> Vec<Anchor> {
        let length = query.len() as i64;
        let mut anchors = Vec::new();
        for chain in &found.chains {
            let centre = if chain.reverse { length - 1 - centre as i64 } else { centre as i64 };
            let Some(hit) = found.hits[chain.hits.clone()]
                .iter()
                .min_by_key(|hit| (i64::from(hit.query) + self.table.span() as i64 / 2 - centre).abs())
            else {
                continue;
            };
            let at = hit.genome as i64 + centre - i64::from(hit.query);
            let contig = self.bases.contig_of(hit.genome);
            if at < contig.start as i64 || at >= contig.end as i64 || !self.free(at as u64) {
                continue;
            }
            anchors.push(Anchor {
                at: at as u64,
                strand: if chain.reverse { Strand::Reverse } else { Strand::Forward },
                bits: chain.bits,
            });
        }
        anchors.sort_by(|a, b| b.bits.total_cmp(&a.bits).then(a.at.cmp(&b.at)).then(a.strand.cmp(&b.strand)));
        let mut kept: Vec<Anchor> = Vec::new();
        for anchor in anchors {
            if kept.len() == MOST_LANES {
                break;
            }
            if !kept.iter().any(|other| {
                other.at.abs_diff(anchor.at)
                    < if other.strand == anchor.strand { self.parameters.tandem_distance } else { 64 }
            }) {
                kept.push(anchor);
            }
        }
        kept
    }

    fn ways(&self, anchors: &[Anchor]) -> (Vec<Way>, Vec<Way>) {
        anchors
            .iter()
            .map(|anchor| {
                let contig = self.bases.contig_of(anchor.at);
                let limits = (contig.start, contig.end);
                match anchor.strand {
                    Strand::Forward => (
                        Way { start: anchor.at, down: false, complement: false, limits },
                        Way { start: anchor.at.wrapping_sub(1), down: true, complement: false, limits },
                    ),
                    Strand::Reverse => (
                        Way { start: anchor.at, down: true, complement: true, limits },
                        Way { start: anchor.at + 1, down: false, complement: true, limits },
                    ),
                }
            })
            .unzip()
    }

    /// Grows a consensus from anchors; gives it and the base that the anchors stand for.
    fn grow(&self, anchors: &[Anchor], most: usize) -> (Vec<u8>, usize) {
        let scores = Scores { max_extend: most, ..self.parameters.scores };
        let (right, mut left) = self.ways(&anchors[..anchors.len().min(MOST_LANES)]);
        let least = self.parameters.min_copies;
        let (rightward, reaches) = extend(self.bases.codes(), &right, &scores, least);
        // No base serves twice: what one copy gave on the right, another does not give on the left.
        let given: Vec<(u64, u64, bool)> = right
            .iter()
            .zip(&reaches)
            .filter(|(_, reach)| reach.score > 0)
            .map(|(way, reach)| {
                let copy = u64::from(reach.copy);
                if way.down {
                    (way.start.saturating_sub(copy) + 1, way.start + 1, true)
                } else {
                    (way.start, way.start + copy, false)
                }
            })
            .collect();
        for way in &mut left {
            for &(from, to, down) in &given {
                // To the left means against the direction in which the other went to the right.
                if way.down != down {
                    if way.down && from <= way.start {
                        way.limits.0 = way.limits.0.max(to.min(way.start.wrapping_add(1)));
                    } else if !way.down && to > way.start {
                        way.limits.1 = way.limits.1.min(from.max(way.start));
                    }
                }
            }
        }
        let (leftward, _) = extend(self.bases.codes(), &left, &scores, least);
        let centre = leftward.len();
        let mut consensus: Vec<u8> = leftward.into_iter().rev().collect();
        consensus.extend(rightward);
        (consensus, centre)
    }

    /// The copies of a consensus, best first, none of which lies in another.
    fn copies(&self, consensus: &[u8]) -> Result<Copies> {
        self.with_chains(consensus, COPY_BITS + self.extra, |found| self.copies_of(found, consensus))
    }

    fn copies_of(&self, found: &Hits, consensus: &[u8]) -> Copies {
        let mut order: Vec<usize> = (0..found.chains.len()).collect();
        order.sort_by(|&a, &b| found.chains[b].bits.total_cmp(&found.chains[a].bits).then(a.cmp(&b)));
        let mut copies: Copies = Vec::new();
        let mut taken: BTreeMap<u64, (u64, Strand)> = BTreeMap::new();
        let mut longest = 0;
        let length = consensus.len();
        let mut next = 0;
        while next < order.len() {
            let (mut right, mut left, mut starts) = (Vec::new(), Vec::new(), Vec::new());
            while next < order.len() && starts.len() < LANES {
                let chain = &found.chains[order[next]];
                next += 1;
                let hit = found.hits[(chain.hits.start + chain.hits.end) / 2];
                let middle = self.table.span() as u64 / 2;
                let at = hit.genome + middle;
                let strand = if chain.reverse { Strand::Reverse } else { Strand::Forward };
                if taken.range(..=at).next_back().is_some_and(|(_, &(end, on))| end > at && on == strand) {
                    continue;
                }
                let place = hit.query as usize + middle as usize;
                let place = if chain.reverse { length - 1 - place } else { place };
                let (r, l) = self.ways(&[Anchor { at, strand, bits: 0.0 }]);
                right.push(Follower { way: r[0], from: place, down: false });
                left.push(Follower { way: l[0], from: place, down: true });
                starts.push((at, strand, place));
            }
            let scores = &self.parameters.scores;
            let drop = scores.cap_penalty;
            let rights = follow(self.bases.codes(), consensus, &right, scores, drop);
            let lefts = follow(self.bases.codes(), consensus, &left, scores, drop);
            for ((&(at, strand, place), right), left) in starts.iter().zip(rights).zip(lefts) {
                let (down, up): (Reach, Reach) = if strand == Strand::Forward { (left, right) } else { (right, left) };
                let genome = match strand {
                    Strand::Forward => at - u64::from(down.copy)..at + u64::from(up.copy),
                    Strand::Reverse => at + 1 - u64::from(down.copy)..at + 1 + u64::from(up.copy),
                };
                let score = left.score + right.score;
                if score < COPY_SCORE || genome.is_empty() {
                    continue;
                }
                // Within the batch two chains may lead to one copy.
                let half = (genome.end - genome.start) / 2;
                let near = taken.range(genome.start.saturating_sub(longest)..genome.end);
                let overlap =
                    |(&start, &(end, _)): (&u64, &(u64, Strand))| start.max(genome.start) + half < end.min(genome.end);
                if near.into_iter().any(overlap) {
                    continue;
                }
                longest = longest.max(genome.end - genome.start);
                taken.insert(genome.start, (genome.end, strand));
                let consensus = (place - left.consensus as usize) as u32..(place + right.consensus as usize) as u32;
                copies.push((
                    FamilyCopy { genome, strand, consensus },
                    Likeness { score, bases: left.bases() + right.bases() },
                ));
            }
        }
        copies
    }

    /// The copies of a consensus that are of its family.
    fn own_copies(&self, consensus: &[u8]) -> Result<Copies> {
        let mut copies = self.copies(consensus)?;
        let limit = divergence_limit(copies.iter().map(|(_, l)| l));
        copies.retain(|(_, l)| l.divergence() <= limit);
        Ok(copies)
    }

    /// Lengthens a consensus over all copies that reach its ends, for as long as it grows: copies that were lost on the
    /// way, by a long gap or an insertion, are with them again. Gives the copies of what comes of it.
    fn lengthen(&self, mut consensus: Vec<u8>, duplicates: &[FamilyCopy]) -> Result<(Vec<u8>, Copies)> {
        let mut copies = self.own_copies(&consensus)?;
        for _ in 0..ROUNDS {
            let mut spans: Vec<Range<u64>> = copies.iter().map(|(copy, _)| copy.genome.clone()).collect();
            spans.sort_by_key(|span| span.start);
            let mut grown = [Vec::new(), Vec::new()];
            let apart = one_of(duplicates, copies.iter().collect(), |(copy, _)| copy.genome.start);
            for (rightward, grown) in [true, false].into_iter().zip(&mut grown) {
                let ways: Vec<Way> = apart
                    .iter()
                    .filter_map(|(copy, _)| self.way_on(copy, consensus.len(), rightward, &spans))
                    .collect();
                if ways.len() >= 2 && consensus.len() < self.parameters.scores.max_extend * 2 {
                    // A quarter of those that are here go on, or it is no longer the family.
                    let ways = &ways[..ways.len().min(MOST_LANES)];
                    let least = self.parameters.scores.min_improvement.max(ways.len() as i32 / 4);
                    let scores = Scores { min_improvement: least, ..self.parameters.scores };
                    (*grown, _) = extend(self.bases.codes(), ways, &scores, 0);
                }
            }
            let [right, left] = grown;
            if right.len().max(left.len()) < WORTH_A_ROUND {
                break;
            }
            let mut longer: Vec<u8> = left.into_iter().rev().collect();
            longer.extend_from_slice(&consensus);
            longer.extend(right);
            consensus = longer;
            copies = self.own_copies(&consensus)?;
        }
        Ok((consensus, copies))
    }

    /// The way on from an end of the consensus, if the copy reaches it; it ends where another copy (of `spans`, ascending) begins.
    fn way_on(&self, copy: &FamilyCopy, length: usize, rightward: bool, spans: &[Range<u64>]) -> Option<Way> {
        let left_over =
            if rightward { length as u64 - u64::from(copy.consensus.end) } else { copy.consensus.start.into() };
        if left_over > LEFT_OVER {
            return None;
        }
        let contig = self.bases.contig_of(copy.genome.start);
        let up = rightward == (copy.strand == Strand::Forward);
        let at = spans.partition_point(|span| span.start < copy.genome.end);
        let before = spans.partition_point(|span| span.start < copy.genome.start);
        let limits = if up {
            (contig.start, spans.get(at).map_or(contig.end, |next| next.start.min(contig.end)))
        } else {
            (before.checked_sub(1).map_or(contig.start, |last| spans[last].end.max(contig.start)), contig.end)
        };
        let start = if up { copy.genome.end + left_over } else { copy.genome.start.checked_sub(1 + left_over)? };
        (limits.0..limits.1).contains(&start).then_some(Way {
            start,
            down: !up,
            complement: copy.strand == Strand::Reverse,
            limits,
        })
    }

    /// How each anchor follows a consensus whose base `centre` lies at it: score and bases of the longer side of the alignment.
    fn likeness(&self, consensus: &[u8], centre: usize, anchors: &[Anchor]) -> Vec<Likeness> {
        let (right, left) = self.ways(anchors);
        let towards = |ways: Vec<Way>, from: usize, down: bool| {
            let followers: Vec<Follower> = ways.into_iter().map(|way| Follower { way, from, down }).collect();
            follow(
                self.bases.codes(),
                consensus,
                &followers,
                &self.parameters.scores,
                self.parameters.scores.cap_penalty,
            )
        };
        let rights = towards(right, centre, false);
        let lefts = towards(left, centre, true);
        rights
            .iter()
            .zip(&lefts)
            .map(|(r, l)| Likeness { score: r.score + l.score, bases: r.bases() + l.bases() })
            .collect()
    }

    /// The family around a point, if there is one.
    fn family(&self, at: u64, anchors: &[Anchor]) -> Result<Outcome> {
        match self.family_beside(at, anchors, &[])? {
            // Copies of one place, nearly the same, hide older ones that they come from: one of them stands for all.
            Outcome::TooFew(copies) => {
                let apart = one_of(&copies, anchors.to_vec(), |anchor| anchor.at);
                if apart.len() < self.parameters.min_copies || apart.len() == anchors.len() {
                    return Ok(Outcome::TooFew(copies));
                }
                match self.family_beside(at, &apart, &copies)? {
                    Outcome::Nothing => Ok(Outcome::TooFew(copies)),
                    other => Ok(other),
                }
            }
            other => Ok(other),
        }
    }

    /// The family around a point, grown over its partners and no more than one of the `duplicates`.
    fn family_beside(&self, at: u64, anchors: &[Anchor], duplicates: &[FamilyCopy]) -> Result<Outcome> {
        // The nearest relatives of the place itself, so that a related family does not come into it.
        let window = self.window(at);
        let template: Vec<u8> =
            self.bases.codes()[window.start as usize..window.end as usize].iter().map(|code| code & !SIMPLE).collect();
        let mut near: Vec<(i32, Anchor)> = self
            .likeness(&template, (at - window.start) as usize, anchors)
            .iter()
            .map(|l| l.score)
            .zip(anchors.iter().copied())
            .collect();
        near.sort_by_key(|(score, anchor)| (Reverse(*score), anchor.at));
        near.truncate(NEAREST);
        let nearest: Vec<Anchor> = near.into_iter().map(|(_, anchor)| anchor).collect();
        let (core, centre) = self.grow(&nearest, 400);
        if core.len() < self.parameters.min_length {
            return Ok(Outcome::Nothing);
        }
        let centre = centre.min(core.len() - 1);
        let anchors = one_of(duplicates, self.anchors(&core, centre, CORE_BITS + self.extra)?, |anchor| anchor.at);
        let likeness = self.likeness(&core, centre, &anchors);
        let limit = divergence_limit(likeness.iter().filter(|l| l.score >= CORE_SCORE));
        let mut anchors: Vec<(i32, Anchor)> = likeness
            .iter()
            .zip(anchors)
            .filter(|(l, _)| l.score >= CORE_SCORE && l.divergence() <= limit)
            .map(|(l, a)| (l.score, a))
            .collect();
        if anchors.len() < self.parameters.min_copies {
            return Ok(Outcome::Nothing);
        }
        anchors.sort_by_key(|(score, anchor)| (Reverse(*score), anchor.at));
        let anchors: Vec<Anchor> = anchors.into_iter().map(|(_, anchor)| anchor).collect();
        let (consensus, _) = self.grow(&anchors, self.parameters.scores.max_extend);
        if consensus.len() < self.parameters.min_length {
            return Ok(Outcome::Nothing);
        }
        let (consensus, copies) = self.lengthen(consensus, duplicates)?;
        let mut depth = vec![0i32; consensus.len() + 1];
        let mut seed = None;
        for (copy, _) in &copies {
            depth[copy.consensus.start as usize] += 1;
            depth[copy.consensus.end as usize] -= 1;
            if copy.genome.contains(&at) {
                seed = Some(copy.clone());
            }
        }
        let mut now = 0;
        let least = self.parameters.min_copies;
        let deep = depth
            .iter()
            .filter(|d| {
                now += **d;
                now as usize >= least
            })
            .count();
        let mut copies: Vec<FamilyCopy> = copies.into_iter().map(|(copy, _)| copy).collect();
        copies.sort_by_key(|copy| copy.genome.start);
        let mut end = None;
        let loci = copies
            .iter()
            .filter(|copy| {
                let apart = end.is_none_or(|end| copy.genome.start >= end + self.parameters.tandem_distance);
                end = end.max(Some(copy.genome.end));
                apart
            })
            .count();
        if loci < least || deep < self.parameters.min_length {
            return Ok(Outcome::TooFew(copies));
        }
        Ok(match seed.or_else(|| copies.first().cloned()) {
            Some(seed) => Outcome::Family(Family { consensus, seed, copies }),
            None => Outcome::Nothing,
        })
    }
}

/// Leaves the first of those that lie in one of the duplicates, and all others.
fn one_of<T>(duplicates: &[FamilyCopy], mut all: Vec<T>, at: impl Fn(&T) -> u64) -> Vec<T> {
    let mut seen = false;
    all.retain(|item| {
        let within = duplicates.iter().any(|copy| copy.genome.contains(&at(item)));
        !(within && std::mem::replace(&mut seen, true))
    });
    all
}

/// What comes of a point.
enum Outcome {
    Family(Family),
    /// The copies of something that has too few of them, or all in one place.
    TooFew(Vec<FamilyCopy>),
    Nothing,
}

/// Copies, and how well each aligns.
type Copies = Vec<(FamilyCopy, Likeness)>;

/// How well a copy aligns.
#[derive(Debug, Clone, Copy)]
struct Likeness {
    score: i32,
    bases: u32,
}

impl Likeness {
    /// About the share of bases that differ.
    fn divergence(&self) -> f32 {
        (1.0 - self.score as f32 / self.bases.max(1) as f32) / 2.0
    }
}

/// Divergence past which a copy is more likely one of a related family: from the divergence that a quarter of the aligned
/// bases stay within.
fn divergence_limit<'a>(copies: impl Iterator<Item = &'a Likeness>) -> f32 {
    let mut all: Vec<(f32, u32)> = copies.map(|copy| (copy.divergence(), copy.bases)).collect();
    all.sort_by(|a, b| a.0.total_cmp(&b.0));
    let total: u64 = all.iter().map(|(_, bases)| u64::from(*bases)).sum();
    let mut sum = 0;
    let low = all
        .iter()
        .find(|(_, bases)| {
            sum += u64::from(*bases);
            4 * sum >= total
        })
        .map_or(0.0, |(d, _)| *d);
    1.6 * low + 0.03
}

/// What discovery found.
#[derive(Debug)]
pub struct Discovery {
    /// Drafts, in the order in which they were found: those with most copies first.
    pub families: Vec<Family>,
    /// Bases of the genome that they explain.
    pub explained: u64,
    /// Consensus sequences with too few copies, or copies in one place only: segmental duplications, tandem repeats.
    pub left_out: u64,
    held: Reservation,
}

/// Bytes that a thread takes at the least for the seeds that one query shares with a genome, beside a byte for each base of
/// the genome for those that are shared by chance, which end at so many (measured on yeast and simulated genomes).
const MIN_SHARED: u64 = 3 << 20;
const MAX_SHARED: u64 = 64 << 20;

/// Bytes of memory, about, without which no families are found in a genome of so many bases and contigs on `threads`
/// threads, beside an open index: a genome full of repeats takes more.
pub fn families_memory(bases: u64, contigs: u64, threads: u64) -> u64 {
    let table = SeedTable::bytes(&Pattern::for_genome(bases), bases);
    let tables = contigs.saturating_mul(3 * size_of::<Contig>() as u64);
    bases + tables + table + bases.div_ceil(BIN) * PER_BIN + threads * (bases.min(MAX_SHARED) + MIN_SHARED)
}

/// Finds drafts of the families of a genome.
///
/// # Errors
/// [`Error::Memory`] where the genome does not fit the budget, [`Error::Usage`] where it has more than 2^32-1 bases;
/// [`Error::Damaged`] and [`Error::Io`] from the index.
pub fn discover(index: &Index, parameters: &Parameters, progress: &dyn Progress) -> Result<Discovery> {
    let length = index.manifest().genome.bases;
    if length > u64::from(u32::MAX) {
        return Err(Error::Usage(format!(
            "the genome has {length} bases and families are found in up to {}; index a part of its contigs",
            u32::MAX
        )));
    }
    let (budget, contigs) = (index.budget(), index.manifest().genome.contigs);
    let threads = rayon::current_num_threads();
    let least = |threads: usize| budget.used() + families_memory(length, contigs, threads as u64);
    if least(threads) > budget.limit() {
        // With more memory there may be more threads.
        let named = least(threads.max(available_threads()));
        return Err(Error::memory("the search for families", named, budget.limit()));
    }
    progress.phase("unpack", None);
    let mut bases = Bases::of(index)?;
    bases.mark_simple();
    progress.phase("seeds", None);
    let table = SeedTable::new(&bases, Pattern::for_genome(length), UNKNOWN | SIMPLE, index.budget())?;
    let bins = length.div_ceil(BIN);
    let _held = index.budget().reserve(Component::Seeds, bins * PER_BIN, "the profile of the genome")?;
    let held = index.budget().hold(Component::Output);
    let mut work = Work {
        bases,
        table: &table,
        parameters,
        progress,
        budget: index.budget(),
        extra: extra_bits(&table),
        spare: Mutex::new(Vec::new()),
        tried: vec![false; bins as usize],
        found: Discovery { families: Vec::new(), explained: 0, left_out: 0, held },
    };
    for sample in samples(length, parameters.sample) {
        let depth = profile(&work.bases, &table, parameters, &sample, index.budget(), progress)?;
        malloc_trim();
        let worth = |depth: u16| usize::from(depth) + 1 >= parameters.min_copies;
        let deep = depth.iter().zip(0..).filter(|(depth, _)| worth(**depth));
        let points = deep.map(|(&depth, bin)| (depth, Reverse(bin))).collect();
        drop(depth);
        progress.phase("families", Some(length));
        work.grow(points)?;
    }
    Ok(work.found)
}

/// The first sample of a genome above [`AT_ONCE`].
const FIRST_SAMPLE: u64 = 64 << 20;
/// Genomes up to this are not worked in samples unless that is asked for.
const AT_ONCE: u64 = 256 << 20;

/// Shares of the genome, as ranges of what [`rank`] gives, each three times as large as the one before; the last is what is left.
fn samples(length: u64, first: Option<u64>) -> Vec<Range<u64>> {
    let first = first.unwrap_or(if length > AT_ONCE { FIRST_SAMPLE } else { length });
    let mut size = first.min(length).max(TILE);
    let mut samples = Vec::new();
    let mut start = 0;
    while start < length {
        // Less than as much again is taken too.
        let end = if start + 2 * size > length { length } else { start + size };
        samples.push(start..end);
        (start, size) = (end, size.saturating_mul(3));
    }
    samples
}

/// Where a tile stands in an order in which those that follow each other lie all over a genome of this length.
fn rank(tile: u64, length: u64) -> u64 {
    // The golden ratio spreads multiples most evenly.
    (u64::from((tile as u32).wrapping_mul(0x9e37_79b1)) * length) >> 32
}

/// Discovery while it goes on.
struct Work<'a> {
    bases: Bases,
    table: &'a SeedTable,
    parameters: &'a Parameters,
    progress: &'a dyn Progress,
    budget: &'a Budget,
    extra: f32,
    spare: Mutex<Vec<Hits>>,
    /// Bins that were looked at.
    tried: Vec<bool>,
    found: Discovery,
}

impl Work<'_> {
    /// Grows families around points, the deepest first, until none is left.
    fn grow(&mut self, mut points: BinaryHeap<(u16, Reverse<u64>)>) -> Result<()> {
        let Self { bases, table, parameters, progress, budget, extra, spare, tried, found } = self;
        while found.families.len() < parameters.max_families {
            let batch = next_points(&mut points, bases, tried);
            if batch.is_empty() {
                break;
            }
            let search = Search { bases, table, parameters, extra: *extra, budget, spare };
            let anchored: Vec<Vec<Anchor>> =
                batch.par_iter().map(|&(_, bin)| search.anchors_around(middle(bin))).collect::<Result<_>>()?;
            // Those that share copies would be one family: the first goes on, the others come again.
            let mut loci: Vec<u64> = Vec::new();
            let mut chosen = Vec::new();
            for ((depth, bin), anchors) in batch.into_iter().zip(anchored) {
                if anchors.len() < parameters.min_copies {
                    give_up(tried, bin.saturating_sub(WITHIN)..bin + WITHIN + 1);
                } else if anchors.iter().any(|anchor| loci.iter().any(|&at| at.abs_diff(anchor.at) < APART)) {
                    points.push((depth, Reverse(bin)));
                } else {
                    loci.extend(anchors.iter().map(|anchor| anchor.at));
                    chosen.push((bin, anchors));
                }
            }
            let outcomes: Vec<Outcome> =
                chosen.par_iter().map(|(bin, anchors)| search.family(middle(*bin), anchors)).collect::<Result<_>>()?;
            for ((bin, anchors), outcome) in chosen.into_iter().zip(outcomes) {
                give_up(tried, bin.saturating_sub(2)..bin + 3);
                match outcome {
                    Outcome::Family(family) if found.families.len() < parameters.max_families => {
                        // An earlier one of the batch may have taken its copies.
                        let all: u64 = family.copies.iter().map(|copy| copy.genome.end - copy.genome.start).sum();
                        let free: u64 = family.copies.iter().map(|copy| bases.free(&copy.genome)).sum();
                        if 2 * free < all {
                            continue;
                        }
                        family.copies.iter().for_each(|copy| bases.take(&copy.genome));
                        found.explained += free;
                        progress.advance(free);
                        let bytes = family.consensus.capacity() + family.copies.capacity() * size_of::<FamilyCopy>();
                        found.held.grow((bytes + size_of::<Family>()) as u64, "drafts of families")?;
                        found.families.push(family);
                    }
                    Outcome::Family(_) => {}
                    // The same place of the other copies would fail as this one did.
                    Outcome::Nothing => anchors.iter().for_each(|anchor| {
                        let bin = anchor.at / BIN;
                        give_up(tried, bin.saturating_sub(1)..bin + 2);
                    }),
                    Outcome::TooFew(copies) => {
                        found.left_out += 1;
                        copies
                            .iter()
                            .for_each(|copy| give_up(tried, copy.genome.start / BIN..copy.genome.end.div_ceil(BIN)));
                    }
                }
            }
        }
        Ok(())
    }
}

/// Base that stands for a bin.
fn middle(bin: u64) -> u64 {
    bin * BIN + BIN / 2
}

/// Marks bins as looked at.
fn give_up(tried: &mut [bool], bins: Range<u64>) {
    let end = (bins.end as usize).min(tried.len());
    tried[(bins.start as usize).min(end)..end].fill(true);
}

/// The deepest bins that were not looked at and are not taken, apart from each other; those in between stay.
fn next_points(points: &mut BinaryHeap<(u16, Reverse<u64>)>, bases: &Bases, tried: &[bool]) -> Vec<(u16, u64)> {
    let mut batch: Vec<(u16, u64)> = Vec::new();
    let mut later = Vec::new();
    while batch.len() < POINTS && later.len() < MOST_LATER {
        let Some((depth, Reverse(bin))) = points.pop() else { break };
        let at = middle(bin);
        if at >= bases.len() || tried[bin as usize] || bases.codes()[at as usize] & (TAKEN | UNKNOWN) != 0 {
            continue;
        }
        if batch.iter().any(|&(_, other)| other.abs_diff(bin) * BIN < APART) {
            later.push((depth, Reverse(bin)));
        } else {
            batch.push((depth, bin));
        }
    }
    points.extend(later);
    batch
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_the_genome_each_lies_all_over_it_and_they_grow() {
        assert_eq!(samples(200 << 20, None).len(), 1);
        assert_eq!(samples(0, None), []);
        assert_eq!(samples(1000, Some(u64::MAX)).len(), 1);
        for (length, first) in
            [(1_000_000_000, None), (10_000_000, Some(1 << 20)), (3_000_000, Some(1)), (u32::MAX.into(), Some(1 << 26))]
        {
            let samples = samples(length, first);
            assert!(samples.len() > 1 && samples[0].start == 0 && samples[samples.len() - 1].end == length);
            assert!(samples.windows(2).all(|pair| pair[0].end == pair[1].start));
            let sizes: Vec<u64> = samples[..samples.len() - 1].iter().map(|sample| sample.end - sample.start).collect();
            assert!(sizes.windows(2).all(|pair| pair[1] == 3 * pair[0]));
            let tiles: Vec<u64> =
                (0..length.div_ceil(TILE)).filter(|&tile| samples[0].contains(&rank(tile, length))).collect();
            let share = (samples[0].end as f64 / length as f64) * length.div_ceil(TILE) as f64;
            assert!((tiles.len() as f64 - share).abs() < 3.0, "{} tiles of {share}", tiles.len());
            // None is far from the next.
            let apart = length.div_ceil(TILE) as f64 / share;
            assert!(tiles.windows(2).all(|pair| ((pair[1] - pair[0]) as f64) < 4.0 * apart + 2.0));
            assert!((0..length.div_ceil(TILE)).all(|tile| rank(tile, length) < length));
        }
    }
}
