//! Every part of the program reads bases from one packed file, a quarter of the size of the text, that other tools read
//! too.
//!
//! The layout is UCSC's .2bit (<https://genome.ucsc.edu/FAQ/FAQformat.html#format7>): two bits a base (T=0, C=1, A=2,
//! G=3), four to a byte, the first in the highest bits, and lists of the runs of N and of lower case. Version 0 has
//! 32-bit offsets; version 1, written if a file grows past 4 GiB, has 64-bit ones.
//!
//! Limits of .2bit: letters other than ACGT are stored as N ([`TwoBitSummary::others`] lists them); a contig has at
//! most 2^32-1 bases; a name has at most 255 bytes, so a longer one is cut and made unique by `~` and the contig's
//! number (the catalog keeps it whole).
//!
//! Reader and writer are our own: the reader works on the map without allocation and survives damage, the writer takes
//! bases as they arrive and computes the digest of the genome in the same pass.

mod input;
mod layout;
mod pack;
mod reader;
mod writer;

pub(crate) use input::{TwoBitInput, is_twobit};
pub(crate) use pack::pack_run;
pub use reader::{Case, TwoBit, TwoBitSequence};
pub(crate) use writer::TEMPORARY_SUFFIXES;
pub use writer::{OtherLetters, TwoBitSummary, TwoBitWriter};

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;
    use crate::Result;
    use proptest::prelude::*;

    fn write(path: &Path, wide_from: u64, contigs: &[(String, Vec<u8>)], cut: usize) -> TwoBitSummary {
        let mut writer = TwoBitWriter::with_wide_offsets_from(path, wide_from).expect("a temporary folder");
        for (name, bases) in contigs {
            writer.begin(name);
            for piece in bases.chunks(cut.max(1)) {
                writer.bases(piece).expect("written");
            }
            assert_eq!(writer.end().expect("written"), bases.len() as u64);
        }
        writer.finish().expect("written")
    }

    proptest! {
        #[test]
        fn bases_round_trip(
            contigs in prop::collection::vec("[ACGTacgtNn]{0,90}|[ACGT]{60,130}|[acgtrykm.*-]{0,70}", 0..6),
            wide: bool,
            cut in 1usize..50,
        ) {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let path = folder.path().join("a.2bit");
            let contigs: Vec<(String, Vec<u8>)> = contigs
                .into_iter()
                .enumerate()
                .map(|(i, bases)| (format!("c{i}"), bases.into_bytes()))
                .collect();
            let summary = write(&path, if wide { 10 } else { u64::MAX }, &contigs, cut);
            prop_assert_eq!(summary.version, u32::from(wide));
            prop_assert_eq!(fs::read_dir(folder.path()).expect("folder").count(), 1);
            let file = TwoBit::open(&path).expect("sound");
            let index: Vec<_> = file.index().collect::<Result<_>>().expect("sound");
            prop_assert_eq!(index.len(), contigs.len());
            let mut hashed = Vec::new();
            for (((name, bases), (stored, offset)), record_at) in contigs.iter().zip(index).zip(&summary.records) {
                prop_assert_eq!(name.as_bytes(), stored);
                prop_assert_eq!(offset, *record_at);
                let record = file.record_at(offset).expect("sound");
                prop_assert!(record.is_sound());
                let expected: Vec<u8> = bases
                    .iter()
                    .map(|b| match b.to_ascii_uppercase() {
                        b'A' | b'C' | b'G' | b'T' => *b,
                        _ => if b.is_ascii_lowercase() { b'n' } else { b'N' },
                    })
                    .collect();
                let mut read = Vec::new();
                record.bases(0..record.length(), Case::Masked, &mut read);
                prop_assert_eq!(&read, &expected);
                for start in 0..bases.len() {
                    let mut part = Vec::new();
                    record.bases(start as u64..start as u64 + 7, Case::Upper, &mut part);
                    let end = bases.len().min(start + 7);
                    prop_assert_eq!(part, expected[start..end].to_ascii_uppercase());
                }
                let runs: Vec<u8> = record.acgt_runs().fold(vec![b'N'; bases.len()], |mut all, run| {
                    all[run.start as usize..run.end as usize].fill(b'B');
                    all
                });
                let kind = |b: &u8| if b"ACGTacgt".contains(b) { b'B' } else { b'N' };
                let is_base: Vec<u8> = expected.iter().map(kind).collect();
                prop_assert_eq!(runs, is_base);
                hashed.extend(bases.to_ascii_uppercase());
                hashed.push(b'\n');
            }
            prop_assert_eq!(summary.digest, blake3::hash(&hashed));
        }
    }

    #[test]
    fn long_names_are_cut_and_stay_unique() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.2bit");
        let contigs: Vec<_> = (0..2).map(|_| ("é".repeat(200), b"ACGT".to_vec())).collect();
        write(&path, u64::MAX, &contigs, 9);
        let file = TwoBit::open(&path).expect("sound");
        let names: Vec<_> = file.index().map(|e| e.expect("sound").0.to_vec()).collect();
        assert!(names[0] != names[1] && names.iter().all(|n| n.len() <= 255 && std::str::from_utf8(n).is_ok()));
    }

    #[test]
    fn damage_is_an_error_or_harmless() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.2bit");
        write(&path, u64::MAX, &[("c".into(), b"NNACGTacgtnnACGT".to_vec()), ("d".into(), b"ACGTA".to_vec())], 3);
        let whole = fs::read(&path).expect("written");
        let look = |bytes: &[u8]| {
            fs::write(&path, bytes).expect("written");
            let Ok(file) = TwoBit::open(&path) else { return };
            for entry in file.index() {
                let Ok((_, offset)) = entry else { return };
                if let Ok(record) = file.record_at(offset) {
                    record.is_sound();
                    record.bases(0..record.length().min(100), Case::Masked, &mut Vec::new());
                    record.acgt_runs().count();
                }
            }
        };
        for length in 1..whole.len() {
            look(&whole[..length]);
        }
        for bit in 0..whole.len() * 8 {
            let mut damaged = whole.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            look(&damaged);
        }
    }
}
