//! The file of the store: the input exchanges bytes of a sound catalog, and the checksum of its root is made right.

#![no_main]

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use reprise::dictionary::LayoutKind;
use reprise_fuzz::{bundle, file, plant};

static CATALOG: OnceLock<Vec<u8>> = OnceLock::new();

fn catalog() -> &'static [u8] {
    CATALOG.get_or_init(|| {
        std::fs::read(bundle(LayoutKind::SortedDictionary).join("catalog.redb")).expect("read")
    })
}

fuzz_target!(
    init: {
        // Numbers of the header, and the first bytes of every page.
        let pages = (0..catalog().len() / 4096).map(|page| page * 4096);
        let places = (8..330).step_by(3).chain(pages);
        plant(places.map(|at| [&(at as u32).to_le_bytes()[..], &[4, 2, 0, 255, 255]].concat()));
    },
    |data: &[u8]| {
        let mut bytes = catalog().to_vec();
        let mut rest = data;
        while let Some((&[a, b, c, d, length], more)) = rest.split_first_chunk::<5>() {
            let at = u32::from_le_bytes([a, b, c, d]) as usize % bytes.len();
            let (part, more) = more.split_at(usize::from(length).min(more.len()));
            let end = bytes.len().min(at + part.len());
            bytes[at..end].copy_from_slice(&part[..end - at]);
            rest = more;
        }
        reprise::fuzzing::seal_store(&mut bytes);
        let _ = reprise::fuzzing::look_at_store(&file("catalog.redb", &bytes));
    }
);
