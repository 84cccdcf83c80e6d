//! Checks a sorted page against itself, its block and the genome: a page can have a right checksum and be wrong, if it
//! was written wrongly or forged.

use crate::Result;
use crate::dictionary::codec::GenomeCheck;
use crate::dictionary::sorted::codec::SortedCodec;
use crate::dictionary::sorted::layout::BUCKETS;
use crate::dictionary::sorted::page::PageShape;
use crate::dictionary::sorted::search::{PageView, Sums};
use crate::dictionary::source::Source;
use crate::dictionary::tally::Tally;
use crate::format::bits;
use crate::kmer::low_mask;

impl PageView<'_> {
    /// Checks that the directory, the samples and the exceptions agree with the entries. Calls `each` for every entry
    /// with its frequency and the first bit of its list in the position block; `damage` makes an error of a sentence.
    ///
    /// # Errors
    /// Errors of `each` and `damage`.
    pub(crate) fn verify<E>(
        self,
        damage: impl Fn(String) -> E,
        mut each: impl FnMut(u64, u64) -> Result<(), E>,
    ) -> Result<(), E> {
        let (shape, codec) = (self.shape, self.codec);
        let wrong = |what: &str| Err(damage(format!("dictionary page {}: {what}", self.number)));
        let mut sums = Sums { slot: 0, exceptions: 0, list_bits: 0 };
        for group in 0..shape.groups {
            if group & low_mask(shape.sample_shift) == 0 && self.sample(group) != sums {
                return wrong("a sample disagrees with the entries before it");
            }
            for bucket in 0..BUCKETS as u32 {
                // The start of a group is the start of its first bucket; those of the other buckets follow from the
                // counts.
                let count = self.bucket_count(group, bucket);
                let begins = (shape.is_narrow && bucket > 0) || self.bucket(group, bucket).start == sums.slot;
                let Some(end) = sums.slot.checked_add(count).filter(|&end| begins && end <= shape.entries) else {
                    return wrong("the directory is out of order");
                };
                let mut previous = None;
                for slot in sums.slot..end {
                    let at = self.entry_at(slot) + u64::from(shape.code_bits);
                    let remainder = bits::read(self.bytes, at, codec.layout.remainder_bits);
                    if previous.is_some_and(|p| p >= remainder) {
                        return wrong("entries are out of order");
                    }
                    previous = Some(remainder);
                    let value = self.inline_value(self.code(slot)).unwrap_or_else(|| {
                        sums.exceptions += 1;
                        self.exception(sums.exceptions - 1)
                    });
                    let frequency = codec.filters.min_frequency.saturating_add(value);
                    if !codec.filters.keeps(frequency) {
                        return wrong("a frequency is outside the filters");
                    }
                    each(frequency, sums.list_bits)?;
                    sums.list_bits = sums.list_bits.saturating_add(codec.list_bits(frequency));
                }
                sums.slot = end;
            }
        }
        let totals = Sums { slot: shape.entries, exceptions: shape.exceptions, list_bits: shape.block_bits };
        if sums == totals { Ok(()) } else { wrong("the totals disagree with the entries") }
    }
}

impl SortedCodec {
    /// See [`Codec::verify_page`](crate::dictionary::codec::Codec::verify_page).
    pub(super) fn verify_view(
        &self,
        source: &impl Source<PageShape>,
        page: PageView<'_>,
        tally: &mut Tally,
        genome: Option<&mut GenomeCheck<'_>>,
    ) -> Result<u64> {
        let block = source.block(page.number)?;
        let damage = |problem: &str| source.block_damage(page.number, problem);
        let mut positions = 0;
        page.verify(
            |problem| source.page_damage(problem),
            |frequency, list_at| {
                tally.count(frequency, 1);
                tally.mark(frequency);
                page.read_list(block.bytes(), (list_at, frequency), u64::MAX, damage, |_| {
                    positions += 1;
                    Ok(())
                })
            },
        )?;
        let Some(reads) = genome else { return Ok(positions) };
        let mut list_at = 0u64;
        for (hash, frequency) in page.entries() {
            let kmer = self.kmers.kmer_of_hash(hash);
            let mut wrong = None;
            page.read_list(block.bytes(), (list_at, frequency), u64::MAX, damage, |position| {
                if !reads(kmer, position) {
                    wrong.get_or_insert(position);
                }
                Ok(())
            })?;
            if let Some(position) = wrong {
                return Err(source.misplaced(page.number, &self.kmers, kmer, position));
            }
            list_at = self.list_bits(frequency).saturating_add(list_at);
        }
        Ok(positions)
    }
}
