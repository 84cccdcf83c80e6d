//! The extension module of the Python package `reprise-genome`. `reprise_genome` wraps it: what users see, with types and
//! documentation, is Python; this module takes arrays of bytes and returns arrays, without the lock of the interpreter
//! while it works.

mod builder;
mod errors;
mod index;
mod kmers;
mod lookup;
mod search;
mod work;

use std::ffi::OsString;

use pyo3::prelude::*;

/// Runs the command line and returns its exit code.
#[pyfunction]
fn run_command(py: Python<'_>, arguments: Vec<OsString>, has_stdout: bool) -> u8 {
    py.detach(|| reprise::cli::run(arguments, has_stdout, reprise::cli::SYSTEM_ALLOCATOR))
}

#[pymodule(gil_used = false)]
fn _native(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<index::Index>()?;
    module.add_function(wrap_pyfunction!(builder::build_index, module)?)?;
    module.add_function(wrap_pyfunction!(run_command, module)?)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))
}
