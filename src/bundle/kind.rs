//! The kinds of bundles: whole indexes, and parts of one that are built apart and merged. The manifest of each states
//! its kind.

use std::ffi::OsStr;

use serde::{Deserialize, Serialize};

use crate::format::{CATALOG, CONTIGS, MANIFEST, POSITIONS, SEQUENCE, SPECTRUM, SPOOL};
use crate::{Error, Result};

/// What a bundle is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BundleKind {
    Index,
    Part,
}

/// The first fields of every manifest, the same in all formats. Other JSON of that kind is no manifest.
#[derive(Deserialize)]
pub(super) struct ManifestHead {
    pub(super) kind: String,
    pub(super) format_version: u32,
}

/// The field of a part's manifest that states which part it is.
#[derive(Deserialize)]
struct PartHead {
    shard: Shard,
}

impl BundleKind {
    const ALL: [Self; 2] = [Self::Index, Self::Part];

    /// Value of the field `kind`, which distinguishes a manifest from other JSON.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Index => "reprise index",
            Self::Part => "reprise index part",
        }
    }

    /// The kind of which these bytes are a manifest, sound or not.
    pub(super) fn of(manifest: &[u8]) -> Option<Self> {
        let head: ManifestHead = serde_json::from_slice(manifest).ok()?;
        Self::ALL.into_iter().find(|kind| kind.name() == head.kind)
    }

    /// The files that a bundle of this kind may have.
    pub(super) fn files(self) -> &'static [&'static str] {
        match self {
            Self::Index => &[MANIFEST, CATALOG, POSITIONS, SEQUENCE],
            Self::Part => &[MANIFEST, SPOOL, POSITIONS, SPECTRUM, CONTIGS, SEQUENCE],
        }
    }

    /// Whether a bundle of any kind may have a file of this name.
    pub(super) fn any_has(name: &OsStr) -> bool {
        Self::ALL.iter().any(|kind| kind.files().iter().any(|file| name == *file))
    }
}

/// Parts of one whole, at most: a list of them stays small, and no cluster runs more jobs at a time.
pub(crate) const MAX_SHARDS: u32 = 10_000;

/// Part `number` of `count` of an index, or of other work.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shard {
    /// From 1.
    pub number: u32,
    /// All parts.
    pub count: u32,
}

impl Shard {
    /// Fails if there is no such part.
    ///
    /// # Errors
    /// [`Error::Usage`].
    pub(crate) fn check(self) -> Result<()> {
        let Self { number, count } = self;
        if (1..=count).contains(&number) && count <= MAX_SHARDS {
            return Ok(());
        }
        Err(Error::Usage(format!(
            "there is no part {number} of {count}; parts are numbered from 1, and there are at most {MAX_SHARDS}"
        )))
    }

    /// The part of which these bytes are a manifest, sound or not.
    pub(super) fn of(manifest: &[u8]) -> Option<Self> {
        serde_json::from_slice::<PartHead>(manifest).ok().map(|head| head.shard)
    }

    /// Whether this part has the genome.
    pub(crate) fn has_genome(self) -> bool {
        self.number == 1
    }
}
