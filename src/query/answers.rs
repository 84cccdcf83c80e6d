//! Workers format what they look up, so that the one writer only copies. Rows must not depend on the cuts between
//! batches, so results at the ends of a batch are joined with those of its neighbours.

use std::io::Write;
use std::ops::Range;

use crate::memory::Component;
use crate::memory::buffers::{Buffer, BufferPool, reserve_text};
use crate::query::batch::{SequenceBatch, SequencePart};
use crate::query::pipeline::Charge;
use crate::query::rows::{Detail, Rows};
use crate::query::statistics::SequenceTally;
use crate::{Error, Index, Result};

/// Adjacent k-mers with one frequency.
struct FrequencyRun {
    name: String,
    range: Range<u64>,
    frequency: u64,
}

/// The rows of a batch, and what may continue in its neighbours.
#[derive(Default)]
pub(super) struct BatchAnswer {
    /// The run that may continue one of the batch before.
    head: Option<FrequencyRun>,
    text: Vec<u8>,
    /// The run that may continue in the batch after.
    tail: Option<FrequencyRun>,
    /// Counts of each part.
    parts: Vec<PartCounts>,
}

/// The counts of a part of a sequence.
struct PartCounts {
    label: String,
    /// Bases, without those of the overlap.
    bases: u64,
    tally: SequenceTally,
    /// Whether the sequence ends here.
    last: bool,
}

/// One worker: looks up batches and formats their rows.
pub(super) fn worker<'a>(
    index: &'a Index,
    detail: Detail,
    rows: &'a dyn Rows,
    texts: &'a BufferPool,
) -> impl FnMut(u64, SequenceBatch, &mut Charge) -> Result<BatchAnswer> + use<'a> {
    let mut lookup = index.batch();
    let (mut starts, mut ends) = (Buffer::<u64>::default(), Vec::new());
    let mut scratch = index.budget().empty_reservation(Component::Batches);
    move |_, batch, charge| {
        lookup.clear();
        starts.clear();
        ends.clear();
        for part in &batch.parts {
            lookup.push_sequence(&batch.bases[part.from..part.to], |here| {
                if detail != Detail::Summary {
                    starts.extend(part.start + here.start..part.start + here.end);
                }
            });
            ends.push(lookup.len());
        }
        scratch.resize(lookup.needed_bytes() + 8 * (starts.capacity() + ends.capacity()) as u64);
        let frequencies = lookup.look_up()?;
        let mut answer = BatchAnswer { text: texts.take(), ..BatchAnswer::default() };
        answer.text.clear();
        let here = charge.reserved();
        let charge_text = |text: &Vec<u8>| charge.set_reserved(here + text.capacity() as u64);
        fill(&mut answer, &batch, detail, rows, frequencies, (&starts, &ends), charge_text);
        drop(batch);
        let names: usize = answer.parts.iter().map(|part| part.label.len()).sum();
        let parts = answer.parts.capacity() * size_of::<PartCounts>() + names;
        charge.resize((answer.text.capacity() + parts) as u64);
        Ok(answer)
    }
}

/// Rows that are formatted before the memory of their text is charged.
const ROWS: usize = 1 << 11;

/// Formats the rows of a batch; calls `charge_text` as their text grows.
fn fill(
    answer: &mut BatchAnswer,
    batch: &SequenceBatch,
    detail: Detail,
    rows: &dyn Rows,
    frequencies: &[u64],
    (starts, ends): (&[u64], &[usize]),
    mut charge_text: impl FnMut(&Vec<u8>),
) {
    let mut first = 0;
    for (part, &end) in batch.parts.iter().zip(ends) {
        let found = &frequencies[first..end];
        match detail {
            Detail::Summary => {
                let bases = (part.to - part.from - part.overlap) as u64;
                let tally = SequenceTally::of(found, part.last && !part.continues);
                answer.parts.push(PartCounts { label: part.label.clone(), bases, tally, last: part.last });
            }
            Detail::PerKmer => {
                for (starts, found) in starts[first..end].chunks(ROWS).zip(found.chunks(ROWS)) {
                    reserve_text(&mut answer.text);
                    for (&start, &frequency) in starts.iter().zip(found) {
                        rows.kmer(&mut answer.text, &part.name, start, frequency);
                    }
                    charge_text(&answer.text);
                }
            }
            Detail::Runs => {
                runs(part, &starts[first..end], found, rows, answer);
                charge_text(&answer.text);
            }
        }
        first = end;
    }
}

/// Formats the runs of a part. A run at an end of the part that is not an end of the sequence is kept for the writer,
/// which joins it with its other half.
fn runs(part: &SequencePart, starts: &[u64], frequencies: &[u64], rows: &dyn Rows, answer: &mut BatchAnswer) {
    let mut all = starts.iter().copied().zip(frequencies.iter().copied()).peekable();
    let mut is_first = true;
    while let Some((start, frequency)) = all.next() {
        let mut end = start + 1;
        while all.next_if(|&(next, f)| next == end && f == frequency).is_some() {
            end += 1;
        }
        let run = || FrequencyRun { name: part.name.clone(), range: start..end, frequency };
        if std::mem::take(&mut is_first) && part.continues {
            answer.head = Some(run());
        } else if all.peek().is_none() && !part.last {
            answer.tail = Some(run());
        } else {
            rows.run(&mut answer.text, &part.name, start..end, frequency);
        }
    }
}

/// Writes the rows of all batches, in order, and joins what was cut between them.
pub(super) fn write_answers(
    answers: &mut dyn Iterator<Item = BatchAnswer>,
    detail: Detail,
    rows: &dyn Rows,
    texts: &BufferPool,
    out: &mut (dyn Write + Send),
) -> Result<()> {
    let io_error = Error::Output;
    let mut text = Vec::new();
    if detail == Detail::Summary {
        rows.statistics_header(&mut text);
        out.write_all(&text).map_err(io_error)?;
    }
    let mut joints = Joints { rows, open_run: None, open_part: None };
    for answer in answers {
        text.clear();
        joints.join_head(answer.head, &mut text);
        if !answer.text.is_empty() || answer.tail.is_some() {
            joints.end_run(&mut text);
        }
        out.write_all(&text).map_err(io_error)?;
        out.write_all(&answer.text).map_err(io_error)?;
        texts.put_back(answer.text);
        if answer.tail.is_some() {
            joints.open_run = answer.tail;
        }
        text.clear();
        for part in answer.parts {
            joints.join_part(part, &mut text);
        }
        out.write_all(&text).map_err(io_error)?;
    }
    text.clear();
    joints.end_run(&mut text);
    out.write_all(&text).map_err(io_error)?;
    out.flush().map_err(io_error)
}

/// The rows that were cut between the last batch and the next one.
struct Joints<'r> {
    rows: &'r dyn Rows,
    open_run: Option<FrequencyRun>,
    open_part: Option<PartCounts>,
}

impl Joints<'_> {
    /// Joins the first run of a batch with the open one if it continues that; else ends that.
    fn join_head(&mut self, head: Option<FrequencyRun>, text: &mut Vec<u8>) {
        match (head, &mut self.open_run) {
            (Some(head), Some(run))
                if run.name == head.name && run.range.end == head.range.start && run.frequency == head.frequency =>
            {
                run.range.end = head.range.end;
            }
            (Some(head), _) => {
                self.end_run(text);
                self.open_run = Some(head);
            }
            (None, _) => {}
        }
    }

    /// Formats the open run.
    fn end_run(&mut self, text: &mut Vec<u8>) {
        if let Some(run) = self.open_run.take() {
            self.rows.run(text, &run.name, run.range, run.frequency);
        }
    }

    /// Adds a part to the open one, and formats the sum if the sequence ends.
    fn join_part(&mut self, part: PartCounts, text: &mut Vec<u8>) {
        let sum = match self.open_part.take() {
            Some(mut sum) => {
                sum.tally.add(part.tally);
                PartCounts { bases: sum.bases + part.bases, last: part.last, ..sum }
            }
            None => part,
        };
        if sum.last {
            self.rows.statistics(text, &sum.tally.statistics(sum.label, sum.bases));
        } else {
            self.open_part = Some(sum);
        }
    }
}
