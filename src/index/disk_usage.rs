//! What the parts of an index take on disk: whether an index is large because of its k-mers, its positions or its
//! genome decides which parameters make it smaller.

use serde::Serialize;

use crate::Result;
use crate::bundle::Sealed;
use crate::dictionary::codec::Codec;
use crate::dictionary::match_layout;
use crate::format::catalog::RecordKind;
use crate::format::{CATALOG, POSITIONS, SEQUENCE};
use crate::index::open::Index;

/// Bytes of an index on disk by part. The parts add up to the bytes of its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct DiskUsage {
    /// Dictionary pages without frequencies: k-mers and where they begin.
    pub dictionary: u64,
    /// Frequencies within the dictionary pages.
    pub frequencies: u64,
    /// Position blocks.
    pub positions: u64,
    /// The packed genome.
    pub genome: u64,
    /// Names, lengths and digests of contigs.
    pub contigs: u64,
    /// Where pages and blocks begin.
    pub page_index: u64,
    /// The order of seeds by frequency.
    pub seeds: u64,
    /// How many distinct k-mers have each frequency.
    pub spectrum: u64,
    /// Checksums of the packed genome.
    pub checksums: u64,
    /// The manifest.
    pub manifest: u64,
    /// Trees, free ends of pages and the header of the store.
    pub overhead: u64,
}

impl DiskUsage {
    /// Name and bytes of each part, in the order of the fields.
    pub fn parts(&self) -> [(&'static str, u64); 11] {
        let Self {
            dictionary,
            frequencies,
            positions,
            genome,
            contigs,
            page_index,
            seeds,
            spectrum,
            checksums,
            manifest,
            overhead,
        } = *self;
        [
            ("dictionary", dictionary),
            ("frequencies", frequencies),
            ("positions", positions),
            ("genome", genome),
            ("contigs", contigs),
            ("page_index", page_index),
            ("seeds", seeds),
            ("spectrum", spectrum),
            ("checksums", checksums),
            ("manifest", manifest),
            ("overhead", overhead),
        ]
    }

    /// Bytes of all files of the index.
    pub fn total(&self) -> u64 {
        self.parts().iter().map(|(_, bytes)| bytes).sum()
    }
}

impl Index {
    /// Bytes of the index on disk by part. Of each dictionary page only the header is read, which states how many bits
    /// its frequencies take; nothing else of the index is read but the store's tree.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged); [`Error::Io`](crate::Error::Io).
    pub fn disk_usage(&self) -> Result<DiskUsage> {
        let catalog = self.store.catalog();
        let (mut pages, mut frequency_bits) = (0, 0);
        // Pages that lie elsewhere are fetched many at a time: their headers alone would take a request each.
        let page_bytes = self.manifest.actual.dictionary_bytes / self.pages().max(1);
        let together = catalog.bytes_together().map(|bytes| (bytes / (2 * page_bytes).max(1)).max(1));
        match_layout!(&self.dictionary, dictionary => for page in 0..self.pages() {
            if let Some(together) = together.filter(|together| page % together == 0) {
                let numbers: Vec<u64> = (page..self.pages().min(page + together)).collect();
                catalog.fetch_pages(&numbers)?;
            }
            let (bytes, header) = catalog.page_start(page, header_bytes(dictionary.codec()))?;
            pages += bytes;
            // A damaged header may state any number.
            frequency_bits += dictionary.codec().frequency_bits(&header).min(8 * bytes);
        });
        let frequencies = frequency_bits / 8;
        let records = |kinds: &[RecordKind]| kinds.iter().map(|&kind| catalog.record_bytes(kind)).sum::<Result<u64>>();
        let file = |name: &str| self.manifest.files.get(name).map_or(0, |file| file.bytes);
        let mut usage = DiskUsage {
            dictionary: pages - frequencies,
            frequencies,
            positions: file(POSITIONS),
            genome: file(SEQUENCE),
            contigs: records(&[RecordKind::Contigs, RecordKind::Digests])?,
            page_index: records(&[RecordKind::PageIndex])?,
            seeds: records(&[RecordKind::Seeds])?,
            spectrum: records(&[RecordKind::Spectrum])?,
            checksums: records(&[RecordKind::Sequence])?,
            // Opening has compared the text with the file.
            manifest: self.manifest.json()?.len() as u64,
            overhead: 0,
        };
        let catalog_bytes = usage.total() - usage.positions - usage.genome - usage.manifest;
        usage.overhead = file(CATALOG).saturating_sub(catalog_bytes);
        Ok(usage)
    }
}

/// Bytes of the header of a page.
fn header_bytes<C: Codec>(_: &C) -> u64 {
    C::HEADER_BYTES
}
