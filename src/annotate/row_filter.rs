//! Which rows of an annotation count: by class, length and divergence of the repeat.

use crate::sequence::Feature;

/// A choice among the rows of an annotation. The default takes all of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct RowFilter {
    /// Classes of which a row must have one, if there are any.
    pub(crate) classes: Vec<String>,
    /// Classes of which it must have none.
    pub(crate) excluded: Vec<String>,
    /// Minimum number of bases.
    pub(crate) min_length: u64,
    /// Maximum share of substituted bases in per cent.
    pub(crate) max_divergence: Option<f64>,
}

impl RowFilter {
    /// Whether a row counts.
    ///
    /// # Errors
    /// A sentence, if the row lacks a class or a divergence that decides.
    pub(crate) fn accepts(&self, feature: &Feature<'_>) -> Result<bool, String> {
        if feature.range.end - feature.range.start < self.min_length {
            return Ok(false);
        }
        if !self.classes.is_empty() || !self.excluded.is_empty() {
            let Some(class) = feature.repeat_class() else {
                let read = "classes are read from .out, GFF3, GTF, the TSV of repeat copies and BED names with a #";
                return Err(format!("the row has no class; {read}"));
            };
            let is_one_of = |wanted: &[String]| wanted.iter().any(|wanted| is_of(&class, wanted));
            if !self.classes.is_empty() && !is_one_of(&self.classes) || is_one_of(&self.excluded) {
                return Ok(false);
            }
        }
        match (self.max_divergence, feature.divergence()) {
            (None, _) => Ok(true),
            (Some(max), Some(divergence)) => Ok(divergence <= max),
            (Some(_), None) => {
                let read = "divergences are read from .out, the TSV of repeat copies, and `substituted` or `identity` \
                            in GFF3";
                Err(format!("the row has no divergence; {read}"))
            }
        }
    }
}

/// Whether a class is the wanted one or a part of it: `LTR/Gypsy`, `LTR?` and the type `LTR_retrotransposon` are of `LTR`.
/// Case does not matter.
fn is_of(class: &str, wanted: &str) -> bool {
    let (class, wanted) = (class.to_ascii_lowercase(), wanted.to_ascii_lowercase());
    let rest = class.strip_prefix(wanted.trim_end_matches(['/', '?']));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '-', '_']))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::sequence::{FeatureParser, Line};

    const OUT: &str = "463 1.3 0.6 1.7 chr1 101 300 (9) + fam LTR/Gypsy 1 463 (0) 1";
    const GFF3: &str = "chr1\treprise\tLINE_element\t101\t300\t5\t+\t.\tID=a;class=LINE/L1;substituted=12.5";
    const EDTA: &str = "chr1\tEDTA\tCACTA_TIR_transposon\t101\t300\t5\t+\t.\tclassification=DNA/DTC;identity=0.9";
    const TYPE: &str = "chr1\tx\tDNA_transposon\t101\t300\t.\t+\t.\tID=a";
    const GTF: &str = "chr1\tx\texon\t101\t300\t.\t+\t.\tgene_id \"f\"; family_id \"Alu\"; class_id \"SINE\";";
    const BED: &str = "chr1\t100\t300\tfam#DNA/hAT-Ac\t900\t+";
    const TSV: &str = "chr1\t100\t300\t-\tf\tRC/Helitron\t9\t1e-9\t7.00\t6.50\t0.00\t0.00\t0\t200\t0\t1";

    fn accepts(filter: &RowFilter, row: &str) -> Result<bool, String> {
        let mut parser = FeatureParser::new(Path::new("-"));
        match parser.line(row, |_| true).expect("a row") {
            Line::Feature(feature) => filter.accepts(&feature),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn rows_of_every_format_are_chosen_by_class_length_and_divergence() {
        for (row, class, divergence) in [
            (OUT, "LTR/Gypsy", Some(1.3)),
            (GFF3, "LINE/L1", Some(12.5)),
            (EDTA, "DNA/DTC", Some(10.0)),
            (GTF, "SINE/Alu", None),
            (BED, "DNA/hAT-Ac", None),
            (TSV, "RC/Helitron", Some(6.5)),
            (TYPE, "DNA_transposon", None),
        ] {
            let order = class.split(['/', '_']).next().expect("an order");
            let of = |classes: &[&str], excluded: &[&str]| RowFilter {
                classes: classes.iter().map(|&class| class.to_owned()).collect(),
                excluded: excluded.iter().map(|&class| class.to_owned()).collect(),
                ..RowFilter::default()
            };
            assert_eq!(accepts(&RowFilter::default(), row), Ok(true));
            assert_eq!(accepts(&of(&[class], &[]), row), Ok(true), "{row}");
            assert_eq!(accepts(&of(&["Simple_repeat", &order.to_lowercase()], &[]), row), Ok(true), "{row}");
            assert_eq!(accepts(&of(&["Simple_repeat", &order[..1]], &[]), row), Ok(false), "{row}");
            assert_eq!(accepts(&of(&[order], &[class]), row), Ok(false), "{row}");
            assert_eq!(accepts(&RowFilter { min_length: 201, ..RowFilter::default() }, row), Ok(false), "{row}");
            assert_eq!(accepts(&RowFilter { min_length: 200, ..RowFilter::default() }, row), Ok(true), "{row}");
            let within = |max| accepts(&RowFilter { max_divergence: Some(max), ..RowFilter::default() }, row);
            match divergence {
                None => assert!(within(100.0).is_err_and(|e| e.contains("no divergence")), "{row}"),
                Some(divergence) => {
                    assert_eq!((within(divergence + 0.01), within(divergence - 0.01)), (Ok(true), Ok(false)), "{row}");
                }
            }
        }
    }

    #[test]
    fn classes_are_needed_only_if_they_decide() {
        let row = "chr1\t100\t300\tfam\t900\t+";
        let filter = RowFilter { excluded: vec!["LTR".to_owned()], ..RowFilter::default() };
        assert!(accepts(&filter, row).is_err_and(|e| e.contains("no class")));
        assert_eq!(accepts(&RowFilter { min_length: 1000, ..filter }, row), Ok(false));
    }
}
