//! Extension with gaps is the most expensive step, so only segments in a chain that scores enough are extended, and
//! clusters of them that no alignment can join are extended in parallel.

use std::ops::Range;

use crate::align::score::Scoring;
use crate::align::segments::Segment;

/// Bases of the genome between two segments of a chain. The X-drop of an extension crosses about 30 unrelated bases;
/// longer gaps contain only matches too short for a seed. Empirical, docs/annotation.md was measured with it.
const MAX_CHAIN_GAP: u32 = 300;
/// Difference of the diagonals of two segments of a chain: the longest gap that the X-drop of an extension crosses, 40
/// bases.
const MAX_DIAGONAL_SHIFT: u32 = 40;
/// Segments before one that may precede it in a chain. It bounds the time in tandem repeats, which have many.
const MAX_PREDECESSORS: usize = 32;
/// Bases of the genome without a segment that no alignment crosses: several times what a chain does.
pub(crate) const MIN_CLUSTER_DISTANCE: u32 = 2000;

/// For segments of one target, sorted by entry and then by genome: whether each is in a chain that scores `min_score`
/// or more. A chain ascends in genome and text alike; a change of the diagonal costs a gap.
pub(crate) fn in_chain(segments: &[Segment], scoring: &Scoring, min_score: i32) -> Vec<bool> {
    // Best chain that ends with each segment, and best one that begins with it.
    let mut up_to: Vec<i32> = segments.iter().map(|s| s.score).collect();
    let mut from = up_to.clone();
    let joined = |a: &Segment, b: &Segment| -> Option<i32> {
        if a.entry != b.entry || b.text <= a.text || b.genome <= a.genome {
            return None;
        }
        let near = b.genome.saturating_sub(a.genome + a.length) <= MAX_CHAIN_GAP;
        let shift = (b.genome - a.genome).abs_diff(b.text - a.text);
        // Shared bases count once.
        let overlap = (a.genome + a.length).saturating_sub(b.genome).max((a.text + a.length).saturating_sub(b.text));
        (near && shift <= MAX_DIAGONAL_SHIFT && overlap < b.length).then(|| {
            let shared = (i64::from(b.score) * i64::from(overlap) / i64::from(b.length)) as i32;
            (if shift > 0 { scoring.gap(shift) } else { 0 }) + shared
        })
    };
    for i in 0..segments.len() {
        for j in i.saturating_sub(MAX_PREDECESSORS)..i {
            if let Some(cost) = joined(&segments[j], &segments[i]) {
                up_to[i] = up_to[i].max(up_to[j] + segments[i].score - cost);
            }
        }
    }
    for i in (0..segments.len()).rev() {
        for j in i + 1..segments.len().min(i + 1 + MAX_PREDECESSORS) {
            if let Some(cost) = joined(&segments[i], &segments[j]) {
                from[i] = from[i].max(from[j] + segments[i].score - cost);
            }
        }
    }
    (0..segments.len()).map(|i| up_to[i] + from[i] - segments[i].score >= min_score).collect()
}

/// Splits segments, sorted by entry, target and genome, into groups that no alignment joins.
pub(crate) fn clusters(segments: &[(u32, Segment)]) -> Vec<Range<usize>> {
    let mut clusters = Vec::new();
    let (mut first, mut end) = (0, 0);
    for (i, (target, segment)) in segments.iter().enumerate() {
        if i > 0 {
            let (last_target, last) = &segments[i - 1];
            if target != last_target || segment.entry != last.entry || segment.genome > end + MIN_CLUSTER_DISTANCE {
                clusters.push(first..i);
                (first, end) = (i, 0);
            }
        }
        end = end.max(segment.genome + segment.length);
    }
    if first < segments.len() {
        clusters.push(first..segments.len());
    }
    clusters
}
