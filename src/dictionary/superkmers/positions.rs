//! Reads the positions of a k-mer from its super-k-mers. They are in several sorted lists; memory for all of them at
//! once could grow without bound, so the smallest are kept and the lists are read again for the next.

use crate::Result;
use crate::dictionary::source::Source;
use crate::dictionary::superkmers::crowd::Crowd;
use crate::dictionary::superkmers::page::PageShape;
use crate::dictionary::superkmers::search::{Match, PageView, Query, kmer_position};
use crate::format::bits;
use crate::format::positions::Ascending;
use crate::memory::Component;
use crate::memory::buffers::Buffer;

/// Positions that all but few k-mers have at most.
const COMMON_POSITIONS: usize = 64;
/// Positions that are collected without a reservation from the budget: 64 KiB, and more than nearly every k-mer has.
const FREE_POSITIONS: u64 = 1 << 12;
/// Share of the free budget for the positions of one k-mer: other threads may be reading one as frequent.
const BUDGET_SHARE: u64 = 4;

impl PageView<'_> {
    /// Calls `each` for the positions of the minimizer of an entry, ascending.
    ///
    /// # Errors
    /// A sentence if the block does not have them; it continues "position block 3 ".
    pub(super) fn entry_positions(self, block: &[u8], entry: Match, mut each: impl FnMut(u64)) -> Result<(), String> {
        let Match { index, count } = entry;
        let rest = (count > 1).then(|| self.repeat(index)).filter(|repeat| repeat.0 == count);
        let list_at = rest.map_or(0, |repeat| repeat.1);
        self.positions_with_list(block, entry, list_at, &mut each)
    }

    /// Calls `each` for the positions of an entry: the first, and the others from the list at `list_at`.
    #[inline(always)]
    pub(super) fn positions_with_list(
        self,
        block: &[u8],
        Match { index, count }: Match,
        list_at: u64,
        each: &mut impl FnMut(u64),
    ) -> Result<(), String> {
        let (fields, lists) = (self.fields(), &self.codec.lists);
        let first_at = u64::from(index) * u64::from(fields.position_bits);
        let first = bits::read(block, first_at, fields.position_bits);
        let mut list = Ascending::below(lists.universe());
        if list.take(first) {
            each(first);
        }
        if count > 1 {
            let at = self.shape.firsts_bits(fields).saturating_add(list_at);
            if at.saturating_add(lists.bits(count - 1)) <= self.shape.block_bits {
                lists.read(block, at, count - 1, |position| {
                    if list.take(position) {
                        each(position);
                    }
                });
            }
        }
        check_whole(&list, count)
    }

    /// Calls `each` for the positions of the minimizer of a k-mer of a crowd, ascending.
    ///
    /// # Errors
    /// A sentence if the block does not have them; it continues "position block 3 ".
    pub(super) fn crowd_positions(
        self,
        block: &[u8],
        crowd: &Crowd,
        (frequency, list_at): (u64, u64),
        mut each: impl FnMut(u64),
    ) -> Result<(), String> {
        let lists = &self.codec.lists;
        let at = crowd.lists_at.saturating_add(list_at);
        let mut list = Ascending::below(lists.universe());
        if at.saturating_add(lists.bits(frequency)) <= crowd.end {
            lists.read(block, at, frequency, |position| {
                if list.take(position) {
                    each(position);
                }
            });
        }
        check_whole(&list, frequency)
    }

    /// Calls `each` for the first `limit` coded positions of the one k-mer of a query, ascending; returns its
    /// frequency. Its lists are read again for every piece of the positions that memory has space for.
    ///
    /// # Errors
    /// Errors of `each` and `source`; damage.
    pub(super) fn for_each_position(
        self,
        source: &impl Source<PageShape>,
        query: &Query,
        limit: u64,
        mut each: impl FnMut(u64) -> Result<()>,
    ) -> Result<u64> {
        let mut smallest =
            SmallestPositions::new(Buffer::with_capacity(COMMON_POSITIONS), FREE_POSITIONS.min(limit), 0);
        self.scan_positions(source, query, |position| smallest.offer(position))?;
        let frequency = smallest.offered;
        let mut left = frequency.min(limit);
        let mut reservation = source.budget().empty_reservation(Component::Batches);
        loop {
            let piece = smallest.sorted();
            let length = piece.len().min(left as usize);
            piece[..length].iter().try_for_each(|&position| each(position))?;
            left -= length as u64;
            let (Some(&last), 1..) = (piece[..length].last(), left) else { return Ok(frequency) };
            if reservation.bytes() == 0 {
                let free = source.budget().free() / BUDGET_SHARE / SmallestPositions::BYTES_PER_POSITION;
                let max = free.clamp(FREE_POSITIONS, left.max(FREE_POSITIONS));
                reservation.resize(max * SmallestPositions::BYTES_PER_POSITION);
                smallest = SmallestPositions::new(Buffer::with_capacity(2 * max as usize), max, last + 1);
            } else {
                smallest.restart(last + 1);
            }
            self.scan_positions(source, query, |position| smallest.offer(position))?;
        }
    }

    /// Calls `each` for all coded positions of the one k-mer of a query, in any order.
    fn scan_positions(self, source: &impl Source<PageShape>, query: &Query, mut each: impl FnMut(u64)) -> Result<()> {
        let flank = self.fields().minimizers.flank();
        let mut put = |minimizer| each(kmer_position(minimizer, query.low.into(), flank));
        let block = source.block(self.number)?;
        let mut outcome = Ok(());
        let crowd = self
            .search(self.bucket_of(query.key), query, |_, _, found| {
                let read = self.entry_positions(block.bytes(), found, &mut put);
                if outcome.is_ok() {
                    outcome = read;
                }
            })
            .map_err(|problem| source.page_damage(problem))?;
        if let Some(crowd) = crowd
            && let Some(row) = crowd.find(self.fields(), block.bytes(), query.low.into(), query.context)
        {
            outcome = self.crowd_positions(block.bytes(), &crowd, row, &mut put);
        }
        outcome.map_err(|problem| source.block_damage(self.number, &problem))
    }
}

fn check_whole(list: &Ascending, count: u64) -> Result<(), String> {
    if list.is_whole(count) { Ok(()) } else { Err("does not have the positions that its page states".to_owned()) }
}

/// The smallest positions from a bound on, of positions that come in any order.
struct SmallestPositions {
    positions: Buffer<u64>,
    /// How many are kept.
    max: usize,
    /// Smaller positions were returned before.
    from: u64,
    /// Larger positions are not among the smallest.
    to: u64,
    /// How many there were from the bound on.
    offered: u64,
}

impl SmallestPositions {
    /// Bytes for each of the `max` positions: as many again wait until they are sorted out.
    const BYTES_PER_POSITION: u64 = 16;

    fn new(positions: Buffer<u64>, max: u64, from: u64) -> Self {
        Self { positions, max: max as usize, from, to: u64::MAX, offered: 0 }
    }

    fn restart(&mut self, from: u64) {
        self.positions.clear();
        (self.from, self.to, self.offered) = (from, u64::MAX, 0);
    }

    #[inline]
    fn offer(&mut self, position: u64) {
        self.offered += u64::from(position >= self.from);
        if position < self.from || position > self.to || self.max == 0 {
            return;
        }
        self.positions.push(position);
        if self.positions.len() == 2 * self.max {
            self.to = *self.positions.select_nth_unstable(self.max - 1).1;
            self.positions.truncate(self.max);
        }
    }

    /// At most `max` positions, ascending.
    fn sorted(&mut self) -> &[u64] {
        self.positions.sort_unstable();
        self.positions.truncate(self.max);
        &self.positions
    }
}
