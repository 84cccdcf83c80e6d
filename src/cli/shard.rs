//! The value of `--shard`: which of several equal parts of the work is done.

use crate::bundle::Shard;

/// Reads a shard, such as `2/16`.
pub(crate) fn shard(text: &str) -> Result<Shard, String> {
    let numbers = text.split_once('/').and_then(|(number, count)| Some((number.parse().ok()?, count.parse().ok()?)));
    match numbers {
        Some((number, count)) if (1..=count).contains(&number) => Ok(Shard { number, count }),
        _ => Err("a shard is I/N with I from 1 to N, such as 2/16".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shards_are_numbered_from_one() {
        assert_eq!(shard("1/1"), Ok(Shard { number: 1, count: 1 }));
        assert_eq!(shard("3/64"), Ok(Shard { number: 3, count: 64 }));
        for wrong in ["", "1", "0/4", "5/4", "1/0", "-1/4", "1/4/2", "a/b", "1/5000000000"] {
            assert!(shard(wrong).is_err(), "{wrong}");
        }
    }
}
