//! A manifest: as it is, and with numbers and texts of a sound one exchanged and its digest made right.

#![no_main]

use std::path::PathBuf;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use reprise::index::verify::Depth;
use reprise::dictionary::LayoutKind;
use reprise::Silent;
use reprise_fuzz::{bundle, open, plant};
use serde_json::Value;

static BUNDLES: OnceLock<Vec<(PathBuf, Vec<u8>)>> = OnceLock::new();

fn bundles() -> &'static [(PathBuf, Vec<u8>)] {
    BUNDLES.get_or_init(|| {
        let layouts = [LayoutKind::SortedDictionary, LayoutKind::SuperKmers];
        let manifest = |layout| std::fs::read(bundle(layout).join("manifest.json")).expect("read");
        layouts.map(|layout| (bundle(layout), manifest(layout))).into()
    })
}

/// The leaves of a tree of JSON.
fn leaves<'v>(value: &'v mut Value, out: &mut Vec<&'v mut Value>) {
    match value {
        Value::Object(map) => map.values_mut().for_each(|v| leaves(v, out)),
        Value::Array(all) => all.iter_mut().for_each(|v| leaves(v, out)),
        leaf => out.push(leaf),
    }
}

fn look(bundle: &PathBuf, text: &[u8]) {
    std::fs::write(bundle.join("manifest.json"), text).expect("written");
    let Ok(index) = open(bundle) else { return };
    let kmer = index.codec().mix(77) & 0xFFFF;
    let _ = (index.frequency(kmer), index.positions(kmer), index.contigs().map(<[_]>::len), index.spectrum());
    let _ = index.batch().frequencies(&[kmer, 0, 5]).map(<[_]>::len);
    let _ = index.seeds().take(5).count();
    let _ = index.bases("chr1", 3..200);
    let _ = index.verify(Depth::Quick, &Silent);
}

fuzz_target!(
    init: {
        let changes = (0..60u8).map(|n| [&[n & 1, 1, n][..], &(1u64 << n).to_le_bytes()].concat());
        plant(bundles().iter().map(|(_, text)| [&[0, 0][..], text].concat()).chain(changes));
    },
    |data: &[u8]| {
        let [which, changed, data @ ..] = data else { return };
        let (bundle, sound) = &bundles()[usize::from(which & 1)];
        if changed & 1 == 0 {
            look(bundle, data);
            if let Ok(text) = reprise::fuzzing::sealed_manifest(data) {
                look(bundle, text.as_bytes());
            }
            return;
        }
        let mut manifest: Value = serde_json::from_slice(sound).expect("sound");
        let mut all = Vec::new();
        leaves(&mut manifest, &mut all);
        let (changes, _) = data.as_chunks::<9>();
        for change in changes {
            let at = usize::from(change[0]) % all.len();
            let number = u64::from_le_bytes(change[1..].try_into().expect("eight bytes"));
            let leaf = &mut *all[at];
            *leaf = match &*leaf {
                Value::Number(_) | Value::Null => number.into(),
                Value::String(text) => {
                    let mut text = text.clone();
                    text.insert(number as usize % (text.len() + 1), char::from((number >> 56) as u8 & 0x7F));
                    text.into()
                }
                other => other.clone(),
            };
        }
        if let Ok(text) = reprise::fuzzing::sealed_manifest(manifest.to_string().as_bytes()) {
            look(bundle, text.as_bytes());
        }
    }
);
