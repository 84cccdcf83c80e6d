//! Every threshold of discovery, extension and candidates in one file, with its unit and its origin: to tune the
//! search, or to explain a result, no other file is needed.
//!
//! Parameters that users set are fields of an options struct. The rest are constants, by the step that uses them.
//! "Tuned" means tuned on the simulated genomes of `docs/families.md`, which lists the alternatives.
//!
//! Scores are in units of a match (1 by default), bits are those of a chain of seeds: -log2 of the number expected by
//! chance.

/// Scores of the extension of a consensus over its copies, and when an extension ends.
///
/// The defaults were tuned: REPrise's band of 5, gap open of -5 and improvement of 3 lose old copies at long gaps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scores {
    /// Score of two equal bases.
    pub matching: i16,
    /// Score of two different bases.
    pub mismatch: i16,
    /// Score of the first base of a gap.
    pub gap_open: i16,
    /// Score of each further base of a gap.
    pub gap_extend: i16,
    /// A copy that ends early counts with its best score less this penalty. Higher ends families at their first
    /// truncated copies, lower grows them into the flanks.
    pub cap_penalty: i16,
    /// Diagonals to either side of the middle of the band, at most [`MAX_BAND`]. Wider follows
    /// longer gaps and costs time in proportion.
    pub band: usize,
    /// Bases without a better total score after which an extension ends.
    pub stop_after: usize,
    /// Maximum number of bases of an extension in one direction.
    pub max_extend: usize,
    /// The score that each base of the consensus must add to the total. Higher needs more copies that agree.
    pub min_improvement: i32,
    /// Whether random bases are equal so often that a consensus would grow over sequence that is similar by chance:
    /// then a mismatch costs half as much again while it grows. Searches set it by the composition of the genome.
    pub is_skewed: bool,
}

/// Chance that two random bases are equal from which on scores are for a skewed composition: 69 % A and T. Equal scores
/// for matches and mismatches grow consensi of simulated genomes into unrelated sequence from 72 % on; the scores for
/// skewed ones lose families of old copies in genomes of up to 65 %.
const MIN_SKEWED_CHANCE: f64 = 0.285;

impl Scores {
    /// The scores for a genome with these shares of the four bases.
    pub(crate) fn for_composition(self, composition: [f64; 4]) -> Self {
        let chance: f64 = composition.iter().map(|share| share * share).sum();
        Self { is_skewed: chance >= MIN_SKEWED_CHANCE, ..self }
    }

    /// The scores with which a consensus grows: doubled, since they are whole numbers, if the composition is skewed.
    pub(crate) fn of_growth(self) -> Self {
        if !self.is_skewed {
            return self;
        }
        Self {
            matching: self.matching.saturating_mul(2),
            mismatch: self.mismatch.saturating_mul(3),
            gap_open: self.gap_open.saturating_mul(2),
            gap_extend: self.gap_extend.saturating_mul(2),
            cap_penalty: self.cap_penalty.saturating_mul(2),
            min_improvement: self.min_improvement.saturating_mul(2),
            ..self
        }
    }
}

impl Default for Scores {
    fn default() -> Self {
        Self {
            matching: 1,
            mismatch: -1,
            gap_open: -3,
            gap_extend: -1,
            cap_penalty: 30,
            band: 16,
            stop_after: 100,
            max_extend: 10_000,
            min_improvement: 1,
            is_skewed: false,
        }
    }
}

/// Options of discovery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscoverOptions {
    /// Scores of the extension.
    pub scores: Scores,
    /// Shortest consensus, in bases.
    pub min_length: usize,
    /// Minimum number of copies of a family.
    pub min_copies: usize,
    /// Maximum number of families.
    pub max_families: usize,
    /// Similar positions on one strand that are nearer than this count as one, in bases: units of a tandem repeat are
    /// not copies of a family.
    pub tandem_distance: u64,
    /// Which parts of a large genome are examined.
    pub samples: SampleOptions,
}

/// Which parts of a genome discovery examines, one after the other.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SampleOptions {
    /// Bases of the first sample; `None` for all of a genome of up to 128 MiB at once, else 8 MiB. Each further one is
    /// eight times as large, up to 128 MiB.
    pub first: Option<u64>,
    /// Bases of all samples together; `None` for 400 MiB.
    pub limit: Option<u64>,
    /// Which parts of the genome are sampled: any number; the same one gives the same samples.
    pub seed: u64,
}

impl Default for DiscoverOptions {
    fn default() -> Self {
        Self {
            scores: Scores::default(),
            min_length: 50,
            min_copies: 3,
            max_families: usize::MAX,
            tandem_distance: 500,
            samples: SampleOptions::default(),
        }
    }
}

/// Options of the search for candidates.
#[derive(Debug, Clone, PartialEq)]
pub struct CandidateOptions {
    /// K-mers that differ from a seed in up to this many bases count as the seed; 0 to 2.
    pub seed_mismatches: u32,
    /// Spaced seeds (Ma, Tromp and Li 2002): k-mers that equal a seed in the bases for which a pattern is true count as
    /// the seed too. A
    /// pattern has k entries, at most [`MAX_WILDCARDS`] of them false.
    pub patterns: Vec<Vec<bool>>,
    /// Occurrences of a seed on one strand that are nearer than this count as one, in bases.
    pub tandem_distance: u64,
    /// Seeds that occur less often are skipped.
    pub min_frequency: u64,
    /// Minimum number of bases of either side of a pair.
    pub min_length: u64,
    /// Maximum number of bases that an alignment extends beyond the seed in either direction.
    pub max_extend: usize,
    /// Pairs with a higher E-value, for the genome against itself, are left out.
    pub max_e_value: f64,
}

impl Default for CandidateOptions {
    fn default() -> Self {
        Self {
            seed_mismatches: 0,
            patterns: Vec::new(),
            tandem_distance: 500,
            min_frequency: 2,
            min_length: 50,
            max_extend: 10_000,
            max_e_value: 1e-3,
        }
    }
}

/// Maximum number of bases in which a k-mer may differ from a seed: each mismatch costs about 3k times as many
/// look-ups.
pub(crate) const MAX_SEED_MISMATCHES: u32 = 2;
/// Maximum number of bases of a spaced pattern that are not compared: each costs four times as many look-ups.
pub const MAX_WILDCARDS: usize = 5;

// ---- Simple repeats (`bases`) ----

/// Longest unit of a simple repeat, in bases. Longer units are left to the distance rule for tandem repeats.
pub(crate) const MAX_SIMPLE_PERIOD: usize = 12;
/// Score of a simple repeat: matches with the base one period before, less [`SIMPLE_MISMATCH`] for each mismatch. A
/// random sequence of 10 Mb has some of 12 matches, none of 20.
pub(crate) const MIN_SIMPLE_SCORE: i32 = 20;
/// Score of a mismatch within a simple repeat: three fourths of the bases must agree.
pub(crate) const SIMPLE_MISMATCH: i32 = -3;

// ---- Spaced seeds and chains (`discover::seed_table`) ----

/// Spaced seeds of weight 11 to 14. The first pattern is PatternHunter's (Ma, Tromp and Li 2002), the others are of its
/// kind. A sample has the lightest with which a base matches at most [`MAX_CHANCE_SEEDS`] seeds by chance.
pub(crate) const SEED_PATTERNS: [&str; 4] =
    ["111010010100110111", "111010110100110111", "11101101001100110111", "1110110100101100110111"];
/// Seeds of a sample that a base matches by chance on both strands, at most, unless the heaviest pattern has more. More
/// than in a genome of 10 Mb with 38 % of G and C, on which thresholds were tuned, cost time and find no more families.
pub(crate) const MAX_CHANCE_SEEDS: f64 = 9.0;
/// Seeds in a table, at most: 96 MiB of positions. A larger sample is compared with one part of itself after the other,
/// and copies of families are searched among the bases that resemble others.
pub(crate) const MAX_TABLE_SEEDS: u64 = 24 << 20;
/// Maximum number of positions of a seed in a sample that a search looks at, evenly taken: bounds the time that frequent
/// seeds cost.
pub(crate) const MAX_SEED_POSITIONS: usize = 256;
/// As [`MAX_SEED_POSITIONS`], but for a small part of a sample.
pub(crate) const MIN_SEED_POSITIONS: u64 = 16;
/// Bases of the largest sample: positions in it share a word with four bits of a seed.
pub(crate) const MAX_SAMPLE_BASES: u64 = 1 << 28;
/// Maximum number of bases between two hits of a chain. Copies that differ by 25 % from their consensus share a seed of
/// weight 11 every 280 bases.
pub(crate) const MAX_CHAIN_GAP: u32 = 300;
/// Hits nearer than this, in bases, share most bases of their seed, and each base between them counts
/// [`BITS_PER_SHARED_BASE`].
pub(crate) const MIN_INDEPENDENT_GAP: u32 = 8;
/// Bits of a base between two overlapping hits: less than the two of another equal base, since a hit makes the next one
/// more likely.
pub(crate) const BITS_PER_SHARED_BASE: f32 = 0.5;
/// Seeds that a base matches by chance up to which thresholds in bits are not raised: in a genome of 10 Mb, on which
/// they were tuned, a base matches about six. Above, they are raised by log2 of the ratio.
pub(crate) const TUNED_CHANCE_SEEDS: f32 = 8.0;

// ---- Profile (`discover::profile`) ----

/// Bases of a bin of the profile.
pub(crate) const BIN: u64 = 32;
/// Bases of the profile that one thread computes at a time; a multiple of a bin.
pub(crate) const TILE: u64 = 1 << 15;
const _: () = assert!(TILE.is_multiple_of(BIN));
/// Bits of a chain that counts in the profile. With 13 there are more points and as many families; tuned.
pub(crate) const MIN_PROFILE_BITS: f32 = 16.0;

// ---- Samples (`discover::samples`) ----

/// Genomes of up to this many bases are examined at once, unless the user sets samples.
pub(crate) const MAX_WHOLE_GENOME: u64 = 128 << 20;
/// Bases of the first sample of a larger genome: enough for the most frequent families, of which a large sample has so
/// many copies that their comparison takes most of the time.
pub(crate) const FIRST_SAMPLE: u64 = 8 << 20;
/// How much larger each sample is than the one before.
pub(crate) const SAMPLE_GROWTH: u64 = 8;
/// Bases of the largest sample, unless the user sets a larger first one. The time of a sample grows with its square.
pub(crate) const MAX_SAMPLE: u64 = 128 << 20;
/// Bases of all samples: what RepeatModeler examines of a genome (Flynn and others 2020).
pub(crate) const SAMPLE_LIMIT: u64 = 400 << 20;
/// Samples consist of tiles of so many bases, from those of a sample set by the user to those of a large one, which are
/// far longer than any family.
pub(crate) const SAMPLE_TILES: (u64, u64) = (1 << 15, 1 << 20);
/// The last sample is one that adds copies over less than one of this many bases: further ones would add less.
pub(crate) const MIN_ADDED_PART: u64 = 400;

// ---- Points (`discover::points`, `discover::drafts`) ----

/// Points whose families are grown together. Fixed, so that results do not depend on threads.
pub(crate) const MAX_POINTS: usize = 16;
/// Points in one batch, and the copies of their families, are at least this many bases from each other, so that two
/// threads do not grow one family twice.
pub(crate) const MIN_POINT_DISTANCE: u64 = 8000;
/// Points that may be deferred while a batch is chosen: bounds the search for the last ones of a batch.
pub(crate) const MAX_DEFERRED_POINTS: usize = 512;
/// Bases to either side of a point in which its anchors are searched.
pub(crate) const POINT_WINDOW: u64 = 256;
/// Bins to either side of a point without enough anchors that are not tried: its window would be nearly the same, but
/// for three bins at its edges.
pub(crate) const BINS_WITHOUT_ANCHORS: u64 = POINT_WINDOW / BIN - 3;
/// Bins to either side of a point from which a family was grown that are not tried.
pub(crate) const BINS_OF_POINT: u64 = 2;
/// Bins to either side of the anchors of a point without a family that are not tried.
pub(crate) const BINS_OF_ANCHOR: u64 = 1;
/// A family counts if at least one n-th of the bases of its copies is not used by an earlier family of its batch.
pub(crate) const MIN_UNUSED_PART: u64 = 2;

// ---- Anchors and core (`discover::anchors`, `discover::consensus`) ----

/// Bits of a chain between the window of a point, or a core, and an anchor; tuned (with 11 more points, as many
/// families).
pub(crate) const MIN_ANCHOR_BITS: f32 = 13.0;
/// Anchors on opposite strands that are nearer than this, in bases, are one: a palindrome.
pub(crate) const MIN_STRAND_DISTANCE: u64 = 64;
/// Maximum number of copies that a consensus is grown over, the best: six groups of the kernel. Bounds the time of a
/// row.
pub(crate) const MAX_GROWN_COPIES: usize = 96;
/// Anchors over which a core is grown, the most similar to the point: few, so that no related family joins; tuned.
pub(crate) const MAX_CORE_ANCHORS: usize = 12;
/// Maximum number of bases that a core extends to either side of its point.
pub(crate) const MAX_CORE_EXTENSION: usize = 400;
/// Score with which an anchor follows a core to count as a copy; tuned.
pub(crate) const MIN_CORE_SCORE: i32 = 15;

// ---- Copies and growth (`discover::copies`, `discover::consensus`) ----

/// Bits of a chain between a consensus and a copy.
pub(crate) const MIN_COPY_BITS: f32 = 10.0;
/// Score of a copy with its consensus; tuned.
pub(crate) const MIN_COPY_SCORE: i32 = 30;
/// Two alignments are of one copy if they share more than one n-th of the later one.
pub(crate) const SAME_COPY_PART: u64 = 2;
/// The divergence of the closest copies of a family: that within which one n-th of the aligned bases lies.
pub(crate) const CLOSEST_PART: u64 = 4;
/// A copy belongs to the family if its divergence is at most this many times that of the closest copies, plus
/// [`DIVERGENCE_ALLOWANCE`]. Higher joins related families, lower splits one family in two; tuned.
pub(crate) const DIVERGENCE_FACTOR: f32 = 1.6;
/// Divergence, as a share of bases, that any copy may have: young families would lose copies that differ by a few
/// bases.
pub(crate) const DIVERGENCE_ALLOWANCE: f32 = 0.03;
/// Times that a consensus is lengthened at most.
pub(crate) const MAX_LENGTHENINGS: usize = 5;
/// Bases that a consensus must grow for another try.
pub(crate) const MIN_LENGTHENING: usize = 20;
/// Minimum number of copies that reach an end for the consensus to grow there.
pub(crate) const MIN_LENGTHENED_COPIES: usize = 2;
/// One n-th of the copies that reach an end must continue: with two of them families grow into duplications around
/// them; tuned.
pub(crate) const CONTINUING_PART: i32 = 4;
/// A consensus that is this many times as long as one extension may be is not lengthened.
pub(crate) const MAX_EXTENSIONS: usize = 2;
/// Bases of the consensus that a copy may leave at an end that it still reaches.
pub(crate) const MAX_END_DISTANCE: u64 = 40;

// ---- Extension (`extension`) ----

/// Maximum number of diagonals to either side of the middle of a band: bounds the state of sixteen copies, which is in
/// the L1 cache.
pub const MAX_BAND: usize = 24;
/// Rows without a better score after which a copy no longer counts as active. Longer than [`Scores::stop_after`], so
/// that a copy may cross an insertion.
pub(crate) const MAX_QUIET_ROWS: usize = 160;

// ---- Candidates (`candidates`) ----

/// Shannon's entropy of the bases of a k-mer below which it is of low complexity, in nats (RepeatScout; Price, Jones
/// and Pevzner 2005).
pub(crate) const MIN_ENTROPY: f64 = 0.7;
/// Rounds of candidates that may be in flight while another is made. Fixed, so that results do not depend on threads.
pub(crate) const ROUNDS_IN_FLIGHT: u64 = 8;
/// Minimum and maximum number of occurrences of a full round.
pub(crate) const ROUND_OCCURRENCES: (u64, u64) = (16, 1024);
/// Bases of the genome for each occurrence in flight, at least, so that their surroundings are a small part of the
/// genome.
pub(crate) const MIN_BASES_PER_OCCURRENCE: u64 = 2000;
/// Seeds after which a round ends, full or not.
pub(crate) const MAX_ROUND_SEEDS: u64 = 4096;
/// Occurrences nearer than this, in bases, to one in flight are left out: an alignment will most likely cover them.
pub(crate) const MIN_FLIGHT_DISTANCE: u64 = 64;
/// Occurrences of a seed with which the others are compared, one after the other: bounds the pairs of a frequent seed.
pub(crate) const MAX_CENTRES: usize = 8;
/// Score below its best at which an alignment ends: it crosses about 15 bases that do not match.
pub(crate) const PAIR_DROP: i32 = 100;
/// Divergence of pairs for which the scores are best, as a share of bases.
pub(crate) const PAIR_DIVERGENCE: f64 = 0.15;
/// Bases of the first step of an extension, and how much longer each further one is: most pairs end within the first.
pub(crate) const FIRST_STEP: usize = 512;
/// See [`FIRST_STEP`].
pub(crate) const STEP_GROWTH: usize = 4;
/// Tenths of both sides of a pair that earlier pairs must cover for it to be left out.
pub(crate) const KNOWN_TENTHS: u64 = 9;
