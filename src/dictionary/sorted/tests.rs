//! Pages that are encoded and searched again, and pages that were damaged in between.

use crate::dictionary::filters::Filters;
use crate::dictionary::sorted::codec::SortedCodec;
use crate::dictionary::sorted::encode::Encoder;
use crate::dictionary::sorted::layout::Layout;
use crate::dictionary::sorted::page::PageShape;
use crate::format::positions::ListCode;
use crate::format::{ChecksumKind, Identity};
use crate::kmer::{KmerCodec, low_mask};

/// Random hashes of a page, with frequencies of every class.
fn page_of(k: u32, kmers: u64, density: u64, seed: u64) -> (Layout, Vec<(u64, u64)>) {
    let codec = KmerCodec::new(k).expect("k in range");
    let layout = Layout::plan(&codec, kmers, kmers, 3.0);
    let end =
        if layout.pages == 1 { low_mask(codec.hash_bits()) } else { layout.first_hash(layout.groups_per_page) - 1 };
    let mut state = seed | 1;
    let mut random = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    let count = (kmers / layout.pages).max(1) * density;
    let mut hashes: Vec<u64> =
        (0..count).map(|_| if end == u64::MAX { random() } else { random() % (end + 1) }).collect();
    hashes.sort_unstable();
    hashes.dedup();
    let list = hashes
        .into_iter()
        .map(|hash| (hash, 1 + (random() >> (random() % 60)) % 3_000_000 * u64::from(random() % 3 == 0)))
        .collect();
    (layout, list)
}

/// Page 0 with these k-mers, and the codec that reads it.
fn encode(layout: Layout, filters: Filters, bases: u64, list: &[(u64, u64)]) -> (SortedCodec, Vec<u8>) {
    let lists = ListCode::new(bases);
    let codec = SortedCodec::new(layout, filters, lists.clone()).expect("a sound layout");
    let mut encoder = Encoder::new(Identity::TEST, layout, filters, lists);
    let mut block_bits = 0;
    for &(hash, frequency) in list {
        encoder.push(hash, frequency);
        block_bits += codec.list_bits(frequency);
    }
    let bytes = encoder.finish(0, block_bits, Vec::new());
    (codec, bytes)
}

#[test]
fn pages_answer_as_a_map_does() {
    for (k, kmers, density, max_positions) in [
        (1, 1, 1, None),
        (2, 6, 3, None),
        (5, 512, 1, Some(3)),
        (8, 20_000, 1, None),
        (15, 100_000, 1, None),
        (15, 3, 1, None),
        (31, 300_000, 1, Some(10)),
        (31, 300_000, 20, None),
        (32, 50_000, 1, None),
        (32, 1, 1, None),
    ] {
        let (layout, list) = page_of(k, kmers, density, 99 + u64::from(k));
        let filters = Filters { min_frequency: 1, max_frequency: None, max_positions };
        let (codec, bytes) = encode(layout, filters, 3_000_000_000, &list);
        let shape = PageShape::parse(Identity::TEST, &bytes, 0, &layout).expect("sound");
        let page = codec.view_of(&shape, &bytes, 0);
        page.verify(|problem| problem, |_, _| Ok(())).expect("sound");
        assert_eq!(shape.entries as usize, list.len());
        assert_eq!(page.entries().collect::<Vec<_>>(), list);
        assert!(page.frequencies().eq(list.iter().map(|&(_, f)| f)));
        for (first, last) in
            [(0, 0), (0, list.len() / 2), (list.len() / 3, list.len() - 1), (list.len() - 1, usize::MAX)]
        {
            let last = list.get(last).map_or(u64::MAX, |entry| entry.0);
            let within = page.entries_in(list[first].0..=last);
            assert!(within.eq(list[first..].iter().copied().take_while(|entry| entry.0 <= last)), "k {k}");
        }
        let mut list_at = 0;
        for (slot, &(hash, frequency)) in list.iter().enumerate() {
            let bucket = page.bucket_of(hash);
            let (found, code) = page.search(bucket, hash).expect("stored");
            let probed = page.probe(bucket, hash);
            let is_decided = bucket.count <= shape.lanes && page.inline_value(code).is_some();
            assert_eq!((probed.is_decided, probed.is_decided && probed.frequency != frequency), (is_decided, false));
            assert_eq!(found as usize, slot);
            assert_eq!(page.frequency(hash), frequency);
            if slot % 97 == 0 {
                assert_eq!(page.list_at(hash, found), list_at);
            }
            list_at += codec.list_bits(frequency);
            if list.binary_search_by_key(&(hash ^ 1), |e| e.0).is_err() {
                let bucket = page.bucket_of(hash ^ 1);
                assert_eq!(page.search(bucket, hash ^ 1), None);
                let probed = page.probe(bucket, hash ^ 1);
                let is_decided = bucket.count <= shape.lanes;
                assert_eq!((probed.is_decided, probed.is_decided && probed.frequency != 0), (is_decided, false));
            }
        }
    }
}

#[test]
fn a_flipped_bit_is_found_and_a_forged_checksum_harms_nothing() {
    let (layout, list) = page_of(15, 300, 1, 5);
    let filters = Filters { min_frequency: 1, max_frequency: None, max_positions: None };
    let (codec, bytes) = encode(layout, filters, 1 << 22, &list);
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        assert!(PageShape::parse(Identity::TEST, &damaged, 0, &layout).is_err());
        let sum = Identity::TEST.checksum(&damaged[8..], ChecksumKind::Page, 0);
        damaged[..8].copy_from_slice(&sum.to_le_bytes());
        if let Ok(shape) = PageShape::parse(Identity::TEST, &damaged, 0, &layout) {
            let page = codec.view_of(&shape, &damaged, 0);
            let _ = page.verify(|problem| problem, |_, _| Ok(()));
            assert!(page.entries().count() <= shape.entries as usize);
            for &(hash, _) in &list {
                page.frequency(hash);
                assert!(page.entries_in(hash..=hash).all(|entry| entry.0 == hash));
                if let Some((slot, _)) = page.search(page.bucket_of(hash), hash) {
                    page.list_at(hash, slot);
                }
            }
        }
    }
}
