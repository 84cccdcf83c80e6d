//! The options of a build, their defaults and their checks.

use std::path::PathBuf;

use crate::bundle::draft::DraftOptions;
use crate::bundle::{BundleKind, MAX_MIN_FREQUENCY, MemoryHints};
use crate::dictionary::LayoutKind;
use crate::error::{Parameter, ParameterError};
use crate::kmer::KmerCodec;
use crate::sequence::Source;
use crate::{Error, Result};

/// The options of a build.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// Bases in a k-mer, 1 to 32; by default [`default_k`] of the genome.
    pub k: Option<u32>,
    /// Minimum frequency of the k-mers that are stored, at least 1.
    pub min_frequency: u64,
    /// Maximum frequency of the k-mers that are stored.
    pub max_frequency: Option<u64>,
    /// Maximum positions that are stored of a k-mer, evenly sampled; frequencies stay exact.
    pub max_positions: Option<u64>,
    /// The dictionary layout; by default super-k-mers if all k-mers are stored and k is long enough for them to be
    /// smaller.
    pub layout: Option<LayoutKind>,
    /// Replace an existing index.
    pub force: bool,
    /// Wait while another process builds the same index instead of failing. An index that exists then is accepted if it
    /// is of this genome and these parameters.
    pub wait: bool,
    /// Resume a build that did not end after its last finished pass, and leave the finished passes to the next build if
    /// this one does not end either.
    pub resume: bool,
    /// Prefix contig names with the name of their file ([`Source::with_prefixed_names`]), so that the files of several
    /// haplotypes may use the same names.
    pub prefix_names: bool,
    /// What another program, or an earlier index, counted of this genome: replaces the estimate from a sample. A field
    /// that is 0 is estimated, or follows from the others; `kmers` and bytes are never taken from here.
    ///
    /// A hint helps if few k-mers are stored, since a sample then has few of them: the plan forecasts the index better,
    /// and threads reserve enough memory for long position lists. Wrong hints do not change the index: they reserve
    /// memory that is not used, and so may cause more passes.
    pub hints: MemoryHints,
    /// Folder of temporary files that never become files of the index: the packed bases until all of the genome is
    /// read, and the packed genome of a plan. By default next to the index, and for a plan that of the system.
    pub temporary_folder: Option<PathBuf>,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self {
            k: None,
            min_frequency: 2,
            max_frequency: None,
            max_positions: None,
            layout: None,
            force: false,
            wait: false,
            resume: false,
            prefix_names: false,
            hints: MemoryHints::default(),
            temporary_folder: None,
        }
    }
}

impl BuildOptions {
    /// The permissions of a build with these options on its target.
    pub(super) fn draft(&self, kind: BundleKind) -> DraftOptions {
        let Self { force, wait, resume, .. } = *self;
        DraftOptions { kind, force, wait, resume }
    }

    /// Fails if an option is out of range.
    ///
    /// # Errors
    /// [`Error::Parameter`].
    pub(super) fn check(&self) -> Result<()> {
        if let Some(k) = self.k {
            KmerCodec::new(k)?;
        }
        let min = self.min_frequency;
        let wrong = |problem| Err(Error::Parameter(problem));
        let out_of_range = |parameter, value, max| wrong(ParameterError::OutOfRange { parameter, value, min: 1, max });
        if !(1..=MAX_MIN_FREQUENCY).contains(&min) {
            return out_of_range(Parameter::MinFrequency, min, Some(MAX_MIN_FREQUENCY));
        }
        if self.max_positions == Some(0) {
            return out_of_range(Parameter::MaxPositions, 0, None);
        }
        match self.max_frequency {
            Some(max) if max < min => wrong(ParameterError::NoFrequencies { min, max }),
            _ => Ok(()),
        }
    }
}

/// Limits of a build that do not change the index. Only tests set them, to reach the code for large genomes with small
/// ones.
#[doc(hidden)]
#[derive(Debug, Clone)]
pub struct BuildTuning {
    /// Minimum bytes of the record of a k-mer while it is sorted.
    pub min_record_bytes: u64,
    /// Byte offset of the packed genome from which on its index has 64-bit offsets (version 1 of the 2bit format).
    pub wide_offsets_from: u64,
    /// Bytes of records of one pass above which a build prefers more passes; without it, what is fastest for the layout.
    pub large_pass: Option<u64>,
    /// Maximum bins of one pass.
    pub max_bins: u64,
}

/// Passes into which large records are divided at most, even if memory has space for all. Memory that is touched for
/// the first time costs as much as a scan of the genome for k-mers (page faults and zeroing), so four passes over a
/// quarter of the memory take the time of one over all of it (see docs/architecture.md).
pub(super) const MAX_PREFERRED_PASSES: u64 = 4;

impl Default for BuildTuning {
    fn default() -> Self {
        #[cfg(all(debug_assertions, feature = "cli"))]
        let large_pass = crate::fs::large_pass();
        #[cfg(not(all(debug_assertions, feature = "cli")))]
        let large_pass = None;
        Self {
            min_record_bytes: 0,
            wide_offsets_from: u64::from(u32::MAX),
            large_pass,
            // Each bin has one cache line to which records are written: 256 KiB, within the level-2 cache of a core.
            max_bins: 4096,
        }
    }
}

/// Maximum k: a k-mer is one word of 64 bits.
const MAX_K: u32 = 32;

/// The default k for a genome of `bases` bases: the shortest at which a random k-mer is expected less than once, plus
/// one, as RepeatScout (Price et al. 2005) and REPrise choose it.
pub fn default_k(bases: u64) -> u32 {
    let mut k = 1;
    while k < MAX_K - 1 && bases >> (2 * k) > 0 {
        k += 1;
    }
    k + 1
}

/// The default folder of an index of this genome: its [`Source::stem`] with `.reprise`, in the current folder. `None`
/// for input without a name, such as standard input.
pub fn default_target(source: &Source) -> Option<PathBuf> {
    let mut name = source.stem()?;
    name.push(".reprise");
    Some(PathBuf::from(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k_follows_the_genome() {
        assert_eq!(default_k(100_286_070), 15);
        assert_eq!(default_k(4_641_652), 13);
        assert_eq!(default_k(1), 2);
        assert_eq!(default_k(3_100_000_000), 17);
        assert_eq!(default_k(u64::MAX), 32);
    }

    #[test]
    fn an_index_is_named_after_its_genome() {
        let named = |path: &str| default_target(&Source::new(path)).map(|p| p.display().to_string());
        assert_eq!(named("x/genome.fa.gz").as_deref(), Some("genome.reprise"));
        assert_eq!(named("GCF_1.2_asm.fna").as_deref(), Some("GCF_1.2_asm.reprise"));
        assert_eq!(named("plain").as_deref(), Some("plain.reprise"));
        assert_eq!(named(".fa").as_deref(), Some(".fa.reprise"));
        assert_eq!(named("genome.fasta.bz2").as_deref(), Some("genome.reprise"));
        assert_eq!(named("genome.fq.xz").as_deref(), Some("genome.reprise"));
        for nameless in ["-", "/dev/stdin", "/dev/fd/0", "/dev/fd/63", "/proc/self/fd/0", "/dev/null"] {
            assert_eq!(named(nameless), None, "{nameless}");
        }
    }
}
