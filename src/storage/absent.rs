//! A build that reads local folders only: remote files have no values, so nothing of them is compiled.

use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use crate::fs::FileDigest;
use crate::memory::Budget;
use crate::{Error, Result};

/// A folder that lies elsewhere; there is none in this build.
#[derive(Debug)]
pub(crate) enum RemoteFolder {}

/// A file that lies elsewhere; there is none in this build.
#[derive(Debug)]
pub(crate) enum RemoteFile {}

impl RemoteFolder {
    /// # Errors
    /// Always [`Error::Usage`]; it does not repeat the address, which may have a password.
    pub(crate) fn at(_: &Path) -> Result<Arc<Self>> {
        Err(Error::Usage(
            "this reprise was built without reading over the network; build it with the Cargo feature `remote` (`cargo \
             install --path . --features remote`), or copy the index to this machine"
                .to_owned(),
        ))
    }

    pub(crate) fn path(&self) -> &Path {
        match *self {}
    }

    pub(crate) fn read_text(&self, _: &str) -> Result<Option<Vec<u8>>> {
        match *self {}
    }

    pub(crate) fn open_files(&self, _: &BTreeMap<String, FileDigest>, _: &Budget) -> Result<()> {
        match *self {}
    }

    pub(crate) fn file(&self, _: &str) -> Result<Arc<RemoteFile>> {
        match *self {}
    }
}

impl RemoteFile {
    pub(crate) fn path(&self) -> &Path {
        match *self {}
    }

    pub(crate) fn length(&self) -> u64 {
        match *self {}
    }

    pub(crate) fn read(&self, _: u64, _: &mut [u8]) -> Result<()> {
        match *self {}
    }

    pub(crate) fn read_nearby(&self, _: u64, _: &mut [u8]) -> Result<()> {
        match *self {}
    }

    pub(crate) fn read_with(&self, _: Range<u64>, _: &mut [u8]) -> Result<()> {
        match *self {}
    }

    pub(crate) fn fetch_together(&self, _: Vec<Range<u64>>) -> Result<()> {
        match *self {}
    }

    pub(crate) fn bytes_together(&self) -> u64 {
        match *self {}
    }

    pub(crate) fn digest(&self) -> Result<FileDigest> {
        match *self {}
    }

    pub(crate) fn read_whole(&self) -> Result<Vec<u8>> {
        match *self {}
    }
}
