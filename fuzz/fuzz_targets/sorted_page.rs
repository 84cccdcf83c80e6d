//! A dictionary page and its position block, forged: an error, or answers that agree with each other.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use reprise::Index;
use reprise::dictionary::LayoutKind;
use reprise_fuzz::{bundle, look_at_pages, open, page_seeds, plant};

static INDEX: OnceLock<Index> = OnceLock::new();

fuzz_target!(
    init: {
        plant(page_seeds(LayoutKind::SortedDictionary));
    },
    |data: &[u8]| {
        look_at_pages(INDEX.get_or_init(|| open(&bundle(LayoutKind::SortedDictionary)).expect("sound")), data);
    }
);
