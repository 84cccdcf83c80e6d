//! What a domain says of the class of a repeat.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Maximum number of letters of a class: RepeatMasker's longest has 21.
const MAX_CLASS: usize = 60;
/// The class of a profile that says nothing by itself.
const NEUTRAL: &str = "-";
/// The class of a profile of proteins of the host.
const HOST: &str = "host";

/// What a domain says of the class of the repeat that has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meaning {
    /// Repeats of this class have it.
    Class(String),
    /// Repeats of these classes have it: the one that other domains support, else the first.
    OneOf(Vec<String>),
    /// Repeats of several classes have it, or repeats and genes.
    Neutral,
    /// Genes of the host have it.
    Host,
}

impl Meaning {
    /// What this and another, nearly as good one say together: the order, if they differ in the superfamily alone.
    pub(super) fn common(&self, other: &Self) -> Self {
        let order = |class: &str| class.split('/').next().unwrap_or(class).to_owned();
        match (self, other) {
            (Self::Class(one), Self::Class(two)) if one != two && order(one) == order(two) && two.contains('/') => {
                Self::Class(order(one))
            }
            _ => self.clone(),
        }
    }

    /// Parses the second column of a table: `class`, `class|class`, `-` or `host`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let is_class = |class: &str| {
            let is_allowed = |letter: u8| letter.is_ascii_alphanumeric() || b"/-_?".contains(&letter);
            !class.is_empty() && class.len() <= MAX_CLASS && class.bytes().all(is_allowed)
        };
        match text {
            NEUTRAL => Ok(Self::Neutral),
            HOST => Ok(Self::Host),
            _ if !text.split('|').all(is_class) => Err(format!(
                "{text:?} is no class; write one such as LTR/Gypsy, several as LINE|LTR/Gypsy, `-` or `host`"
            )),
            _ if text.contains('|') => Ok(Self::OneOf(text.split('|').map(str::to_owned).collect())),
            _ => Ok(Self::Class(text.to_owned())),
        }
    }
}

impl fmt::Display for Meaning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Class(class) => f.write_str(class),
            Self::OneOf(classes) => f.write_str(&classes.join("|")),
            Self::Neutral => f.write_str(NEUTRAL),
            Self::Host => f.write_str(HOST),
        }
    }
}

impl Serialize for Meaning {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Meaning {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
