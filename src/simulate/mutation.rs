//! Age of copies: substitutions and indels in fixed proportions, so that a family's divergence is one number.

use crate::random::Random;

/// Substitutions per thousand changed bases; the others are in indels.
const SUBSTITUTIONS: u64 = 850;
/// Indel events per thousand changed bases: of 2.9 bases each, they leave 150 of 1000 changed bases in indels.
const INDEL_EVENTS: u64 = 55;
/// Probability that an indel is a base longer, in millionths: 2.9 bases on average, 1 / (1 - 0.65).
const INDEL_EXTENSION: u64 = 650_000;
/// Maximum number of bases of an indel.
const MAX_INDEL: usize = 30;

/// Letters with `divergence` changed bases per thousand. Substitutions are two transitions to one transversion;
/// insertions and deletions are equally frequent, and inserted letters are random.
pub(crate) fn mutated(random: &mut Random, letters: &[u8], divergence: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(letters.len() + letters.len() / 16);
    let mut at = 0;
    while at < letters.len() {
        if random.chance(divergence * INDEL_EVENTS) {
            let mut size = 1;
            while size < MAX_INDEL && random.chance(INDEL_EXTENSION) {
                size += 1;
            }
            if random.below(2) == 0 {
                out.extend(random.bases(size));
            } else {
                at += size;
                continue;
            }
        }
        let letter = letters[at];
        at += 1;
        let is_substituted = random.chance(divergence * SUBSTITUTIONS);
        out.push(if is_substituted { substitute(random, letter) } else { letter });
    }
    out
}

/// Another letter: a transition two times in three.
fn substitute(random: &mut Random, letter: u8) -> u8 {
    match (letter, random.below(3)) {
        (b'A', 0..=1) => b'G',
        (b'G', 0..=1) => b'A',
        (b'C', 0..=1) => b'T',
        (b'T', 0..=1) => b'C',
        (b'A' | b'G', _) => b"CT"[random.below(2)],
        (_, _) => b"AG"[random.below(2)],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn divergence_is_as_requested() {
        let mut random = Random::new(3);
        for divergence in [100, 200] {
            let letters = random.bases(200_000);
            let (mut substituted, mut inserted, mut deletions) = (0, 0, 0);
            for letter in letters.chunks(1) {
                // Inserted letters come before the letter itself.
                match mutated(&mut random, letter, divergence).split_last() {
                    Some((last, before)) => {
                        substituted += usize::from(*last != letter[0]);
                        inserted += before.len();
                    }
                    None => deletions += 1,
                }
            }
            let near = |count: usize, share: f64| {
                let expected = share * divergence as f64 / 1000.0 * letters.len() as f64;
                (count as f64 - expected).abs() < 0.15 * expected
            };
            assert!(near(substituted, 0.85), "{substituted} substitutions at {divergence} per mille");
            // Half of 15 of 100 changed bases; as many deletions, each of 2.9 bases on average.
            assert!(near(inserted, 0.075), "{inserted} inserted bases at {divergence} per mille");
            assert!(near(deletions, 0.075 / 2.9), "{deletions} deletions at {divergence} per mille");
        }
    }
}
