//! reprise: an embedded, persistent k-mer index database for genomes.
//!
//! An index is built once per genome and queried for years: how often and at which positions does this k-mer occur, how
//! repetitive is this sequence, which k-mers are repeated most. It is a folder of four files (a *bundle*) that many
//! processes read at once, from a read-only mount too, and that nothing ever changes.
//!
//! # Modules, in the order in which data passes through them
//!
//! All may use the modules of the first row; of the others a module uses only those above it. A test compares the table
//! with the code.
//!
//! | module | contents | uses |
//! |---|---|---|
//! | `error`, `progress`, [`units`], [`random`], `text` | errors, progress, text, random numbers |  |
//! | [`fs`] | files that appear whole or not at all, locks, injected faults |  |
//! | [`memory`] | the budget, what the process uses, buffers, the system |  |
//! | `storage` | where the files of an index lie: in a folder, or elsewhere | `fs`, `memory` |
//! | [`sequence`] | FASTA and FASTQ, bases, regions, features | `fs`, `memory` |
//! | [`genome`] | the packed genome (2bit), contigs, their digests | `fs`, `memory`, `sequence` |
//! | [`kmer`] | codes, canonical form, mixer, minimizers, scanning | `sequence` |
//! | [`format`](mod@format) | catalog, checksums, positions, blocks | `fs`, `memory`, `storage`, `kmer` |
//! | [`dictionary`] | layouts of k-mers: encode and search pages | `memory`, `genome`, `kmer`, `format` |
//! | [`bundle`] | manifest, draft, checkpoint, publishing | `fs`, `memory`, `storage`, `genome`, `format`, `dictionary` |
//! | [`builder`] | plan, passes, sort, encode | all above but `storage` |
//! | [`index`] | an open index: look up, batch, walk, cache, verify | all above but `builder` |
//! | [`query`] | sequences, regions, sets of k-mers | `fs`, `memory`, `sequence`, `genome`, `kmer`, `bundle`, `index` |
//! | [`align`] | library against genome, tandems | `memory`, `sequence`, `genome`, `kmer`, `index` |
//! | [`annotate`] | copies, resolved and joined | `fs`, `memory`, `sequence`, `genome`, `kmer`, `format`, `bundle`, `index`, `align` |
//! | [`benchmark`] | libraries and masks scored against true ones | `memory`, `sequence`, `genome`, `kmer`, `align`, `annotate` |
//! | [`proteins`] | protein domains, by profiles | `memory`, `sequence`, `kmer` |
//! | [`families`] | families de novo | `memory`, `sequence`, `genome`, `kmer`, `format`, `bundle`, `index`, `query`, `align`, `annotate`, `proteins` |
//! | [`simulate`] | genomes with known repeats | `sequence` |
//! | [`formats`] | results, one file a format | `memory`, `fs`, `sequence`, `genome`, `bundle`, `kmer`, `index`, `query`, `align`, `annotate`, `families` |
//! | [`report`] | pages and plots of one genome or several | `kmer`, `bundle`, `annotate`, `families`, `formats` |
//! | [`cli`] | one file a command | all above but `storage` |
//!
//! FASTA → packed genome → k-mer partitions → dictionary pages and position blocks → open index → rows.
//!
//! # What programs do with it
//!
//! **Build an index** of a genome, once. `examples/build_index.rs` adds a report of progress and a way to cancel.
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
//! let budget = Budget::new(1 << 30); // bytes
//! let report = build_index(&[Source::new(&genome)], &target, &options, &budget, &Silent)?;
//! assert_eq!(report.manifest.genome.bases, 14);
//! # Ok(())
//! # }
//! ```
//!
//! **Open an index, and count and locate k-mers.** Threads share an [`Index`]; [`Index::batch`] looks up many k-mers at
//! once. `examples/count.rs` and `examples/embed.rs` are whole programs.
//!
//! ```
//! # use reprise::{Silent, builder::{BuildOptions, build_index}, memory::Budget, sequence::Source};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let genome = folder.path().join("genome.fa");
//! # std::fs::write(&genome, ">chr1\nACGTACGTAAACGT\n")?;
//! # let target = folder.path().join("genome.reprise");
//! # let options = BuildOptions { k: Some(5), min_frequency: 1, ..BuildOptions::default() };
//! # build_index(&[Source::new(&genome)], &target, &options, &Budget::new(1 << 30), &Silent)?;
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
//! **Find the repeats of a genome**: its families, then every copy of each. `examples/find_repeats.rs` prints them as
//! BED.
//!
//! ```
//! # use reprise::{Silent, builder::{BuildOptions, build_index}, memory::Budget, sequence::Source};
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let genome = folder.path().join("genome.fa");
//! # let target = folder.path().join("genome.reprise");
//! use reprise::align::{Library, SearchOptions};
//! use reprise::annotate::annotate;
//! use reprise::families::{FamilyOptions, find_families};
//!
//! // Random sequence with five copies of one element, far from each other.
//! let mut random = reprise::random::Random::new(1);
//! let element = random.bases(400);
//! let mut letters = b">chr1\n".to_vec();
//! for _ in 0..5 {
//!     letters.extend(random.bases(30_000));
//!     letters.extend(&element);
//! }
//! std::fs::write(&genome, letters)?;
//! # let budget = Budget::new(1 << 30);
//! # build_index(&[Source::new(&genome)], &target, &BuildOptions::default(), &budget, &Silent)?;
//! # let index = reprise::Index::open(&target)?;
//!
//! let found = find_families(&index, &FamilyOptions::default(), &Silent)?;
//! assert_eq!(found.statistics.len(), 1);
//! assert_eq!(found.statistics[0].full_length_copies, 5);
//!
//! let mut library = Library::default();
//! library.push("element#SINE", found.statistics[0].consensus.as_bytes());
//! let copies = annotate(&index, &library, &SearchOptions::default(), &budget, &Silent)?;
//! // Chance finds a few short ones too.
//! let whole: Vec<_> = copies.iter().filter(|copy| copy.alignment.query_range.len() > 380).collect();
//! assert_eq!(whole.len(), 5);
//! // In bases of the contig, 0-based, half-open.
//! let first = &whole[0].alignment.range;
//! assert!(first.start.abs_diff(30_000) < 10 && first.end.abs_diff(30_400) < 10);
//! # Ok(())
//! # }
//! ```
//!
//! # Conventions
//!
//! Intervals are 0-based and half-open. A k-mer and its reverse complement are one; frequencies count both strands. All
//! parallel work runs on the current rayon pool. Errors are [`Error`]: one sentence that names the file and the
//! position in it.
//!
//! The feature `cli` (a default) adds [`cli`] and the program. A program that embeds the library sets
//! `default-features = false`, and compiles no parser of arguments, no progress bars and no signal handlers.

// The command line is a part of this crate and uses more of it than the public interface does.
#![cfg_attr(not(feature = "cli"), allow(dead_code, unused_imports))]

pub mod align;
pub mod annotate;
pub mod benchmark;
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
pub mod proteins;
pub mod query;
pub mod random;
pub mod report;
pub mod sequence;
pub mod simulate;
mod storage;
mod text;
pub mod units;

/// The blocks of Rust in the README are tests too.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadMe;

/// The blocks of Rust in the chapter on the library are tests too.
#[cfg(doctest)]
#[doc = include_str!("../docs/library.md")]
struct ChapterOnTheLibrary;

pub use error::{Error, LockHolder, NotOursKind, OccupiedBy, Parameter, ParameterError, Result};
pub use index::Index;
pub use progress::{Notice, Progress, Silent};
