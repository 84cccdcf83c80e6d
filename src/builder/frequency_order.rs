//! The seed order of a finished dictionary.

use std::collections::HashMap;

use crate::Result;
use crate::format::catalog::{CatalogTables, PageEntry, RecordKind};
use crate::format::seed_order::SeedEncoder;
use crate::memory::system::Anonymous;
use crate::memory::{Budget, Component, Reservation};

/// Frequencies below this have their cursor in an array.
const DENSE: u64 = 1 << 12;

/// The k-mers of a finished dictionary, to be put in order.
pub(crate) struct Dictionary<'a> {
    pub(crate) pages: &'a [PageEntry],
    /// The repeated k-mers of every page, where they were kept.
    pub(crate) repeats: Option<Vec<Repeats>>,
    pub(crate) frequencies: &'a ReadBack<'a>,
}

/// Reads the frequencies of a page, from its number, its entry and its bytes.
pub(crate) type ReadBack<'a> = dyn Fn(u64, &PageEntry, &[u8]) -> Result<Vec<u64>> + 'a;

/// Writes the seed order; gives the number of seeds. `stored` is the spectrum of the stored k-mers.
///
/// The spectrum says where in the order each frequency begins, so one walk over the pages puts every seed in its place.
/// Where memory has no room for all of them, several walks take a range of frequencies each; a frequency with more
/// k-mers than fit is written as its walk meets them, which is their order already. `memory` is what the passes used: it costs
/// less than new memory.
pub(crate) fn write(
    tables: &mut CatalogTables<'_>,
    dictionary: &Dictionary<'_>,
    stored: &[(u64, u64)],
    memory: (Anonymous, Reservation),
    budget: &Budget,
) -> Result<u64> {
    let mut writer = Writer { encoder: SeedEncoder::default(), number: 0, seeds: 0 };
    let classes: Vec<(u64, u64)> = stored.iter().rev().copied().filter(|&(frequency, _)| frequency >= 2).collect();
    let total: u64 = classes.iter().map(|c| c.1).sum();
    let wide = dictionary.pages.last().is_some_and(|p| p.first_kmer > u64::from(u32::MAX) - u64::from(u16::MAX));
    let width = if wide { 8 } else { 4 };
    let (mut memory, _reserved, room) = if memory.1.bytes() >= total * width {
        (memory.0, memory.1, total)
    } else {
        drop(memory);
        let room = total.min((budget.free() / 2 / width).max(1 << 16));
        (Anonymous::new(room * width)?, budget.wait(Component::Seeds, room * width), room)
    };
    let mut rest = &classes[..];
    while let Some(&(frequency, count)) = rest.first() {
        if count > room {
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
                sum <= room
            })
            .count();
        let (classes, others) = rest.split_at(taken);
        rest = others;
        if wide {
            place::<u64>(tables, dictionary, classes, memory.bytes(), &mut writer)?;
        } else {
            place::<u32>(tables, dictionary, classes, memory.bytes(), &mut writer)?;
        }
    }
    writer.flush(tables)?;
    Ok(writer.seeds)
}

struct Writer {
    encoder: SeedEncoder,
    number: u64,
    seeds: u64,
}

impl Writer {
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

/// Number of a k-mer, as wide as it must be.
trait Kmer: bytemuck::Pod {
    fn from_number(number: u64) -> Self;
    fn number(self) -> u64;
}

impl Kmer for u32 {
    #[inline(always)]
    fn from_number(number: u64) -> Self {
        number as Self
    }
    #[inline(always)]
    fn number(self) -> u64 {
        self.into()
    }
}

impl Kmer for u64 {
    #[inline(always)]
    fn from_number(number: u64) -> Self {
        number
    }
    #[inline(always)]
    fn number(self) -> u64 {
        self
    }
}

fn place<K: Kmer>(
    tables: &mut CatalogTables<'_>,
    dictionary: &Dictionary<'_>,
    classes: &[(u64, u64)],
    memory: &mut [u8],
    writer: &mut Writer,
) -> Result<()> {
    // Where the next seed of a frequency goes; u64::MAX where the frequency is not in this range.
    let mut dense = vec![u64::MAX; DENSE as usize];
    let mut sparse = HashMap::new();
    let mut at = 0;
    for &(frequency, count) in classes {
        if frequency < DENSE {
            dense[frequency as usize] = at;
        } else {
            sparse.insert(frequency, at);
        }
        at += count;
    }
    let order: &mut [K] = bytemuck::cast_slice_mut(&mut memory[..at as usize * size_of::<K>()]);
    dictionary.walk(tables, |frequency, kmer, _| {
        let cursor = match dense.get_mut(frequency as usize) {
            Some(cursor) => cursor,
            None => match sparse.get_mut(&frequency) {
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

/// The repeated k-mers of a page, about two bytes each: kept from encoding to the seed order where memory has room, so
/// that pages need not be read back.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    /// Gap to the slot before and frequency, both as LEB128.
    bytes: Vec<u8>,
    next_slot: u64,
}

impl Repeats {
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

    /// Bytes held, by capacity.
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
    use super::Repeats;

    #[test]
    fn repeats_come_back() {
        let all = [(0, 2), (1, 127), (5, 128), (200, 1 << 40), (1 << 20, 3)];
        let mut repeats = Repeats::default();
        for (slot, frequency) in all {
            repeats.push(slot, frequency);
        }
        assert!(repeats.iter().eq(all));
    }
}
