//! Writes the seed order: all repeated k-mers by falling frequency, so that a reader reads the most frequent ones
//! first.

use std::collections::HashMap;

use crate::Result;
use crate::format::catalog::{CatalogTables, PageEntry, RecordKind};
use crate::format::seed_order::SeedEncoder;
use crate::memory::system::AnonymousMap;
use crate::memory::{Budget, Component, Reservation};

/// Frequencies below this have their cursor in an array (32 KiB, a level-1 cache), the others in a map.
const MAX_ARRAY_FREQUENCY: u64 = 1 << 12;

/// Minimum seeds sorted in one walk, even if less memory is free: at most 512 KiB.
const MIN_SEEDS_PER_WALK: u64 = 1 << 16;

/// The k-mers of a finished dictionary, from which the order is made.
pub(crate) struct Dictionary<'a> {
    pub(crate) pages: &'a [PageEntry],
    /// The repeated k-mers of every page, if they were kept.
    pub(crate) repeats: Option<Vec<PageRepeats>>,
    pub(crate) frequencies: &'a ReadBack<'a>,
}

/// Reads the frequencies of a written page from its number, its index entry and its bytes.
pub(crate) type ReadBack<'a> = dyn Fn(u64, &PageEntry, &[u8]) -> Result<Vec<u64>> + 'a;

/// Writes the seed order; returns the number of seeds. `stored` is the spectrum of the stored k-mers: (frequency,
/// distinct k-mers), ascending.
///
/// The spectrum determines the first rank of each frequency, so one walk over the pages writes every seed at its rank.
/// If memory has no space for all seeds, several walks take a range of frequencies each; a frequency with more k-mers
/// than fit is written during its walk, which visits them in order. `memory` is that of the passes, which is cheaper
/// than new memory.
///
/// # Errors
/// [`Error::Io`](crate::Error::Io), and those of reading pages back.
pub(crate) fn write(
    tables: &mut CatalogTables<'_>,
    dictionary: &Dictionary<'_>,
    stored: &[(u64, u64)],
    memory: (AnonymousMap, Reservation),
    budget: &Budget,
) -> Result<u64> {
    let mut writer = SeedWriter { encoder: SeedEncoder::default(), number: 0, seeds: 0 };
    let classes: Vec<(u64, u64)> = stored.iter().rev().copied().filter(|&(frequency, _)| frequency >= 2).collect();
    let total: u64 = classes.iter().map(|c| c.1).sum();
    let wide = dictionary.pages.last().is_some_and(|p| p.first_kmer > u64::from(u32::MAX) - u64::from(u16::MAX));
    let width = if wide { 8 } else { 4 };
    let (mut memory, _reserved, capacity) = if memory.1.bytes() >= total * width {
        (memory.0, memory.1, total)
    } else {
        drop(memory);
        let capacity = total.min((budget.free() / 2 / width).max(MIN_SEEDS_PER_WALK));
        (AnonymousMap::new(capacity * width)?, budget.wait(Component::Seeds, capacity * width), capacity)
    };
    let mut rest = &classes[..];
    while let Some(&(frequency, count)) = rest.first() {
        if count > capacity {
            dictionary.walk(
                tables,
                |f, kmer, tables| {
                    if f == frequency { writer.push(f, kmer, tables) } else { Ok(()) }
                },
            )?;
            rest = &rest[1..];
            continue;
        }
        let mut sum = 0;
        let taken = rest
            .iter()
            .take_while(|&&(_, count)| {
                sum += count;
                sum <= capacity
            })
            .count();
        let (classes, others) = rest.split_at(taken);
        rest = others;
        if wide {
            write_classes::<u64>(tables, dictionary, classes, memory.bytes(), &mut writer)?;
        } else {
            write_classes::<u32>(tables, dictionary, classes, memory.bytes(), &mut writer)?;
        }
    }
    writer.flush(tables)?;
    Ok(writer.seeds)
}

/// Writes seeds in records.
struct SeedWriter {
    encoder: SeedEncoder,
    number: u64,
    seeds: u64,
}

impl SeedWriter {
    fn push(&mut self, frequency: u64, kmer: u64, tables: &mut CatalogTables<'_>) -> Result<()> {
        self.seeds += 1;
        if self.encoder.push(frequency, kmer) {
            self.flush(tables)?;
        }
        Ok(())
    }

    fn flush(&mut self, tables: &mut CatalogTables<'_>) -> Result<()> {
        if !self.encoder.is_empty() {
            tables.put(RecordKind::Seeds, self.number, &self.encoder.finish())?;
            self.number += 1;
        }
        Ok(())
    }
}

/// The number of a k-mer in the dictionary, in 32 bits if those suffice.
trait KmerNumber: bytemuck::Pod {
    fn from_number(number: u64) -> Self;
    fn number(self) -> u64;
}

impl KmerNumber for u32 {
    #[inline(always)]
    fn from_number(number: u64) -> Self {
        number as Self
    }
    #[inline(always)]
    fn number(self) -> u64 {
        self.into()
    }
}

impl KmerNumber for u64 {
    #[inline(always)]
    fn from_number(number: u64) -> Self {
        number
    }
    #[inline(always)]
    fn number(self) -> u64 {
        self
    }
}

/// Sorts the seeds of some frequency classes in `memory` and writes them.
fn write_classes<K: KmerNumber>(
    tables: &mut CatalogTables<'_>,
    dictionary: &Dictionary<'_>,
    classes: &[(u64, u64)],
    memory: &mut [u8],
    writer: &mut SeedWriter,
) -> Result<()> {
    // Where the next seed of a frequency goes; u64::MAX if the frequency is not in these classes.
    let mut cursors = vec![u64::MAX; MAX_ARRAY_FREQUENCY as usize];
    let mut high_cursors = HashMap::new();
    let mut at = 0;
    for &(frequency, count) in classes {
        if frequency < MAX_ARRAY_FREQUENCY {
            cursors[frequency as usize] = at;
        } else {
            high_cursors.insert(frequency, at);
        }
        at += count;
    }
    let order: &mut [K] = bytemuck::cast_slice_mut(&mut memory[..at as usize * size_of::<K>()]);
    dictionary.walk(tables, |frequency, kmer, _| {
        let cursor = match cursors.get_mut(frequency as usize) {
            Some(cursor) => cursor,
            None => match high_cursors.get_mut(&frequency) {
                Some(cursor) => cursor,
                None => return Ok(()),
            },
        };
        if *cursor != u64::MAX {
            order[*cursor as usize] = K::from_number(kmer);
            *cursor += 1;
        }
        Ok(())
    })?;
    let mut order = order.iter();
    for &(frequency, count) in classes {
        for kmer in order.by_ref().take(count as usize) {
            writer.push(frequency, kmer.number(), tables)?;
        }
    }
    Ok(())
}

impl Dictionary<'_> {
    /// Calls `each(frequency, k-mer number)` for every repeated k-mer in the order of the index.
    #[inline(always)]
    fn walk(
        &self,
        tables: &mut CatalogTables<'_>,
        mut each: impl FnMut(u64, u64, &mut CatalogTables<'_>) -> Result<()>,
    ) -> Result<()> {
        if let Some(repeats) = &self.repeats {
            for (repeats, entry) in repeats.iter().zip(self.pages) {
                for (slot, frequency) in repeats.iter() {
                    each(frequency, entry.first_kmer + slot, tables)?;
                }
            }
            return Ok(());
        }
        for (page, entry) in (0..).zip(self.pages) {
            let frequencies = (self.frequencies)(page, entry, tables.page(page)?.value())?;
            for (kmer, frequency) in (entry.first_kmer..).zip(frequencies) {
                if frequency >= 2 {
                    each(frequency, kmer, tables)?;
                }
            }
        }
        Ok(())
    }
}

/// The repeated k-mers of a page in about two bytes each, kept from encoding to the seed order if memory has space, so
/// that pages need not be read back.
#[derive(Debug, Default)]
pub(crate) struct PageRepeats {
    /// Gap to the slot before and frequency, both as LEB128.
    bytes: Vec<u8>,
    next_slot: u64,
}

impl PageRepeats {
    /// Adds a k-mer; slots ascend.
    #[inline(always)]
    pub(crate) fn push(&mut self, slot: u64, frequency: u64) {
        for mut number in [slot - self.next_slot, frequency] {
            while number >= 0x80 {
                self.bytes.push(number as u8 | 0x80);
                number >>= 7;
            }
            self.bytes.push(number as u8);
        }
        self.next_slot = slot + 1;
    }

    /// Allocated bytes.
    pub(crate) fn capacity_bytes(&self) -> u64 {
        self.bytes.capacity() as u64
    }

    /// (slot, frequency), ascending.
    fn iter(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        let mut bytes = self.bytes.iter();
        let mut number = move || {
            let (mut number, mut shift) = (0u64, 0);
            loop {
                let byte = *bytes.next()?;
                number |= u64::from(byte & 0x7F) << shift;
                if byte < 0x80 {
                    return Some(number);
                }
                shift += 7;
            }
        };
        let mut next_slot = 0;
        std::iter::from_fn(move || {
            let slot = next_slot + number()?;
            next_slot = slot + 1;
            Some((slot, number()?))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::PageRepeats;

    #[test]
    fn repeats_are_read_back() {
        let all = [(0, 2), (1, 127), (5, 128), (200, 1 << 40), (1 << 20, 3)];
        let mut repeats = PageRepeats::default();
        for (slot, frequency) in all {
            repeats.push(slot, frequency);
        }
        assert!(repeats.iter().eq(all));
    }
}
