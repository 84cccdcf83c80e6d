//! One round of one family: its copies correct the consensus, cut its ends, and extend it beyond them.

use std::collections::BTreeMap;
use std::ops::Range;

use crate::families::bases::Bases;
use crate::families::copies::{PlacedAlignment, covered_columns, first_base_from};
use crate::families::extension::{CopyExtent, Cursor, extend};
use crate::families::flanks::neither_flank_alike;
use crate::families::refine::consensus::{Corrected, MIN_COMMON_ENDS, correct, seams, supported, within_common_ends};
use crate::families::refine::options::RefineOptions;
use crate::families::refine::state::FamilyState;
use crate::families::terminal_repeats::direct_repeats;

/// Copies from which on three of them make an end, with fewer two: two of many may share an end by chance.
const MANY_COPIES: usize = 20;
/// Shortest consensus that grows again, in bases, unless families may be shorter.
const MIN_SEED: usize = 30;
/// A family is unchanged if its ends move by fewer bases than this and fewer than [`MIN_CHANGED_PART`] change: a search
/// costs more than it adds.
const MIN_MOVED: usize = 8;
/// One of this many bases must change.
const MIN_CHANGED_PART: u64 = 300;
/// One of this many copies that reach an end, at least, must continue: if fewer do, they share what lies next to a copy
/// that was inserted into it, and `split` would separate it again.
const CONTINUING_PART: usize = 8;
/// A restored family grows as long as one of this many of its copies agree, so that it does not grow into the
/// duplication that had absorbed it. Tuned, as the thresholds above, on the simulated genomes of docs/families.md and
/// on yeast.
const RESTORED_PART: usize = 3;

/// A family after a round: itself, or its parts if it splits, or nothing if too few copies support any of it.
///
/// `copies` come best first.
pub(super) fn grow_family(
    family: &FamilyState,
    copies: &[PlacedAlignment<'_>],
    bases: &Bases<'_>,
    options: &RefineOptions,
) -> Vec<FamilyState> {
    let old_length = family.consensus.len();
    let voters = &copies[..copies.len().min(options.max_voters)];
    let min_copies = min_end_copies(copies);
    if voters.len() < min_copies {
        return Vec::new();
    }
    let seams = seams(voters, old_length);
    if !seams.is_empty() {
        let edges: Vec<usize> = [0].into_iter().chain(seams).chain([old_length]).collect();
        let part = |edge: &[usize]| family.with_consensus(family.consensus[edge[0]..edge[1]].to_vec());
        return family.replaced_by(edges.windows(2).map(part).collect());
    }
    let corrected = correct(&family.consensus, voters, bases);
    let kept = kept_part(&family.consensus, &corrected, voters, min_copies, bases);
    let middle = &corrected.consensus[kept.clone()];
    if middle.len() < options.min_length.min(MIN_SEED) {
        return Vec::new();
    }
    let columns = corrected.column(kept.start, old_length)..corrected.column(kept.end, old_length);
    let min_agreeing = if family.source_duplication.is_empty() {
        min_copies
    } else {
        let alignments: Vec<_> = copies.iter().map(|copy| copy.alignment).collect();
        min_copies.max(covered_columns(&alignments) / old_length / RESTORED_PART)
    };
    let ends = Ends { copies: voters, columns, bases, options, min_agreeing };
    let (left, right) = ends.grow();
    let moved = left.len().abs_diff(kept.start) + right.len().abs_diff(corrected.consensus.len() - kept.end);
    let is_same = moved < MIN_MOVED && u64::from(corrected.changes) * MIN_CHANGED_PART < middle.len() as u64;
    let mut consensus: Vec<u8> = left.into_iter().rev().collect();
    consensus.extend_from_slice(middle);
    consensus.extend(right);
    match repeat_period(&consensus) {
        // The same element twice, or many units of a tandem repeat: one is enough, and grows again if it should.
        Some(period) => consensus.truncate(period),
        None if is_same => return vec![family.unchanged()],
        None => {}
    }
    family.replaced_by(vec![family.with_consensus(consensus)])
}

/// Minimum number of copies that make an end of their family.
pub(super) fn min_end_copies(copies: &[PlacedAlignment<'_>]) -> usize {
    if copies.len() < MANY_COPIES { 2 } else { 3 }
}

/// The part of a corrected consensus that its copies support: `min_copies` of them, and their common ends.
pub(super) fn kept_part(
    consensus: &[u8],
    corrected: &Corrected,
    copies: &[PlacedAlignment<'_>],
    min_copies: usize,
    bases: &Bases,
) -> Range<usize> {
    if is_bounded(consensus, copies, bases) {
        // Two whole copies keep what lies between terminal repeats, however many pieces there are.
        return supported(corrected, 2);
    }
    within_common_ends(corrected, copies, supported(corrected, min_copies as u32))
}

/// Whether a consensus has terminal repeats, and two whole copies of it have neither flank in common: an element,
/// however many copies a part of it has.
fn is_bounded(consensus: &[u8], copies: &[PlacedAlignment<'_>], bases: &Bases<'_>) -> bool {
    /// Columns that a whole copy may lack at either end.
    const MAX_MISSING: u32 = 60;
    /// Whole copies whose flanks are compared: bounds the pairs.
    const MAX_WHOLE_COPIES: usize = 10;
    let is_whole = |copy: &&PlacedAlignment<'_>| {
        let range = &copy.alignment.query_range;
        range.start <= MAX_MISSING && range.end + MAX_MISSING >= consensus.len() as u32
    };
    let whole: Vec<&PlacedAlignment<'_>> = copies.iter().filter(is_whole).take(MAX_WHOLE_COPIES).collect();
    let differ = |(i, one): (usize, &&PlacedAlignment<'_>)| {
        whole[i + 1..].iter().any(|other| neither_flank_alike(one, other, bases))
    };
    whole.len() >= 2 && direct_repeats(consensus).is_some() && whole.iter().enumerate().any(differ)
}

/// The period in bases of a consensus that repeats itself over more than its terminal repeats.
fn repeat_period(consensus: &[u8]) -> Option<usize> {
    /// Bases of a word: a random one recurs within 10,000 bases in one of 1,700 cases.
    const WORD: usize = 12;
    /// Offsets that are counted together: insertions and deletions come between.
    const BIN: usize = 16;
    /// Bins of the shortest periods, which are not looked for: such consensi are simple repeats.
    const FIRST_BIN: usize = 3;
    /// Positions of a word that are paired: bounds the pairs.
    const MAX_POSITIONS: usize = 20;
    /// Per cent of the consensus that the period may be: the distance of the terminal repeats of an LTR element is
    /// larger.
    const MAX_PERIOD: usize = 60;
    /// Per cent of the words that recur one period on: a tenth of the bases of either unit may have changed.
    const MIN_RECURRING: usize = 30;
    let mut positions: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (at, word) in consensus.windows(WORD).enumerate() {
        let key = word.iter().fold(0, |key, &code| key << 2 | u32::from(code & 3));
        positions.entry(key).or_default().push(at as u32);
    }
    let repeated = || positions.values().filter(|at| at.len() > 1);
    let length = consensus.len();
    let mut offsets = vec![0u32; length / BIN + 2];
    for at in repeated() {
        for (i, &first) in at.iter().enumerate().take(MAX_POSITIONS) {
            for &second in at[i + 1..].iter().take(MAX_POSITIONS) {
                offsets[(second - first) as usize / BIN] += 1;
            }
        }
    }
    let last = (length * MAX_PERIOD / 100).saturating_sub(BIN) / BIN;
    let bin = (FIRST_BIN..offsets.len().saturating_sub(1))
        .take_while(|&bin| bin <= last)
        .find(|&bin| 100 * (offsets[bin] + offsets[bin + 1]) as usize >= MIN_RECURRING * (length - bin * BIN))?;
    // The offset within the two bins that most neighbouring words have.
    let mut exact: BTreeMap<usize, u32> = BTreeMap::new();
    for pair in repeated().flat_map(|at| at.windows(2)) {
        *exact.entry((pair[1] - pair[0]) as usize).or_default() += 1;
    }
    let near = exact.range(bin * BIN..(bin + 2) * BIN);
    let most = near.max_by_key(|(offset, count)| (**count, std::cmp::Reverse(**offset)));
    Some(most.map_or(bin * BIN, |(&offset, _)| offset))
}

/// The ends of a family's kept columns, and what they grow over.
struct Ends<'a> {
    copies: &'a [PlacedAlignment<'a>],
    /// Columns of the old consensus that are kept.
    columns: Range<u32>,
    bases: &'a Bases<'a>,
    options: &'a RefineOptions,
    /// Minimum number of copies that follow an extension.
    min_agreeing: usize,
}

/// An end of the consensus.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// Copies that reach an end of the consensus, by number, and the genome position from which they continue.
struct Reaching {
    cursors: Vec<(usize, Cursor)>,
    /// Copies that cover half of the consensus, if there are enough: others may be copies of a terminal repeat, which
    /// continue at its other end.
    covering: Option<Vec<usize>>,
}

impl Reaching {
    fn numbers(&self) -> Vec<usize> {
        self.cursors.iter().map(|&(number, _)| number).collect()
    }
}

/// The growth of an end.
struct EndGrowth {
    /// Bases outward.
    consensus: Vec<u8>,
    /// How far each copy follows them.
    extents: Vec<(usize, CopyExtent)>,
}

impl EndGrowth {
    /// Bases from which on the copies that followed show how the other end is to grow.
    const LONG: usize = 60;

    fn score(&self) -> i64 {
        if self.consensus.is_empty() { 0 } else { self.extents.iter().map(|(_, e)| i64::from(e.score)).sum() }
    }

    /// Copies that follow half of it, or half of the bases of a long one.
    fn followers(&self) -> Vec<usize> {
        let enough = self.consensus.len().min(Self::LONG) as u32 / 2;
        self.extents.iter().filter(|(_, e)| e.consensus >= enough).map(|&(number, _)| number).collect()
    }
}

impl Ends<'_> {
    /// Bases beyond the first and the last column kept, outward. The end that gains more grows first; the other one
    /// then follows the copies that took part, so that neither terminal repeat grows into what lies beyond the other.
    fn grow(&self) -> (Vec<u8>, Vec<u8>) {
        let (left, right) = (self.reaching(Side::Left), self.reaching(Side::Right));
        let (first, second) = (self.extend(&left, |_| true), self.extend(&right, |_| true));
        if first.score() >= second.score() {
            let again = self.extend_again(&first, &left, second, &right);
            (first.consensus, again.consensus)
        } else {
            let again = self.extend_again(&second, &right, first, &left);
            (again.consensus, second.consensus)
        }
    }

    /// The growth of the end that gained less, over copies that followed the other growth or do not reach that end at
    /// all.
    fn extend_again(&self, more: &EndGrowth, at_more: &Reaching, less: EndGrowth, at_less: &Reaching) -> EndGrowth {
        if more.consensus.len() < EndGrowth::LONG || less.consensus.is_empty() {
            return less;
        }
        let (followers, reaching) = (more.followers(), at_more.numbers());
        self.extend(at_less, |number| followers.contains(&number) || !reaching.contains(&number))
    }

    fn reaching(&self, side: Side) -> Reaching {
        /// Copies that cover half of the consensus from which on others do not take part.
        const MIN_COVERING: usize = 3;
        let numbered = (0..).zip(self.copies);
        let cursors: Vec<(usize, Cursor)> =
            numbered.filter_map(|(number, copy)| Some((number, self.cursor(copy, side)?))).collect();
        let half = (self.columns.end - self.columns.start) / 2;
        let covers_half = |&number: &usize| {
            let range = &self.copies[number].alignment.query_range;
            match side {
                Side::Left => range.end >= self.columns.start + half,
                Side::Right => range.start + half <= self.columns.end,
            }
        };
        let covering: Vec<usize> = cursors.iter().map(|&(number, _)| number).filter(covers_half).collect();
        Reaching { cursors, covering: (covering.len() >= MIN_COVERING).then_some(covering) }
    }

    /// Where a copy continues beyond an end, if it reaches it.
    fn cursor(&self, copy: &PlacedAlignment<'_>, side: Side) -> Option<Cursor> {
        /// Columns before the end at which a copy may end and still reach it: alignments of diverged copies lose some.
        const MAX_MISSING: u32 = 24;
        let range = &copy.alignment.query_range;
        let reverse = copy.is_reverse();
        let outward_down = (side == Side::Left) != reverse;
        // A base of the copy, and how many bases farther out the first one beyond the end is.
        let (at, distance) = match side {
            Side::Left if range.start < self.columns.start => {
                let (column, position) = first_base_from(copy, self.bases, self.columns.start)?;
                (position, i64::from(column - self.columns.start) + 1)
            }
            Side::Left => {
                let missing = range.start - self.columns.start;
                let first = if reverse { copy.genome.end - 1 } else { copy.genome.start };
                (missing <= MAX_MISSING).then_some((first, i64::from(missing) + 1))?
            }
            Side::Right if range.end > self.columns.end => {
                let (column, position) = first_base_from(copy, self.bases, self.columns.end)?;
                (position, -i64::from(column - self.columns.end))
            }
            Side::Right => {
                let missing = self.columns.end - range.end;
                let last = if reverse { copy.genome.start } else { copy.genome.end - 1 };
                (missing <= MAX_MISSING).then_some((last, i64::from(missing) + 1))?
            }
        };
        let start = at as i64 + if outward_down { -distance } else { distance };
        let contig = self.bases.contig_of(at);
        (start >= contig.start as i64 && start < contig.end as i64).then_some(Cursor {
            start: start as u64,
            down: outward_down,
            complement: reverse,
            limits: (contig.start, contig.end),
        })
    }

    /// The consensus beyond an end over the copies that take part.
    fn extend(&self, reaching: &Reaching, takes_part: impl Fn(usize) -> bool) -> EndGrowth {
        let covers = |number| reaching.covering.as_ref().is_none_or(|covering| covering.contains(number));
        let chosen = reaching.cursors.iter().filter(|(number, _)| covers(number) && takes_part(*number));
        let (numbers, cursors): (Vec<usize>, Vec<Cursor>) = chosen.copied().unzip();
        let min_agreeing = self.min_agreeing.max(reaching.cursors.len().div_ceil(CONTINUING_PART));
        if cursors.len() < min_agreeing {
            return EndGrowth { consensus: Vec::new(), extents: Vec::new() };
        }
        let (mut consensus, extents) = extend(self.bases, &cursors, &self.options.scores, 0);
        consensus.truncate(common_end(&extents, consensus.len(), min_agreeing));
        EndGrowth { consensus, extents: numbers.into_iter().zip(extents).collect() }
    }
}

/// The bases after which an extension ends: three or more copies end together there and fewer than three continue, or
/// fewer than `min_agreeing` follow.
fn common_end(extents: &[CopyExtent], length: usize, min_agreeing: usize) -> usize {
    /// Bases within which copies end together: extensions overshoot by chance a little more than alignments.
    const TOGETHER: usize = 15;
    let mut ends: Vec<usize> = extents.iter().map(|extent| extent.consensus as usize).collect();
    ends.sort_unstable();
    let until = |at: usize| ends.partition_point(|&e| e <= at);
    let continuing = |at: usize| ends.len() - until(at);
    let together = |at: usize| until(at + TOGETHER) - ends.partition_point(|&e| e + TOGETHER < at);
    let is_end = |at: usize| continuing(at + TOGETHER) < MIN_COMMON_ENDS && together(at) >= MIN_COMMON_ENDS;
    let end = ends.iter().copied().find(|&at| is_end(at));
    let supported = ends.len().checked_sub(min_agreeing).map_or(0, |i| ends[i]);
    end.unwrap_or(length).min(supported).min(length)
}
