//! The results of a stage of a search for families, in a file from which the next stages continue, also on another
//! machine: frames ([`crate::format::frames`]).

use std::borrow::Cow;
use std::fmt;
use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::align::{Alignment, ContigRange, TandemArrays, are_apart};
use crate::bundle::{Shard, WRITTEN_BY};
use crate::families::discover::Discovery;
use crate::families::family::{Family, FamilyCopy};
use crate::families::pipeline::RefinedSearch;
use crate::families::refine::{FamilyState, LeftOut, RefinedDrafts};
use crate::format::frames::{FrameFile, FrameKind, FrameReader, FrameWriter};
use crate::genome::Contig;
use crate::memory::{Budget, Component, Reservation};
use crate::{Error, Result};

/// Stages of searches for families.
const STAGE: FrameKind = FrameKind {
    name: "reprise families stage",
    format_version: 1,
    written_by: WRITTEN_BY,
    noun: "stage of a search for families",
    // A family without copies takes some 20 bytes of a frame and 300 in memory, and a list that grows three times that.
    decoded_bytes: 48,
};
/// Bytes in memory of the items of a frame, about, if there is more than one.
const FRAME_BYTES: u64 = 1 << 18;
/// The user of the memory, as errors name it.
const PURPOSE: &str = "a stage of the search for families";

/// A stage of a search for families.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// Drafts of the samples up to this one, from 1.
    Discovery(u32),
    /// Families whose consensi are final.
    Refinement,
    /// Copies of these in a part of the genome.
    Survey(Shard),
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Discovery(number) => write!(f, "discovery.{number}"),
            Self::Refinement => f.write_str("refinement"),
            Self::Survey(Shard { number, count }) => write!(f, "survey.{number}-of-{count}"),
        }
    }
}

/// What a stage is of.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct StageHeader {
    kind: String,
    format_version: u32,
    written_by: String,
    stage: String,
    /// Digest of what the search depends on: the index and the options.
    search: String,
    /// Digest of the file of the refinement whose families a survey searched.
    refinement: Option<String>,
}

/// Results of a stage. Those with counts come first.
#[derive(Serialize, Deserialize)]
enum Frame<'a> {
    Discovery { explained: u64, left_out: u64, examined: u64, samples: u64, is_finished: bool },
    Refinement { drafts: u64, drafts_left_out: u64, examined: u64, left_out: LeftOut, rounds: u64 },
    Arrays(Cow<'a, [ContigRange]>),
    Drafts(Cow<'a, [Family]>),
    Families(Cow<'a, [FamilyState]>),
    Copies(Cow<'a, [Alignment]>),
}

/// Lists of a stage.
#[derive(Default)]
struct Lists {
    arrays: Vec<ContigRange>,
    drafts: Vec<Family>,
    families: Vec<FamilyState>,
}

/// The file of a stage whose digest was checked.
#[derive(Debug)]
pub(crate) struct StageFile(FrameFile);

impl StageFile {
    /// Opens the file of a stage of this search, and of this refinement if it is a survey.
    ///
    /// # Errors
    /// [`Error::Input`] for a file that is none, of another version, stage or search, or damaged; [`Error::Io`].
    pub(crate) fn open(path: &Path, stage: Stage, search: &str, refinement: Option<&str>) -> Result<Self> {
        let (file, found): (FrameFile, StageHeader) = FrameFile::open(path, &STAGE)?;
        let problem = match header(stage, search, refinement) {
            expected if expected == found => return Ok(Self(file)),
            expected if expected.search != found.search => "is of another genome or of other options",
            expected if expected.stage != found.stage => "is of another stage",
            _ => "is of another refinement",
        };
        Err(Error::input(path, None, format!("{problem}; make it again")))
    }

    /// Whether a file begins as that of a stage of this search, damaged or not.
    pub(crate) fn is_of(path: &Path, search: &str) -> bool {
        FrameFile::header(path, &STAGE).is_some_and(|header: StageHeader| header.search == search)
    }

    /// Whether a file begins as that of a stage, damaged or not.
    pub(crate) fn is_stage(path: &Path) -> bool {
        STAGE.is_of(path)
    }

    /// Its digest, in hexadecimal.
    pub(crate) fn digest(&self) -> &str {
        &self.0.digest
    }

    /// The next frame, with its memory reserved.
    fn next(&self, frames: &mut FrameReader<'_>, reservation: &mut Reservation) -> Result<Option<Frame<'static>>> {
        let frame: Option<Frame<'_>> = frames.next(reservation, PURPOSE)?;
        if let Some(frame) = &frame {
            // A list that grows doubles.
            reservation.grow(2 * frame.bytes(), PURPOSE)?;
        }
        Ok(frame)
    }

    /// The lists after the counts.
    fn lists(&self, frames: &mut FrameReader<'_>, reservation: &mut Reservation, contigs: &[Contig]) -> Result<Lists> {
        let mut lists = Lists::default();
        while let Some(frame) = self.next(frames, reservation)? {
            match frame {
                Frame::Arrays(items) => lists.arrays.extend(items.into_owned()),
                Frame::Drafts(items) => lists.drafts.extend(items.into_owned()),
                Frame::Families(items) => lists.families.extend(items.into_owned()),
                _ => return Err(self.0.damaged()),
            }
        }
        if are_arrays(&lists.arrays, contigs) { Ok(lists) } else { Err(self.0.damaged()) }
    }

    /// Reads the drafts of a discovery.
    ///
    /// # Errors
    /// [`Error::Input`] for results that are impossible; [`Error::Memory`]; [`Error::Io`].
    pub(crate) fn drafts(&self, contigs: &[Contig], budget: &Budget) -> Result<Discovery> {
        let mut reservation = budget.empty_reservation(Component::Output);
        let mut frames = self.0.read()?;
        let Some(Frame::Discovery { explained, left_out, examined, samples, is_finished }) =
            self.next(&mut frames, &mut reservation)?
        else {
            return Err(self.0.damaged());
        };
        let Lists { arrays, drafts: families, .. } = self.lists(&mut frames, &mut reservation, contigs)?;
        let is_sound = |family: &Family| {
            let copies = || family.copies.iter().chain([&family.seed]);
            is_consensus(&family.consensus) && copies().all(|copy| is_possible(copy, &family.consensus, contigs))
        };
        if !families.iter().all(is_sound) {
            return Err(self.0.damaged());
        }
        let bytes = families.iter().map(Family::bytes).sum();
        reservation.resize(bytes);
        let arrays = TandemArrays::of(arrays, budget)?;
        Ok(Discovery { families, explained, left_out, examined, samples, is_finished, arrays, reservation })
    }

    /// Reads the families of a refinement.
    ///
    /// # Errors
    /// As [`drafts`](Self::drafts)'s.
    pub(crate) fn refined(&self, contigs: &[Contig], budget: &Budget) -> Result<RefinedSearch> {
        let mut reservation = budget.empty_reservation(Component::Batches);
        let mut frames = self.0.read()?;
        let Some(Frame::Refinement { drafts, drafts_left_out, examined, left_out, rounds }) =
            self.next(&mut frames, &mut reservation)?
        else {
            return Err(self.0.damaged());
        };
        let Lists { arrays, families, .. } = self.lists(&mut frames, &mut reservation, contigs)?;
        let bases = contigs.last().map_or(0, |contig| contig.start + contig.length);
        let is_sound = |family: &FamilyState| {
            let FamilyState { consensus, seed, alignments, terminal_repeat, source_duplication, .. } = family;
            let mut alignments = alignments.iter().flatten();
            is_consensus(consensus)
                && *terminal_repeat <= bases
                && source_duplication.iter().all(|range| range.start <= range.end && range.end <= bases)
                && is_in_contig(seed, contigs)
                && alignments.all(|alignment| alignment.is_possible(consensus.len(), contigs))
        };
        if !families.iter().all(is_sound) {
            return Err(self.0.damaged());
        }
        let known = families.iter().filter_map(|family| family.alignments.as_ref()).flatten();
        reservation.resize(known.map(Alignment::bytes).sum());
        let arrays = TandemArrays::of(arrays, budget)?;
        let refined = RefinedDrafts { families, left_out, rounds: rounds as usize, reservation };
        Ok(RefinedSearch { arrays, drafts, drafts_left_out, examined, refined })
    }

    /// Appends the copies of a survey to those of others; `lengths` are those of the consensi.
    ///
    /// # Errors
    /// As [`drafts`](Self::drafts)'s.
    pub(crate) fn copies(
        &self,
        lengths: &[usize],
        contigs: &[Contig],
        (copies, reservation): &mut (Vec<Alignment>, Reservation),
    ) -> Result<()> {
        let mut frames = self.0.read()?;
        let mut bytes = reservation.bytes();
        while let Some(frame) = self.next(&mut frames, reservation)? {
            bytes += frame.bytes();
            let Frame::Copies(items) = frame else { return Err(self.0.damaged()) };
            let is_sound = |copy: &Alignment| {
                lengths.get(copy.query as usize).is_some_and(|&length| copy.is_possible(length, contigs))
            };
            if !items.iter().all(is_sound) {
                return Err(self.0.damaged());
            }
            copies.extend(items.into_owned());
        }
        copies.shrink_to_fit();
        reservation.resize(bytes);
        Ok(())
    }
}

impl Frame<'_> {
    /// Bytes of its items in memory.
    fn bytes(&self) -> u64 {
        match self {
            Self::Discovery { .. } | Self::Refinement { .. } => 0,
            Self::Arrays(items) => items.iter().map(array_bytes).sum(),
            Self::Drafts(items) => items.iter().map(Family::bytes).sum(),
            Self::Families(items) => items.iter().map(family_bytes).sum(),
            Self::Copies(items) => items.iter().map(Alignment::bytes).sum(),
        }
    }
}

/// Items in slices of about [`FRAME_BYTES`].
fn chunks<T>(items: &[T], bytes: impl Fn(&T) -> u64) -> impl Iterator<Item = &[T]> {
    let mut rest = items;
    std::iter::from_fn(move || {
        let mut sum = 0;
        let fits = |item: &&T| {
            let is_first = sum == 0;
            sum += bytes(item);
            is_first || sum <= FRAME_BYTES
        };
        let (chunk, after) = rest.split_at(rest.iter().take_while(fits).count());
        rest = after;
        (!chunk.is_empty()).then_some(chunk)
    })
}

fn family_bytes(family: &FamilyState) -> u64 {
    let alignments = family.alignments.iter().flatten().map(Alignment::bytes);
    (size_of::<FamilyState>() + family.consensus.len()) as u64 + alignments.sum::<u64>()
}

fn array_bytes(array: &ContigRange) -> u64 {
    size_of_val(array) as u64
}

fn header(stage: Stage, search: &str, refinement: Option<&str>) -> StageHeader {
    StageHeader {
        kind: STAGE.name.to_owned(),
        format_version: STAGE.format_version,
        written_by: STAGE.written_by.to_owned(),
        stage: stage.to_string(),
        search: search.to_owned(),
        refinement: refinement.map(str::to_owned),
    }
}

fn is_consensus(codes: &[u8]) -> bool {
    !codes.is_empty() && codes.iter().all(|&code| code < 4)
}

/// Whether a copy lies in one contig.
fn is_in_contig(copy: &FamilyCopy, contigs: &[Contig]) -> bool {
    let range = &copy.genome;
    let number = contigs.partition_point(|contig| contig.start + contig.length <= range.start);
    let contig = contigs.get(number);
    range.start < range.end && contig.is_some_and(|contig| range.end <= contig.start + contig.length)
}

fn is_possible(copy: &FamilyCopy, consensus: &[u8], contigs: &[Contig]) -> bool {
    let columns = &copy.consensus;
    is_in_contig(copy, contigs) && columns.start <= columns.end && columns.end as usize <= consensus.len()
}

/// Whether arrays lie in contigs, come by position, and none overlaps the next.
fn are_arrays(arrays: &[ContigRange], contigs: &[Contig]) -> bool {
    let ranges = arrays.iter().map(|array| (array.contig, &array.range));
    ranges.clone().all(|(contig, range)| Contig::has_range(contigs, contig, range)) && are_apart(ranges)
}

/// Writes the drafts of the samples up to this one.
///
/// # Errors
/// [`Error::Output`].
pub(crate) fn write_drafts(search: &str, number: u32, found: &Discovery, output: &mut dyn Write) -> Result<()> {
    let Discovery { families, explained, left_out, examined, samples, is_finished, arrays, .. } = found;
    let line = STAGE.line(&header(Stage::Discovery(number), search, None))?;
    let mut writer = FrameWriter::new(&line, output)?;
    let (explained, left_out, examined, samples) = (*explained, *left_out, *examined, *samples);
    writer.frame(&Frame::Discovery { explained, left_out, examined, samples, is_finished: *is_finished })?;
    let arrays = chunks(arrays.ranges(), array_bytes).map(|items| Frame::Arrays(items.into()));
    let families = chunks(families, Family::bytes).map(|items| Frame::Drafts(items.into()));
    arrays.chain(families).try_for_each(|frame| writer.frame(&frame))?;
    writer.finish()
}

/// Writes the families of a refinement.
///
/// # Errors
/// [`Error::Output`].
pub(crate) fn write_refined(search: &str, found: &RefinedSearch, output: &mut dyn Write) -> Result<()> {
    let RefinedSearch { arrays, drafts, drafts_left_out, examined, refined } = found;
    let mut writer = FrameWriter::new(&STAGE.line(&header(Stage::Refinement, search, None))?, output)?;
    writer.frame(&Frame::Refinement {
        drafts: *drafts,
        drafts_left_out: *drafts_left_out,
        examined: *examined,
        left_out: refined.left_out,
        rounds: refined.rounds as u64,
    })?;
    let arrays = chunks(arrays.ranges(), array_bytes).map(|items| Frame::Arrays(items.into()));
    let families = chunks(&refined.families, family_bytes).map(|items| Frame::Families(items.into()));
    arrays.chain(families).try_for_each(|frame| writer.frame(&frame))?;
    writer.finish()
}

/// Writes the copies in a part of the genome that a survey of refined families found.
///
/// # Errors
/// [`Error::Output`].
pub(crate) fn write_copies(
    (search, refinement): (&str, &str),
    part: Shard,
    copies: &[Alignment],
    output: &mut dyn Write,
) -> Result<()> {
    let line = STAGE.line(&header(Stage::Survey(part), search, Some(refinement)))?;
    let mut writer = FrameWriter::new(&line, output)?;
    chunks(copies, Alignment::bytes).try_for_each(|items| writer.frame(&Frame::Copies(items.into())))?;
    writer.finish()
}
