//! Checks an index as a whole: checksums find what changed after writing, but only a comparison of all parts with each
//! other and with the genome shows that they were written rightly.
//!
//! `metadata` checks what is cheap, `pages` every page and block, `seeds` the seed order, `genome` positions and
//! digests against the bases.

mod genome;
mod metadata;
mod pages;
mod seeds;

use crate::format::{CATALOG, POSITIONS};
use crate::fs::digest_bytes;
use crate::index::open::Index;
use crate::{Error, Progress, Result};

/// How much [`Index::verify`] checks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Depth {
    /// Lengths, metadata and its totals, and the checksums of the packed genome; no page, no position block.
    Quick,
    /// Every byte against its digest, and every page, block and record against each other; seeds of super-k-mers by
    /// number only.
    Full,
    /// All that, and every position against the genome.
    Sequence,
}

/// Totals of a check.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
#[non_exhaustive]
pub struct Verified {
    /// Bytes of files digested.
    pub bytes: u64,
    /// Dictionary pages, and as many position blocks.
    pub pages: u64,
    /// K-mers.
    pub kmers: u64,
    /// Positions.
    pub positions: u64,
    /// Seeds.
    pub seeds: u64,
    /// Contigs.
    pub contigs: u64,
    /// Crowded minimizers, whose k-mers are stored one by one; see `schema/format.md`.
    pub crowded_minimizers: u64,
}

impl Index {
    /// Checks the index on the current rayon pool.
    ///
    /// # Errors
    /// [`Error::Damaged`], which names the file and what does not fit; [`Error::Io`].
    pub fn verify(&self, depth: Depth, progress: &dyn Progress) -> Result<Verified> {
        let contigs = self.contigs()?;
        self.verify_contigs(contigs)?;
        let mut verified = Verified { contigs: contigs.len() as u64, ..Verified::default() };
        let digests = self.contig_digests()?;
        self.verify_genome_summary(contigs)?;
        // The index of contigs and, because a quick check does not digest the file, all of it.
        self.check_genome(0..self.genome.length())?;
        let spectrum = self.spectrum()?;
        self.verify_totals(&spectrum)?;
        self.verify_page_index()?;
        if depth == Depth::Quick {
            return Ok(verified);
        }

        verified.bytes = self.verify_digests_of_files(progress)?;
        progress.phase("checking", Some(self.manifest.actual.stored_kmers));
        let stored: Vec<_> = spectrum.into_iter().filter(|row| self.filters.keeps(row.0)).collect();
        let is_deep = depth == Depth::Sequence;
        // The seed order is one walk, which takes one thread less time than the pages take the others.
        let (seeds, pages) = rayon::join(|| self.verify_seeds(&stored), || self.verify_pages(is_deep, progress));
        let pages = pages?;
        self.verify_page_totals(&pages, &stored)?;
        let seeds = seeds?;
        if pages.repeat_marks.is_some_and(|marks| marks != seeds.repeat_marks) {
            let problem = "its seed order names other k-mers than those that its pages repeat";
            return Err(self.store.catalog().damage(problem));
        }
        if is_deep {
            self.verify_digests_of_contigs(contigs, &digests)?;
        }
        Ok(Verified {
            pages: self.pages(),
            kmers: pages.kmers,
            positions: pages.positions,
            seeds: seeds.seeds,
            crowded_minimizers: pages.crowded_minimizers,
            ..verified
        })
    }

    /// Digests all files as they are open: another index may have taken their names. Returns their bytes.
    fn verify_digests_of_files(&self, progress: &dyn Progress) -> Result<u64> {
        let files = &self.manifest.files;
        progress.phase("digesting", Some(files.values().map(|file| file.bytes).sum()));
        let mut bytes = 0;
        for (name, expected) in files {
            let digest = match name.as_str() {
                CATALOG => self.store.catalog().digest()?,
                POSITIONS => self.store.digest_positions()?,
                _ => digest_bytes(self.genome()?.bytes()),
            };
            if digest != *expected {
                return Err(Error::damaged(self.folder.join(name), None, "its digest is not the one in the manifest"));
            }
            progress.advance(expected.bytes);
            bytes += expected.bytes;
        }
        Ok(bytes)
    }
}
