//! A position block, plain or LZ4, and a list at any place in it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use reprise::dictionary::LayoutKind;
use reprise_fuzz::{bundle, plant};

const PARAMETERS: usize = 24;

fn seeds() -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for layout in [LayoutKind::SortedDictionary, LayoutKind::SuperKmers] {
        let file = std::fs::read(bundle(layout).join("positions.blk")).expect("read");
        let mut at = 16;
        while at + 40 < file.len() {
            let word = |at: usize| u64::from_le_bytes(file[at..at + 8].try_into().expect("eight bytes"));
            let end = at + (40 + word(at + 16) as usize + 8).next_multiple_of(8);
            let parameters = [6000u64, 64, 3].map(u64::to_le_bytes).concat();
            let mut block = file[at..end.min(file.len())].to_vec();
            // The number that the target expects.
            block[8..16].copy_from_slice(&7u64.to_le_bytes());
            all.push([parameters, block].concat());
            at = end;
        }
    }
    all.truncate(200);
    all
}

fuzz_target!(
    init: { plant(seeds()) },
    |data: &[u8]| {
        let Some((parameters, block)) = data.split_at_checked(PARAMETERS) else { return };
        let word = |i: usize| u64::from_le_bytes(parameters[8 * i..8 * i + 8].try_into().expect("eight bytes"));
        reprise::fuzzing::look_at_block(block.to_vec(), word(0) >> 8, word(1), word(2));
        reprise::fuzzing::look_at_seeds(block);
    }
);
