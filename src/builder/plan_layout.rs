//! Chooses the dictionary layout of a build and plans it. Only this module of a build knows which layouts exist.

use crate::builder::layout_steps::{LayoutInput, LayoutPlan};
use crate::builder::prepared_genome::PreparedGenome;
use crate::builder::{sorted, superkmers};
use crate::bundle::Parameters;
use crate::dictionary::{LayoutKind, SuperKmerLayout};
use crate::error::ParameterError;
use crate::kmer::Minimizers;
use crate::{Error, Result};

/// A layout that a genome can have.
pub(crate) enum LayoutChoice {
    Sorted,
    SuperKmers(Minimizers),
}

/// Chooses the layout: super-k-mers if all k-mers are stored and k is long enough, unless `requested`.
///
/// # Errors
/// [`Error::Parameter`] if the requested layout is not possible.
pub(crate) fn choose_layout(genome: &PreparedGenome, requested: Option<LayoutKind>) -> Result<LayoutChoice> {
    let Parameters { k, min_frequency, max_frequency, max_positions } = genome.parameters;
    let stores_all = min_frequency == 1 && max_frequency.is_none() && max_positions.is_none();
    let length = SuperKmerLayout::minimizer_bases(k, genome.summary.bases);
    match (requested, length) {
        (Some(LayoutKind::SortedDictionary), _) => Ok(LayoutChoice::Sorted),
        (Some(LayoutKind::SuperKmers), _) if !stores_all => Err(Error::Parameter(ParameterError::LimitedSuperKmers)),
        (Some(LayoutKind::SuperKmers), None) => Err(Error::Parameter(ParameterError::TooShortForSuperKmers { k })),
        (_, Some(m)) if stores_all => Ok(Minimizers::new(k, m).map_or(LayoutChoice::Sorted, LayoutChoice::SuperKmers)),
        _ => Ok(LayoutChoice::Sorted),
    }
}

/// Plans a layout.
///
/// # Errors
/// [`Error::Memory`], [`Error::Io`].
pub(crate) fn plan_layout(choice: LayoutChoice, input: &LayoutInput<'_>) -> Result<LayoutPlan> {
    match choice {
        LayoutChoice::Sorted => sorted::plan(input),
        LayoutChoice::SuperKmers(minimizers) => superkmers::plan(input, minimizers),
    }
}
