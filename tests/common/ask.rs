//! Queries of every kind through every public function, to compare the answers of a damaged index with those of a sound
//! one.

// Each test file uses only some of this.
#![allow(dead_code)]

use reprise::formats::Format;
use reprise::index::{Depth, OpenOptions};
use reprise::memory::Budget;
use reprise::query::{Detail, Sequences, query_sequences};
use reprise::sequence::Region;
use reprise::{Error, Index, Result, Silent};
use std::path::Path;

use super::Random;

/// Memory budget of an open index, in bytes.
pub const BUDGET: u64 = 64 << 20;

/// Opens an index with [`BUDGET`].
pub fn open(folder: &Path) -> Result<Index> {
    let mut options = OpenOptions::default();
    options.cache.size = 8 << 20;
    Index::open_with(folder, &options, &Budget::new(BUDGET))
}

/// Queries: k-mers and regions that are in the genome, and others.
#[derive(Debug, Clone)]
pub struct Questions {
    kmers: Vec<u64>,
    regions: Vec<Region>,
    /// Regions as a user types them.
    texts: Vec<String>,
}

impl Questions {
    /// Queries of a sound index, `kmers` of them for single k-mers.
    pub fn new(index: &Index, kmers: usize) -> Self {
        let mut random = Random(5);
        let mut stored = Vec::new();
        index
            .for_each_kmer(|entry| {
                stored.push(entry.kmer);
                Ok(())
            })
            .expect("sound");
        let k = index.k();
        let kmer = |n: usize| match n % 4 {
            0 => random.next() >> (64 - 2 * k),
            1 => index.codec().reverse_complement(stored[random.below(stored.len())]),
            _ => stored[random.below(stored.len())],
        };
        let kmers = (0..kmers).map(kmer).collect();
        let (mut regions, mut texts) = (Vec::new(), vec!["absent".to_owned()]);
        for contig in index.contigs().expect("sound") {
            let (name, length) = (contig.name.clone(), contig.length);
            texts.push(format!("{name}:{}-", length / 2));
            regions.push(Region { contig: name.clone(), range: 0..length });
            regions.push(Region { contig: name, range: length / 3..length });
        }
        Self { kmers, regions, texts }
    }

    /// Every answer, in an order that does not depend on the index.
    pub fn ask(&self, index: &Index) -> Vec<Result<String>> {
        let mut answers = vec![Ok(format!("{:?}", index.manifest()))];
        for &kmer in &self.kmers {
            answers.push(index.frequency(kmer).map(|f| f.to_string()));
            answers.push(index.positions(kmer).map(|all| format!("{all:?}")));
        }
        answers.push(index.batch().frequencies(&self.kmers).map(|all| format!("{all:?}")));
        answers.push(index.contigs().map(|all| format!("{all:?}")));
        for text in &self.texts {
            answers.push(match index.region(text) {
                Err(Error::NotInIndex { problem, .. }) => Ok(problem),
                region => region.map(|region| format!("{region:?}")),
            });
        }
        for region in &self.regions {
            answers.push(index.bases(&region.contig, region.range.clone()));
        }
        for detail in [Detail::Summary, Detail::PerKmer] {
            let mut rows = Vec::new();
            let regions = Sequences::Regions(&self.regions);
            let outcome = query_sequences(index, regions, detail, None, &Format::Tsv, &mut rows, &Silent);
            answers.push(outcome.map(|_| String::from_utf8_lossy(&rows).into_owned()));
        }
        answers.push(index.contig_digests().map(|all| format!("{all:?}")));
        answers.push(index.spectrum().map(|rows| format!("{rows:?}")));
        answers.push(index.seeds().collect::<Result<Vec<_>>>().map(|all| format!("{all:?}")));
        answers
    }

    /// Every stored k-mer with its frequency and positions, as `dump` walks them, up to the first error.
    pub fn dump(&self, index: &Index) -> (Vec<String>, Option<Error>) {
        let mut rows = Vec::new();
        let outcome = index.for_each_kmer(|entry| {
            let mut places = Vec::new();
            entry.for_each_position(|place| places.push(place))?;
            rows.push(format!("{} {} {places:?}", entry.kmer, entry.frequency));
            Ok(())
        });
        (rows, outcome.err())
    }
}

/// The answers of a sound index.
pub struct Truth {
    pub questions: Questions,
    answers: Vec<String>,
    dump: Vec<String>,
}

impl Truth {
    pub fn of(folder: &Path, kmers: usize) -> Self {
        let index = open(folder).expect("sound");
        index.verify(Depth::Sequence, &Silent).expect("sound");
        let questions = Questions::new(&index, kmers);
        let answers = questions.ask(&index).into_iter().collect::<Result<_>>().expect("sound");
        let (dump, error) = questions.dump(&index);
        assert!(error.is_none());
        Self { questions, answers, dump }
    }

    /// Queries a copy that may be damaged and returns the errors.
    ///
    /// # Panics
    /// If an answer is neither right nor an error of exit code 4 that names a file of the index.
    pub fn hold_against(&self, folder: &Path) -> Vec<Error> {
        self.look(folder, true)
    }

    /// As [`hold_against`](Self::hold_against), without walking all k-mers.
    pub fn glance_at(&self, folder: &Path) -> Vec<Error> {
        self.look(folder, false)
    }

    fn look(&self, folder: &Path, dump: bool) -> Vec<Error> {
        let index = match open(folder) {
            Ok(index) => index,
            Err(e) => return vec![named(folder, e)],
        };
        let mut errors = Vec::new();
        for (answer, truth) in self.questions.ask(&index).into_iter().zip(&self.answers) {
            match answer {
                Ok(answer) => assert_eq!(&answer, truth),
                Err(e) => errors.push(named(folder, e)),
            }
        }
        if dump {
            let (rows, error) = self.questions.dump(&index);
            assert!(rows[..] == self.dump[..rows.len()], "a wrong row in the dump");
            match error {
                Some(e) => errors.push(named(folder, e)),
                None => assert_eq!(rows.len(), self.dump.len(), "the dump ends early"),
            }
        }
        errors
    }
}

/// Asserts that an error has exit code 4 and names the index or a file of it.
#[track_caller]
pub fn named(folder: &Path, error: Error) -> Error {
    let path = match &error {
        Error::Damaged { path, .. } | Error::Unfinished { path, .. } | Error::Version { path, .. } => path,
        other => panic!("not an error of damage: {other:?}"),
    };
    assert!(path.starts_with(folder), "{error}");
    assert_eq!(error.exit_code(), 4);
    error
}
