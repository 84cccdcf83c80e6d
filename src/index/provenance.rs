//! Checks which genome an index was built from: a folder can be renamed, and an assembly has versions.

use ahash::AHashMap;
use serde::Serialize;

use crate::genome::{GenomeReader, RefgetDigester};
use crate::index::contigs::ContigTable;
use crate::index::open::Index;
use crate::memory::{Component, Reservation};
use crate::sequence::Source;
use crate::{Progress, Result};

/// How the contigs of a genome differ from those of an index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Difference {
    /// The same name, other bases.
    Bases,
    /// The same bases, another name: those of the index and of the genome with `=` between them.
    Names,
    /// In the index and not in the genome.
    Missing,
    /// In the genome and not in the index.
    Added,
    /// Contigs that come before one that they follow in the index.
    Order,
}

/// Contigs that differ in one way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Differing {
    /// How.
    pub difference: Difference,
    /// How many contigs.
    pub contigs: u64,
    /// Names of the first of them, at most [`NAMED`].
    pub first: Vec<String>,
}

/// Contigs that are named for each difference: enough to recognise a pattern in one line.
pub const NAMED: usize = 5;

/// A genome compared with the one that an index was built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GenomeComparison {
    /// Whether names, their order and all bases are the same. Case, line breaks, descriptions and compression do not
    /// count.
    pub same: bool,
    /// Contigs of the genome.
    pub contigs: u64,
    /// Bases of the genome.
    pub bases: u64,
    /// How it differs; empty if it does not.
    pub differences: Vec<Differing>,
}

/// A contig of the genome that is compared.
struct Read {
    name: String,
    digest: [u8; 24],
}

impl Index {
    /// Reads a genome and compares it with that of the index. Memory grows with the number of contigs alone.
    ///
    /// # Errors
    /// [`Error::Input`](crate::Error::Input) for what cannot be read as sequence, [`Error::Io`](crate::Error::Io),
    /// [`Error::Memory`](crate::Error::Memory), [`Error::Damaged`](crate::Error::Damaged).
    pub fn compare_genome(&self, sources: &[Source], progress: &dyn Progress) -> Result<GenomeComparison> {
        progress.phase("reading", sources.iter().map(Source::bytes_total).sum());
        let mut reservation = self.budget.empty_reservation(Component::Contigs);
        let (mut genome, mut bases) = (Vec::new(), 0);
        let (mut digester, mut done) = (RefgetDigester::default(), 0);
        for source in sources {
            let mut source = source.within(&self.budget);
            if self.manifest().genome.prefixed_names {
                source = source.with_prefixed_names()?;
            }
            let mut reader = GenomeReader::open(&source)?;
            while let Some(head) = reader.next_record()? {
                while let Some(letters) = reader.next_bases()? {
                    digester.update(letters);
                    bases += letters.len() as u64;
                    let read = sources.iter().map(Source::bytes_read).sum();
                    progress.advance(read - done);
                    done = read;
                }
                // Twice: lists grow by doubling.
                reservation.grow((head.name.capacity() + 2 * size_of::<Read>()) as u64, "the contigs of the genome")?;
                genome.push(Read { name: head.name, digest: digester.finish() });
            }
            reader.report_skipped(progress);
        }
        let differences = self.differences(&genome, reservation)?;
        Ok(GenomeComparison { same: differences.is_empty(), contigs: genome.len() as u64, bases, differences })
    }

    fn differences(&self, genome: &[Read], mut reservation: Reservation) -> Result<Vec<Differing>> {
        let ContigTable { all: contigs, by_name } = self.contig_table()?;
        let digests = self.contig_digests()?;
        let renamed = |number: usize, read: &Read| format!("{}={}", contigs[number].name, read.name);
        let mut names = Names::default();
        // The same bases from the first contig to the last: whatever the names are, they alone differ.
        if genome.len() == contigs.len() && genome.iter().zip(&digests).all(|(g, d)| g.digest == d.sha512t24) {
            for (number, read) in genome.iter().enumerate().filter(|(i, read)| read.name != contigs[*i].name) {
                names.add(Difference::Names, || renamed(number, read));
            }
            return Ok(names.rows());
        }

        let tables = genome.len() + contigs.len();
        reservation.grow((tables * (size_of::<Option<usize>>() + 48)) as u64, "the contigs of the genome")?;
        // For each contig of the genome that of the index which it is, by name and then, for what is left, by bases.
        let mut taken = vec![false; contigs.len()];
        let mut matched: Vec<Option<usize>> = vec![None; genome.len()];
        for (read, matched) in genome.iter().zip(&mut matched) {
            *matched = by_name.get(&read.name).map(|&number| number as usize);
            // A name that comes twice is the contig of the index once.
            *matched = matched.filter(|&number| !std::mem::replace(&mut taken[number], true));
        }
        let mut left: AHashMap<[u8; 24], Vec<usize>> = AHashMap::new();
        for number in (0..contigs.len()).rev().filter(|&number| !taken[number]) {
            left.entry(digests[number].sha512t24).or_default().push(number);
        }
        for (read, matched) in genome.iter().zip(&mut matched) {
            match *matched {
                Some(number) if read.digest == digests[number].sha512t24 => {}
                Some(_) => names.add(Difference::Bases, || read.name.clone()),
                None => match left.get_mut(&read.digest).and_then(Vec::pop) {
                    Some(number) => {
                        taken[number] = true;
                        *matched = Some(number);
                        names.add(Difference::Names, || renamed(number, read));
                    }
                    None => names.add(Difference::Added, || read.name.clone()),
                },
            }
        }
        for (contig, _) in contigs.iter().zip(taken).filter(|(_, taken)| !taken) {
            names.add(Difference::Missing, || contig.name.clone());
        }
        let pairs: Vec<(usize, &Read)> =
            matched.iter().zip(genome).filter_map(|(m, read)| Some(((*m)?, read))).collect();
        for pair in pairs.windows(2).filter(|pair| pair[0].0 > pair[1].0) {
            names.add(Difference::Order, || pair[0].1.name.clone());
        }
        Ok(names.rows())
    }
}

/// Names of contigs, by difference.
#[derive(Default)]
struct Names(Vec<Differing>);

impl Names {
    fn add(&mut self, difference: Difference, name: impl FnOnce() -> String) {
        let at = self.0.iter().position(|row| row.difference == difference).unwrap_or_else(|| {
            self.0.push(Differing { difference, contigs: 0, first: Vec::new() });
            self.0.len() - 1
        });
        let row = &mut self.0[at];
        row.contigs += 1;
        if row.first.len() < NAMED {
            row.first.push(name());
        }
    }

    /// The differences, the gravest first.
    fn rows(mut self) -> Vec<Differing> {
        self.0.sort_by_key(|row| row.difference as u8);
        self.0
    }
}
