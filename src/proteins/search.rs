//! The domains of a sequence: hits of profiles in its translations.

use std::ops::Range;
use std::sync::Arc;

use rustyhmmer::alphabet::AminoMap;
use rustyhmmer::pipeline::{DomHit, Hit};
use rustyhmmer::pli::Pipeline;
use rustyhmmer::seqio::Seq;

use crate::proteins::domain::Domain;
use crate::proteins::profiles::{Profile, Profiles};
use crate::proteins::translate::{Frame, frames};

/// Maximum E-value of a domain, in a random sequence and over all profiles: one false domain in a library of
/// a thousand sequences. Of the rice library, thresholds from 1e-2 to 1e-6 classify within 5 % as many sequences.
const MAX_E_VALUE: f64 = 1e-3;
/// A profile of another superfamily that has this share of the best score, where both align, is as good: related
/// domains of a superfamily without a profile have similar scores with several others.
const RIVAL: f64 = 0.75;
/// Sequences whose domains are remembered: the families of a genome, some hundred bytes each.
const MAX_REMEMBERED: usize = 1 << 13;
/// Amino acids of a translation that are searched together, which bounds the memory of the alignment to a profile: few
/// repeats are longer than 18,000 bases.
const WINDOW: usize = 6000;
/// Amino acids that two neighbouring windows share: the longest domain that is found whole wherever it lies.
const OVERLAP: usize = 1500;
/// Bases between two parts of a domain whose reading frame changes.
const MAX_PART_GAP: u64 = 150;
/// Columns of a profile that both parts of a domain may have.
const MAX_PART_OVERLAP: u32 = 20;

impl Profiles {
    /// The domains of a sequence, given by base codes ([`base_code`](crate::sequence::base_code)) or others for letters
    /// other than ACGT; by position. Of those that overlap, the best one. The result depends on this sequence alone.
    pub fn domains(&self, codes: &[u8]) -> Arc<[Domain]> {
        let digest = blake3::hash(codes);
        if let Some(known) = self.found.lock().get(&digest) {
            return Arc::clone(known);
        }
        let domains: Arc<[Domain]> = self.search(codes).into();
        let mut found = self.found.lock();
        if found.len() >= MAX_REMEMBERED {
            found.clear();
        }
        found.insert(digest, Arc::clone(&domains));
        domains
    }

    fn search(&self, codes: &[u8]) -> Vec<Domain> {
        let alphabet = AminoMap::new();
        let frames: Vec<Frame> = frames(codes).collect();
        let pieces: Vec<(&Frame, Range<usize>)> = frames
            .iter()
            .flat_map(|frame| frame.pieces().into_iter().flat_map(windows).map(move |piece| (frame, piece)))
            .collect();
        let searches = (pieces.len() * self.profiles.len()) as f64;
        let mut found = Vec::new();
        for (frame, piece) in pieces {
            let sequence = Seq {
                name: String::new(),
                acc: String::new(),
                desc: String::new(),
                dsq: alphabet.digitize(&frame.residues(&piece)),
                roff: 0,
                eoff: 0,
            };
            for profile in &self.profiles {
                // The filter by composition needs that of the profile, which some old ones lack.
                let pipeline = Pipeline { do_biasfilter: profile.model.bias.is_some(), ..Pipeline::default() };
                if let Some(hit) = profile.model.search_one(&sequence, &pipeline) {
                    push_domains(profile, &hit, (frame, piece.start), searches, &mut found);
                }
            }
        }
        let mut domains = joined(best_of_overlapping(found));
        domains.sort_by(|a, b| (a.range.start, a.range.end, &a.profile).cmp(&(b.range.start, b.range.end, &b.profile)));
        domains
    }
}

/// The windows in which a piece is searched.
fn windows(piece: Range<usize>) -> impl Iterator<Item = Range<usize>> {
    let starts = (piece.start..piece.end).step_by(WINDOW - OVERLAP);
    let is_new = move |start: &usize| *start == piece.start || piece.end - start > OVERLAP;
    starts.filter(is_new).map(move |start| start..(start + WINDOW).min(piece.end))
}

/// The domains of a hit in a piece of a frame that begins at this codon; `searches` are those of the whole sequence.
fn push_domains(profile: &Profile, hit: &Hit, (frame, start): (&Frame, usize), searches: f64, found: &mut Vec<Domain>) {
    let e_value = |domain: &DomHit| domain.lnp.exp() * searches;
    for domain in hit.domains.iter().filter(|domain| e_value(domain) <= MAX_E_VALUE) {
        // Positions of the parser are 1-based, and both ends are included.
        let (from, to) = (domain.ali_from.max(1) as usize - 1, domain.ali_to.max(1) as usize);
        let (first, end) = frame.bases(start + from, start + to);
        found.push(Domain {
            profile: profile.name().to_owned(),
            meaning: profile.meaning.clone(),
            range: first..end,
            strand: frame.strand,
            columns: domain.hmm_from.max(1) as u32 - 1..domain.hmm_to.max(1) as u32,
            profile_length: profile.model.hmm.m as u32,
            score: (10.0 * f64::from(domain.bitscore)).round() / 10.0,
            e_value: e_value(domain),
        });
    }
}

/// Without the domains that overlap a better one by half of either. If both are nearly as good, the better one says
/// what both have in common.
fn best_of_overlapping(mut domains: Vec<Domain>) -> Vec<Domain> {
    domains.sort_by(|a, b| {
        let place = |domain: &Domain| (domain.range.start, domain.range.end);
        b.score.total_cmp(&a.score).then_with(|| (place(a), &a.profile).cmp(&(place(b), &b.profile)))
    });
    let mut kept: Vec<Domain> = Vec::new();
    for domain in domains {
        let length = |domain: &Domain| domain.range.end - domain.range.start;
        let overlaps = |other: &&mut Domain| {
            let start = other.range.start.max(domain.range.start);
            let shared = other.range.end.min(domain.range.end).saturating_sub(start);
            2 * shared > length(other).min(length(&domain))
        };
        match kept.iter_mut().find(overlaps) {
            None => kept.push(domain),
            Some(better) if domain.score >= RIVAL * better.score => {
                better.meaning = better.meaning.common(&domain.meaning);
            }
            Some(_) => {}
        }
    }
    kept
}

/// Joins the parts of a domain whose reading frame changes: they follow each other on the sequence and on the profile.
fn joined(mut domains: Vec<Domain>) -> Vec<Domain> {
    domains.sort_by(|a, b| {
        let key = |domain: &Domain| (domain.strand.symbol(), domain.range.start, domain.range.end);
        a.profile.cmp(&b.profile).then_with(|| key(a).cmp(&key(b)))
    });
    let mut all: Vec<Domain> = Vec::new();
    for domain in domains {
        match all.last_mut() {
            Some(last) if goes_on(last, &domain) => {
                last.range.end = last.range.end.max(domain.range.end);
                last.columns = last.columns.start.min(domain.columns.start)..last.columns.end.max(domain.columns.end);
                last.score = (10.0 * (last.score + domain.score)).round() / 10.0;
                last.e_value = last.e_value.min(domain.e_value);
            }
            _ => all.push(domain),
        }
    }
    all
}

/// Whether `next`, which begins later, is the next part of the same domain.
fn goes_on(last: &Domain, next: &Domain) -> bool {
    let (first, second) = match last.strand {
        crate::kmer::Strand::Forward => (&last.columns, &next.columns),
        crate::kmer::Strand::Reverse => (&next.columns, &last.columns),
    };
    last.profile == next.profile
        && last.strand == next.strand
        && next.range.start <= last.range.end + MAX_PART_GAP
        && second.start + MAX_PART_OVERLAP >= first.end
        && second.start > first.start
}
