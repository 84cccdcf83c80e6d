//! Errors of the library become exceptions of the package, by exit code of the command.

use pyo3::prelude::*;
use reprise::{Error, Parameter, ParameterError};

/// Why a call fails.
#[derive(Debug)]
pub enum Failure {
    /// An error of the library.
    Library(Error),
    /// A k-mer or sequence of the caller that cannot be used: a sentence.
    Input(String),
    /// An argument that is wrong: a sentence.
    Usage(String),
    /// Threads cannot be started: a sentence.
    Threads(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Library(error)
    }
}

impl From<Failure> for PyErr {
    fn from(failure: Failure) -> Self {
        let (code, sentence) = match failure {
            Failure::Library(error) => (error.exit_code(), format!("{error}{}", remedy(&error))),
            Failure::Usage(sentence) => (2, sentence),
            Failure::Input(sentence) => (3, sentence),
            Failure::Threads(sentence) => (5, sentence),
        };
        Python::attach(|py| {
            let module = py.import("reprise_genome._errors");
            match module.and_then(|module| module.call_method1("error_of_exit_code", (code, sentence))) {
                Ok(exception) => Self::from_value(exception),
                Err(error) => error,
            }
        })
    }
}

/// The end of the sentence that reports an error; empty if no argument resolves it.
fn remedy(error: &Error) -> &'static str {
    match error {
        Error::Exists(_) => "; use another name or force=True",
        Error::Building { .. } => "; wait for it with wait=True",
        Error::DuplicateContig { prefixes_differ: true, .. } => {
            ", or prefix_names=True puts those of their files before them"
        }
        Error::NoKmers { .. } | Error::Parameter(ParameterError::LongerThanContigs { .. }) => "; use a smaller k",
        Error::Parameter(ParameterError::OutOfRange { parameter: Parameter::K, .. }) => " (k)",
        Error::Parameter(ParameterError::OutOfRange { parameter: Parameter::MinFrequency, .. }) => " (min_frequency)",
        Error::Parameter(ParameterError::OutOfRange { parameter: Parameter::MaxPositions, .. }) => " (max_positions)",
        Error::Unfinished { .. } => "; build it with build_index",
        Error::Damaged { .. } => "; run `reprise verify`, then copy or build the index again",
        Error::Memory { .. } => "; use a larger max_memory",
        _ => "",
    }
}
