//! Look-ups in a dictionary of super-k-mers.

use std::ops::Range;
use std::sync::Arc;

use crate::dictionary::superkmers::page::{Fields, SuperKmerShape, Wanted};
use crate::genome::pack_run;
use crate::index::batch::LANES;
use crate::index::{Page, PageShape, batch};
use crate::kmer::{KmerCodec, Strand, SuperKmer};
use crate::memory::Component;
use crate::memory::buffers::Buffer;
use crate::{Index, Result};

impl Wanted {
    #[inline(always)]
    fn of(s: &SuperKmer, context: u64) -> Self {
        Self { key: s.key, context, low: s.low as u8, high: s.high as u8 }
    }

    /// A k-mer by itself, and whether its minimizer reads on its reverse strand.
    #[inline]
    fn of_kmer(fields: &Fields, kmer: u64) -> (Self, bool) {
        let (s, context) = fields.minimizers.kmer_alone(kmer);
        (Self::of(&s, context), s.reverse)
    }
}

impl Index {
    /// Frequency of a k-mer.
    #[inline]
    pub(crate) fn super_kmer_frequency(&self, fields: &Fields, kmer: u64) -> Result<u64> {
        let (wanted, _) = Wanted::of_kmer(fields, kmer);
        self.with_page(fields.page(wanted.key), |page| {
            let (shape, bytes) = (page.super_kmers()?, page.bytes());
            shape.prefetch_likely(fields, bytes, page.number, wanted.key);
            let place = shape.place(fields, bytes, page.number, wanted.key);
            let mut sum = 0;
            self.search(fields, page, place, &wanted, |_, count| sum += count)?;
            Ok(sum)
        })?
    }

    /// Calls `each(offset, count)` for what the entries of `place` hold of the k-mers that are wanted.
    #[inline(always)]
    fn search(
        &self,
        fields: &Fields,
        page: &Page,
        place: Range<u32>,
        wanted: &Wanted,
        mut each: impl FnMut(u32, u64),
    ) -> Result<()> {
        let shape = page.super_kmers()?;
        let crowd = shape
            .search(fields, page.bytes(), place, wanted, |low, high, found| {
                for offset in low..=high {
                    each(offset, found.count);
                }
            })
            .map_err(|e| self.catalog.damage(e))?;
        if let Some(crowd) = crowd {
            let block = self.block(page.number)?;
            for offset in u32::from(wanted.low)..=wanted.high.into() {
                if let Some((count, _)) = shape.crowded(fields, block.bytes(), &crowd, offset, wanted.context) {
                    each(offset, count);
                }
            }
        }
        Ok(())
    }

    /// Calls `each` for the first `limit` coded positions of a k-mer, ascending, and the strand of its stored form on which it
    /// was asked for; gives how many there are.
    pub(crate) fn super_kmer_positions(
        &self,
        fields: &Fields,
        kmer: u64,
        limit: u64,
        mut each: impl FnMut(u64, Strand) -> Result<()>,
    ) -> Result<u64> {
        let (wanted, reverse) = Wanted::of_kmer(fields, kmer);
        let page = self.page(fields.page(wanted.key))?;
        self.wanted_positions(fields, &page, &wanted, limit, |raw| each(raw, Strand::from_reverse(reverse)))
    }

    /// Calls `each` for the first `limit` coded positions of the one k-mer that is wanted, ascending; gives how many there are.
    /// Its lists are read again for every piece of the positions that memory has room for.
    pub(crate) fn wanted_positions(
        &self,
        fields: &Fields,
        page: &Page,
        wanted: &Wanted,
        limit: u64,
        mut each: impl FnMut(u64) -> Result<()>,
    ) -> Result<u64> {
        let mut least = Least::new(Buffer::with_capacity(POSITIONS_OF_MOST), PIECE.min(limit), 0);
        self.scan_positions(fields, page, wanted, |position| least.offer(position))?;
        let all = least.offered;
        let mut left = all.min(limit);
        let mut held = self.budget.hold(Component::Batches);
        loop {
            let piece = least.sorted();
            let length = piece.len().min(left as usize);
            piece[..length].iter().try_for_each(|&position| each(position))?;
            left -= length as u64;
            let (Some(&last), 1..) = (piece[..length].last(), left) else { return Ok(all) };
            if held.bytes() == 0 {
                // A quarter of what is free: others may be reading as frequent a k-mer.
                let most = (self.budget.free() / 4 / Least::BYTES_PER_POSITION).clamp(PIECE, left.max(PIECE));
                held.resize(most * Least::BYTES_PER_POSITION);
                least = Least::new(Buffer::with_capacity(2 * most as usize), most, last + 1);
            } else {
                least.restart(last + 1);
            }
            self.scan_positions(fields, page, wanted, |position| least.offer(position))?;
        }
    }

    /// Calls `each` for all coded positions of the one k-mer that is wanted, in any order.
    fn scan_positions(&self, fields: &Fields, page: &Page, wanted: &Wanted, mut each: impl FnMut(u64)) -> Result<()> {
        let (shape, bytes) = (page.super_kmers()?, page.bytes());
        let mut put = |minimizer| each(wanted.kmer_position(minimizer, wanted.low.into(), fields.minimizers.flank()));
        let block = self.block(page.number)?;
        let mut outcome = Ok(());
        let crowd = shape
            .search(fields, bytes, shape.place(fields, bytes, page.number, wanted.key), wanted, |_, _, found| {
                let read = shape.positions(fields, &self.lists, (bytes, block.bytes()), found, &mut put);
                if outcome.is_ok() {
                    outcome = read;
                }
            })
            .map_err(|e| self.catalog.damage(e))?;
        if let Some(crowd) = crowd
            && let Some(row) = shape.crowded(fields, block.bytes(), &crowd, wanted.low.into(), wanted.context)
        {
            outcome = shape.crowded_positions(&self.lists, block.bytes(), &crowd, row, &mut put);
        }
        outcome.map_err(|problem| self.block_damage(page.number, &problem))
    }
}

/// Positions that all but few k-mers have at most.
const POSITIONS_OF_MOST: usize = 64;
/// Positions that are gathered without asking the budget: 64 KiB, and more than nearly every k-mer has.
const PIECE: u64 = 1 << 12;

/// The least positions from a bound on, of many that come in any order.
struct Least {
    positions: Buffer<u64>,
    most: usize,
    /// Positions below are not wanted.
    from: u64,
    /// Positions above are more than wanted.
    to: u64,
    /// How many there were from the bound on.
    offered: u64,
}

impl Least {
    /// Bytes for each of the `most` positions: as many again wait until they are sorted out.
    const BYTES_PER_POSITION: u64 = 16;

    fn new(positions: Buffer<u64>, most: u64, from: u64) -> Self {
        Self { positions, most: most as usize, from, to: u64::MAX, offered: 0 }
    }

    fn restart(&mut self, from: u64) {
        self.positions.clear();
        (self.from, self.to, self.offered) = (from, u64::MAX, 0);
    }

    #[inline]
    fn offer(&mut self, position: u64) {
        self.offered += u64::from(position >= self.from);
        if position < self.from || position > self.to || self.most == 0 {
            return;
        }
        self.positions.push(position);
        if self.positions.len() == 2 * self.most {
            self.to = *self.positions.select_nth_unstable(self.most - 1).1;
            self.positions.truncate(self.most);
        }
    }

    /// At most `most` positions, ascending.
    fn sorted(&mut self) -> &[u64] {
        self.positions.sort_unstable();
        self.positions.truncate(self.most);
        &self.positions
    }
}

impl Page {
    #[inline(always)]
    pub(crate) fn super_kmers(&self) -> Result<&SuperKmerShape> {
        match &self.shape {
            PageShape::SuperKmers(shape) => Ok(shape),
            PageShape::Sorted(_) => Err(crate::Error::Usage("this page holds no super-k-mers".to_owned())),
        }
    }
}

/// K-mers of a stretch of a batch that have one minimizer, and where their frequencies go.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    wanted: Wanted,
    /// Place of the k-mer with `wanted.low` bases before the minimizer, and whether the next has the place before it.
    first: u32,
    falling: bool,
}

const NONE: Stretch = Stretch { wanted: Wanted { key: 0, context: 0, low: 0, high: 0 }, first: 0, falling: false };

/// Look-ups on one page from which on it is not kept if it is not cached: each is of several k-mers.
const SCAN: usize = batch::SCAN / 4;

/// A batch of k-mers, gathered by minimizer.
#[derive(Default)]
pub(crate) struct SuperKmerBatch {
    stretches: Vec<Stretch>,
    grouped: Vec<Stretch>,
    /// Stretches by page, or by range of pages; then where they end.
    ends: Vec<u32>,
    shift: u32,
    packed: Vec<u8>,
    kmers: usize,
}

impl SuperKmerBatch {
    /// Starts anew, for an index of so many pages.
    pub(crate) fn clear(&mut self, pages: u64) {
        self.stretches.clear();
        self.kmers = 0;
        self.shift = pages.div_ceil(batch::BUCKETS).next_power_of_two().ilog2();
        self.ends.clear();
        self.ends.resize((pages >> self.shift) as usize + 1, 0);
    }

    /// Bytes that this holds, by capacity, once what was gathered is looked up.
    pub(crate) fn needed_bytes(&self) -> u64 {
        let stretches = self.stretches.capacity() + self.grouped.capacity().max(self.stretches.len());
        (stretches * size_of::<Stretch>() + self.ends.capacity() * 4 + self.packed.capacity()) as u64
    }

    /// K-mers gathered.
    pub(crate) fn len(&self) -> usize {
        self.kmers
    }

    /// Adds the k-mers of a sequence in ASCII; calls `each` with ranges of their starts, in order.
    pub(crate) fn push_sequence(
        &mut self,
        fields: &Fields,
        codec: &KmerCodec,
        bases: &[u8],
        mut each: impl FnMut(Range<u64>),
    ) {
        let k = codec.k() as usize;
        let mut at = 0;
        while at < bases.len() {
            self.packed.clear();
            let length = pack_run(&bases[at..], &mut self.packed);
            if length >= k {
                let count = length + 1 - k;
                let first = self.kmers as u64;
                let Self { stretches, packed, ends, shift, .. } = self;
                fields.minimizers.scan_packed(packed, 0..length as u64, |s| {
                    let context = fields.minimizers.context(packed, &s);
                    let flank = fields.minimizers.flank();
                    // Bases before the minimizer, as the sequence reads, of the k-mer with the fewest on the other strand.
                    let before = if s.reverse { flank - s.low } else { s.low };
                    let first = (first + s.at - u64::from(before)) as u32;
                    ends[(fields.page(s.key) >> *shift) as usize] += 1;
                    stretches.push(Stretch { wanted: Wanted::of(&s, context), first, falling: !s.reverse });
                });
                self.kmers += count;
                each(at as u64..(at + count) as u64);
            }
            at += length + 1;
        }
    }

    /// Adds k-mers one by one.
    pub(crate) fn push_kmers(&mut self, fields: &Fields, kmers: &[u64]) {
        let mut place = self.kmers as u32;
        fields.minimizers.for_each_kmer(kmers, |s, context| {
            self.ends[(fields.page(s.key) >> self.shift) as usize] += 1;
            self.stretches.push(Stretch { wanted: Wanted::of(&s, context), first: place, falling: false });
            place += 1;
        });
        self.kmers += kmers.len();
    }

    /// Appends the frequencies of what was gathered, in its order.
    pub(crate) fn look_up(&mut self, index: &Index, fields: &Fields, out: &mut Vec<u64>) -> Result<()> {
        let before = out.len();
        out.resize(before + self.kmers, 0);
        self.group(fields);
        self.visit(index, fields, &mut out[before..])
    }

    /// Sorts the stretches by page, as [`BatchLookup`](super::BatchLookup) does.
    fn group(&mut self, fields: &Fields) {
        let mut start = 0;
        for end in &mut self.ends {
            start += std::mem::replace(end, start);
        }
        if self.grouped.len() < self.stretches.len() {
            self.grouped = vec![NONE; self.stretches.len()];
        }
        for stretch in &self.stretches {
            let end = &mut self.ends[(fields.page(stretch.wanted.key) >> self.shift) as usize];
            self.grouped[*end as usize] = *stretch;
            *end += 1;
        }
        if self.shift > 0 {
            let mut start = 0;
            for &end in &self.ends {
                self.grouped[start..end as usize].sort_unstable_by_key(|stretch| stretch.wanted.key);
                start = end as usize;
            }
        }
    }

    /// Looks up the grouped stretches, page after page, in three steps as [`BatchLookup`](super::BatchLookup) does.
    fn visit(&self, index: &Index, fields: &Fields, out: &mut [u64]) -> Result<()> {
        let mut rest = &self.grouped[..self.stretches.len()];
        let (mut located, mut touched) = (None, None);
        while let Some(stretch) = rest.first() {
            let number = fields.page(stretch.wanted.key);
            let length = rest.iter().take_while(|s| fields.page(s.wanted.key) == number).count();
            let (here, others) = rest.split_at(length);
            rest = others;
            let page = if length >= SCAN { index.visit_page(number)? } else { index.page(number)? };
            for stretches in here.chunks(LANES) {
                let next = Chunk::touch(fields, Arc::clone(&page), stretches)?;
                let ready = touched.replace(next).map(|chunk: Chunk<'_>| chunk.locate(fields)).transpose()?;
                if let Some(chunk) = std::mem::replace(&mut located, ready) {
                    chunk.answer(index, fields, out)?;
                }
            }
        }
        let last = touched.map(|chunk| chunk.locate(fields)).transpose()?;
        for chunk in [located, last].into_iter().flatten() {
            chunk.answer(index, fields, out)?;
        }
        Ok(())
    }
}

/// Stretches in one page.
struct Chunk<'s> {
    page: Arc<Page>,
    stretches: &'s [Stretch],
    places: [(u32, u32); LANES],
}

impl<'s> Chunk<'s> {
    /// Asks for the directory.
    fn touch(fields: &Fields, page: Arc<Page>, stretches: &'s [Stretch]) -> Result<Self> {
        let (shape, bytes) = (page.super_kmers()?, page.bytes());
        for stretch in stretches {
            shape.prefetch_directory(fields, bytes, page.number, stretch.wanted.key);
        }
        Ok(Self { page, stretches, places: [(0, 0); LANES] })
    }

    /// Finds where the entries are, and asks for them.
    fn locate(mut self, fields: &Fields) -> Result<Self> {
        let (shape, bytes) = (self.page.super_kmers()?, self.page.bytes());
        for (place, stretch) in self.places.iter_mut().zip(self.stretches) {
            let found = shape.place(fields, bytes, self.page.number, stretch.wanted.key);
            shape.prefetch(fields, bytes, &found);
            *place = (found.start, found.end);
        }
        Ok(self)
    }

    /// Looks at the entries.
    fn answer(self, index: &Index, fields: &Fields, out: &mut [u64]) -> Result<()> {
        for (stretch, &(start, end)) in self.stretches.iter().zip(&self.places) {
            let Stretch { wanted, first, falling } = stretch;
            index.search(fields, &self.page, start..end, wanted, |offset, count| {
                let step = offset - u32::from(wanted.low);
                let place = if *falling { first.wrapping_sub(step) } else { first.wrapping_add(step) };
                out[place as usize] += count;
            })?;
        }
        Ok(())
    }
}
