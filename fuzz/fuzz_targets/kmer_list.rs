//! Lists of k-mers, one a line: a row for each line that is not blank, or an error of the line.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use reprise::Index;
use reprise::dictionary::LayoutKind;
use reprise_fuzz::{bundle, file, genome, open, plant};

static INDEXES: OnceLock<[Index; 2]> = OnceLock::new();

fuzz_target!(
    init: {
        let genome = genome();
        let line = genome.lines().nth(1).expect("a sequence");
        let list = |k: usize| (0..20).map(|i| format!("{} x\r\n\n", &line[7 * i..7 * i + k])).collect::<String>();
        plant([list(11), list(31), "AAAAAAAAAAA\nacgtacgtacn".to_owned()].map(String::into_bytes));
    },
    |data: &[u8]| {
        let layouts = [LayoutKind::SortedDictionary, LayoutKind::SuperKmers];
        let indexes = INDEXES.get_or_init(|| layouts.map(|layout| open(&bundle(layout)).expect("sound")));
        let path = file("list", data);
        for index in indexes {
            if let Ok(rows) = reprise::cli::fuzzing::kmer_list(index, &path) {
                let text = String::from_utf8_lossy(data);
                let lines = text.split('\n').filter(|line| !line.trim_ascii().is_empty()).count();
                assert_eq!(rows.iter().filter(|&&b| b == b'\n').count(), lines);
            }
        }
    }
);
