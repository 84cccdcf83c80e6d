//! reprise: an embedded, persistent k-mer index database for genomes.
//!
//! An index is built once per genome and queried for years: how often does this k-mer occur and where, how repetitive
//! is this sequence, which k-mers are repeated most. It is a folder of four files (a *bundle*) that many processes read
//! at once, from a read-only mount too, and that nothing ever changes.
//!
//! # The rooms, in the order in which data passes through them
//!
//! | module | holds | may use |
//! |---|---|---|
//! | [`sequence`] | FASTA and FASTQ in, contigs, the 2-bit packed genome with N and soft-mask runs, regions, features | `memory` |
//! | [`kmer`] | encoding, canonical form, the invertible mixer, minimizers, iteration over packed and ASCII sequence | `sequence` |
//! | [`memory`] | the one budget and its reservations, the monitor and the report of what the process really uses, huge-page slots, bounded hand-over in order | – |
//! | [`store`] | the bundle on disk: catalog, dictionary pages, position blocks, manifest, checksums, publishing | the above |
//! | [`build`] | estimate and plan, partition passes, sort, encode | the above |
//! | [`index`] | an open index: one k-mer, batches, positions, walks, seeds, the genome's bases, the cache, verify | the above but `build` |
//! | [`align`] | a library of sequences against the genome: seeds, extension, alignments with columns and E-values | `index` and above |
//! | [`annotate`] | copies of a library's repeats: overlaps resolved, fragments joined, summed up; what others annotated | `align` and above |
//! | [`query`] | what users ask: sequences, regions, statistics | `index` and above |
//! | [`repeats`] | families of repeats: candidates, discovery and refinement | `index` and above |
//! | [`output`] | rows, drawings, the report, complete-or-not-at-all files | plain types of `query` |
//! | [`cli`] | one file a command | everything |
//!
//! FASTA → packed genome → k-mer partitions → dictionary pages and position blocks → open index → rows.
//!
//! # An example
//!
//! ```
//! use reprise::Silent;
//! use reprise::builder::{BuildOptions, build_index};
//! use reprise::memory::Budget;
//! use reprise::sequence::Source;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let folder = tempfile::tempdir()?;
//! let genome = folder.path().join("genome.fa");
//! std::fs::write(&genome, ">chr1\nACGTACGTAAACGT\n")?;
//!
//! let target = folder.path().join("genome.reprise");
//! let options = BuildOptions { k: Some(5), min_frequency: 1, ..BuildOptions::default() };
//! build_index(&[Source::new(&genome)], &target, &options, &Budget::new(1 << 30), &Silent)?;
//!
//! let index = reprise::Index::open(&target)?;
//! let kmer = index.encode(b"ACGTA")?;
//! // ACGTA at 0 and 4, and TACGT, its reverse complement, at 3.
//! assert_eq!(index.frequency(kmer)?, 3);
//! let starts: Vec<u64> = index.positions(kmer)?.iter().map(|p| p.start).collect();
//! assert_eq!(starts, [0, 3, 4]);
//! assert_eq!(index.bases("chr1", 3..8)?, "TACGT");
//! # Ok(())
//! # }
//! ```
//!
//! # Conventions
//!
//! Intervals are 0-based and half-open. A k-mer and its reverse complement are one; frequencies count both strands. All
//! parallel work runs on the current rayon pool. Errors are [`Error`]: one sentence that names the file and the place in
//! it.
//!
//! The feature `cli` (a default) adds [`cli`] and the program. A program that embeds the library sets
//! `default-features = false`, and compiles no parser of arguments, no progress bars and no signal handlers.

// The command line is a part of this crate and uses more of it than the public interface does.
#![cfg_attr(not(feature = "cli"), allow(dead_code, unused_imports))]

pub mod align;
pub mod annotate;
pub mod builder;
pub mod bundle;
#[cfg(feature = "cli")]
pub mod cli;
pub mod dictionary;
mod error;
pub mod families;
pub mod format;
pub mod formats;
pub mod fs;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod genome;
pub mod index;
pub mod kmer;
pub mod memory;
mod progress;
pub mod query;
pub mod random;
pub mod report;
pub mod sequence;
pub mod simulate;
mod text;
pub mod units;

pub use error::{Error, LockHolder, NotOursKind, OccupiedBy, Parameter, ParameterError, Result};
pub use index::Index;
pub use progress::{Notice, Progress, Silent};
