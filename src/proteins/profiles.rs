//! A set of profiles, with what each says of the class of a repeat.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use parking_lot::Mutex;
use rustyhmmer::hmmfile::P7Hmm;
use rustyhmmer::pipeline::Model;

use crate::memory::{Budget, Component, Reservation};
use crate::proteins::classes::ClassTable;
use crate::proteins::domain::Domain;
use crate::proteins::meaning::Meaning;
use crate::proteins::record::{Record, Records};
use crate::sequence::{Lines, Source};
use crate::{Error, Result};

/// Bytes of memory for each column of a profile: probabilities and scores of 20 amino acids, for each step of the
/// search. The built-in ones have 2,440.
const BYTES_PER_COLUMN: u64 = 2560;
/// What memory is reserved for.
const PURPOSE: &str = "profiles of protein domains";
/// Bytes of text for each column, in a file: three lines of numbers.
const TEXT_PER_COLUMN: u64 = 440;
/// The built-in profiles, compressed with zstd; `tools/make_profiles` makes them, and its header names their sources.
const BUILT_IN: &[u8] = include_bytes!("builtin.hmm.zst");
/// Bytes of their text.
const BUILT_IN_TEXT: u64 = 5_543_797;

/// Profiles of protein domains.
#[derive(Default)]
pub struct Profiles {
    pub(super) profiles: Vec<Profile>,
    /// Of each record and its class.
    digests: Vec<blake3::Hash>,
    reservations: Vec<Reservation>,
    /// Domains of the latest sequences, by their digest: refinement asks for those of a consensus several times.
    pub(super) found: Mutex<HashMap<blake3::Hash, Arc<[Domain]>>>,
}

/// A profile, ready for searches.
pub(super) struct Profile {
    pub(super) model: Model,
    pub(super) meaning: Meaning,
}

impl Profiles {
    /// Reads a file of profiles in the format of HMMER3, plain or compressed, and the table of their classes.
    ///
    /// The table has rows of a name or accession and a class, separated by a tab; further columns are notes, and rows
    /// that begin with `#` are comments. A class is one such as `LTR/Gypsy`; several separated by `|`, of which other
    /// domains choose; `-` for a domain that says nothing by itself; or `host` for one of genes. Profiles that the table
    /// does not name are those of genes.
    ///
    /// Without a table, the class is what follows `#` in the name of a profile, and that of Pfam's profiles is known.
    ///
    /// # Errors
    /// [`Error::Input`] with the line and the name of the profile if a record is damaged or no protein profile, if the
    /// file has none, if two have one name, or if none has a class; [`Error::Memory`]; [`Error::Io`].
    pub fn read(profiles: &Source, classes: Option<&Source>, budget: &Budget) -> Result<Self> {
        let table = classes.map_or(Ok(ClassTable::Known), |classes| ClassTable::read(classes, budget))?;
        let read = Self::of(Lines::open(profiles, budget)?, profiles, &table, profiles.bytes_total(), budget)?;
        let has_class = |profile: &Profile| matches!(profile.meaning, Meaning::Class(_) | Meaning::OneOf(_));
        if !read.profiles.iter().any(has_class) {
            let problem = match classes {
                Some(classes) => format!("has no profile to which {} assigns a class", classes.path().display()),
                None => "has no profile whose class is known; a table of classes is needed".to_owned(),
            };
            return Err(Error::input(profiles.path(), None, problem));
        }
        Ok(read)
    }

    /// The profiles that come with the program: domains of LTR elements, LINEs and DNA transposons of animals, which are
    /// similar to those of plants and fungi too.
    ///
    /// # Errors
    /// [`Error::Memory`].
    pub fn built_in(budget: &Budget) -> Result<Self> {
        let source = Source::new("built-in profiles");
        let text = zstd::stream::read::Decoder::new(BUILT_IN).map_err(|e| Error::io("read", source.path(), e))?;
        let lines = Lines::of(Box::new(text), &source, budget);
        Self::of(lines, &source, &ClassTable::Known, Some(BUILT_IN_TEXT), budget)
    }

    /// Reads profiles; `text_bytes` is the size of their text, if it is known.
    fn of(lines: Lines, source: &Source, table: &ClassTable, text_bytes: Option<u64>, budget: &Budget) -> Result<Self> {
        // What all of them need, about, so that an error names it.
        let expected = BYTES_PER_COLUMN * text_bytes.unwrap_or(0) / TEXT_PER_COLUMN;
        let mut reservation = budget.reserve(Component::Input, expected, PURPOSE)?;
        let mut needed = 0;
        let mut names = HashSet::new();
        let mut read = Vec::new();
        let mut records = Records::new(source, lines);
        let mut digests = Vec::new();
        while let Some(Record { line, profile, digest }) = records.next()? {
            if !names.insert(profile.name.clone()) {
                let problem = format!("two profiles are called {:?}; names must differ", profile.name);
                return Err(Error::input(source.path(), Some(line), problem));
            }
            needed += BYTES_PER_COLUMN * profile.m as u64;
            if needed > reservation.bytes() {
                reservation.grow(needed - reservation.bytes(), PURPOSE)?;
            }
            let meaning = table.meaning(&profile.name, profile.acc.as_deref());
            digests.push(blake3::Hasher::new().update(&digest).update(format!("{meaning:?}").as_bytes()).finalize());
            read.push(Profile::new(profile, meaning.unwrap_or(Meaning::Host)));
        }
        if read.is_empty() {
            return Err(Error::input(source.path(), None, "has no profile"));
        }
        reservation.resize(needed);
        Ok(Self { profiles: read, digests, reservations: vec![reservation], found: Mutex::default() })
    }

    /// Digest (BLAKE3, hexadecimal) of the profiles and their classes: equal ones classify alike.
    pub fn digest(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        for digest in &self.digests {
            hasher.update(digest.as_bytes());
        }
        hasher.finalize().to_hex().to_string()
    }

    /// Adds the profiles of another set; where domains overlap, that with the better score counts.
    pub fn append(&mut self, mut other: Self) {
        self.found.get_mut().clear();
        self.profiles.append(&mut other.profiles);
        self.digests.append(&mut other.digests);
        self.reservations.append(&mut other.reservations);
    }

    /// Whether some are of genes.
    pub(crate) fn include_hosts(&self) -> bool {
        self.profiles.iter().any(|profile| profile.meaning == Meaning::Host)
    }

    /// Number of profiles.
    pub fn len(&self) -> usize {
        self.profiles.len()
    }

    /// Whether there is no profile.
    pub fn is_empty(&self) -> bool {
        self.profiles.is_empty()
    }
}

impl Profile {
    fn new(profile: P7Hmm, meaning: Meaning) -> Self {
        Self { model: Model::new(profile), meaning }
    }

    /// Its name, without a class.
    pub(super) fn name(&self) -> &str {
        let name = &self.model.hmm.name;
        name.split('#').next().unwrap_or(name)
    }
}

impl std::fmt::Debug for Profiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.profiles.iter().map(|profile| &profile.model.hmm.name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_profiles_have_classes_and_the_size_that_is_reserved() {
        let budget = Budget::new(1 << 30);
        let built_in = Profiles::built_in(&budget).expect("profiles");
        assert_eq!(built_in.len(), 31);
        let has_superfamily = |meaning: &Meaning| matches!(meaning, Meaning::Class(class) if class.contains('/'));
        assert!(built_in.profiles.iter().all(|profile| has_superfamily(&profile.meaning)));
        let text = zstd::decode_all(BUILT_IN).expect("zstd");
        assert_eq!(text.len() as u64, BUILT_IN_TEXT);
        assert!(BYTES_PER_COLUMN * BUILT_IN_TEXT / TEXT_PER_COLUMN >= budget.used());
    }
}
