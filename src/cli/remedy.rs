//! Remedies for users of the command line: the library reports an error, and this module names the flag or the command
//! that resolves it.

use std::fmt;
use std::io::ErrorKind;

use crate::{Error, NotOursKind, OccupiedBy, Parameter, ParameterError};

/// An error as the command line reports it: the sentence of the library, and the remedy.
pub(super) struct Explained<'e>(pub(super) &'e Error);

impl fmt::Display for Explained<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.0, remedy(self.0))
    }
}

/// The remedy for an output that exists or cannot be replaced.
const OTHER_OUTPUT: &str = "; use another -o";
/// Behind a remedy that the library names.
const OR_OTHER_OUTPUT: &str = ", or use another -o";
/// The remedy for a lack of memory, after one that the library names.
const LESS_MEMORY: &str = ", or use a smaller --max-memory or fewer threads (-t)";

/// The end of the sentence that reports an error; empty if there is no flag to name.
fn remedy(error: &Error) -> &'static str {
    match error {
        Error::Io { source, .. } | Error::Output(source) | Error::Stdout(source) | Error::Map { source, .. } => {
            match source.kind() {
                ErrorKind::StorageFull | ErrorKind::QuotaExceeded => " or write elsewhere with -o",
                ErrorKind::OutOfMemory => LESS_MEMORY,
                _ => "",
            }
        }
        Error::Thread { .. } => LESS_MEMORY,
        Error::Parameter(error) => parameter(error),
        Error::DuplicateContig { prefixes_differ: true, .. } => {
            ", or --prefix-names puts those of their files before them"
        }
        Error::NoKmers { .. } => "; use a smaller -k",
        Error::OtherGenome { .. } => "; build one with `reprise build-index`",
        Error::Exists(_) => "; use another -o or replace it with --force",
        Error::NotOurs { kind, .. } => match kind {
            NotOursKind::NotAnIndex
            | NotOursKind::NotAPart
            | NotOursKind::MountPoint
            | NotOursKind::OfAnotherUser { .. } => OTHER_OUTPUT,
            NotOursKind::OtherFiles { .. } => OR_OTHER_OUTPUT,
            _ => "",
        },
        Error::Occupied {
            by:
                OccupiedBy::NotAFolder { .. }
                | OccupiedBy::ForeignFolder { .. }
                | OccupiedBy::ForeignLock { .. }
                | OccupiedBy::LeftLock { .. },
            ..
        } => OR_OTHER_OUTPUT,
        Error::Building { .. } => "; wait for it with --wait or use another -o",
        Error::PartOfIndex { .. } => "; join all parts with `reprise merge-index`",
        Error::Unfinished { .. } => "; build it with `reprise build-index`",
        Error::Damaged { .. } => "; run `reprise verify`, then copy or build the index again",
        Error::Memory { .. } => "; use a larger --max-memory",
        _ => "",
    }
}

fn parameter(error: &ParameterError) -> &'static str {
    match error {
        ParameterError::OutOfRange { parameter, .. } => match parameter {
            Parameter::K => " (-k)",
            Parameter::MinFrequency => " (--min-frequency)",
            Parameter::MaxPositions => " (--max-positions)",
        },
        ParameterError::NoFrequencies { .. } => "; use a larger --max-frequency or a smaller --min-frequency",
        ParameterError::LongerThanContigs { .. } => "; use a smaller -k",
        ParameterError::LimitedSuperKmers => "; use --min-frequency 1 and no other limit, or another --layout",
        ParameterError::TooShortForSuperKmers { .. } => "; use another --layout",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_named_behind_the_sentence_of_the_library() {
        let explained = |error: Error| Explained(&error).to_string();
        assert_eq!(
            explained(Error::Exists("a.tsv".into())),
            "a.tsv exists already; use another -o or replace it with --force"
        );
        assert_eq!(
            explained(Error::memory("a test", 5 << 20, 1 << 20)),
            "a test needs at least 5.0 MiB of memory, and the limit is 1.0 MiB; use a larger --max-memory"
        );
        assert_eq!(
            explained(Error::Parameter(ParameterError::OutOfRange {
                parameter: Parameter::K,
                value: 33,
                min: 1,
                max: Some(32)
            })),
            "k is 33; it must be from 1 to 32 (-k)"
        );
        let full = std::io::Error::from(ErrorKind::StorageFull);
        assert!(explained(Error::Output(full)).ends_with("; free some space or write elsewhere with -o"));
        assert_eq!(explained(Error::Usage("no".to_owned())), "no");
    }
}
