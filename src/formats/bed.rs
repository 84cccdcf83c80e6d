//! Annotations for genome browsers: BED with nine columns, coloured by class
//! (<https://samtools.github.io/hts-specs/BEDv1.pdf>).

use std::io::Write;

use crate::formats::annotation_writer::AnnotationWriter;
use crate::formats::copy_row::CopyRow;
use crate::formats::ontology::ontology_term;

/// Annotations as BED.
pub(super) struct Bed;

impl AnnotationWriter for Bed {
    fn row(&self, row: &CopyRow<'_>, out: &mut Vec<u8>) {
        let matching_per_mille = (1000.0 * (1.0 - row.difference)).round();
        let CopyRow { contig, start, end, family, class, strand, .. } = row;
        let colour = colour(row.family, row.class);
        // Writing into a Vec cannot fail.
        let _ = writeln!(
            out,
            "{contig}\t{start}\t{end}\t{family}#{class}\t{matching_per_mille}\t{strand}\t{start}\t{end}\t{colour}"
        );
    }
}

/// Red, green and blue of a class, 0 to 255.
fn colour(family: &str, class: &str) -> &'static str {
    match ontology_term(family, class) {
        "LTR_retrotransposon" => "44,123,182",
        "LINE_element" | "non_LTR_retrotransposon" | "retrotransposon" => "215,25,28",
        "SINE_element" => "253,141,60",
        "DNA_transposon" | "MITE" => "26,150,65",
        "helitron" => "123,50,148",
        "satellite_DNA"
        | "tandem_repeat"
        | "microsatellite"
        | "minisatellite"
        | "low_complexity_region"
        | "centromeric_repeat"
        | "telomeric_repeat"
        | "subtelomere" => "140,81,10",
        _ => "99,99,99",
    }
}
