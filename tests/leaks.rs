//! A thousand opens and closes leak no descriptor, map or memory. The test is alone in its process, so that no other
//! test opens files meanwhile.

mod common;

use std::fs;

use common::{PLAIN, fasta, repetitive_genome};
use reprise::builder::{BuildOptions, build_index};
use reprise::dictionary::LayoutKind;
use reprise::index::OpenOptions;
use reprise::memory::Budget;
use reprise::sequence::Source;
use reprise::{Index, Silent};

/// Descriptors, maps of files, KiB of anonymous memory.
#[cfg(target_os = "linux")]
fn held(folder: &str) -> (usize, usize, u64) {
    let status = fs::read_to_string("/proc/self/status").expect("told");
    let anonymous = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).expect("a line");
    let anonymous = anonymous.trim().trim_end_matches(" kB").parse().expect("a number");
    let maps = fs::read_to_string("/proc/self/maps").expect("told");
    let descriptors = fs::read_dir("/proc/self/fd").expect("told").count();
    (descriptors, maps.lines().filter(|line| line.contains(folder)).count(), anonymous)
}

#[test]
#[cfg(target_os = "linux")]
fn a_thousand_opens_leave_nothing() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let genome = folder.path().join("g.fa");
    fs::write(&genome, fasta(&repetitive_genome(8, 20_000), &PLAIN)).expect("written");
    let path = folder.path().to_str().expect("UTF-8").to_owned();
    let mut targets = Vec::new();
    for (k, layout) in [(13, LayoutKind::SortedDictionary), (31, LayoutKind::SuperKmers)] {
        let target = folder.path().join(format!("{k}.reprise"));
        let layout = Some(layout);
        let options = BuildOptions { k: Some(k), min_frequency: 1, layout, ..BuildOptions::default() };
        build_index(&[Source::new(&genome)], &target, &options, &Budget::new(1 << 28), &Silent).expect("built");
        targets.push(target);
    }
    // A damaged one, because failing opens must close everything too.
    let damaged = common::copy_index(&targets[0], &folder.path().join("damaged"));
    let bytes = fs::read(damaged.join("sequence.2bit")).expect("read");
    fs::write(damaged.join("sequence.2bit"), [&[0; 4], &bytes[4..]].concat()).expect("written");

    let budget = Budget::new(64 << 20);
    let open = |number: usize| {
        assert!(Index::open_with(&damaged, &OpenOptions::default(), &budget).is_err());
        let index = Index::open_with(&targets[number % 2], &OpenOptions::default(), &budget).expect("sound");
        let mut kmers = 0;
        index
            .for_each_kmer_of_page(number as u64 % index.pages(), |entry| {
                kmers += index.frequency(entry.kmer)?;
                entry.for_each_position(|_| ())
            })
            .expect("sound");
        assert!(kmers > 0 && index.bases("chr1", 10..90).expect("sound").len() == 80);
        assert!(index.seeds().next().is_some());
        held(&path)
    };
    let none = held(&path);
    let within = open(0);
    assert!(within.0 > none.0 && within.1 > none.1, "an open index holds files: {none:?}, {within:?}");
    (0..100).for_each(|number| _ = open(number));
    let before = held(&path);
    (0..1000).for_each(|number| _ = open(number));
    let after = held(&path);
    println!("descriptors, maps, KiB: {before:?} after 100 opens, {after:?} after 1100");
    assert_eq!((after.0, after.1), (before.0, before.1));
    assert_eq!(after.1, 0);
    assert_eq!(budget.used(), 0, "all that was reserved is given back");
    // A thousand leaked indexes would keep at least their tables and a page each, far more than this.
    assert!(after.2 < before.2 + (2 << 10), "{before:?} {after:?}");
}
