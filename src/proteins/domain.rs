//! A protein domain of a sequence.

use std::fmt;
use std::ops::Range;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::kmer::Strand;
use crate::proteins::meaning::Meaning;

/// A region of a sequence whose translation is similar to a profile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Domain {
    /// Name of the profile.
    pub profile: String,
    /// What it says of the class.
    #[serde(rename = "class")]
    pub meaning: Meaning,
    /// Bases of the sequence, 0-based and half-open on its forward strand.
    pub range: Range<u64>,
    /// The strand that codes.
    #[serde(serialize_with = "symbol", deserialize_with = "strand")]
    pub strand: Strand,
    /// Columns of the profile, 0-based and half-open.
    pub columns: Range<u32>,
    /// Columns that the profile has.
    pub profile_length: u32,
    /// Score in bits, to one decimal place; the sum of the parts if the reading frame changes within the domain.
    pub score: f64,
    /// Domains of at least this score that are expected in a random sequence, over all profiles and frames.
    pub e_value: f64,
}

fn symbol<S: Serializer>(strand: &Strand, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_char(strand.symbol())
}

fn strand<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Strand, D::Error> {
    Ok(Strand::from_reverse(char::deserialize(deserializer)? == Strand::Reverse.symbol()))
}

impl fmt::Display for Domain {
    /// `profile:start-end:strand:score`; positions are 1-based, and both are included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { profile, range, strand, score, .. } = self;
        write!(f, "{profile}:{}-{}:{}:{score:.1}", range.start + 1, range.end, strand.symbol())
    }
}
