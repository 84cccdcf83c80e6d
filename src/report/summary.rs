//! The numbers of a run of `detect`, as `summary.json` stores them, so that scripts, the page and the plots all use the
//! same.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::annotate::{AnnotationSummary, ClassSummary, DIVERGENCES, GroupClass, LENGTHS};
use crate::bundle::FileDigest;
use crate::families::Evidence;
use crate::formats::FamiliesSummary;
use crate::text::shortened;

/// The results of a run of `reprise detect`, as `schema/detect-summary.schema.json` describes them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DetectSummary {
    /// Program and version.
    pub written_by: String,
    /// Time of writing, in UTC; `SOURCE_DATE_EPOCH` if that is set.
    pub created: String,
    /// The genome.
    pub genome: GenomeFacts,
    /// Numbers of the search for families; none if only a given library was used.
    pub search: Option<FamiliesSummary>,
    /// Evidence for the class of each family that was found, by its name.
    pub evidence: BTreeMap<String, Evidence>,
    /// Copies of the families.
    pub annotation: AnnotationSummary,
    /// Bases of the genome that the copies mask.
    pub masked_bases: u64,
    /// Substitutions per site and year, if given; it turns divergences into ages.
    pub substitution_rate: Option<f64>,
    /// Options of the run.
    pub parameters: serde_json::Value,
    /// The files of the run, without this one and those that are made from it.
    pub files: BTreeMap<String, FileDigest>,
    /// Time and memory; none if `SOURCE_DATE_EPOCH` is set, so that the same input results in the same bytes.
    pub run: Option<Run>,
}

impl DetectSummary {
    /// Checks what a parser of JSON does not: the lengths of lists, and that parts are not larger than the whole.
    ///
    /// # Errors
    /// A sentence with the contradiction.
    pub fn check(&self) -> Result<(), String> {
        let AnnotationSummary { classes, groups, bases, .. } = &self.annotation;
        let has_lists = |class: &ClassSummary| {
            let lengths =
                [&class.bases_by_divergence, &class.copies_by_divergence, &class.copies_by_length].map(Vec::len);
            lengths == [DIVERGENCES, DIVERGENCES, LENGTHS.len() + 1]
        };
        if let Some(class) = classes.iter().find(|class| !has_lists(class)) {
            return Err(format!("the counts of class {:?} are incomplete", shortened(&class.class)));
        }
        let is_whole = |class: &GroupClass| class.bases_by_divergence.len() == DIVERGENCES;
        if let Some(group) = groups.iter().find(|group| !group.classes.iter().all(is_whole)) {
            return Err(format!("the counts of group {:?} are incomplete", shortened(&group.name)));
        }
        if *bases > self.genome.bases {
            return Err(format!("{bases} bases in copies are more than the {} of the genome", self.genome.bases));
        }
        match classes.iter().find(|class| class.bases > *bases) {
            Some(class) => Err(format!("class {:?} has more bases than all copies", shortened(&class.class))),
            None => Ok(()),
        }
    }
}

/// The genome of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GenomeFacts {
    /// Names of its files.
    pub name: String,
    /// Bases of all contigs.
    pub bases: u64,
    /// Bases that are A, C, G or T.
    pub acgt: u64,
    /// Bases in lower case before anything was masked.
    pub masked: u64,
    /// Contigs.
    pub contigs: u64,
    /// N50: half of the bases are in contigs of this length or longer.
    pub n50: u64,
    /// Digest of the bases (BLAKE3), as `reprise info` prints it.
    pub blake3: String,
    /// k of the index.
    pub k: u32,
    /// Distinct k-mers.
    pub distinct_kmers: u64,
    /// Those of them that occur twice or more.
    pub repeated_kmers: u64,
}

/// Time and memory of a run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// The steps, in order; a reused step has the numbers of the run that made it.
    pub steps: Vec<StepRun>,
    /// Seconds of all steps.
    pub seconds: f64,
    /// Largest resident memory of the steps in bytes, mapped files included.
    pub peak_memory_bytes: u64,
}

/// Time and memory of a step.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRun {
    /// Its name.
    pub name: String,
    /// Wall time in seconds.
    pub seconds: f64,
    /// Working threads.
    pub threads: u64,
    /// Largest resident memory of the process up to the end of the step, in bytes.
    pub peak_memory_bytes: u64,
}
