//! The profiles of Pfam that occur in transposons, by name and accession, so that its files need no table.

use crate::proteins::meaning::Meaning;

/// Name, accession and class. The last column has the form of a table that users give: `|` separates alternatives.
#[rustfmt::skip]
const PROFILES: &[(&str, &str, &str)] = &[
    ("RVT_2", "PF07727", "LTR/Copia"),
    ("gag_pre-integrs", "PF13976", "LTR/Copia"),
    ("UBN2", "PF14223", "LTR/Copia"),
    ("UBN2_2", "PF14227", "LTR/Copia"),
    ("UBN2_3", "PF14244", "LTR/Copia"),
    ("Peptidase_A17", "PF05380", "LTR/Pao"),
    ("DUF1758", "PF05585", "LTR/Pao"),
    ("DUF1759", "PF03564", "LTR/Pao"),
    ("Retrotrans_gag", "PF03732", "LTR/Gypsy"),
    ("RVP_2", "PF08284", "LTR/Gypsy"),
    ("Transposase_28", "PF04195", "LTR/Gypsy"),
    ("zf-H2C2", "PF09337", "LTR/Gypsy"),
    ("Integrase_H2C2", "PF17921", "LTR/Gypsy"),
    ("RT_RNaseH", "PF17917", "LTR/Gypsy"),
    ("RT_RNaseH_2", "PF17919", "LTR/Gypsy"),
    ("Gag_p24", "PF00607", "LTR/ERV"),
    ("Gag_p10", "PF02337", "LTR/ERV"),
    ("Gag_p30", "PF02093", "LTR/ERV"),
    ("Gag_MA", "PF01140", "LTR/ERV"),
    ("Retro_M", "PF02813", "LTR/ERV"),
    ("TLV_coat", "PF00429", "LTR/ERV"),
    ("MMTV_SAg", "PF01054", "LTR/ERV"),
    ("RVP", "PF00077", "LTR"),
    ("rve", "PF00665", "LTR"),
    ("RVT_connect", "PF06815", "LTR"),
    ("RVT_thumb", "PF06817", "LTR"),
    ("IN_DBD_C", "PF00552", "LTR"),
    ("Integrase_Zn", "PF02022", "LTR"),
    ("RVT_1", "PF00078", "LINE|LTR/Gypsy"),
    ("Exo_endo_phos", "PF03372", "LINE"),
    ("Exo_endo_phos_2", "PF14529", "LINE"),
    ("zf-RVT", "PF13966", "LINE"),
    ("Transposase_22", "PF02994", "LINE/L1"),
    ("Transposase_mut", "PF00872", "DNA/MULE-MuDR"),
    ("DBD_Tnp_Mut", "PF03108", "DNA/MULE-MuDR"),
    ("MULE", "PF10551", "DNA/MULE-MuDR"),
    ("FAR1", "PF03101", "DNA/MULE-MuDR"),
    ("PMD", "PF10536", "DNA/MULE-MuDR"),
    ("Transposase_1", "PF01359", "DNA/TcMar"),
    ("HTH_Tnp_Tc3_2", "PF01498", "DNA/TcMar"),
    ("HTH_Tnp_Tc3_1", "PF11427", "DNA/TcMar"),
    ("HTH_Tnp_Tc5", "PF03221", "DNA/TcMar"),
    ("HTH_Tnp_IS630", "PF01710", "DNA/TcMar"),
    ("DDE_1", "PF03184", "DNA/TcMar"),
    ("DDE_3", "PF13358", "DNA/TcMar"),
    ("Transposase_21", "PF02992", "DNA/CMC-EnSpm"),
    ("Transposase_23", "PF03017", "DNA/CMC-EnSpm"),
    ("Transposase_24", "PF03004", "DNA/CMC-EnSpm"),
    ("DUF4216", "PF13952", "DNA/CMC-EnSpm"),
    ("DUF4218", "PF13960", "DNA/CMC-EnSpm"),
    ("Plant_tran", "PF04827", "DNA/PIF-Harbinger"),
    ("DDE_Tnp_4", "PF13359", "DNA/PIF-Harbinger"),
    ("Dimer_Tnp_hAT", "PF05699", "DNA/hAT"),
    ("DUF659", "PF04937", "DNA/hAT"),
    ("DUF4371", "PF14291", "DNA/hAT"),
    ("hAT-like_RNase-H", "PF14372", "DNA/hAT"),
    ("DDE_Tnp_1_7", "PF13843", "DNA/PiggyBac"),
    ("Tnp_P_element", "PF12017", "DNA/P"),
    ("DDE_Tnp_IS1595", "PF12762", "DNA/Merlin"),
    ("Mu-transpos_C", "PF09299", "DNA"),
    ("Helitron_like_N", "PF14214", "RC/Helitron"),
    ("RNase_H", "PF00075", "-"),
    ("RVT_3", "PF13456", "-"),
    ("Asp_protease_2", "PF13650", "-"),
    ("gag-asp_proteas", "PF13975", "-"),
    ("zf-CCHC", "PF00098", "-"),
    ("zf-BED", "PF02892", "-"),
    ("zf-C2H2", "PF00096", "-"),
    ("THAP", "PF05485", "-"),
    ("Chromo", "PF00385", "-"),
    ("SAP", "PF02037", "-"),
];

/// What a profile says of the class, by its name or its accession without version.
pub(super) fn meaning(name: &str) -> Option<Meaning> {
    let (.., class) = PROFILES.iter().find(|(known, accession, _)| [*known, *accession].contains(&name))?;
    Meaning::parse(class).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_row_has_a_class_and_a_name_of_its_own() {
        let names: BTreeSet<&str> = PROFILES.iter().flat_map(|(name, accession, _)| [*name, *accession]).collect();
        assert_eq!(names.len(), 2 * PROFILES.len());
        assert!(PROFILES.iter().all(|(.., class)| Meaning::parse(class).is_ok()));
        assert_eq!(meaning("RVT_2"), meaning("PF07727"));
        assert_eq!(meaning("no such profile"), None);
    }
}
