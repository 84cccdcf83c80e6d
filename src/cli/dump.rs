//! `dump`: prints every stored k-mer.

use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};

use clap::Args;
use parking_lot::Mutex;
use rayon::prelude::*;

use crate::cli::Settings;
use crate::cli::common_arguments::CacheArguments;
use crate::cli::help::{INPUT, OUTPUT};
use crate::formats::{push_number, push_position};
use crate::fs::Output;
use crate::genome::Contig;
use crate::index::Position;
use crate::memory::Component;
use crate::memory::buffers::{BufferPool, ReorderBuffer, reserve_text};
use crate::{Error, Index, Result};

/// The arguments of the command.
#[derive(Debug, Args)]
#[command(next_help_heading = INPUT)]
pub(crate) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// Sort k-mers alphabetically instead of in the order of the index
    #[arg(long, help_heading = OUTPUT)]
    sort: bool,
    /// Add a column of positions: contig:start:strand,...
    #[arg(long, help_heading = OUTPUT)]
    positions: bool,
    #[command(flatten)]
    cache: CacheArguments,
}

pub(crate) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let index = settings.open_cached(&arguments.index, &arguments.cache)?;
    let rows = RowWriter::new(&index, arguments.positions)?;
    let mut output = settings.output()?;
    settings
        .on_pool(|| if arguments.sort { sorted(&rows, &mut output) } else { in_index_order(&rows, &mut output) })?;
    settings.report_cache(&index);
    output.finish()
}

/// Writes the rows of k-mers.
#[derive(Clone, Copy)]
struct RowWriter<'i> {
    index: &'i Index,
    contigs: &'i [Contig],
    positions: bool,
    /// Upper bounds of the bytes of a row without positions, and of a position.
    bytes: u64,
    bytes_per_position: u64,
}

/// Bytes of a row that are written together: a row may have more positions than memory can take.
const PIECE: usize = 1 << 16;

impl<'i> RowWriter<'i> {
    fn new(index: &'i Index, positions: bool) -> Result<Self> {
        let contigs = if positions { index.contigs()? } else { &[] };
        let name = contigs.iter().map(|contig| contig.name.len() as u64).max().unwrap_or(0);
        let number = "\t18446744073709551615\n".len() as u64;
        let bytes_per_position = if positions { name + ",:4294967295:+".len() as u64 } else { 0 };
        Ok(Self { index, contigs, positions, bytes: u64::from(index.k()) + number, bytes_per_position })
    }

    /// Upper bound of the bytes of the row of a k-mer.
    fn bytes_of(&self, frequency: u64) -> u64 {
        let stored = frequency.min(self.index.manifest().parameters.max_positions.unwrap_or(u64::MAX));
        stored.saturating_mul(self.bytes_per_position).saturating_add(self.bytes)
    }

    fn kmer(&self, kmer: u64, frequency: u64, text: &mut Vec<u8>) {
        self.index.codec().decode_into(kmer, text);
        text.push(b'\t');
        push_number(text, frequency);
    }

    fn position(&self, position: Position, separator: &mut u8, text: &mut Vec<u8>) {
        text.push(std::mem::replace(separator, b','));
        push_position(text, &self.contigs[position.contig as usize].name, position.start, position.strand.symbol());
    }

    /// Appends the row of a k-mer to `text`, which is written out whenever a piece is full.
    fn write(&self, kmer: u64, frequency: u64, text: &mut Vec<u8>, output: &mut Output) -> Result<()> {
        self.kmer(kmer, frequency, text);
        let mut separator = b'\t';
        let mut piece = |text: &mut Vec<u8>| {
            if text.len() >= PIECE {
                output.write_all(text).map_err(Error::Output)?;
                text.clear();
            }
            Ok(())
        };
        if self.positions {
            self.index.try_for_each_position(kmer, u64::MAX, |position| {
                self.position(position, &mut separator, text);
                piece(text)
            })?;
        }
        text.push(b'\n');
        piece(text)
    }
}

/// The rows of a page.
struct PageRows {
    text: Vec<u8>,
    /// Rows that do not fit in the text: their offset in it, k-mer and frequency. They are written as positions are
    /// read.
    long: Vec<(usize, u64, u64)>,
}

impl PageRows {
    fn write(&self, rows: &RowWriter<'_>, output: &mut Output) -> Result<()> {
        let (mut from, mut piece) = (0, Vec::new());
        for &(at, kmer, frequency) in &self.long {
            output.write_all(&self.text[from..at]).map_err(Error::Output)?;
            rows.write(kmer, frequency, &mut piece, output)?;
            output.write_all(&piece).map_err(Error::Output)?;
            piece.clear();
            from = at;
        }
        output.write_all(&self.text[from..]).map_err(Error::Output)
    }
}

/// Pages are formatted by all threads and written in order.
fn in_index_order(rows: &RowWriter<'_>, output: &mut Output) -> Result<()> {
    let index = rows.index;
    let budget = index.budget();
    // Expected bytes of the text of a page; a position has about 24.
    let actual = &index.manifest().actual;
    let positions = if rows.positions { 24 * actual.positions / actual.stored_kmers.max(1) } else { 0 };
    let row = u64::from(index.k()) + 8 + positions;
    let expected = row * actual.stored_kmers / index.pages().max(1);
    let workers = (budget.limit() / 8 / expected.max(1)).clamp(1, rayon::current_num_threads() as u64);
    // Bytes of the text of a page; rows with more positions than fit are left to the writer.
    let max_text = budget.limit() / 8 / workers;
    // Two texts per worker keep the writer busy.
    let waiting = (2 * workers * expected).min(budget.limit() / 8);
    let window = ReorderBuffer::charged(waiting, budget.empty_reservation(Component::Output));
    let spare = BufferPool::new(budget.limit() / 8, budget.empty_reservation(Component::Output));
    std::thread::scope(|scope| {
        let write = || {
            let _closing = window.close_on_drop();
            while let Some(page) = window.take() {
                let page: PageRows = page;
                page.write(rows, output)?;
                spare.put_back(page.text);
            }
            Ok(())
        };
        let writer = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn_scoped(scope, write)
            .map_err(|e| Error::thread("pages", e))?;
        let next = AtomicU64::new(0);
        let closing = window.close_on_drop();
        let made = (0..workers).into_par_iter().try_for_each(|_| {
            let mut reservation = budget.empty_reservation(Component::Output);
            loop {
                let number = next.fetch_add(1, Ordering::Relaxed);
                if number >= index.pages() {
                    return Ok(());
                }
                let mut page = PageRows { text: spare.take(), long: Vec::new() };
                page.text.clear();
                // All at once: a growing text fragments the heap.
                page.text.reserve_exact(expected.min(max_text) as usize);
                let bytes = |page: &PageRows| {
                    (page.text.capacity() + page.long.capacity() * size_of::<(usize, u64, u64)>()) as u64
                };
                index.for_each_kmer_of_page(number, |kmer| {
                    let PageRows { text, long } = &mut page;
                    if rows.positions && text.len() as u64 + rows.bytes_of(kmer.frequency) > max_text {
                        long.push((text.len(), kmer.kmer, kmer.frequency));
                        return Ok(());
                    }
                    reserve_text(text);
                    rows.kmer(kmer.kmer, kmer.frequency, text);
                    if rows.positions {
                        let mut separator = b'\t';
                        kmer.for_each_position(|position| rows.position(position, &mut separator, text))?;
                    }
                    text.push(b'\n');
                    if bytes(&page) != reservation.bytes() {
                        reservation.resize(bytes(&page));
                    }
                    Ok(())
                })?;
                reservation.resize(0);
                let bytes = bytes(&page);
                if !window.put(number, page, bytes) {
                    return Ok(());
                }
            }
        });
        drop(closing);
        let written = writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
        // A writer that failed stops the others, so its error is the cause.
        written.and(made)
    })
}

/// Sorts ranges of k-mers that fit in memory, one after the other, each collected from all pages.
fn sorted(rows: &RowWriter<'_>, output: &mut Output) -> Result<()> {
    let index = rows.index;
    let codec = *index.codec();
    let bits = (2 * codec.k()).min(12);
    let bucket = |rank: u64| (rank >> (2 * codec.k() - bits)) as usize;
    let counts = (0..index.pages())
        .into_par_iter()
        .try_fold(
            || vec![0u64; 1 << bits],
            |mut counts, page| {
                index.for_each_kmer_of_page(page, |kmer| {
                    counts[bucket(codec.lexicographic_rank(kmer.kmer))] += 1;
                    Ok(())
                })?;
                Ok(counts)
            },
        )
        .try_reduce(
            || vec![0u64; 1 << bits],
            |mut a, b| {
                a.iter_mut().zip(b).for_each(|(a, b)| *a += b);
                Ok(a)
            },
        )?;
    // Pairs of two words; the largest bucket has to fit.
    let capacity =
        (index.budget().free() / 2 / 16).max(counts.iter().copied().max().unwrap_or(0)).min(counts.iter().sum());
    let _reservation = index.budget().reserve(Component::Output, capacity * 16, "sorting the k-mers of this index")?;
    let mut gathered = Mutex::new(Vec::<(u64, u64)>::with_capacity(capacity as usize));
    let mut text = Vec::new();
    let mut next = 0;
    while next < counts.len() {
        let mut sum = 0;
        let taken = counts[next..].iter().take_while(|&&count| {
            sum += count;
            sum <= capacity
        });
        let range: Range<usize> = next..next + taken.count();
        next = range.end;
        (0..index.pages()).into_par_iter().try_for_each_init(Vec::new, |some, page| {
            some.clear();
            index.for_each_kmer_of_page(page, |kmer| {
                let rank = codec.lexicographic_rank(kmer.kmer);
                if range.contains(&bucket(rank)) {
                    some.push((rank, kmer.frequency));
                }
                Ok(())
            })?;
            gathered.lock().extend_from_slice(some);
            Ok(())
        })?;
        let kmers = gathered.get_mut();
        kmers.par_sort_unstable();
        for (rank, frequency) in kmers.drain(..) {
            rows.write(codec.kmer_of_rank(rank), frequency, &mut text, output)?;
        }
    }
    output.write_all(&text).map_err(Error::Output)
}
