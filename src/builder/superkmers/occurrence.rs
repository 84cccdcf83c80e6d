//! The record of a super-k-mer in a build, and how sorted records become entries of a page.

use bytemuck::{Pod, Zeroable};

use crate::builder::sample::{Sample, SampleHash};
use crate::builder::segments::Segment;
use crate::dictionary::superkmers::{Entry, Fields};
use crate::format::positions::ListCode;
use crate::kmer::{Minimizers, SuperKmer, low_mask};
use crate::random::mix;

/// A super-k-mer of the genome: from the highest bits on its key, its range, its context, and the position of its
/// minimizer in the lowest. In two words, so that memory need not be aligned to 16 bytes.
#[derive(Debug, Clone, Copy, Pod, Zeroable)]
#[repr(C)]
pub(crate) struct SuperKmerOccurrence([u64; 2]);

/// Bytes of a record.
pub(crate) const OCCURRENCE_BYTES: u64 = size_of::<SuperKmerOccurrence>() as u64;

impl SuperKmerOccurrence {
    #[inline(always)]
    fn from_value(value: u128) -> Self {
        Self([value as u64, (value >> 64) as u64])
    }

    /// The fields as one number, by which occurrences are sorted.
    #[inline(always)]
    pub(crate) fn value(self) -> u128 {
        u128::from(self.0[1]) << 64 | u128::from(self.0[0])
    }
}

/// The fields of an [`SuperKmerOccurrence`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct OccurrenceFields {
    pub(crate) minimizers: Minimizers,
    position_bits: u32,
    /// The lowest bit of the key.
    pub(crate) key_shift: u32,
}

impl OccurrenceFields {
    pub(crate) fn new(minimizers: Minimizers, lists: &ListCode) -> Self {
        let position_bits = lists.width();
        Self { minimizers, position_bits, key_shift: position_bits + 4 * minimizers.flank() + Fields::RANGE_BITS }
    }

    /// The record of a super-k-mer of a segment.
    #[inline(always)]
    pub(crate) fn occurrence(&self, segment: &Segment<'_>, s: &SuperKmer) -> SuperKmerOccurrence {
        let context = self.minimizers.context(segment.packed(), s);
        let position = (segment.start() + s.at) << 1 | u64::from(s.reverse);
        let content = u128::from(s.key) << Fields::RANGE_BITS | u128::from(Fields::range(s.low, s.high));
        SuperKmerOccurrence::from_value(
            (content << (4 * self.minimizers.flank()) | u128::from(context)) << self.position_bits
                | u128::from(position),
        )
    }

    #[inline(always)]
    pub(crate) fn key(&self, occurrence: SuperKmerOccurrence) -> u64 {
        (occurrence.value() >> self.key_shift) as u64
    }

    #[inline(always)]
    pub(crate) fn position(&self, occurrence: SuperKmerOccurrence) -> u64 {
        occurrence.0[0] & low_mask(self.position_bits)
    }

    /// An occurrence as a sample: without its position, so that equal super-k-mers are equal samples.
    pub(crate) fn sample(&self, occurrence: SuperKmerOccurrence) -> Sample<3> {
        let [low, high] = occurrence.0;
        [high, low & !low_mask(self.position_bits), 1]
    }

    /// The occurrence of a sample, without its position.
    pub(crate) fn from_sample(sample: &Sample<3>) -> SuperKmerOccurrence {
        SuperKmerOccurrence([sample[1], sample[0]])
    }

    /// Calls `each(key, entries)` for every run of sorted items with one key; the index of an entry is its first item.
    /// `occurrence_of` returns the occurrence of an item, and `count` how many occurrences a run of equal items
    /// represents.
    #[inline(always)]
    pub(crate) fn groups<I>(
        &self,
        sorted: &[I],
        occurrence_of: impl Fn(&I) -> SuperKmerOccurrence,
        count: impl Fn(&[I]) -> u64,
        entries: &mut Vec<Entry>,
        mut each: impl FnMut(u64, &[Entry]),
    ) {
        let context_bits = 4 * self.minimizers.flank();
        let mut at = 0;
        while let Some(first) = sorted.get(at) {
            let key = self.key(occurrence_of(first));
            entries.clear();
            while let Some(content) = sorted.get(at).map(|o| occurrence_of(o).value() >> self.position_bits)
                && (content >> (self.key_shift - self.position_bits)) as u64 == key
            {
                let start = at;
                at += 1;
                while sorted.get(at).is_some_and(|o| occurrence_of(o).value() >> self.position_bits == content) {
                    at += 1;
                }
                let range = (content >> context_bits) as u64 & low_mask(Fields::RANGE_BITS);
                let (low, high) = Fields::offsets(range);
                entries.push(Entry {
                    low,
                    high,
                    context: content as u64 & low_mask(context_bits),
                    count: count(&sorted[start..at]),
                    index: start as u32,
                });
            }
            each(key, entries);
        }
    }
}

/// All super-k-mers of a minimizer are sampled, or none: its key is their hash. Key 0 would be in every sample, so its
/// super-k-mers are sampled by their content. It is that of a minimizer of A or of T alone, which has many of them.
impl SampleHash<3> for OccurrenceFields {
    #[inline]
    fn hash(&self, sample: &Sample<3>) -> u64 {
        match self.key(Self::from_sample(sample)) {
            0 => mix(mix(sample[0]) ^ sample[1]) & low_mask(self.minimizers.key_bits()),
            key => key,
        }
    }
}
