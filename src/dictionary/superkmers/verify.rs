//! Checks a page of super-k-mers against itself, its block and the genome: a page can have a right checksum and be
//! wrong, if it was written wrongly or forged.

use crate::Result;
use crate::dictionary::codec::GenomeCheck;
use crate::dictionary::source::Source;
use crate::dictionary::superkmers::codec::SuperKmerCodec;
use crate::dictionary::superkmers::crowd::Crowd;
use crate::dictionary::superkmers::entry::{Entry, MAX_ENTRIES, tally_kmers_of};
use crate::dictionary::superkmers::layout::Fields;
use crate::dictionary::superkmers::page::PageShape;
use crate::dictionary::superkmers::search::{Match, PageView, Query, kmer_position};
use crate::dictionary::superkmers::walk::MinimizerEntries;
use crate::dictionary::tally::Tally;

/// The parts of a page and block that were checked, and what they add up to.
struct Checked<'a, E, T> {
    page: PageView<'a>,
    block: &'a [u8],
    /// Called with every query and the positions of its minimizer.
    each: Option<E>,
    /// Called with a frequency and a number of k-mers.
    tally: T,
    /// Bits of lists and crowds.
    rest: u64,
    repeats: u32,
    crowds: u32,
    kmers: u64,
    last_key: Option<u64>,
    positions: Vec<u64>,
    scratch: Vec<(u64, u64)>,
}

impl<E: FnMut(Query, &[u64]), T: FnMut(u64, u64)> Checked<'_, E, T> {
    fn wrong<R>(&self) -> Result<R, String> {
        Err(contradiction(self.page.number))
    }

    fn minimizer(&mut self, key: u64, entries: MinimizerEntries<'_>) -> Result<(), String> {
        if self.last_key.replace(key).is_some_and(|last| key <= last) {
            return self.wrong();
        }
        match entries {
            MinimizerEntries::Few(entries) => self.entries(key, entries),
            MinimizerEntries::Crowd(crowd) => self.crowd(key, &crowd),
        }
    }

    /// The k-mers of a crowd ascend, and its lists are contiguous.
    fn crowd(&mut self, key: u64, crowd: &Crowd) -> Result<(), String> {
        let (page, block) = (self.page, self.block);
        let (fields, lists) = (page.fields(), &page.codec.lists);
        if crowd.keys_at != page.shape.firsts_bits(fields) + self.rest {
            return self.wrong();
        }
        let mut list_at = 0u64;
        for row in 0..crowd.kmers {
            let (offset, context) = fields.minimizers.split_flanks(crowd.key(fields, block, row));
            let (frequency, at) = crowd.row(block, row);
            let ascends = row == 0 || crowd.key(fields, block, row - 1) < crowd.key(fields, block, row);
            if at != list_at || offset > fields.minimizers.flank() || !ascends || frequency == 0 {
                return self.wrong();
            }
            list_at = list_at.saturating_add(lists.bits(frequency));
            self.positions.clear();
            let (is_wanted, positions) = (self.each.is_some(), &mut self.positions);
            page.crowd_positions(block, crowd, (frequency, at), |position| {
                if is_wanted {
                    positions.push(position);
                }
            })?;
            if let Some(each) = &mut self.each {
                each(Query::of_offset(key, context, offset), &self.positions);
            }
            (self.tally)(frequency, 1);
        }
        if crowd.lists_at.checked_add(list_at) != Some(crowd.end) {
            return self.wrong();
        }
        self.rest += crowd.end - crowd.keys_at;
        self.kmers += crowd.kmers;
        self.crowds += 1;
        Ok(())
    }

    /// The entries of a minimizer ascend, have ranges and contexts of their own, and their lists are contiguous.
    fn entries(&mut self, key: u64, entries: &[Entry]) -> Result<(), String> {
        let (page, minimizers) = (self.page, &self.page.fields().minimizers);
        let ascend = entries
            .is_sorted_by(|a, b| (Fields::range(a.low, a.high), a.context) < (Fields::range(b.low, b.high), b.context));
        if entries.len() > MAX_ENTRIES || !ascend {
            return self.wrong();
        }
        for &Entry { low, high, context, count, index } in entries {
            let range = page.range(page.head(index));
            let is_range = low <= high && range == Fields::range(low, high);
            if !is_range || context & !minimizers.mask(low, high) != 0 || count == 0 {
                return self.wrong();
            }
            self.positions.clear();
            let (is_wanted, positions) = (self.each.is_some(), &mut self.positions);
            page.positions_with_list(self.block, Match { index, count }, self.rest, &mut |position| {
                if is_wanted {
                    positions.push(position);
                }
            })?;
            if count > 1 {
                if self.repeats == page.shape.repeats || page.repeat_row(self.repeats) != (index, count, self.rest) {
                    return self.wrong();
                }
                self.repeats += 1;
                self.rest = self.rest.saturating_add(page.codec.lists.bits(count - 1));
            }
            if let Some(each) = &mut self.each {
                each(Query { key, context, low: low as u8, high: high as u8 }, &self.positions);
            }
        }
        let (kmers, tally) = (&mut self.kmers, &mut self.tally);
        tally_kmers_of(minimizers, entries, &mut self.scratch, |frequency, here| {
            *kmers += here;
            tally(frequency, here);
        });
        Ok(())
    }
}

fn contradiction(page: u64) -> String {
    format!("dictionary page {page} contradicts itself")
}

impl PageView<'_> {
    /// Checks that everything in a page and its block follows from everything else: that entries are in order, that
    /// lists are contiguous, that positions ascend. Calls `each(k-mers, positions of their minimizer)`, if there is
    /// one, for every entry and every k-mer of a crowd, and `tally(frequency, k-mers)` for all distinct k-mers.
    ///
    /// # Errors
    /// A sentence on what does not fit.
    pub(super) fn verify(
        self,
        block: &[u8],
        each: Option<impl FnMut(Query, &[u64])>,
        tally: impl FnMut(u64, u64),
    ) -> Result<(), String> {
        let (shape, wrong) = (self.shape, || contradiction(self.number));
        let mut next = 0;
        for bucket in 0..shape.buckets {
            let entries = self.bucket(bucket);
            if entries.start != next || entries.end < entries.start {
                return Err(wrong());
            }
            next = entries.end;
        }
        if next != shape.entries || (shape.block_bits.div_ceil(8) as usize) > block.len() {
            return Err(wrong());
        }
        let mut checked = Checked {
            page: self,
            block,
            each,
            tally,
            rest: 0,
            repeats: 0,
            crowds: 0,
            kmers: 0,
            last_key: None,
            positions: Vec::new(),
            scratch: Vec::new(),
        };
        self.for_each_minimizer(self.keys(), |problem| problem, |key, entries| checked.minimizer(key, entries))?;
        let Checked { rest, repeats, crowds, kmers, .. } = checked;
        let is_sound = (repeats, crowds, kmers) == (shape.repeats, shape.crowds, shape.kmers)
            && shape.firsts_bits(self.fields()).checked_add(rest) == Some(shape.block_bits);
        if is_sound { Ok(()) } else { Err(wrong()) }
    }
}

impl SuperKmerCodec {
    /// See [`Codec::verify_page`](crate::dictionary::codec::Codec::verify_page).
    pub(super) fn verify_view(
        &self,
        source: &impl Source<PageShape>,
        page: PageView<'_>,
        tally: &mut Tally,
        mut genome: Option<&mut GenomeCheck<'_>>,
    ) -> Result<u64> {
        let block = source.block(page.number)?;
        let minimizers = &self.fields.minimizers;
        let (mut misplaced, mut positions) = (None, 0);
        let is_deep = genome.is_some();
        let compare = genome.as_mut().map(|reads| {
            |query: Query, found: &[u64]| {
                if misplaced.is_some() {
                    return;
                }
                let minimizer = minimizers.minimizer_of_key(query.key);
                for offset in query.offsets() {
                    let kmer = minimizers.kmer(minimizer, query.context, offset);
                    let raw = found.iter().map(|&position| kmer_position(position, offset, minimizers.flank()));
                    misplaced = misplaced.or(raw.filter(|&raw| !reads(kmer, raw)).map(|raw| (kmer, raw)).next());
                }
            }
        });
        page.verify(block.bytes(), compare, |frequency, kmers| {
            tally.count(frequency, kmers);
            positions += frequency * kmers;
        })
        .map_err(|problem| source.page_damage(problem))?;
        if let Some((kmer, raw)) = misplaced {
            return Err(source.misplaced(page.number, &self.kmers, kmer, raw));
        }
        // K-mers were counted by minimizer and not in their order: marking them takes another walk.
        if is_deep {
            let damage = |problem| source.page_damage(problem);
            page.for_each_kmer(
                page.keys(),
                || source.block(page.number),
                damage,
                |_, frequency, _| {
                    tally.mark(frequency);
                    Ok(())
                },
            )?;
        }
        Ok(positions)
    }
}
