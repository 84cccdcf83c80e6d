//! map
#![allow(dead_code)]
pub mod error;
pub mod kmer;
pub mod memory;
pub mod store;
pub mod sequence;
pub mod build;
pub use error::{Error, Result};
