//! The flags of the commands that classify repeats.

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;

use crate::cli::Settings;
use crate::cli::help::CLASSES;
use crate::families::StructuralRna;
use crate::proteins::Profiles;
use crate::sequence::Source;
use crate::{Error, Result};

/// Flags of the commands that classify repeats.
#[derive(Debug, Args)]
#[command(next_help_heading = CLASSES)]
pub(crate) struct ProfileArguments {
    /// Classify by the protein domains in FILE too
    ///
    /// FILE contains profiles in the format of HMMER3, plain or compressed. Profiles of the transposons of animals are
    /// built in. A missing file is exit code 1; a damaged one, or one of nucleotide profiles, is exit code 3, with the
    /// line and the name of the profile.
    #[arg(long, value_name = "FILE")]
    pub(super) profiles: Option<PathBuf>,
    /// Classes of the profiles
    ///
    /// Rows of a name or accession, a tab, and a class, `-` or `host`. The default is the class after `#` in the name of
    /// a profile, and known classes of Pfam's (docs/classes.md#profiles-of-your-own).
    #[arg(long, value_name = "FILE", requires = "profiles", hide_short_help = true)]
    pub(super) profile_classes: Option<PathBuf>,
    /// Also know structural RNA by the genes in FILE
    ///
    /// FILE is FASTA: names with rRNA, tRNA, snRNA or another class behind `#`
    /// (docs/classes.md#structural-rna-of-your-own).
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(super) structural_rna: Option<PathBuf>,
    /// Leave the built-in profiles out
    ///
    /// Without --profiles, sequences are then classified by their structure alone.
    #[arg(long, hide_short_help = true)]
    pub(super) no_built_in_profiles: bool,
}

impl ProfileArguments {
    /// Reads the profiles.
    ///
    /// # Errors
    /// As [`Profiles::read`] and [`Profiles::built_in`].
    pub(crate) fn read(&self, settings: &Settings) -> Result<Option<Arc<Profiles>>> {
        let mut all = match self.no_built_in_profiles {
            true => Profiles::default(),
            false => Profiles::built_in(&settings.budget)?,
        };
        if let Some(profiles) = &self.profiles {
            let classes = self.profile_classes.as_ref().map(Source::new);
            all.append(Profiles::read(&Source::new(profiles), classes.as_ref(), &settings.budget)?);
        }
        Ok((!all.is_empty()).then(|| Arc::new(all)))
    }

    /// Refuses files that nothing reads, since no families are searched for.
    pub(crate) fn refuse_files(&self) -> Result<()> {
        match self.profiles.is_some() || self.structural_rna.is_some() {
            true => Err(Error::Usage(
                "--profiles and --structural-rna are for families, which --library-only does not search for".to_owned(),
            )),
            false => Ok(()),
        }
    }

    /// Reads the genes of structural RNA.
    ///
    /// # Errors
    /// As [`StructuralRna::read`].
    pub(crate) fn read_rna(&self, settings: &Settings) -> Result<Option<Arc<StructuralRna>>> {
        let read = |path| StructuralRna::read(&Source::new(path), &settings.budget, &settings.progress).map(Arc::new);
        self.structural_rna.as_ref().map(read).transpose()
    }
}
