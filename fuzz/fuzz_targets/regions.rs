//! Regions as they are typed, and BED files.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use reprise::Index;
use reprise::sequence::parse_bed_line;
use reprise::dictionary::LayoutKind;
use reprise_fuzz::{bundle, file, open, plant};

static INDEX: OnceLock<Index> = OnceLock::new();

fuzz_target!(
    init: {
        let typed = [
            "chr1", "chr1:1,001-2,000", "chr2:a:5-", "3:7", "chr2:a", "chr1:0-5", "{chr1}:-5", "chr9:1-2",
            "3:18446744073709551615",
        ];
        let beds = [
            "chr1\t5\t9\tname\n3 0 120\n", "#x\ntrack a\n\nchr2:a\t1\t2\r\n",
            "chr1\t1\t99999999999999999999\n",
        ];
        plant(typed.iter().chain(&beds).map(|text| text.as_bytes().to_vec()));
    },
    |data: &[u8]| {
        let index = INDEX.get_or_init(|| open(&bundle(LayoutKind::SortedDictionary)).expect("sound"));
        let text = String::from_utf8_lossy(data);
        if let Ok(region) = index.region(&text) {
            let contig = index.contig_by_name(&region.contig).expect("known") as usize;
            let length = index.contigs().expect("sound")[contig].length;
            assert!(region.range.start <= region.range.end && region.range.end <= length);
            let bases = index.bases(&region.contig, region.range.clone()).expect("checked");
            assert_eq!(bases.len() as u64, region.range.end - region.range.start);
        }
        for line in text.lines() {
            if let Ok(Some(region)) = parse_bed_line(line, |name| index.contig_by_name(name).is_ok()) {
                assert!(region.range.start <= region.range.end);
            }
        }
        for region in reprise::cli::fuzzing::bed_file(index, &file("a.bed", data)).unwrap_or_default() {
            let bases = index.bases(&region.contig, region.range.clone()).expect("checked");
            assert_eq!(bases.len() as u64, region.range.end - region.range.start);
        }
    }
);
