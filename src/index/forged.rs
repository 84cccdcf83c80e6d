//! Look-ups in pages that were not written by a build.

use crate::dictionary::sorted::page;
use crate::dictionary::superkmers::page::{SuperKmerShape, Wanted};
use crate::format::Piece;
use crate::index::{Block, Dictionary};
use crate::memory::buffers::Buffer;
use crate::{Index, Result};

impl Index {
    /// The bytes of a page and the payload of its block.
    pub(crate) fn page_parts(&self, number: u64) -> Result<(Vec<u8>, Vec<u8>)> {
        Ok((self.catalog.page(number)?.bytes.to_vec(), self.block(number)?.bytes().to_vec()))
    }

    /// Walks, checks and searches a page whose checksum is made right, and reads what it says of `block`.
    pub(crate) fn look_at_forged_page(&self, number: u64, mut bytes: Vec<u8>, block: &[u8]) {
        let identity = self.manifest.identity;
        if bytes.len() >= 16 {
            bytes[8..16].copy_from_slice(&number.to_le_bytes());
            let sum = identity.checksum(&bytes[8..], Piece::Page, number);
            bytes[..8].copy_from_slice(&sum.to_le_bytes());
        }
        let (filters, lists) = (&self.filters, &self.lists);
        let mut buffer = Buffer::with_capacity(bytes.len());
        buffer.extend_from_slice(&bytes);
        match &self.dictionary {
            Dictionary::Sorted { layout, .. } => {
                let Ok(shape) = page::PageShape::of(identity, &bytes, number, layout) else { return };
                let each = |_, _| Ok::<_, String>(());
                let sound = shape.verify((&bytes, number), layout, (filters, lists), |problem| problem, each).is_ok();
                let page = super::Page::stored(number, super::PageShape::Sorted(shape), buffer);
                let mut list_at = 0u64;
                for (hash, frequency) in shape.entries(&bytes, number, layout, filters.min_frequency) {
                    let place = shape.place(&bytes, number, hash);
                    let found = shape.search(&bytes, place, hash);
                    if let (Some(probe), Some((slot, code))) = (shape.probe(&bytes, place, hash), found) {
                        assert!(!probe.found || !sound || (probe.slot, probe.code) == (slot, code));
                    }
                    let answer = page.frequency(hash, filters.min_frequency);
                    assert!(!sound || (found.is_some() && answer == frequency), "hash {hash:#x}");
                    let Some((slot, _)) = found else { continue };
                    let at = shape.list_at(&bytes, number, hash, slot, filters, lists);
                    assert!(!sound || at == list_at, "hash {hash:#x}");
                    let _ = self.read_list(&Block::InPlace(block), &page, at, frequency, u64::MAX, |_| Ok(()));
                    list_at = list_at.saturating_add(lists.bits(filters.stored_positions(frequency)));
                }
                // Frequencies of the walk that asks for nothing else.
                let walked = shape.frequencies(&bytes, filters.min_frequency);
                let listed = shape.entries(&bytes, number, layout, filters.min_frequency).map(|entry| entry.1);
                assert!(!sound || walked.eq(listed));
            }
            Dictionary::SuperKmers { layout, fields } => {
                let Ok(shape) = SuperKmerShape::of(identity, &bytes, number, layout, fields) else { return };
                let each = |_: Wanted, _: &[u64]| ();
                let mut kmers = 0;
                let verified =
                    shape.verify(fields, lists, (&bytes, number), block, Some(each), |_, count| kmers += count);
                let mut walked = 0u64;
                let _ = shape.for_each_kmer(
                    fields,
                    (&bytes, number),
                    || Ok::<_, String>(block),
                    |problem| problem,
                    |_, frequency, wanted| {
                        walked += 1;
                        let place = shape.place(fields, &bytes, number, wanted.key);
                        let (mut sum, mut positions) = (0u64, 0u64);
                        let crowd = shape.search(fields, &bytes, place, &wanted, |_, _, found| {
                            sum = sum.saturating_add(found.count);
                            let _ = shape.positions(fields, lists, (&bytes, block), found, |_| positions += 1);
                        })?;
                        if let Some(crowd) = crowd {
                            let row = shape.crowded(fields, block, &crowd, wanted.low.into(), wanted.context);
                            if let Some(row) = row {
                                sum = row.0;
                                let _ = shape.crowded_positions(lists, block, &crowd, row, |_| positions += 1);
                            }
                        }
                        assert!(verified.is_err() || (sum == frequency && positions == frequency));
                        if walked == 100_000 { Err("enough".to_owned()) } else { Ok(()) }
                    },
                );
                assert!(verified.is_err() || walked == kmers.min(100_000));
            }
        }
    }
}
