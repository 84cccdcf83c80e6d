//! The last step of a build and of a merge: the manifest of the index, and its publication.

use std::path::Path;

use crate::builder::prepared_genome::PreparedGenome;
use crate::bundle::draft::BundleDraft;
use crate::bundle::{FileDigest, Manifest, MemoryHints, Sealed, Totals, time_stamp};
use crate::dictionary::Shape;
use crate::format::{CATALOG, Identity};
use crate::fs::digest_file;
use crate::{Error, Progress, Result};

/// What the manifest of an index states.
pub(crate) struct IndexContents<'a> {
    pub(crate) genome: &'a PreparedGenome,
    pub(crate) dictionary: (Shape, Identity),
    pub(crate) estimate: MemoryHints,
    pub(crate) totals: Totals,
    /// The files but the catalog, which is digested here.
    pub(crate) files: [(&'static str, FileDigest); 2],
}

/// Writes the manifest of an index whose other files are complete, and publishes it at `target`; returns the manifest.
///
/// # Errors
/// [`Error::Unfinished`] if the index could not be opened; those of publishing.
pub(crate) fn publish_index(
    draft: BundleDraft,
    target: &Path,
    contents: IndexContents<'_>,
    progress: &dyn Progress,
) -> Result<Manifest> {
    progress.phase("publishing", None);
    let IndexContents { genome, dictionary, estimate, totals, files } = contents;
    let (parameters, summary) = (genome.parameters.clone(), genome.summary.clone());
    let mut manifest = Manifest::new(parameters, summary, dictionary, estimate, totals, time_stamp()?);
    manifest.files.insert(CATALOG.to_owned(), digest_file(&draft.path(CATALOG))?);
    manifest.files.extend(files.map(|(name, digest)| (name.to_owned(), digest)));
    // An index that could not be opened must not be published.
    if let Some(problem) = manifest.contradiction() {
        return Err(Error::Unfinished { path: target.to_owned(), problem: problem.to_owned() });
    }
    draft.publish(&manifest.seal()?, progress)?;
    Manifest::read(target)
}
