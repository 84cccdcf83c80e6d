//! Copies the pages and position blocks of the parts of an index, in bounded memory, and finds the repeated k-mers of
//! the pages meanwhile, so that the seed order need not read the pages back.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use rayon::prelude::*;

use crate::builder::frequency_order::PageRepeats;
use crate::builder::memory_plan::MemoryPlan;
use crate::builder::page_output::KeptRepeats;
use crate::bundle::FileDigest;
use crate::bundle::page_spool::{SpoolReader, SpooledPage};
use crate::bundle::part_set::{Part, PartSet};
use crate::dictionary::Codecs;
use crate::dictionary::codec::Codec;
use crate::dictionary::filters::Filters;
use crate::dictionary::match_layout;
use crate::format::catalog::{CatalogTables, PageEntry};
use crate::format::positions::ListCode;
use crate::format::{MANIFEST, POSITIONS, SPOOL, block};
use crate::fs::{DigestWriter, Syncer};
use crate::memory::{Budget, Component, Reservation};
use crate::{Error, Progress, Result};

/// Pages that a thread decodes at a time: few enough that little memory waits, and many compared with starting a task.
const PAGES_PER_TASK: u64 = 16;

/// The places of all pages, and their repeated k-mers if they fit the budget.
pub(crate) struct MergedPages {
    pub(crate) pages: Vec<PageEntry>,
    pub(crate) repeats: Option<Vec<PageRepeats>>,
    /// Of both.
    pub(crate) reservations: (Reservation, KeptRepeats),
}

/// Merges pages.
pub(crate) struct PageMerge<'a> {
    pub(crate) parts: &'a PartSet,
    pub(crate) filters: Filters,
    pub(crate) lists: &'a ListCode,
    pub(crate) memory: MemoryPlan,
    pub(crate) budget: &'a Budget,
    pub(crate) progress: &'a dyn Progress,
}

/// A page on its way to the catalog.
struct MergedPage {
    number: u64,
    page: SpooledPage,
    /// Byte offset of its block in the part.
    block_at: u64,
}

impl PageMerge<'_> {
    /// Writes the pages of all parts to a catalog.
    ///
    /// # Errors
    /// [`Error::Input`] for a damaged part, [`Error::Memory`], [`Error::Io`].
    pub(crate) fn run(&self, tables: &mut CatalogTables<'_>) -> Result<MergedPages> {
        let first = self.parts.first();
        let count = first.manifest.dictionary.pages();
        let bytes = count * size_of::<PageEntry>() as u64;
        let reservation = self.budget.reserve(Component::PageIndex, bytes, "the list of pages")?;
        let mut pages = Vec::with_capacity(count as usize);
        let mut repeats = KeptRepeats::new(true, self.budget);
        let mut catalog_reservation = self.budget.empty_reservation(Component::Store);
        let (mut first_kmer, mut block_at) = (0, block::FILE_HEADER);
        for part in self.parts.parts() {
            let codec = part.manifest.dictionary.codec(self.filters, self.lists.clone());
            let codec = &codec.map_err(|problem| part.damaged(MANIFEST, &problem))?;
            let blocks = open(part, POSITIONS)?;
            let mut batches = self.batches(part)?;
            while let Some(batch) = batches.next()? {
                let found = if repeats.is_kept() { self.repeats_of(part, codec, &blocks, &batch)? } else { Vec::new() };
                for merged in &batch {
                    tables.put_page(merged.number, &merged.page.dictionary)?;
                    self.progress.advance(merged.page.dictionary.len() as u64);
                    pages.push(PageEntry { first_kmer, block_at, block_bytes: merged.page.block_bytes });
                    first_kmer += merged.page.kmers;
                    block_at += merged.page.block_bytes;
                }
                found.into_iter().for_each(|found| repeats.push(found));
                catalog_reservation.resize(tables.cache_bytes());
            }
        }
        Ok(MergedPages { pages, repeats: repeats.take(), reservations: (reservation, repeats) })
    }

    /// The pages of a part, in batches that fit the memory of pages.
    fn batches<'p>(&self, part: &'p Part) -> Result<Batches<'p>> {
        let spool = part.manifest.files.get(SPOOL).map_or(0, |file| file.bytes);
        Ok(Batches {
            part,
            reader: SpoolReader::open(&part.file(SPOOL), spool)?,
            next: part.manifest.pages.start,
            block_at: block::FILE_HEADER,
            kmers: 0,
            max_bytes: self.memory.write_buffer,
            max_pages: self.memory.workers * PAGES_PER_TASK,
            reservation: self.budget.empty_reservation(Component::WriteWindow),
        })
    }

    /// The repeated k-mers of the pages of a batch; also finds a page whose k-mers are not as many as it states.
    fn repeats_of(&self, part: &Part, codec: &Codecs, blocks: &File, batch: &[MergedPage]) -> Result<Vec<PageRepeats>> {
        let identity = part.manifest.identity;
        let of_page = |merged: &MergedPage| {
            let MergedPage { number, page, block_at } = merged;
            let damage = |problem: String| part.damaged(SPOOL, &problem);
            let block = || {
                let mut block = vec![0; page.block_bytes as usize];
                let path = part.file(POSITIONS);
                blocks.read_exact_at(&mut block, *block_at).map_err(|e| Error::io("read", path, e))?;
                let decoded = block::decode(&block, *number, None, u64::MAX);
                Ok(decoded.map_err(|problem| part.damaged(POSITIONS, &problem))?.into_owned())
            };
            let page_bytes = (&page.dictionary[..], *number);
            let frequencies = match_layout!(codec, codec => codec.frequencies(identity, page_bytes, block, damage))?;
            if frequencies.len() as u64 != page.kmers {
                return Err(damage(format!("page {number} has {} k-mers", frequencies.len())));
            }
            let mut repeats = PageRepeats::default();
            for (slot, &frequency) in (0..).zip(&frequencies) {
                if frequency >= 2 {
                    repeats.push(slot, frequency);
                }
            }
            Ok(repeats)
        };
        // As many tasks as the memory has scratch for.
        let task = batch.len().div_ceil(self.memory.workers as usize).max(1);
        let tasks = batch.par_chunks(task).map(|pages| pages.iter().map(of_page).collect::<Result<Vec<_>>>());
        Ok(tasks.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
    }
}

/// The pages of one part.
struct Batches<'p> {
    part: &'p Part,
    reader: SpoolReader,
    /// Number of the next page.
    next: u64,
    /// Byte offset of its block in the part.
    block_at: u64,
    /// K-mers in the pages before.
    kmers: u64,
    /// Bytes of a batch, from which on it ends.
    max_bytes: u64,
    max_pages: u64,
    reservation: Reservation,
}

impl Batches<'_> {
    /// The next batch; `None` after the last page, if the pages are those that the manifest states.
    fn next(&mut self) -> Result<Option<Vec<MergedPage>>> {
        let manifest = &self.part.manifest;
        let damaged = |problem: &str| self.part.damaged(SPOOL, problem);
        let (mut batch, mut bytes) = (Vec::new(), 0);
        while self.next < manifest.pages.end && bytes < self.max_bytes && (batch.len() as u64) < self.max_pages {
            let page = self.reader.next().map_err(|e| match e.kind() {
                std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof => damaged("a page is cut"),
                _ => Error::io("read", self.part.file(SPOOL), e),
            })?;
            let block_at = self.block_at;
            self.block_at = block_at.saturating_add(page.block_bytes);
            self.kmers = self.kmers.saturating_add(page.kmers);
            if self.block_at > block::FILE_HEADER + manifest.actual.position_bytes
                || self.kmers > manifest.actual.stored_kmers
            {
                return Err(damaged("its pages have more k-mers or positions than the manifest states"));
            }
            bytes += page.dictionary.len() as u64;
            self.reservation.resize(bytes);
            batch.push(MergedPage { number: self.next, page, block_at });
            self.next += 1;
        }
        if !batch.is_empty() {
            return Ok(Some(batch));
        }
        let all = self.block_at == block::FILE_HEADER + manifest.actual.position_bytes
            && self.kmers == manifest.actual.stored_kmers
            && self.reader.is_at_end();
        if all { Ok(None) } else { Err(damaged("its pages have fewer k-mers or positions than the manifest states")) }
    }
}

fn open(part: &Part, name: &str) -> Result<File> {
    let path = part.file(name);
    File::open(&path).map_err(|e| Error::io("open", path, e))
}

/// Writes the position blocks of all parts to one file, durably, unless `stopped`.
///
/// # Errors
/// [`Error::Input`] for a part whose file is not one of blocks, [`Error::Io`].
pub(crate) fn copy_positions(
    parts: &PartSet,
    path: &Path,
    stopped: &AtomicBool,
    progress: &dyn Progress,
) -> Result<FileDigest> {
    let mut output = DigestWriter::create(path.to_owned())?;
    output.append(&block::file_header())?;
    let syncer = Syncer::start(output.file(), path)?;
    for part in parts.parts() {
        let damaged = |problem| Err(part.damaged(POSITIONS, problem));
        let expected = block::FILE_HEADER + part.manifest.actual.position_bytes;
        if part.manifest.files.get(POSITIONS).is_none_or(|file| file.bytes != expected) {
            return damaged("its blocks are not as long as the manifest states");
        }
        let mut header = None;
        part.read_file(POSITIONS, |bytes| {
            if stopped.load(Ordering::Relaxed) {
                return Err(Error::Stopped);
            }
            // The first piece has the header, which the file has once.
            let blocks = match header {
                Some(_) => bytes,
                None => {
                    let (first, blocks) = bytes.split_at_checked(block::FILE_HEADER as usize).unwrap_or((bytes, &[]));
                    header = Some(first.to_vec());
                    blocks
                }
            };
            output.append(blocks)?;
            syncer.written(blocks.len() as u64);
            progress.advance(blocks.len() as u64);
            Ok(())
        })?;
        if header.as_deref() != Some(&block::file_header()[..]) {
            return damaged("it does not begin as a file of position blocks");
        }
    }
    syncer.finish()?;
    Ok(output.digest())
}
