//! The names of the files of a run.

use crate::report::MULTIQC_FILES;

pub(super) const OWN_INDEX: &str = "genome.reprise";
pub(super) const LIBRARY: &str = "families.fa";
pub(super) const STOCKHOLM: &str = "families.stk";
pub(super) const FAMILY_TABLE: &str = "families.tsv";
pub(super) const FAMILY_FILES: [&str; 3] = [LIBRARY, STOCKHOLM, FAMILY_TABLE];
/// The annotation that masking reads: its file is never empty, and each of its rows is an interval to mask.
pub(super) const MASKED_BY: &str = "repeats.out";
/// The table of short names of contigs.
pub(super) const NAMES: &str = "names.tsv";
/// What the names of the files of the annotation begin with.
pub(super) const REPEATS: &str = "repeats";
pub(super) const MASKED: &str = "masked.fa.gz";
/// The masked genome, and the indexes of its records and of its compressed blocks.
pub(super) const MASK_FILES: [&str; 3] = [MASKED, "masked.fa.gz.fai", "masked.fa.gz.gzi"];
pub(super) const SUMMARY: &str = "summary.json";
pub(super) const PAGE: &str = "report.html";
/// The folder of the parts of steps, until they are joined.
pub(super) const PARTS: &str = "parts";
pub(super) const REPORT_FILES: [&str; 5] = [SUMMARY, PAGE, MULTIQC_FILES[0], MULTIQC_FILES[1], MULTIQC_FILES[2]];

/// The file of a part of a step, in the folder of the parts.
pub(super) fn part_file(step: &str, part: u32, shards: u32) -> String {
    format!("{step}.{part}-of-{shards}")
}
