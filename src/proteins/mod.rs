//! Protein domains of nucleotide sequences: the six translations of a sequence against profile hidden Markov models in
//! the format of HMMER3 (S. R. Eddy, PLoS Comput. Biol. 7 (2011) e1002195), and what each profile says of the class of a
//! repeat that has its domain.

mod classes;
mod domain;
mod meaning;
mod pfam;
mod profiles;
mod record;
mod search;
mod translate;

pub use domain::Domain;
pub use meaning::Meaning;
pub use profiles::Profiles;
