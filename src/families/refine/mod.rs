//! From drafts to families: whole, apart from each other, with all their copies.
//!
//! Each round searches the genome for the whole library once, then treats every family by itself, in parallel:
//!
//! 1. An alignment belongs to the family to which it fits best (`places`). A family that another one contains is dropped.
//! 2. The copies correct the consensus by majority, and its ends are cut back to where they agree (`consensus`).
//! 3. Copies that go on beyond an end are grown together as long as they agree (the extension kernel of discovery).
//!
//! When nothing changes, families that are several are taken apart, and the insides of elements with few whole copies are looked for
//! (`parts`). What is left is judged (`judge`): a family of transposons has copies in enough places of which
//! the flanks differ. What a block of the genome contained that turns out to be none comes back, and is worked on in the same way.

mod alike;
mod coding;
mod consensus;
mod judge;
mod parts;
mod places;

use std::ops::Range;

use rayon::prelude::*;

use crate::align::{Alignment, Library, SearchOptions, search};
use crate::families::bases::Bases;
use crate::families::classify::direct_repeat;
use crate::families::extension::{Reach, Way, extend};
use crate::families::{Family, FamilyCopy, Parameters, Scores};
use crate::kmer::Strand;
use crate::memory::system::malloc_trim;
use crate::memory::{Budget, Component};
use crate::sequence::letters;
use crate::{Index, Progress, Result};
pub(super) use consensus::{Step, walk};
use consensus::{anchor, seams, supported, vote, within_common_ends};
pub use judge::LeftOut;
use judge::{Verdict, Why, judge, neither_flank_like};
pub use parts::Part;
pub(super) use places::Placed;
use places::contained;

/// How families are refined.
#[derive(Debug, Clone)]
pub struct RefineOptions {
    /// Of the extension.
    pub scores: Scores,
    /// Fewest places of a family of which the flanks differ.
    pub min_copies: usize,
    /// Shortest consensus.
    pub min_length: usize,
    /// Most rounds, of one search each, in which families grow; those that come back have rounds of their own.
    pub rounds: usize,
    /// Most copies that make a consensus, the best.
    pub most_copies: usize,
}

impl Default for RefineOptions {
    fn default() -> Self {
        let Parameters { scores, min_length, min_copies, .. } = Parameters::default();
        Self { scores, min_copies, min_length, rounds: 5, most_copies: 120 }
    }
}

/// A family with all its copies.
#[derive(Debug, Clone)]
pub struct RefinedFamily {
    /// Base codes 0 to 3, one a byte.
    pub consensus: Vec<u8>,
    /// What the family began with.
    pub seed: FamilyCopy,
    /// What it is of an element.
    pub part: Part,
    /// Its copies, by place; a copy that something lies in has an alignment for each of its parts.
    pub copies: Vec<Alignment>,
    /// Whether most of its copies lie in rows, one behind the other.
    pub tandem: bool,
}

impl RefinedFamily {
    fn new(family: Working, mut copies: Vec<usize>, alignments: &[Alignment], tandem: bool) -> Self {
        copies.sort_unstable();
        let copies = copies.into_iter().map(|i| alignments[i].clone()).collect();
        let Working { consensus, seed, part, .. } = family;
        Self { consensus, seed, part, copies, tandem }
    }
}

/// What refinement gives.
#[derive(Debug)]
pub struct Refined {
    /// The families, those with the most bases in the genome first.
    pub families: Vec<RefinedFamily>,
    /// What is no family of its own, and why.
    pub left_out: LeftOut,
    /// Rounds until nothing changed, or the most allowed.
    pub rounds: usize,
}

/// E-value of the weakest copies that are looked at: where these end tells of a family too.
const MAX_E_VALUE: f64 = 0.1;
/// Most rounds in which families are taken apart.
const APART: u32 = 3;
/// Whole copies of an element of which flanks are compared.
const MOST_WHOLE: usize = 10;
/// Rounds for families that come back, and how often any do.
const BACK: usize = 2;
const MOST_BACK: usize = 3;
/// Bytes of an alignment without its operations: itself, its place, what others take of it, and its number in the lists of copies.
const PER_ALIGNMENT: usize =
    size_of::<Alignment>() + size_of::<Placed<'_>>() + 2 * size_of::<u64>() + 3 * size_of::<usize>();
/// Bytes of a column of a consensus while its copies vote.
const PER_COLUMN: u64 = 64;

/// A family while it is worked on.
#[derive(Debug, Clone)]
struct Working {
    consensus: Vec<u8>,
    seed: FamilyCopy,
    part: Part,
    /// Bases of the terminal repeat on either side of an inside; 0 of others.
    beside: u64,
    /// Alignments that were found for this consensus, once nothing changes it any more.
    settled: Option<Vec<Alignment>>,
    /// Whether it was judged to be a family, and is not worked on any more.
    judged: bool,
    /// Families that were dropped since this one contains them. They come back where it turns out to be none.
    holds: Vec<Working>,
    /// Where the copies lie of the block that it came back from, if that had come back itself.
    block: Vec<Range<u64>>,
}

impl Working {
    fn new(consensus: Vec<u8>, seed: FamilyCopy) -> Self {
        Self {
            consensus,
            seed,
            part: Part::Whole,
            beside: 0,
            settled: None,
            judged: false,
            holds: Vec::new(),
            block: Vec::new(),
        }
    }

    /// What became of the family; what it holds goes to the first of the parts.
    fn with_parts(&self, mut parts: Vec<Self>) -> Vec<Self> {
        if let Some(first) = parts.first_mut() {
            first.holds.clone_from(&self.holds);
        }
        parts
    }

    /// The same family with another consensus, of which nothing is known yet.
    fn with_consensus(&self, consensus: Vec<u8>) -> Self {
        Self { block: self.block.clone(), ..Self::new(consensus, self.seed.clone()) }
    }

    /// The family with the alignments that were found last.
    fn as_it_is(&self) -> Self {
        Self { settled: Some(Vec::new()), ..self.clone() }
    }
}

/// What is done with the families in a round.
#[derive(Debug, Clone, Copy)]
enum Stage {
    /// They are corrected and grown.
    Growing,
    /// They are taken apart where their copies end, so many times by now; what comes of it is not grown any more.
    Apart(u32),
    /// The insides of elements are looked for, once.
    Insides,
    /// They are judged.
    Done,
}

/// Refines drafts until nothing changes.
///
/// Memory is that of a [`search`], of the genome (a byte a base) and of the alignments.
///
/// # Errors
/// As [`search`]'s.
pub fn refine(
    index: &Index,
    drafts: Vec<Family>,
    options: &RefineOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Refined> {
    let bases = Bases::of(index)?;
    let contigs = index.contigs()?;
    let mut left_out = LeftOut::default();
    // Alignments, and what is told of each while they are looked at.
    let mut held = budget.hold(Component::Batches);
    let mut families: Vec<Working> =
        drafts.into_iter().map(|draft| Working::new(draft.consensus, draft.seed)).collect();
    let mut stage = Stage::Growing;
    // The last round in which families are grown, and how often any came back.
    let (mut last, mut back) = (options.rounds, 0);
    for round in 1.. {
        progress.phase("refine", Some(families.len() as u64));
        // What the round before looked at, and discovery, the search can use.
        malloc_trim();
        held.resize(bytes_of(families.iter().filter_map(|family| family.settled.as_ref()).flatten()));
        let alignments = all_alignments(index, &mut families, budget)?;
        let bytes = bytes_of(&alignments);
        held.grow(bytes.saturating_sub(held.bytes()), "the alignments of the families")?;
        held.resize(bytes);
        let placed: Vec<Placed<'_>> = alignments.iter().map(|a| Placed::new(a, contigs)).collect();
        let lengths: Vec<usize> = families.iter().map(|f| f.consensus.len()).collect();
        let judged: Vec<bool> = families.iter().map(|f| f.judged).collect();
        let container = contained(&placed, &lengths, &judged);
        let mut kept: Vec<bool> = container.iter().map(Option::is_none).collect();
        hold(&mut families, &container);
        let mut copies = places::copies(&placed, &kept);
        if round > 1 {
            let explained = places::explained(&placed, &kept, &copies, options.min_copies);
            kept.iter_mut().zip(explained).for_each(|(kept, explained)| *kept &= !explained);
            copies = places::copies(&placed, &kept);
        }
        let dropped = kept.iter().filter(|&&kept| !kept).count();
        left_out.contained += dropped as u64;
        let settled = families.iter().all(|f| f.settled.is_some());
        stage = match stage {
            Stage::Growing if round <= last && (dropped > 0 || !settled) => Stage::Growing,
            Stage::Growing => Stage::Apart(1),
            Stage::Apart(times) if times < APART && !settled => Stage::Apart(times + 1),
            Stage::Apart(_) => Stage::Insides,
            Stage::Insides | Stage::Done => Stage::Done,
        };
        let mut others = Vec::new();
        if matches!(stage, Stage::Insides) {
            others = parts::insides(&families, &kept, &placed, &copies, &bases);
            if others.is_empty() {
                stage = Stage::Done;
            }
        }
        if matches!(stage, Stage::Done) {
            let verdicts = loop {
                let verdicts: Vec<Option<Verdict>> = families
                    .par_iter()
                    .zip(&copies.own)
                    .zip(&kept)
                    .map(|((family, own), kept)| {
                        let mut own: Vec<&Placed<'_>> = own.iter().map(|&i| &placed[i]).collect();
                        own.sort_unstable_by_key(|copy| copy.alignment.place());
                        kept.then(|| judge(family, &own, &bases, contigs, options))
                    })
                    .collect();
                let not = verdicts.iter().enumerate().filter_map(|(family, verdict)| match verdict {
                    Some(Verdict::Not(why)) => Some((family, *why)),
                    _ => None,
                });
                let not: Vec<(usize, Why)> = not.collect();
                if not.is_empty() {
                    break verdicts;
                }
                for (family, why) in not {
                    left_out.count(why);
                    kept[family] = false;
                    let block = match back {
                        0 => Vec::new(),
                        _ => parts::block(&families[family], &copies.own[family], &placed, &bases),
                    };
                    let returned = |held| Working { block: block.clone(), ..held };
                    others.extend(families[family].holds.drain(..).map(returned));
                }
                // What they took is the others' now.
                copies = places::copies(&placed, &kept);
            };
            if back == MOST_BACK || others.is_empty() {
                let families = families.into_iter().zip(copies.own).zip(verdicts);
                let families = families.filter_map(|((family, own), verdict)| match verdict {
                    Some(Verdict::Family { tandem }) => Some(RefinedFamily::new(family, own, &alignments, tandem)),
                    _ => None,
                });
                let mut families: Vec<RefinedFamily> = families.collect();
                families.sort_by_cached_key(|family| {
                    let bases: u64 = family.copies.iter().map(|copy| copy.range.end - copy.range.start).sum();
                    (std::cmp::Reverse(bases), family.consensus.clone())
                });
                return Ok(Refined { families, left_out, rounds: round - 1 });
            }
            left_out.contained -= others.len() as u64;
            (stage, last, back) = (Stage::Growing, round + BACK, back + 1);
            families.iter_mut().for_each(|family| family.judged = true);
        }
        // Votes and columns of one family a thread, and its dynamic program.
        let longest = lengths.iter().max().map_or(0, |&longest| longest as u64);
        let scratch = rayon::current_num_threads() as u64 * longest * PER_COLUMN;
        let _scratch = budget.reserve(Component::Batches, scratch, "the columns of the families")?;
        let next: Vec<Vec<Working>> = families
            .par_iter()
            .zip(&copies.fitting)
            .zip(&kept)
            .map(|((family, fitting), &kept)| {
                progress.advance(1);
                let copies: Vec<Placed<'_>> = fitting.iter().map(|&i| placed[i].clone()).collect();
                match stage {
                    _ if !kept => Vec::new(),
                    _ if family.judged => vec![family.as_it_is()],
                    Stage::Growing => improved(family, &copies, &bases, options),
                    Stage::Apart(_) => parts::apart(family, &copies, options),
                    Stage::Insides | Stage::Done => vec![family.as_it_is()],
                }
            })
            .collect();
        // The alignments of families that stay as they are go with them.
        let mut stays: Vec<Option<Vec<Alignment>>> =
            next.iter().map(|parts| parts.iter().any(|f| f.settled.is_some()).then(Vec::new)).collect();
        drop(placed);
        for alignment in alignments {
            if let Some(found) = &mut stays[alignment.query as usize] {
                found.push(alignment);
            }
        }
        families = next
            .into_iter()
            .zip(stays)
            .flat_map(|(parts, found)| parts.into_iter().map(move |part| Working { settled: found.clone(), ..part }))
            .chain(others)
            .collect();
        let before = families.len();
        families.retain(|family| family.consensus.len() >= options.min_length);
        left_out.few_copies += (before - families.len()) as u64;
        // Pieces of one family are by now the same, and need not be searched for each.
        let consensi: Vec<&[u8]> = families.iter().map(|f| &f.consensus[..]).collect();
        let mut container = alike::repeated(&consensi);
        for (family, holder) in container.iter_mut().enumerate() {
            *holder = holder.filter(|&holder| families[family].judged <= families[holder].judged);
        }
        hold(&mut families, &container);
        left_out.contained += container.iter().flatten().count() as u64;
        let mut container = container.into_iter();
        families.retain(|_| container.next() == Some(None));
    }
    unreachable!("the rounds end")
}

/// Bytes that alignments take while they are looked at.
fn bytes_of<'a>(alignments: impl IntoIterator<Item = &'a Alignment>) -> u64 {
    alignments.into_iter().map(|a| (PER_ALIGNMENT + size_of_val(&a.operations[..])) as u64).sum()
}

/// Hands families that others contain to these.
fn hold(families: &mut [Working], container: &[Option<usize>]) {
    for (family, holder) in container.iter().enumerate() {
        let Some(mut holder) = *holder else { continue };
        while let Some(next) = container[holder] {
            holder = next;
        }
        let Working { consensus, seed, holds, .. } = &mut families[family];
        let (held, holds) = (Working::new(consensus.clone(), seed.clone()), std::mem::take(holds));
        families[holder].holds.extend(holds.into_iter().chain([held]));
    }
}

/// All alignments of the library, by place: those of settled families as they were, the others from one search.
fn all_alignments(index: &Index, families: &mut [Working], budget: &Budget) -> Result<Vec<Alignment>> {
    let mut library = Library::default();
    let mut numbers = Vec::new();
    let mut alignments = Vec::new();
    for (number, family) in (0..).zip(families) {
        if let Some(found) = &mut family.settled {
            alignments.extend(found.drain(..).map(|alignment| Alignment { query: number, ..alignment }));
        } else {
            library.push(number.to_string(), letters(&family.consensus).collect::<Vec<u8>>());
            numbers.push(number);
        }
    }
    if !library.is_empty() {
        let options = SearchOptions { skip_nested: true, max_e_value: MAX_E_VALUE, ..SearchOptions::default() };
        let found = search(index, &library, &options, budget)?;
        alignments.extend(found.into_iter().map(|a| Alignment { query: numbers[a.query as usize], ..a }));
    }
    // Those of settled families come family by family.
    alignments.par_sort_unstable_by(|a, b| a.place().cmp(&b.place()));
    Ok(alignments)
}

/// A family after a round: itself, or its parts where it falls apart, or nothing where too few copies support any of it.
fn improved(family: &Working, copies: &[Placed<'_>], bases: &Bases, options: &RefineOptions) -> Vec<Working> {
    let old = family.consensus.len();
    let voters = &copies[..copies.len().min(options.most_copies)];
    // Where there are many copies, three make an end; where there are few, two.
    let least = if copies.len() < 20 { 2 } else { 3 };
    if voters.len() < least {
        return Vec::new();
    }
    let seams = seams(voters, old);
    if !seams.is_empty() {
        let edges: Vec<usize> = [0].into_iter().chain(seams).chain([old]).collect();
        let part = |edge: &[usize]| family.with_consensus(family.consensus[edge[0]..edge[1]].to_vec());
        return family.with_parts(edges.windows(2).map(part).collect());
    }
    let vote = vote(&family.consensus, voters, bases);
    let kept = match is_bounded(&family.consensus, voters, bases) {
        true => supported(&vote, 2),
        false => within_common_ends(&vote, voters, supported(&vote, least as u32)),
    };
    let middle = &vote.consensus[kept.clone()];
    if middle.len() < options.min_length.min(30) {
        return Vec::new();
    }
    let columns = vote.column(kept.start, old)..vote.column(kept.end, old);
    // What came back from a block does not grow into it again: it goes on where a good part of its copies do.
    let agreeing = if family.block.is_empty() {
        least
    } else {
        let covered: usize = copies.iter().map(|copy| copy.alignment.query_range.len()).sum();
        least.max(covered / old / 3)
    };
    let (left, right) = beyond(voters, &columns, old, bases, options, agreeing);
    let moved = left.len().abs_diff(kept.start) + right.len().abs_diff(vote.consensus.len() - kept.end);
    if moved < 8 && u64::from(vote.changes) * 300 < middle.len() as u64 {
        // What changes is not worth another search: the family stays what its alignments were made with.
        return vec![family.as_it_is()];
    }
    let mut consensus: Vec<u8> = left.into_iter().rev().collect();
    consensus.extend_from_slice(middle);
    consensus.extend(right);
    if let Some(period) = period(&consensus) {
        // Twice the same element, or many units of a tandem repeat: one is enough, and grows again where it should.
        consensus.truncate(period);
    }
    family.with_parts(vec![family.with_consensus(consensus)])
}

/// Whether a consensus begins and ends with a terminal repeat, and two whole copies of it lie in places of which neither flank is like the
/// other's: an element, however many copies a part of it has.
fn is_bounded(consensus: &[u8], copies: &[Placed<'_>], bases: &Bases) -> bool {
    const SLACK: u32 = 60;
    let whole = |copy: &&Placed<'_>| {
        let range = &copy.alignment.query_range;
        range.start <= SLACK && range.end + SLACK >= consensus.len() as u32
    };
    let whole: Vec<&Placed<'_>> = copies.iter().filter(whole).take(MOST_WHOLE).collect();
    whole.len() >= 2
        && direct_repeat(consensus).is_some()
        && whole
            .iter()
            .enumerate()
            .any(|(i, one)| whole[i + 1..].iter().any(|other| neither_flank_like(one, other, bases)))
}

/// The period of a consensus that repeats itself over more than its terminal repeats.
fn period(consensus: &[u8]) -> Option<usize> {
    const WORD: usize = 12;
    /// Offsets that are counted together: indels come between.
    const BIN: usize = 16;
    let mut places: std::collections::BTreeMap<u32, Vec<u32>> = std::collections::BTreeMap::new();
    for (at, word) in consensus.windows(WORD).enumerate() {
        let key = word.iter().fold(0, |key, &code| key << 2 | u32::from(code & 3));
        places.entry(key).or_default().push(at as u32);
    }
    let mut offsets = vec![0u32; consensus.len() / BIN + 2];
    for at in places.values().filter(|at| at.len() > 1) {
        for (i, &first) in at.iter().enumerate().take(20) {
            for &second in at[i + 1..].iter().take(20) {
                offsets[(second - first) as usize / BIN] += 1;
            }
        }
    }
    let length = consensus.len();
    let least = (length * 3 / 5).saturating_sub(BIN);
    (3..offsets.len().saturating_sub(1))
        .take_while(|bin| bin * BIN <= least)
        .find(|&bin| (offsets[bin] + offsets[bin + 1]) as usize * 10 >= 3 * (length - bin * BIN))
        .map(|bin| {
            // The offset within the two bins that most words have.
            let mut exact = std::collections::BTreeMap::new();
            for at in places.values().filter(|at| at.len() > 1) {
                for pair in at.windows(2) {
                    *exact.entry((pair[1] - pair[0]) as usize).or_insert(0u32) += 1;
                }
            }
            let near = exact
                .range(bin * BIN..(bin + 2) * BIN)
                .max_by_key(|(offset, count)| (**count, std::cmp::Reverse(**offset)));
            near.map_or(bin * BIN, |(&offset, _)| offset)
        })
}

/// Bases beyond the first and the last column kept, outward. The end that gains more goes first; the other one then follows the copies
/// that took part, so that a terminal repeat does not grow on either side by the other's neighbours.
fn beyond(
    copies: &[Placed<'_>],
    columns: &Range<u32>,
    old: usize,
    bases: &Bases,
    options: &RefineOptions,
    least: usize,
) -> (Vec<u8>, Vec<u8>) {
    let left = Side::new(copies, columns, old, bases, true);
    let right = Side::new(copies, columns, old, bases, false);
    let every = |_: usize| true;
    let (first, second) = (left.grow(bases, options, least, every), right.grow(bases, options, least, every));
    let gains = |(consensus, reaches): &(Vec<u8>, Vec<(usize, Reach)>)| {
        if consensus.is_empty() { 0 } else { reaches.iter().map(|(_, r)| i64::from(r.score)).sum() }
    };
    let took_part = |grown: &(Vec<u8>, Vec<(usize, Reach)>)| -> Vec<usize> {
        let enough = grown.0.len().min(60) as u32 / 2;
        grown.1.iter().filter(|(_, r)| r.consensus >= enough).map(|&(i, _)| i).collect()
    };
    const LONG: usize = 60;
    if gains(&first) >= gains(&second) {
        if first.0.len() < LONG || second.0.is_empty() {
            return (first.0, second.0);
        }
        // Copies that do not reach the left end at all may well go on at the right.
        let (part, at_left) = (took_part(&first), left.numbers());
        let again = right.grow(bases, options, least, |i| part.contains(&i) || !at_left.contains(&i));
        (first.0, again.0)
    } else {
        if second.0.len() < LONG || first.0.is_empty() {
            return (first.0, second.0);
        }
        let (part, at_right) = (took_part(&second), right.numbers());
        let again = left.grow(bases, options, least, |i| part.contains(&i) || !at_right.contains(&i));
        (again.0, second.0)
    }
}

/// Copies that reach an end of the consensus, and where they go on.
struct Side {
    ways: Vec<(usize, Way)>,
    /// Copies that cover half of the consensus, where there are enough of them: what a terminal repeat alone shows is the other end's.
    deep: Option<Vec<usize>>,
}

impl Side {
    fn new(copies: &[Placed<'_>], columns: &Range<u32>, old: usize, bases: &Bases, left: bool) -> Self {
        // A copy may end this many columns before the end and still be one that reaches it.
        const SLACK: u32 = 24;
        let ways = (0..).zip(copies).filter_map(|(number, copy)| {
            let range = &copy.alignment.query_range;
            let reverse = copy.alignment.strand == Strand::Reverse;
            let down = left != reverse;
            // Bases from the position at hand outward to the first one beyond the end.
            let (at, steps) = if left {
                if range.start > columns.start {
                    if range.start > columns.start + SLACK {
                        return None;
                    }
                    let first = if reverse { copy.genome.end - 1 } else { copy.genome.start };
                    (first, i64::from(range.start - columns.start) + 1)
                } else if range.start == columns.start {
                    (if reverse { copy.genome.end - 1 } else { copy.genome.start }, 1)
                } else {
                    let (column, position) = anchor(copy, bases, columns.start)?;
                    (position, i64::from(column - columns.start) + 1)
                }
            } else if range.end <= columns.end {
                if range.end + SLACK < columns.end {
                    return None;
                }
                let last = if reverse { copy.genome.start } else { copy.genome.end - 1 };
                (last, i64::from(columns.end - range.end) + 1)
            } else {
                debug_assert!(columns.end as usize <= old);
                let (column, position) = anchor(copy, bases, columns.end)?;
                (position, -i64::from(column - columns.end))
            };
            let start = at as i64 + if down { -steps } else { steps };
            let contig = bases.contig_of(at);
            if start < contig.start as i64 || start >= contig.end as i64 {
                return None;
            }
            let way = Way { start: start as u64, down, complement: reverse, limits: (contig.start, contig.end) };
            Some((number, way))
        });
        let ways: Vec<(usize, Way)> = ways.collect();
        let half = (columns.end - columns.start) / 2;
        let covers_half = |&number: &usize| {
            let range = &copies[number].alignment.query_range;
            if left { range.end >= columns.start + half } else { range.start + half <= columns.end }
        };
        let deep: Vec<usize> = ways.iter().map(|&(number, _)| number).filter(covers_half).collect();
        Self { ways, deep: (deep.len() >= 3).then_some(deep) }
    }

    fn numbers(&self) -> Vec<usize> {
        self.ways.iter().map(|&(i, _)| i).collect()
    }

    /// The consensus beyond the end, and how far each copy follows it.
    fn grow(
        &self,
        bases: &Bases,
        options: &RefineOptions,
        least: usize,
        takes_part: impl Fn(usize) -> bool,
    ) -> (Vec<u8>, Vec<(usize, Reach)>) {
        let chosen: Vec<(usize, Way)> = {
            let deep = |i: &usize| self.deep.as_ref().is_none_or(|deep| deep.contains(i));
            self.ways.iter().filter(|(i, _)| deep(i) && takes_part(*i)).copied().collect()
        };
        if chosen.len() < least {
            return (Vec::new(), Vec::new());
        }
        let ways: Vec<Way> = chosen.iter().map(|&(_, way)| way).collect();
        let (mut consensus, reaches) = extend(bases.codes(), &ways, &options.scores, 0);
        consensus.truncate(common_end(&reaches, consensus.len(), least));
        (consensus, chosen.iter().map(|&(i, _)| i).zip(reaches).collect())
    }
}

/// Where an extension is to end: where three or more copies end together and fewer than three go on, or fewer than `least`.
fn common_end(reaches: &[Reach], length: usize, least: usize) -> usize {
    const TOGETHER: usize = 15;
    let mut ends: Vec<usize> = reaches.iter().map(|r| r.consensus as usize).collect();
    ends.sort_unstable();
    let going_on = |at: usize| ends.len() - ends.partition_point(|&e| e <= at);
    let together =
        |at: usize| ends.partition_point(|&e| e <= at + TOGETHER) - ends.partition_point(|&e| e + TOGETHER < at);
    let end = ends.iter().copied().find(|&at| going_on(at + TOGETHER) < 3 && together(at) >= 3);
    let supported = ends.len().checked_sub(least).map_or(0, |i| ends[i]);
    end.unwrap_or(length).min(supported).min(length)
}
