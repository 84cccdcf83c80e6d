//! The value of `--shard`: which of several equal parts of the work is done; and paths that are the same on any machine.

use std::fs;
use std::path::{Path, PathBuf};

use crate::bundle::{MAX_SHARDS, Shard};
use crate::fs::is_address;
use crate::{Error, Result};

/// Reads a shard, such as `2/16`.
pub(crate) fn shard(text: &str) -> Result<Shard, String> {
    let numbers = text.split_once('/').and_then(|(number, count)| Some((number.parse().ok()?, count.parse().ok()?)));
    match numbers {
        Some((number, count)) if (1..=count).contains(&number) && count <= MAX_SHARDS => Ok(Shard { number, count }),
        _ => Err(format!("a shard is I/N with I from 1 to N, such as 2/16, and N is at most {MAX_SHARDS}")),
    }
}

/// A path that is valid in any folder; an address stays as it is.
pub(crate) fn absolute(path: &Path) -> Result<PathBuf> {
    if is_address(path) {
        return Ok(path.to_owned());
    }
    fs::canonicalize(path).map_err(|e| Error::io("open", path, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_numbered_from_one() {
        assert_eq!(shard("1/1"), Ok(Shard { number: 1, count: 1 }));
        assert_eq!(shard("3/64"), Ok(Shard { number: 3, count: 64 }));
        for wrong in ["", "1", "0/4", "5/4", "1/0", "-1/4", "1/4/2", "a/b", "1/10001", "1/5000000000"] {
            assert!(shard(wrong).is_err(), "{wrong}");
        }
    }
}
