use std::io::Write;
use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clap::Args;
use rayon::prelude::*;

use super::Settings;
use crate::index::{Index, OpenOptions, Position};
use crate::memory::{Component, SpareBuffers, Window, make_room};
use crate::output::{Output, push_number, push_position};
use crate::store::Contig;
use crate::{Error, Result};

#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder of an index
    index: PathBuf,
    /// In the order of the k-mers' letters instead of the order of the index
    #[arg(long)]
    sort: bool,
    /// Add a column of positions: contig:start:strand,...
    #[arg(long)]
    positions: bool,
}

pub(super) fn run(arguments: Arguments, settings: &Settings) -> Result<()> {
    let index = settings.open(&arguments.index, OpenOptions { cache: settings.cache(), ..OpenOptions::default() })?;
    let contigs = if arguments.positions { index.contigs()? } else { &[] };
    let mut output = settings.output()?;
    settings.on_pool(|| {
        if arguments.sort {
            sorted(&index, contigs, arguments.positions, &mut output)
        } else {
            in_index_order(&index, contigs, arguments.positions, &mut output)
        }
    })?;
    output.finish()
}

fn io_error(e: std::io::Error) -> Error {
    Error::io("write", "the output", e)
}

/// Pages are formatted by all threads and written in order.
fn in_index_order(index: &Index, contigs: &[Contig], positions: bool, output: &mut Output) -> Result<()> {
    let budget = index.budget();
    // The text of a page; with positions it may be many times that.
    let actual = &index.manifest().actual;
    let row = u64::from(index.k()) + 8 + if positions { 24 * actual.positions / actual.stored_kmers.max(1) } else { 0 };
    let expected = row * actual.stored_kmers / index.pages().max(1);
    let workers = (budget.limit() / 8 / expected.max(1)).clamp(1, rayon::current_num_threads() as u64);
    // Two waiting texts a worker keep the writer busy.
    let waiting = (2 * workers * expected).min(budget.limit() / 8);
    let window = Window::charged(waiting, budget.hold(Component::Output));
    let spare = SpareBuffers::new(budget.limit() / 8, budget.hold(Component::Output));
    std::thread::scope(|scope| {
        let write = || {
            let _closing = window.closing();
            while let Some(text) = window.take() {
                let text: Vec<u8> = text;
                output.write_all(&text).map_err(io_error)?;
                spare.give(text);
            }
            Ok(())
        };
        let writer = std::thread::Builder::new()
            .name("writer".to_owned())
            .spawn_scoped(scope, write)
            .map_err(|e| Error::thread("pages", e))?;
        let next = std::sync::atomic::AtomicU64::new(0);
        let closing = window.closing();
        let made = (0..workers).into_par_iter().try_for_each(|_| {
            let mut held = budget.hold(Component::Output);
            loop {
                let page = next.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                if page >= index.pages() {
                    return Ok(());
                }
                let mut text = spare.take();
                text.clear();
                // At once: what grows leaves holes in the heap.
                text.reserve_exact(expected as usize);
                index.for_each_kmer_of_page(page, |kmer| {
                    make_room(&mut text);
                    index.codec().decode_into(kmer.kmer, &mut text);
                    text.push(b'\t');
                    push_number(&mut text, kmer.frequency);
                    if positions {
                        let mut separator = b'\t';
                        kmer.for_each_position(|position| push(&mut text, contigs, position, &mut separator))?;
                    }
                    text.push(b'\n');
                    if text.capacity() as u64 != held.bytes() {
                        held.resize(text.capacity() as u64);
                    }
                    Ok(())
                })?;
                held.resize(0);
                let bytes = text.capacity() as u64;
                if !window.put(page, text, bytes) {
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

fn push(text: &mut Vec<u8>, contigs: &[Contig], position: Position, separator: &mut u8) {
    text.push(std::mem::replace(separator, b','));
    push_position(text, &contigs[position.contig as usize].name, position.start, position.strand.symbol());
}

/// Ranges of k-mers that fit the memory, one after the other, each gathered from all pages and sorted.
fn sorted(index: &Index, contigs: &[Contig], positions: bool, output: &mut Output) -> Result<()> {
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
    // A pair of two words; room for those of the largest bucket at the least.
    let room = (index.budget().free() / 2 / 16).max(counts.iter().copied().max().unwrap_or(0)).min(counts.iter().sum());
    let _held = index.budget().reserve(Component::Output, room * 16, "sorting the k-mers of this index")?;
    let mut gathered = Mutex::new(Vec::<(u64, u64)>::with_capacity(room as usize));
    let mut text = Vec::new();
    let mut next = 0;
    while next < counts.len() {
        let mut sum = 0;
        let taken = counts[next..].iter().take_while(|&&count| {
            sum += count;
            sum <= room
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
            gathered.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(some);
            Ok(())
        })?;
        let kmers = gathered.get_mut().unwrap_or_else(PoisonError::into_inner);
        kmers.par_sort_unstable();
        for (rank, frequency) in kmers.drain(..) {
            let kmer = codec.kmer_of_rank(rank);
            codec.decode_into(kmer, &mut text);
            text.push(b'\t');
            push_number(&mut text, frequency);
            if positions {
                let mut separator = b'\t';
                index.for_each_position(kmer, |position| push(&mut text, contigs, position, &mut separator))?;
            }
            text.push(b'\n');
            if text.len() >= 1 << 16 {
                output.write_all(&text).map_err(io_error)?;
                text.clear();
            }
        }
    }
    output.write_all(&text).map_err(io_error)
}
