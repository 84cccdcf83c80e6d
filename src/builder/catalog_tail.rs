//! The part of the catalog that follows from all pages: seed order, metadata, contigs, checksums, page index, spectrum.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::builder::frequency_order::{self, Dictionary, PageRepeats};
use crate::builder::prepared_genome::PreparedGenome;
use crate::dictionary::codec::Codec;
use crate::dictionary::{Shape, match_layout};
use crate::format::catalog::{
    CHUNKS_PER_RECORD, CONTIGS_PER_RECORD, CatalogTables, DIGESTS_PER_RECORD, FREQUENCIES_PER_RECORD, PAGES_PER_RECORD,
    PageEntry, RecordKind, SEQUENCE_CHUNK,
};
use crate::format::positions::ListCode;
use crate::format::{ChecksumKind, Identity, block};
use crate::genome::{ContigDigest, TwoBit};
use crate::memory::system::AnonymousMap;
use crate::memory::{Budget, Reservation};
use crate::{Error, Result};

/// From what the tail is made.
pub(crate) struct CatalogTail<'a> {
    /// Shape, identity and list code of the index.
    pub(crate) dictionary: (Shape, Identity, &'a ListCode),
    pub(crate) genome: &'a PreparedGenome,
    pub(crate) packed: &'a TwoBit,
    /// The file of the position blocks.
    pub(crate) positions: &'a Path,
    pub(crate) pages: &'a [PageEntry],
    /// (frequency, distinct k-mers) of the genome, ascending.
    pub(crate) spectrum: Vec<(u64, u64)>,
    pub(crate) budget: &'a Budget,
}

/// Writes the tail in `memory`, that of the passes; returns the number of seeds. `digests` waits for the digests of the
/// contigs.
///
/// # Errors
/// Those of writing the catalog, of reading pages back and of `digests`.
pub(crate) fn write_catalog_tail(
    tail: &CatalogTail<'_>,
    tables: &mut CatalogTables<'_>,
    repeats: Option<Vec<PageRepeats>>,
    memory: (AnonymousMap, Reservation),
    digests: impl FnOnce() -> Result<Vec<ContigDigest>>,
) -> Result<u64> {
    let CatalogTail { dictionary: (shape, identity, lists), genome, packed, positions, pages, spectrum, budget } = tail;
    let filters = &genome.filters;
    let stored: Vec<_> = spectrum.iter().copied().filter(|row| filters.keeps(row.0)).collect();
    let codec = shape.codec(*filters, (*lists).clone());
    let frequencies = |number, entry: &PageEntry, bytes: &[u8]| {
        let damage = |problem: String| Error::damaged(positions, Some(entry.block_at), problem);
        let block = || {
            let failed = |e| Error::io("read back", positions, e);
            let mut block = vec![0; entry.block_bytes as usize];
            File::open(positions).map_err(failed)?.read_exact_at(&mut block, entry.block_at).map_err(failed)?;
            Ok(block::decode(&block, number, None, u64::MAX).map_err(damage)?.into_owned())
        };
        let codec = codec.as_ref().map_err(|problem| damage(problem.clone()))?;
        match_layout!(codec, codec => codec.frequencies(*identity, (bytes, number), block, damage))
    };
    let dictionary = Dictionary { pages, repeats, frequencies: &frequencies };
    let seeds = frequency_order::write(tables, &dictionary, &stored, memory, budget)?;
    drop(dictionary);
    tables.put_value(RecordKind::Meta, 0, &(&genome.parameters, shape, genome.summary.bases))?;
    let chunks: Vec<u64> = (0..)
        .zip(packed.bytes().chunks(SEQUENCE_CHUNK))
        .map(|(number, chunk)| identity.checksum(chunk, ChecksumKind::Chunk, number))
        .collect();
    tables.put_runs(RecordKind::Sequence, &chunks, CHUNKS_PER_RECORD)?;
    tables.put_runs(RecordKind::Contigs, &genome.contigs, CONTIGS_PER_RECORD)?;
    tables.put_runs(RecordKind::PageIndex, pages, PAGES_PER_RECORD)?;
    tables.put_runs(RecordKind::Spectrum, spectrum, FREQUENCIES_PER_RECORD)?;
    tables.put_runs(RecordKind::Digests, &digests()?, DIGESTS_PER_RECORD)?;
    Ok(seeds)
}
