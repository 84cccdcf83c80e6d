//! Seed alignments of families in Stockholm format, from which Dfam and HMMER build models.

use std::io::Write;

use crate::families::{FamilyStatistics, SeedAlignment};

/// Appends the seed alignment of a family in Stockholm format 1.0 as Dfam reads it: one block, `#=GC RF` with `x` for
/// the columns of the consensus, rows named by contig, first and last base (1-based, last before first on the reverse
/// strand). The fields are those that Dfam requires of a submission (documentation of `SeedAlignment.pm` in
/// RepeatModeler), in the order in which it writes them. `taxon` is the organism or clade in which the family occurs;
/// without one there is no field `OC`, which whoever submits the file has to add.
pub fn stockholm(out: &mut Vec<u8>, family: &FamilyStatistics, alignment: &SeedAlignment, taxon: Option<&str>) {
    let kind = dfam_path(&family.class);
    let clade = taxon.map(|taxon| format!("#=GF OC    {taxon}\n")).unwrap_or_default();
    // Writing into a Vec cannot fail.
    let _ = write!(
        out,
        "# STOCKHOLM 1.0\n#=GF ID    {}\n#=GF DE    {} bases, {} copies, {:.2} % diverged\n\
         #=GF AU    reprise {}\n#=GF SE    Predicted; reprise\n#=GF TP    {kind}\n{clade}#=GF SQ    {}\n",
        family.name,
        family.length,
        family.copies,
        family.divergence,
        env!("CARGO_PKG_VERSION"),
        alignment.rows.len()
    );
    let width = alignment.rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0).max("#=GC RF".len());
    let mut row = |name: &str, letters: &[u8]| {
        let _ = write!(out, "{name:width$}  ");
        out.extend_from_slice(letters);
        out.push(b'\n');
    };
    row("#=GC RF", &alignment.reference);
    for (name, letters) in &alignment.rows {
        row(name, letters);
    }
    out.extend_from_slice(b"//\n");
}

/// The class of Dfam (J. Storer et al., Mob. DNA 12 (2021) 2), as the path from its root, for a class of RepeatMasker.
fn dfam_path(class: &str) -> String {
    const ELEMENT: &str = "Interspersed_Repeat;Transposable_Element";
    let (order, superfamily) = class.trim_end_matches('?').split_once('/').unwrap_or((class.trim_end_matches('?'), ""));
    let path = match order {
        "LTR" => "Class_I_Retrotransposition;Retrotransposon;Long_Terminal_Repeat_Element",
        "LINE" => "Class_I_Retrotransposition;LINE",
        "SINE" => "Class_I_Retrotransposition;LINE-dependent_Retroposon;SINE",
        "DNA" => "Class_II_DNA_Transposition;Transposase",
        "RC" => "Class_II_DNA_Transposition;Helicase",
        "Satellite" => return "Tandem_Repeat;Satellite".to_owned(),
        "tRNA" | "rRNA" | "snRNA" => return format!("Interspersed_Repeat;Pseudogene;RNA;{order}"),
        _ => return "Interspersed_Repeat;Unknown".to_owned(),
    };
    let rest = match (order, superfamily) {
        ("LTR", "Gypsy") => ";Gypsy-ERV;Gypsy",
        ("LTR", "Copia") => ";Ty1-Copia",
        ("LTR", "Pao") => ";Bel-Pao",
        ("SINE", "tRNA") => ";tRNA_Promoter",
        ("SINE", "Alu") => ";7SL-RNA_Promoter",
        ("DNA", "TcMar") => ";Tc1-Mariner",
        ("DNA", "hAT") => ";hAT",
        ("DNA", "PIF-Harbinger") => ";PIF-Harbinger",
        ("DNA", "MULE-MuDR" | "MULE-NOF") => ";Mutator-like_Element",
        ("DNA", "PiggyBac") => ";PiggyBac",
        ("DNA", "CMC-EnSpm" | "CMC-Transib") => ";CMC",
        ("DNA", "P") => ";P_Element",
        ("RC", "Helitron") => ";Helitron",
        _ => "",
    };
    format!("{ELEMENT};{path}{rest}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_alignment_is_one_block_of_rows_of_one_width() {
        let family = FamilyStatistics {
            name: "family-1".to_owned(),
            class: "Unknown".to_owned(),
            length: 3,
            copies: 2,
            full_length_copies: 2,
            bases: 7,
            divergence: 0.0,
            seed: "c:1-3".to_owned(),
            kmer: "ACG".to_owned(),
            kmer_frequency: 2,
            tandem: false,
            terminal_repeat: 0,
            evidence: crate::families::Evidence::default(),
            subfamily_of: None,
            consensus: "ACG".to_owned(),
        };
        let rows = vec![("c:1-4".to_owned(), b"ACTG".to_vec()), ("chr10:9-7".to_owned(), b"AC.G".to_vec())];
        let mut out = Vec::new();
        let alignment = SeedAlignment { rows, reference: b"xx.x".to_vec() };
        stockholm(&mut out, &family, &alignment, Some("Drosophila melanogaster"));
        let text = String::from_utf8(out).expect("ASCII");
        assert!(text.starts_with("# STOCKHOLM 1.0\n#=GF ID    family-1\n"), "{text}");
        assert!(text.contains("#=GF SQ    2\n#=GC RF    xx.x\nc:1-4      ACTG\nchr10:9-7  AC.G\n//\n"), "{text}");
        let fields: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix("#=GF ")?.get(..2)).collect();
        assert_eq!(fields, ["ID", "DE", "AU", "SE", "TP", "OC", "SQ"]);
        assert!(text.contains("\n#=GF SE    Predicted; reprise\n"), "{text}");
        assert!(text.contains("\n#=GF OC    Drosophila melanogaster\n"), "{text}");
        let mut out = Vec::new();
        stockholm(&mut out, &family, &alignment, None);
        assert_eq!(String::from_utf8(out).expect("ASCII"), text.replace("#=GF OC    Drosophila melanogaster\n", ""));
    }
}
