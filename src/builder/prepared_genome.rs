//! A packed genome with the parameters of its index: everything a build knows before it counts k-mers.

use std::path::Path;

use crate::builder::options::{BuildOptions, BuildTuning, default_k};
use crate::builder::read::{PackedGenome, read_genome};
use crate::bundle::{GenomeSummary, Parameters, SourceFile};
use crate::dictionary::Shape;
use crate::dictionary::filters::Filters;
use crate::error::ParameterError;
use crate::format::Identity;
use crate::genome::{Contig, OtherLetters, TwoBitSummary, TwoBitWriter};
use crate::kmer::KmerCodec;
use crate::memory::{Budget, Reservation};
use crate::sequence::Source;
use crate::{Error, Progress, Result};

/// Maximum default k, so that k fits a genome of short contigs.
const MAX_DEFAULT_K: u64 = 32;

/// A packed genome and the parameters of its index.
pub(crate) struct PreparedGenome {
    pub(crate) contigs: Vec<Contig>,
    /// Runs of letters that the packed genome does not distinguish from N.
    pub(crate) others: Vec<OtherLetters>,
    pub(crate) summary: GenomeSummary,
    pub(crate) parameters: Parameters,
    pub(crate) codec: KmerCodec,
    pub(crate) filters: Filters,
    _reservation: Reservation,
}

impl PreparedGenome {
    /// Reads a genome, packs it into the file `sequence` and determines k.
    ///
    /// # Errors
    /// [`Error::Input`] for input that cannot be used, [`Error::Parameter`] if k is too large for it,
    /// [`Error::Memory`], [`Error::Io`].
    pub(crate) fn read(
        sources: &[Source],
        sequence: &Path,
        (options, tuning): (&BuildOptions, &BuildTuning),
        budget: &Budget,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let within_budget = |source: &Source| {
            let source = source.within(budget);
            if options.prefix_names { source.with_prefixed_names() } else { Ok(source) }
        };
        let sources = sources.iter().map(within_budget).collect::<Result<Vec<_>>>()?;
        let spools = options.temporary_folder.as_deref();
        let writer = TwoBitWriter::with_spools_in(sequence, tuning.wide_offsets_from, spools)?;
        let packed = read_genome(&sources, writer, options.prefix_names, budget, progress)?;
        Self::new(packed, &sources, options)
    }

    fn new(packed: PackedGenome, sources: &[Source], options: &BuildOptions) -> Result<Self> {
        let PackedGenome { contigs, summary, reservation } = packed;
        let TwoBitSummary { bases, acgt, masked, n_runs, others, digest, .. } = summary;
        let first = sources.first().map_or(Path::new("-"), |s| s.path());
        if acgt == 0 {
            return Err(Error::input(first, None, "there is no A, C, G or T in it, so there is nothing to index"));
        }
        let longest_contig = contigs.iter().map(|c| c.length).max().unwrap_or(0);
        let k = match options.k {
            Some(k) if u64::from(k) > longest_contig => {
                let genome = first.to_owned();
                return Err(Error::Parameter(ParameterError::LongerThanContigs { k, genome, longest_contig }));
            }
            Some(k) => k,
            None => default_k(bases).min(longest_contig.min(MAX_DEFAULT_K) as u32),
        };
        let file_name = |s: &Source| match s.path().file_name() {
            Some(name) => name.to_string_lossy().into_owned(),
            None => s.path().to_string_lossy().into_owned(),
        };
        let BuildOptions { min_frequency, max_frequency, max_positions, .. } = *options;
        Ok(Self {
            summary: GenomeSummary {
                sources: sources.iter().map(|s| SourceFile { name: file_name(s), bytes: s.bytes_read() }).collect(),
                contigs: contigs.len() as u64,
                bases,
                acgt,
                other_letters: others.iter().map(|run| u64::from(run.length)).sum(),
                masked,
                n_runs,
                longest_contig,
                blake3: digest.to_hex().to_string(),
                prefixed_names: options.prefix_names,
            },
            parameters: Parameters { k, min_frequency, max_frequency, max_positions },
            codec: KmerCodec::new(k)?,
            filters: Filters { min_frequency, max_frequency, max_positions },
            contigs,
            others,
            _reservation: reservation,
        })
    }

    /// The genome of the parts of an index.
    ///
    /// # Errors
    /// [`Error::Parameter`] if k is out of range.
    pub(crate) fn of_parts(
        (contigs, others): (Vec<Contig>, Vec<OtherLetters>),
        (summary, parameters): (GenomeSummary, Parameters),
        reservation: Reservation,
    ) -> Result<Self> {
        let (codec, filters) = (KmerCodec::new(parameters.k)?, parameters.filters());
        Ok(Self { contigs, others, summary, parameters, codec, filters, _reservation: reservation })
    }

    /// Whether an index of this shape, identity and parameters is of this genome and was built with these options.
    pub(crate) fn matches(
        &self,
        (dictionary, identity): (Shape, Identity),
        parameters: &Parameters,
        options: &BuildOptions,
    ) -> bool {
        self.parameters.identity(&dictionary, &self.summary.blake3, &self.contigs) == identity
            && self.parameters == *parameters
            && options.layout.is_none_or(|layout| layout == dictionary.kind())
    }
}
