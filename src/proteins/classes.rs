//! What profiles say of the class of a repeat: a table that comes with the profiles, or names that are known.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use crate::memory::Budget;
use crate::proteins::meaning::Meaning;
use crate::proteins::pfam;
use crate::sequence::{Lines, Source};
use crate::{Error, Result};

/// The table from profiles to classes.
pub(super) enum ClassTable {
    /// That of a file, by name or accession.
    Given(HashMap<String, Meaning>),
    /// Classes in the names of profiles, as `name#class`, and the known ones of Pfam.
    Known,
}

impl ClassTable {
    /// Reads rows of a profile's name or accession and its class, separated by tabs; further columns are notes.
    pub(super) fn read(source: &Source, budget: &Budget) -> Result<Self> {
        let mut rows = HashMap::new();
        let mut lines = Lines::open(source, budget)?;
        while let Some((number, line)) = lines.next()? {
            let wrong = |problem: String| Error::input(source.path(), Some(number), problem);
            let line = std::str::from_utf8(line).map_err(|_| wrong("is not text in UTF-8".to_owned()))?;
            if line.trim().is_empty() || line.starts_with('#') {
                continue;
            }
            let mut columns = line.split('\t').map(str::trim);
            let (Some(profile), Some(class)) = (columns.next(), columns.next()) else {
                return Err(wrong("has one column; a row is a profile and its class, separated by a tab".to_owned()));
            };
            let meaning = Meaning::parse(class).map_err(wrong)?;
            match rows.entry(profile.to_owned()) {
                Entry::Occupied(_) => return Err(wrong(format!("profile {profile:?} has a row already"))),
                Entry::Vacant(entry) => entry.insert(meaning),
            };
        }
        Ok(Self::Given(rows))
    }

    /// What a profile of this name and accession says; `None` if the table does not name it.
    pub(super) fn meaning(&self, name: &str, accession: Option<&str>) -> Option<Meaning> {
        // PF00078.33 is the 33rd version of PF00078.
        let accession = accession.map(|accession| accession.split('.').next().unwrap_or(accession));
        let known = || pfam::meaning(name).or_else(|| pfam::meaning(accession?));
        match self {
            Self::Given(rows) => match rows.get(name).or_else(|| rows.get(accession?))? {
                // A table may leave open what a domain says beside others.
                Meaning::Neutral => {
                    Some(known().filter(|m| matches!(m, Meaning::OneOf(_))).unwrap_or(Meaning::Neutral))
                }
                meaning => Some(meaning.clone()),
            },
            Self::Known => match name.split_once('#') {
                Some((_, class)) => Meaning::parse(class).ok(),
                None => known(),
            },
        }
    }
}
