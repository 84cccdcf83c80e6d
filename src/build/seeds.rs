//! The seed order of a finished dictionary.

use std::collections::HashMap;

use crate::Result;
use crate::memory::{Budget, Component};
use crate::store::catalog::{CatalogTables, PageEntry, Record};
use crate::store::layout::Layout;
use crate::store::page::PageShape;
use crate::store::seeds::SeedEncoder;

/// Frequencies below this have their cursor in an array.
const DENSE: u64 = 1 << 12;

/// Writes the seed order; gives the number of seeds.
///
/// The spectrum says where in the order each frequency begins, so one walk over the pages puts every seed in its place.
/// Where memory has no room for all of them, several walks take a range of frequencies each; a frequency with more
/// k-mers than fit is written as its walk meets them, which is their order already.
pub(crate) fn write(
    tables: &mut CatalogTables<'_>,
    layout: &Layout,
    pages: &[PageEntry],
    min_frequency: u64,
    stored: &[(u64, u64)],
    budget: &Budget,
) -> Result<u64> {
    let mut writer = Writer { encoder: SeedEncoder::default(), number: 0, seeds: 0 };
    let classes: Vec<(u64, u64)> = stored.iter().rev().copied().filter(|&(frequency, _)| frequency >= 2).collect();
    let total: u64 = classes.iter().map(|c| c.1).sum();
    let wide = pages.last().is_some_and(|p| p.first_kmer > u64::from(u32::MAX) - u64::from(u16::MAX));
    let width = if wide { 8 } else { 4 };
    let room = total.min((budget.free() / 2 / width).max(1 << 16));
    let _reserved = budget.wait(Component::Seeds, room * width);

    let mut rest = &classes[..];
    while let Some(&(frequency, count)) = rest.first() {
        if count > room {
            walk(tables, layout, pages, min_frequency, |f, kmer, tables| {
                if f == frequency { writer.push(f, kmer, tables) } else { Ok(()) }
            })?;
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
            place::<u64>(tables, layout, pages, min_frequency, classes, &mut writer)?;
        } else {
            place::<u32>(tables, layout, pages, min_frequency, classes, &mut writer)?;
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
            tables.put(Record::Seeds, self.number, &self.encoder.finish())?;
            self.number += 1;
        }
        Ok(())
    }
}

/// Number of a k-mer, as wide as it must be.
trait Kmer: Copy + Default {
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
    layout: &Layout,
    pages: &[PageEntry],
    min_frequency: u64,
    classes: &[(u64, u64)],
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
    let mut order = vec![K::default(); at as usize];
    walk(tables, layout, pages, min_frequency, |frequency, kmer, _| {
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
    let mut order = order.into_iter();
    for &(frequency, count) in classes {
        for kmer in order.by_ref().take(count as usize) {
            writer.push(frequency, kmer.number(), tables)?;
        }
    }
    Ok(())
}

/// Calls `each(frequency, k-mer number)` for every stored k-mer in the order of the index.
#[inline(always)]
fn walk(
    tables: &mut CatalogTables<'_>,
    layout: &Layout,
    pages: &[PageEntry],
    min_frequency: u64,
    mut each: impl FnMut(u64, u64, &mut CatalogTables<'_>) -> Result<()>,
) -> Result<()> {
    let mut copy = Vec::new();
    for (page, entry) in pages.iter().enumerate() {
        copy.clear();
        copy.extend_from_slice(tables.page(page as u64)?.value());
        let shape =
            PageShape::of(tables.identity(), &copy, page as u64, layout).map_err(|problem| tables.damage(problem))?;
        for (kmer, frequency) in (entry.first_kmer..).zip(shape.frequencies(&copy, min_frequency)) {
            each(frequency, kmer, tables)?;
        }
    }
    Ok(())
}
