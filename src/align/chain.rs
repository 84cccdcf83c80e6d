//! Which segments are worth an alignment with gaps, and which cannot meet in one.

use std::ops::Range;

use crate::align::Scoring;
use crate::align::seeds::Segment;

/// Bases between two segments of a row, at most.
const REACH: u32 = 300;
/// Diagonals between them, at most.
const DRIFT: u32 = 40;
/// Segments before one that are looked at.
const LOOK_BACK: usize = 32;
/// Bases of the genome without a segment that no alignment crosses.
const APART: u32 = 2000;

/// For segments of one piece, sorted by entry and then by genome: whether each is in a row that scores `least` or more. A row goes
/// forward in genome and text alike; what lies between its segments costs a gap.
pub(crate) fn promising(segments: &[Segment], scoring: &Scoring, least: i32) -> Vec<bool> {
    // Best row that ends with each segment, and best one that begins with it.
    let mut up_to: Vec<i32> = segments.iter().map(|s| s.score).collect();
    let mut from = up_to.clone();
    let joined = |a: &Segment, b: &Segment| -> Option<i32> {
        if a.entry != b.entry || b.text <= a.text || b.genome <= a.genome {
            return None;
        }
        let near = b.genome.saturating_sub(a.genome + a.length) <= REACH;
        let drift = (b.genome - a.genome).abs_diff(b.text - a.text);
        // Of two that overlap the bases count once.
        let overlap = (a.genome + a.length).saturating_sub(b.genome).max((a.text + a.length).saturating_sub(b.text));
        (near && drift <= DRIFT && overlap < b.length).then(|| {
            let shared = (i64::from(b.score) * i64::from(overlap) / i64::from(b.length)) as i32;
            (if drift > 0 { scoring.gap(drift) } else { 0 }) + shared
        })
    };
    for i in 0..segments.len() {
        for j in i.saturating_sub(LOOK_BACK)..i {
            if let Some(cost) = joined(&segments[j], &segments[i]) {
                up_to[i] = up_to[i].max(up_to[j] + segments[i].score - cost);
            }
        }
    }
    for i in (0..segments.len()).rev() {
        for j in i + 1..segments.len().min(i + 1 + LOOK_BACK) {
            if let Some(cost) = joined(&segments[i], &segments[j]) {
                from[i] = from[i].max(from[j] + segments[i].score - cost);
            }
        }
    }
    (0..segments.len()).map(|i| up_to[i] + from[i] - segments[i].score >= least).collect()
}

/// Cuts segments, sorted by entry, piece and genome, where no alignment joins them.
pub(crate) fn clusters(segments: &[(u32, Segment)]) -> Vec<Range<usize>> {
    let mut clusters = Vec::new();
    let (mut first, mut end) = (0, 0);
    for (i, (piece, segment)) in segments.iter().enumerate() {
        if i > 0 {
            let (last_piece, last) = &segments[i - 1];
            if *piece != *last_piece || segment.entry != last.entry || segment.genome > end + APART {
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
