//! A .2bit file of anybody's.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reprise::genome::{Case, TwoBit, TwoBitWriter};
use reprise_fuzz::{file, folder, plant};

fn seeds() -> Vec<Vec<u8>> {
    let written = |wide: u64, contigs: &[(&str, &[u8])]| {
        let path = folder().join("seed.2bit");
        let mut writer = TwoBitWriter::with_wide_offsets_from(&path, wide).expect("a file in memory");
        for (name, bases) in contigs {
            writer.begin(name);
            writer.bases(bases).expect("written");
            writer.end().expect("written");
        }
        writer.finish().expect("written");
        std::fs::read(path).expect("read")
    };
    let contigs: [(&str, &[u8]); 3] = [("a", b"NNACGTacgtnnACGTAACCGG"), ("", b""), ("chrII", b"ACGTNNNNacgtT")];
    vec![written(u64::MAX, &contigs), written(1, &contigs), written(u64::MAX, &[])]
}

fuzz_target!(
    init: { plant(seeds()) },
    |data: &[u8]| {
        let Ok(genome) = TwoBit::open(&file("a.2bit", data)) else { return };
        for entry in genome.index().take(100) {
            let Ok((_, offset)) = entry else { return };
            let Ok(record) = genome.record_at(offset) else { continue };
            let length = record.length();
            // What the file is large enough for, and no more.
            assert!(length.div_ceil(4) <= data.len() as u64);
            let (mut all, mut part) = (Vec::new(), Vec::new());
            record.bases(0..length, Case::Masked, &mut all);
            assert_eq!(all.len() as u64, length);
            record.bases(length / 3..length / 2, Case::Masked, &mut part);
            record.bases(length + 1..u64::MAX, Case::Upper, &mut part);
            let runs: Vec<_> = record.acgt_runs().collect();
            assert!(runs.iter().all(|run| run.start < run.end && run.end <= length));
            record.mask_blocks().for_each(drop);
            if record.is_sound() {
                assert_eq!(part, &all[(length / 3) as usize..(length / 2) as usize]);
                let acgt = all.iter().filter(|b| !b"Nn".contains(b)).count() as u64;
                assert_eq!(runs.iter().map(|run| run.end - run.start).sum::<u64>(), acgt);
            }
        }
    }
);
