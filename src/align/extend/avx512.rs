//! The band of an extension in vectors of AVX-512: two thirds of the time of what the compiler makes of `any_band`, with
//! the same scores.

use std::arch::x86_64::*;

use crate::align::extend::band::{
    Band, FROM_GENOME_GAP, FROM_QUERY_GAP, GENOME_GAP_EXTENDS, LANES, LaneScores, OUTSIDE, OUTSIDE_SCORE,
    QUERY_GAP_EXTENDS, UNREACHABLE, turns_right,
};
use crate::align::extend::sweep::{Bounds, Swept, Tables, sweep_band};
use crate::sequence::NO_BASE;

/// Lanes of a vector.
const HALF: usize = LANES / 2;

/// The lanes of the band, the first half and the second.
type Halves = [__m512i; 2];

/// The source of each lane if all move by one: its number in a vector, or that plus [`HALF`] in another one. The first
/// two are the halves that move to a higher lane, as the last antidiagonal does after a step below; the others move to a
/// lower one, after a step to the right.
static SHIFTS: [Halves; 2] = {
    let mut shifts = [[[0i16; HALF]; 2]; 2];
    let mut lane = 0;
    while lane < HALF {
        let before = lane as i16 - 1;
        shifts[0][0][lane] = if lane == 0 { HALF as i16 } else { before };
        shifts[0][1][lane] = if lane == 0 { LANES as i16 - 1 } else { before };
        shifts[1][0][lane] = lane as i16 + 1;
        shifts[1][1][lane] = lane as i16 + 1;
        lane += 1;
    }
    // SAFETY: both have 256 bytes without padding, and any bits are a vector.
    #[allow(unsafe_code)]
    unsafe {
        std::mem::transmute::<[[[i16; HALF]; 2]; 2], [Halves; 2]>(shifts)
    }
};

/// The last antidiagonals. One is made on a processor with AVX-512F and AVX-512BW alone.
struct Avx512Band {
    scores: LaneScores,
    /// Scores of pairs by twice the bits in which they differ, plus one if the first is C or G.
    pair_scores: __m512i,
    /// The last antidiagonal, in memory as well for single lanes.
    last: Halves,
    last_scores: [i16; LANES],
    /// The one before it, as the cells above and left of the last one.
    above: Halves,
    left: Halves,
    genome_gaps: Halves,
    query_gaps: Halves,
    /// Score of cells outside the band.
    outside: __m512i,
    best: Halves,
    best_step: Halves,
    /// Whether the last antidiagonal went to the right.
    right: bool,
}

/// Whether the processor has the instructions.
pub(super) fn is_available() -> bool {
    is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512bw")
}

/// Computes the cells of an extension; `None` if the processor does not have the instructions.
pub(super) fn sweep(tables: &mut Tables, bounds: Bounds, scores: LaneScores) -> Option<Swept> {
    // SAFETY: the processor has the instructions.
    #[allow(unsafe_code)]
    is_available().then(|| unsafe { sweep_in_vectors(tables, bounds, scores) })
}

#[target_feature(enable = "avx512f,avx512bw")]
fn sweep_in_vectors(tables: &mut Tables, bounds: Bounds, scores: LaneScores) -> Swept {
    sweep_band(tables, bounds, Avx512Band::at_origin(scores))
}

#[target_feature(enable = "avx512f")]
#[inline]
fn load(codes: &[u8; LANES]) -> __m512i {
    // SAFETY: the array has the 64 bytes that are read; the instruction needs no alignment.
    #[allow(unsafe_code)]
    unsafe {
        _mm512_loadu_si512(std::ptr::from_ref(codes).cast())
    }
}

/// The lanes of both halves.
#[target_feature(enable = "avx512f")]
#[inline]
fn store(halves: Halves) -> [i16; LANES] {
    // SAFETY: both have 128 bytes without padding, and any bits are numbers.
    #[allow(unsafe_code)]
    unsafe {
        std::mem::transmute::<Halves, [i16; LANES]>(halves)
    }
}

impl Avx512Band {
    /// The antidiagonal of the origin, in the middle lane.
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn at_origin(scores: LaneScores) -> Self {
        let unreachable = _mm512_set1_epi16(UNREACHABLE);
        let mut last_scores = [UNREACHABLE; LANES];
        last_scores[HALF] = 0;
        let LaneScores { same: [weak, strong], transition, transversion, unknown, .. } = scores;
        let (c, n) = (transversion, unknown);
        let pairs = [weak, strong, transition, transition, c, c, c, c, n, n, n, n, n, n, n, n].map(i8::cast_unsigned);
        let [first, second] = [0, 8].map(|at| {
            let bytes: [u8; 8] = *pairs[at..].first_chunk().unwrap_or(&[0; 8]);
            i64::from_le_bytes(bytes)
        });
        Self {
            scores,
            pair_scores: _mm512_set_epi64(second, first, second, first, second, first, second, first),
            // The first lane of the second half is the middle one.
            last: [unreachable, _mm512_mask_mov_epi16(unreachable, 1, _mm512_setzero_si512())],
            last_scores,
            above: [unreachable; 2],
            left: [unreachable; 2],
            genome_gaps: [unreachable; 2],
            query_gaps: [unreachable; 2],
            outside: unreachable,
            best: [unreachable; 2],
            best_step: [_mm512_setzero_si512(); 2],
            right: false,
        }
    }

    /// Scores of the pairs of bases of each lane.
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn pairs(&self, (query, genome): (&[u8; LANES], &[u8; LANES])) -> Halves {
        let (a, b) = (load(query), load(genome));
        let both = _mm512_or_si512(a, b);
        let unknown = _mm512_and_si512(both, _mm512_set1_epi8(NO_BASE.cast_signed()));
        let difference = _mm512_or_si512(_mm512_xor_si512(a, b), unknown);
        let strong = _mm512_and_si512(a, _mm512_set1_epi8(1));
        let number = _mm512_or_si512(_mm512_add_epi8(difference, difference), strong);
        let outside = _mm512_test_epi8_mask(both, _mm512_set1_epi8(OUTSIDE.cast_signed()));
        let known = _mm512_shuffle_epi8(self.pair_scores, number);
        let pairs = _mm512_mask_blend_epi8(outside, known, _mm512_set1_epi8(OUTSIDE_SCORE));
        [_mm512_castsi512_si256(pairs), _mm512_extracti64x4_epi64::<1>(pairs)].map(|half| _mm512_cvtepi8_epi16(half))
    }

    /// Lanes moved by one: to a lower lane after a step to the right, to a higher one after a step below.
    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn shifted(&self, [low, high]: Halves, right: bool) -> Halves {
        let to = mask(right);
        let [low_sources, high_sources] = SHIFTS[usize::from(right)];
        [
            _mm512_permutex2var_epi16(low, low_sources, _mm512_mask_blend_epi16(to, self.outside, high)),
            _mm512_permutex2var_epi16(high, high_sources, _mm512_mask_blend_epi16(to, low, self.outside)),
        ]
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn advance(&mut self, trace: &mut [u8; LANES], bases: (&[u8; LANES], &[u8; LANES]), right: bool, step: i16) {
        let pairs = self.pairs(bases);
        // The vectors of the second operand after a step to the right, else those of the first.
        let choose = |below: Halves, to_right: Halves| -> Halves {
            [0, 1].map(|half| _mm512_mask_blend_epi16(mask(right), below[half], to_right[half]))
        };
        let moved = self.shifted(self.last, right);
        let moved_gaps = self.shifted(choose(self.query_gaps, self.genome_gaps), right);
        let diagonal = choose(self.left, self.above);
        (self.above, self.left) = (choose(self.last, moved), choose(moved, self.last));
        let above_gaps = choose(self.genome_gaps, moved_gaps);
        let left_gaps = choose(moved_gaps, self.query_gaps);
        self.right = right;

        let open = _mm512_set1_epi16(self.scores.open);
        let extend = _mm512_set1_epi16(self.scores.extend);
        let step = _mm512_set1_epi16(step);
        let [mut genome_extends, mut query_extends, mut from_pair, mut from_genome] = [[0; 2]; 4];
        for half in 0..2 {
            let opened = _mm512_subs_epi16(self.above[half], open);
            let extended = _mm512_subs_epi16(above_gaps[half], extend);
            let genome_gap = _mm512_max_epi16(opened, extended);
            genome_extends[half] = _mm512_cmpgt_epi16_mask(extended, opened);
            let opened = _mm512_subs_epi16(self.left[half], open);
            let extended = _mm512_subs_epi16(left_gaps[half], extend);
            let query_gap = _mm512_max_epi16(opened, extended);
            query_extends[half] = _mm512_cmpgt_epi16_mask(extended, opened);

            let paired = _mm512_adds_epi16(diagonal[half], pairs[half]);
            let score = _mm512_max_epi16(_mm512_max_epi16(paired, genome_gap), query_gap);
            from_pair[half] = _mm512_cmpeq_epi16_mask(paired, score);
            from_genome[half] = _mm512_cmpeq_epi16_mask(genome_gap, score);
            let better = _mm512_cmpgt_epi16_mask(score, self.best[half]);
            self.best[half] = _mm512_max_epi16(self.best[half], score);
            self.best_step[half] = _mm512_mask_mov_epi16(self.best_step[half], better, step);
            (self.last[half], self.genome_gaps[half], self.query_gaps[half]) = (score, genome_gap, query_gap);
        }
        self.last_scores = store(self.last);
        let whole = |[low, high]: [u32; 2]| u64::from(high) << HALF | u64::from(low);
        let (from_pair, from_genome) = (whole(from_pair), whole(from_genome));
        let bits = [
            (whole(genome_extends), GENOME_GAP_EXTENDS),
            (whole(query_extends), QUERY_GAP_EXTENDS),
            (!from_pair & from_genome, FROM_GENOME_GAP),
            (!from_pair & !from_genome, FROM_QUERY_GAP),
        ];
        let traces = bits.map(|(lanes, bit)| _mm512_maskz_set1_epi8(lanes, bit.cast_signed()));
        let bits = traces.into_iter().fold(_mm512_setzero_si512(), |all, bits| _mm512_or_si512(all, bits));
        // SAFETY: both have 64 bytes without padding, and any bits are numbers.
        #[allow(unsafe_code)]
        let bits = unsafe { std::mem::transmute::<__m512i, [u8; LANES]>(bits) };
        *trace = bits;
    }

    #[target_feature(enable = "avx512f,avx512bw")]
    #[inline]
    fn rebase(&mut self) -> i16 {
        let outside = store([self.outside; 2])[0];
        let highest = self.last_scores.iter().fold(outside.max(UNREACHABLE), |a, &b| a.max(b));
        let all = _mm512_set1_epi16(highest);
        let Self { last, above, left, genome_gaps, query_gaps, outside, .. } = self;
        for halves in [last, above, left, genome_gaps, query_gaps] {
            *halves = halves.map(|half| _mm512_subs_epi16(half, all));
        }
        *outside = _mm512_subs_epi16(*outside, all);
        self.last_scores = store(self.last);
        highest
    }
}

/// A mask of all lanes or none.
fn mask(all: bool) -> __mmask32 {
    if all { __mmask32::MAX } else { 0 }
}

impl Band for Avx512Band {
    #[inline(always)]
    fn goes_right(&self) -> bool {
        turns_right(self.last_scores[LANES - 1], self.last_scores[0], self.right)
    }

    #[inline(always)]
    fn advance(&mut self, trace: &mut [u8; LANES], bases: (&[u8; LANES], &[u8; LANES]), right: bool, step: i16) {
        // SAFETY: there is such a band only if the processor has the instructions.
        #[allow(unsafe_code)]
        unsafe {
            self.advance(trace, bases, right, step);
        }
    }

    #[inline(always)]
    fn score(&self, lane: usize) -> i16 {
        self.last_scores[lane]
    }

    #[inline(always)]
    fn begin_block(&mut self) {
        // SAFETY: as for `advance`.
        #[allow(unsafe_code)]
        let unreachable = unsafe { _mm512_set1_epi16(UNREACHABLE) };
        self.best = [unreachable; 2];
    }

    #[inline(always)]
    fn best(&self) -> ([i16; LANES], [i16; LANES]) {
        // SAFETY: as for `advance`.
        #[allow(unsafe_code)]
        unsafe {
            (store(self.best), store(self.best_step))
        }
    }

    #[inline(always)]
    fn rebase(&mut self) -> i16 {
        // SAFETY: as for `advance`.
        #[allow(unsafe_code)]
        unsafe {
            self.rebase()
        }
    }
}
