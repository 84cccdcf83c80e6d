//! The options of a simulated genome and their defaults.

/// The composition of a genome.
#[derive(Debug, Clone)]
pub struct SimulationOptions {
    /// Seed of all that is random.
    pub seed: u64,
    /// Bases of the genome, about: a genome with more copies than its share of repeats allows is larger.
    pub bases: usize,
    /// Contigs, of equal length.
    pub contigs: usize,
    /// Random families; not used with a library.
    pub families: usize,
    /// Minimum and maximum number of insertions of a family; few are as likely as many (log-uniform).
    pub copies: (usize, usize),
    /// Lowest and highest age of a family: differences of a copy from its consensus, in bases per thousand.
    pub divergence: (u64, u64),
    /// Per cent of the genome at which no more copies are inserted; every family has its fewest copies nevertheless.
    pub repeats: usize,
    /// G and C of random sequence, per mille.
    pub gc: u64,
    /// One copy in this many contains another one; 0 for none.
    pub nested: usize,
    /// Per cent of the genome in tandem arrays, and in duplicated segments, each; about.
    pub others: usize,
}

impl Default for SimulationOptions {
    fn default() -> Self {
        Self {
            seed: 1,
            bases: 2_000_000,
            contigs: 3,
            families: 12,
            copies: (3, 100),
            divergence: (10, 250),
            repeats: 40,
            gc: 400,
            nested: 7,
            others: 2,
        }
    }
}
