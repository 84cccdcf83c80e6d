//! Building a bundle: read and pack the genome, estimate, scatter and sort in passes, encode, publish.

mod estimate;
mod frequency_order;
mod memory_plan;
mod partition;
mod spectrum;
mod stripes;
mod superkmers;

use parking_lot::Mutex;
use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use ahash::AHashMap;
use frequency_order::{Dictionary, Repeats};
use memory_plan::{LEAST_RECORDS, Needs, Shares};
use partition::{
    Counts, Narrow, Packed, Pass, Record, RecordKind, SORTED_AT_ONCE, Scatter, Short, Sorter, Units, Wanted, Wide,
    stripes_for,
};
use spectrum::SpectrumCounter;
use stripes::Pieces;

use crate::bundle::checkpoint::{Checkpoint, Digested, spool, spooled};
use crate::bundle::draft::{Claim, Draft, Kept, Syncer, check_target, digest_file};
use crate::bundle::{
    FileDigest, GenomeSummary, MAX_MIN_FREQUENCY, Manifest, MemoryHints, Parameters, SourceFile, Totals,
};
use crate::dictionary::sorted::page::{Filters, PageEncoder, PageShape};
use crate::dictionary::superkmers::page::{Fields, SuperKmerShape};
use crate::dictionary::{Layout, LayoutKind, Shape, SuperKmerLayout};
use crate::error::{Parameter, ParameterError};
use crate::format::bits::BitWriter;
use crate::format::catalog::{
    CHUNKS_PER_RECORD, CONTIGS_PER_RECORD, CatalogTables, CatalogWriter, DIGESTS_PER_RECORD, FREQUENCIES_PER_RECORD,
    PAGES_PER_RECORD, PageEntry, SEQUENCE_CHUNK,
};
use crate::format::positions::ListCode;
use crate::format::{CATALOG, Identity, POSITIONS, SEQUENCE};
use crate::format::{Piece, block, positions};
use crate::fs::TemporaryFolder;
use crate::genome::{Contig, ContigDigest, OtherLetters, TwoBit, TwoBitSummary, TwoBitWriter, digest_contigs};
use crate::kmer::{KmerCodec, Minimizers, low_mask};
use crate::memory::buffers::{SpareBuffers, Window};
use crate::memory::system::Anonymous;
use crate::memory::{Budget, Component, Reservation};
use crate::sequence::{MAX_HEADER, RecordHead, SequenceReader, Source};
use crate::units::time_stamp;
use crate::{Error, Notice, Progress, Result};

/// What to build.
#[derive(Debug, Clone)]
pub struct BuildOptions {
    /// Bases in a k-mer; by default [`default_k`] of the genome.
    pub k: Option<u32>,
    /// K-mers that occur less often are not stored; at least 1.
    pub min_frequency: u64,
    /// K-mers that occur more often are not stored.
    pub max_frequency: Option<u64>,
    /// Of a k-mer with more positions, this many are stored, evenly sampled; frequencies stay exact.
    pub max_positions: Option<u64>,
    /// How k-mers are kept; by default super-k-mers where all k-mers are stored and k is long enough to gain by it.
    pub layout: Option<LayoutKind>,
    /// Replace an index that is there.
    pub force: bool,
    /// Where another process builds the same index, wait for it instead of failing; an index that is there then, of this
    /// genome and with these parameters, is taken as it is.
    pub wait: bool,
    /// Go on after the last finished pass of a build that did not end; leave what is finished to the next one where this
    /// does not end either.
    pub resume: bool,
    /// Contig names are those of the files with the name of their file before them
    /// ([`Source::with_prefixed_names`]), so that files of haplotypes may use one name each.
    pub prefix_names: bool,
    /// Bytes of a k-mer while sorting, at the least; tests raise it to reach the wider forms.
    #[doc(hidden)]
    pub least_record: u64,
    /// Byte offset from which the packed genome takes 64-bit offsets; tests lower it.
    #[doc(hidden)]
    pub wide_offsets_from: u64,
    /// Bytes of records of one pass, up to three passes, however much memory there is; tests lower it.
    #[doc(hidden)]
    pub large_pass: u64,
    /// Units that a pass scatters to; tests lower it to reach units of several pages.
    #[doc(hidden)]
    pub streams: u64,
}

impl Default for BuildOptions {
    fn default() -> Self {
        Self {
            k: None,
            min_frequency: 2,
            max_frequency: None,
            max_positions: None,
            layout: None,
            force: false,
            wait: false,
            resume: false,
            prefix_names: false,
            least_record: 0,
            wide_offsets_from: u64::from(u32::MAX),
            large_pass: 400 << 20,
            // Each keeps a line of its own in a core's cache.
            streams: 4096,
        }
    }
}

/// What a build will do.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Plan {
    /// What the index is expected to hold.
    pub estimate: MemoryHints,
    /// The genome as read.
    pub genome: GenomeSummary,
    /// Parameters, k included.
    pub parameters: Parameters,
    /// Shape of the dictionary.
    pub dictionary: Shape,
    /// Passes over the genome.
    pub passes: u64,
    /// Bytes of anonymous memory at the most.
    pub memory: u64,
    /// Bytes of the finished bundle.
    pub disk: u64,
    /// Bytes on the disk at the most while it is built: with several passes, finished pages are there twice.
    pub disk_while_building: u64,
}

/// What a build did.
#[derive(Debug, Clone)]
pub struct BuildReport {
    /// The manifest of the new index.
    pub manifest: Manifest,
    /// Passes over the genome; 0 where the index was there (see [`BuildOptions::wait`]).
    pub passes: u64,
}

/// The default k for a genome: the shortest at which a random k-mer is expected less than once, plus one, as RepeatScout
/// and REPrise choose it.
pub fn default_k(bases: u64) -> u32 {
    let mut k = 1;
    while k < 31 && bases >> (2 * k) > 0 {
        k += 1;
    }
    k + 1
}

/// The folder in which an index of this genome is put by default: its [`Source::stem`] with `.reprise`, in the current
/// folder. `None` for what has no name of its own, such as standard input.
pub fn default_target(source: &Source) -> Option<PathBuf> {
    let mut name = source.stem()?;
    name.push(".reprise");
    Some(PathBuf::from(name))
}

/// Builds an index of one genome from its files and publishes it at `target`.
///
/// Parallel work runs on the current rayon pool; beside it there are a thread that reads ahead, one that writes, and one
/// for each of the two large files that makes it durable as it grows.
/// The bytes of the bundle depend on the input and the options only, not on threads, memory or passes.
///
/// # Errors
/// [`Error::Input`] for input that cannot be used, [`Error::Parameter`] for options out of range, [`Error::Exists`],
/// [`Error::Building`] where another process builds it, [`Error::Memory`] when the budget is too small, [`Error::Io`].
/// Whatever fails, nothing at `target` is touched.
pub fn build_index(
    sources: &[Source],
    target: &Path,
    options: &BuildOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<BuildReport> {
    check_options(options)?;
    // Told before the genome is read, which may take long.
    time_stamp()?;
    Shares::checked(budget, rayon::current_num_threads(), Needs::default())?;
    let BuildOptions { force, wait, resume, .. } = *options;
    let draft = Draft::create(target, Claim { force, wait, resume }, progress)?;
    let prepared = Prepared::read(sources, &draft.path(SEQUENCE), options, budget, progress)?;
    if draft.is_there() {
        let manifest = Manifest::read(target)?;
        if !prepared.is_of(&manifest, options) {
            return Err(Error::Exists(target.to_owned()));
        }
        progress.notice(&Notice::UpToDate(target.to_owned()));
        return Ok(BuildReport { manifest, passes: 0 });
    }
    let genome = TwoBit::open(&draft.path(SEQUENCE))?;
    let kept = |identity, pages| draft.kept(identity, pages, progress);
    let (planned, kept) = Planned::of(&prepared, &genome, options, &kept, budget, progress)?;
    let (totals, positions) = planned.write(&prepared, &draft, kept, &genome, budget, progress)?;

    progress.phase("publishing", None);
    let mut manifest = Manifest::new(
        prepared.parameters.clone(),
        prepared.summary.clone(),
        (planned.shape, planned.identity),
        planned.hints,
        totals,
        time_stamp()?,
    );
    for name in [CATALOG, SEQUENCE] {
        manifest.files.insert(name.to_owned(), digest_file(&draft.path(name))?);
    }
    manifest.files.insert(POSITIONS.to_owned(), positions);
    // Nothing takes a name that nobody could open.
    if let Some(problem) = manifest.contradiction() {
        return Err(Error::Unfinished { path: target.to_owned(), problem: problem.to_owned() });
    }
    draft.publish(manifest, progress)?;
    Ok(BuildReport { manifest: Manifest::read(target)?, passes: planned.passes.len() as u64 })
}

/// Reads the genome and says what [`build_index`] would do; nothing is left behind.
///
/// # Errors
/// As [`build_index`].
pub fn plan_index(
    sources: &[Source],
    target: &Path,
    options: &BuildOptions,
    budget: &Budget,
    progress: &dyn Progress,
) -> Result<Plan> {
    check_options(options)?;
    check_target(target, options.force)?;
    Shares::checked(budget, rayon::current_num_threads(), Needs::default())?;
    let scratch = TemporaryFolder::new("reprise-plan")?;
    let sequence = scratch.path().join(SEQUENCE);
    let prepared = Prepared::read(sources, &sequence, options, budget, progress)?;
    let genome = TwoBit::open(&sequence)?;
    let (planned, _) = Planned::of(&prepared, &genome, options, &|_, _| Ok(None), budget, progress)?;
    let disk = planned.hints.dictionary_bytes
        + planned.hints.position_bytes
        + genome.bytes().len() as u64
        + planned.hints.repeated_kmers.min(planned.hints.stored_kmers);
    let spooled = if planned.passes.len() > 1 { planned.hints.dictionary_bytes } else { 0 };
    Ok(Plan {
        estimate: planned.hints,
        parameters: prepared.parameters.clone(),
        dictionary: planned.shape,
        passes: planned.passes.len() as u64,
        memory: planned.memory,
        disk,
        disk_while_building: disk + spooled,
        genome: prepared.summary,
    })
}

/// Bytes of memory, about, without which no index is built of any genome, beside what the program has.
pub(crate) fn least_memory() -> u64 {
    Shares::least(Needs::default())
}

fn check_options(options: &BuildOptions) -> Result<()> {
    if let Some(k) = options.k {
        KmerCodec::new(k)?;
    }
    let min = options.min_frequency;
    let wrong = |problem| Err(Error::Parameter(problem));
    let out_of_range = |parameter, value, max| wrong(ParameterError::OutOfRange { parameter, value, min: 1, max });
    if !(1..=MAX_MIN_FREQUENCY).contains(&min) {
        return out_of_range(Parameter::MinFrequency, min, Some(MAX_MIN_FREQUENCY));
    }
    if options.max_positions == Some(0) {
        return out_of_range(Parameter::MaxPositions, 0, None);
    }
    match options.max_frequency {
        Some(max) if max < min => wrong(ParameterError::NoFrequencies { min, max }),
        _ => Ok(()),
    }
}

/// Pieces of sequence that are read ahead of the one that is packed.
const READ_AHEAD: usize = 8;
/// Bytes of these pieces and of the readers' and writers' buffers.
const INPUT_BUFFERS: u64 = 3 << 20;

/// Bytes that a contig takes while it is read, beside its texts: tables that grow by doubling, and its name in three
/// places, each of them an allocation.
const READ_CONTIG: u64 = 2 * size_of::<Contig>() as u64 + 240;
/// Bytes that a contig takes once it is read: in the table, and what its other names left to the allocator.
const CONTIG: u64 = 2 * size_of::<Contig>() as u64 + 64;

/// Bytes that the digests of so many contigs take while they are made.
fn digest_bytes(contigs: u64) -> u64 {
    3 * contigs * size_of::<ContigDigest>() as u64
}

/// What the tables of a genome take that do not fit: the rest of it is read to say how much would do.
#[derive(Default)]
struct Tally {
    contigs: u64,
    /// Of names and descriptions.
    texts: u64,
    bases: u64,
    /// Runs of N and of lower case in the contig in hand, and in the one that has most.
    runs: u64,
    most_runs: u64,
    /// Runs of other letters.
    others: u64,
    last: u8,
}

impl Tally {
    fn contig(&mut self, head: &RecordHead) {
        self.contigs += 1;
        self.texts += (head.name.len() + head.description.len()) as u64;
        (self.runs, self.last) = (0, b'A');
    }

    fn bases(&mut self, bases: &[u8]) {
        self.bases += bases.len() as u64;
        let is_base = |letter: u8| matches!(letter.to_ascii_uppercase(), b'A' | b'C' | b'G' | b'T');
        for &letter in bases {
            let last = std::mem::replace(&mut self.last, letter);
            self.runs += u64::from(letter.is_ascii_lowercase() && !last.is_ascii_lowercase());
            if !is_base(letter) {
                let is_other = !matches!(letter, b'N' | b'n') && !letter.eq_ignore_ascii_case(&last);
                self.runs += u64::from(is_base(last));
                self.others += u64::from(is_other);
            }
        }
        self.most_runs = self.most_runs.max(self.runs);
    }

    /// The least that a build takes, beside what is reserved before it.
    fn least(&self) -> u64 {
        let Self { contigs, texts, bases, .. } = *self;
        let others = self.others * 2 * size_of::<OtherLetters>() as u64;
        let runs = self.most_runs * TwoBitWriter::RUN_BYTES;
        let reading = INPUT_BUFFERS + contigs * READ_CONTIG + 3 * texts + others + runs;
        let pieces = Pieces::bytes(Pieces::expected(contigs, bases));
        let tables = contigs * CONTIG + texts + others + digest_bytes(contigs) + pieces;
        let building = tables + Shares::least(Needs::default());
        reading.max(building)
    }
}

/// What the thread that reads hands to the one that packs.
enum Event {
    /// A contig of the source of this number begins.
    Begin(usize, RecordHead),
    Bases(Vec<u8>),
    End,
}

/// Events handed over together at the most: contigs may be many and short.
const EVENTS: usize = 512;

/// Reads all sources; ends early when nobody listens.
fn read_sources(sources: &[Source], sender: &SyncSender<Vec<Event>>, progress: &dyn Progress) -> Result<()> {
    let (mut events, mut headers) = (Vec::new(), 0);
    for (number, source) in sources.iter().enumerate() {
        let mut reader = SequenceReader::open(source)?;
        while let Some(head) = reader.next_record()? {
            headers += head.name.len() + head.description.len();
            events.push(Event::Begin(number, head));
            let mut short = true;
            while let Some(bases) = reader.next_bases()? {
                short = bases.len() < 1 << 10;
                events.push(Event::Bases(bases.to_vec()));
                if !short && sender.send(std::mem::take(&mut events)).is_err() {
                    return Ok(());
                }
            }
            events.push(Event::End);
            if !short || events.len() >= EVENTS || headers >= MAX_HEADER {
                headers = 0;
                if sender.send(std::mem::take(&mut events)).is_err() {
                    return Ok(());
                }
            }
        }
        reader.report_skipped(progress);
    }
    // Nobody left to hear the last of it has an error to tell.
    let _ = sender.send(events);
    Ok(())
}

/// A genome read and packed, and k settled.
struct Prepared {
    contigs: Vec<Contig>,
    others: Vec<OtherLetters>,
    summary: GenomeSummary,
    parameters: Parameters,
    codec: KmerCodec,
    filters: Filters,
    _held: Reservation,
}

impl Prepared {
    fn read(
        sources: &[Source],
        sequence: &Path,
        options: &BuildOptions,
        budget: &Budget,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let prepare = |source: &Source| {
            let source = source.within(budget);
            if options.prefix_names { source.with_prefixed_names() } else { Ok(source) }
        };
        let sources: &[Source] = &sources.iter().map(prepare).collect::<Result<Vec<_>>>()?;
        let total = sources.iter().map(Source::bytes_total).sum::<Option<u64>>();
        progress.phase("reading", total);
        let mut reserved = budget.reserve(Component::Input, INPUT_BUFFERS, "reading the genome")?;
        let mut writer = TwoBitWriter::with_wide_offsets_from(sequence, options.wide_offsets_from)?;
        let mut contigs: Vec<Contig> = Vec::new();
        let mut seen: AHashMap<String, (usize, u64)> = AHashMap::new();
        let (mut start, mut done, mut runs_held) = (0, 0, 0);
        // Of all there is, for the message where it does not fit.
        let (mut tally, mut fits) = (Tally::default(), true);
        std::thread::scope(|scope| {
            let (sender, events) = sync_channel(READ_AHEAD);
            let reader = std::thread::Builder::new()
                .name("reader".to_owned())
                .spawn_scoped(scope, move || read_sources(sources, &sender, progress))
                .map_err(|e| Error::thread("reading", e))?;
            for event in events.into_iter().flatten() {
                match &event {
                    Event::Begin(_, head) => tally.contig(head),
                    Event::Bases(bases) if !fits => tally.bases(bases),
                    Event::Bases(bases) => tally.bases += bases.len() as u64,
                    Event::End => {}
                }
                match event {
                    _ if !fits => {}
                    Event::Begin(number, head) => {
                        let source = &sources[number];
                        if let Some(&(other, line)) = seen.get(&head.name) {
                            let first: &Source = &sources[other];
                            return Err(Error::DuplicateContig {
                                path: source.path().to_owned(),
                                line: head.line,
                                name: head.name,
                                first_path: first.path().to_owned(),
                                first_line: line,
                                prefixes_differ: first.path() != source.path() && !options.prefix_names,
                            });
                        }
                        let texts = (3 * head.name.capacity() + head.description.capacity()) as u64;
                        fits = reserved.grow(READ_CONTIG + texts, "the table of contigs").is_ok();
                        if !fits {
                            (seen, contigs) = (AHashMap::new(), Vec::new());
                            continue;
                        }
                        seen.insert(head.name.clone(), (number, head.line));
                        writer.begin(&head.name);
                        let RecordHead { name, description, .. } = head;
                        contigs.push(Contig { name, description, length: 0, start, record: 0 });
                    }
                    Event::Bases(bases) => {
                        writer.bases(&bases)?;
                        let bytes = writer.run_bytes();
                        if bytes > runs_held {
                            fits = reserved.grow(bytes - runs_held, "the runs of letters").is_ok();
                            runs_held = bytes;
                        }
                    }
                    Event::End => {
                        let length = writer.end()?;
                        start += length;
                        if let Some(contig) = contigs.last_mut() {
                            contig.length = length;
                        }
                    }
                }
                let read = sources.iter().map(Source::bytes_read).sum();
                progress.advance(read - done);
                done = read;
            }
            reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })?;
        if !fits {
            drop((seen, contigs, reserved));
            tally.most_runs = tally.most_runs.max(runs_held / TwoBitWriter::RUN_BYTES);
            let least = budget.used() + tally.least();
            return Err(Error::memory("the table of contigs", least, budget.limit()));
        }
        let TwoBitSummary { bases, acgt, masked, n_runs, records, others, digest, .. } = writer.finish()?;
        drop((seen, reserved));
        let mut held = budget.hold(Component::Contigs);
        let others_held = (others.capacity() * size_of::<OtherLetters>()) as u64;
        held.resize(contigs.len() as u64 * CONTIG + tally.texts + others_held);
        for (contig, record) in contigs.iter_mut().zip(records) {
            contig.record = record;
        }
        let first = sources.first().map_or(Path::new("-"), |s| s.path());
        if acgt == 0 {
            return Err(Error::input(first, None, "there is no A, C, G or T in it, so there is nothing to index"));
        }
        let longest_contig = contigs.iter().map(|c| c.length).max().unwrap_or(0);
        let k = match options.k {
            Some(k) if u64::from(k) > longest_contig => {
                let genome = first.to_owned();
                return Err(Error::Parameter(ParameterError::LongerThanContigs { k, genome, longest_contig }));
            }
            Some(k) => k,
            None => default_k(bases).min(longest_contig.min(32) as u32),
        };
        let file_name = |s: &Source| match s.path().file_name() {
            Some(name) => name.to_string_lossy().into_owned(),
            None => s.path().to_string_lossy().into_owned(),
        };
        Ok(Self {
            summary: GenomeSummary {
                sources: sources.iter().map(|s| SourceFile { name: file_name(s), bytes: s.bytes_read() }).collect(),
                contigs: contigs.len() as u64,
                bases,
                acgt,
                other_letters: others.iter().map(|run| u64::from(run.length)).sum(),
                masked,
                n_runs,
                longest_contig,
                blake3: digest.to_hex().to_string(),
                prefixed_names: options.prefix_names,
            },
            parameters: Parameters {
                k,
                min_frequency: options.min_frequency,
                max_frequency: options.max_frequency,
                max_positions: options.max_positions,
            },
            codec: KmerCodec::new(k)?,
            filters: Filters {
                min_frequency: options.min_frequency,
                max_frequency: options.max_frequency,
                max_positions: options.max_positions,
            },
            contigs,
            others,
            _held: held,
        })
    }

    /// Whether a finished index is of this genome and was built with these options.
    fn is_of(&self, manifest: &Manifest, options: &BuildOptions) -> bool {
        let identity = Identity::new(&self.parameters, &manifest.dictionary, &self.summary.blake3, &self.contigs);
        identity == manifest.identity
            && self.parameters == manifest.parameters
            && options.layout.is_none_or(|layout| layout == manifest.layout)
    }

    /// The minimizers of this index where its k-mers are kept as super-k-mers.
    fn minimizers(&self, options: &BuildOptions) -> Result<Option<Minimizers>> {
        let Parameters { k, min_frequency, max_frequency, max_positions } = self.parameters;
        let all = min_frequency == 1 && max_frequency.is_none() && max_positions.is_none();
        let length = SuperKmerLayout::minimizer_bases(k, self.summary.bases);
        match (options.layout, length) {
            (Some(LayoutKind::SortedDictionary), _) => Ok(None),
            (Some(LayoutKind::SuperKmers), _) if !all => Err(Error::Parameter(ParameterError::LimitedSuperKmers)),
            (Some(LayoutKind::SuperKmers), None) => Err(Error::Parameter(ParameterError::TooShortForSuperKmers { k })),
            (_, Some(m)) if all => Ok(Minimizers::new(k, m).ok()),
            _ => Ok(None),
        }
    }
}

/// Everything settled before the first pass.
struct Planned<'a> {
    pieces: Pieces<'a>,
    hints: MemoryHints,
    shape: Shape,
    identity: Identity,
    lists: ListCode,
    partition: Partition,
    stripes: usize,
    /// Pages that are there already.
    first_page: u64,
    /// Units of each pass.
    passes: Vec<Range<u64>>,
    /// Bytes of the records of the largest pass, with one record more for each stripe.
    pass_bytes: u64,
    shares: Shares,
    memory: u64,
    _held: [Reservation; 2],
}

/// How the records of a genome are shared out to tasks and passes.
enum Partition {
    Sorted(SortedPartition),
    SuperKmers(Box<superkmers::Partition>),
}

/// K-mers one by one.
struct SortedPartition {
    layout: Layout,
    record: RecordKind,
    units: Units,
    counts: Counts,
}

impl SortedPartition {
    fn records_of(&self, units: &Range<u64>) -> u64 {
        units.clone().map(|unit| self.counts.unit(unit)).sum()
    }
}

impl Partition {
    /// Units in all.
    fn units(&self) -> u64 {
        match self {
            Self::Sorted(sorted) => sorted.units.count,
            Self::SuperKmers(partition) => partition.units(),
        }
    }

    /// The pages of a unit: one that it is a part of, or several.
    fn pages_of(&self, unit: u64) -> Range<u64> {
        match self {
            Self::Sorted(sorted) => {
                let Units { pages, per_page, .. } = sorted.units;
                let first = unit / per_page * pages;
                first..(first + pages).min(sorted.layout.pages)
            }
            Self::SuperKmers(partition) => partition.pages_of(unit),
        }
    }

    /// Whether a unit is the first of its pages.
    fn begins(&self, unit: u64) -> bool {
        unit == 0 || self.pages_of(unit - 1).start != self.pages_of(unit).start
    }

    /// Whether pages end where unit `end` begins.
    fn ends(&self, end: u64) -> bool {
        end == self.units() || self.begins(end)
    }

    /// The tasks of a pass over `units`.
    fn tasks(&self, units: Range<u64>) -> Vec<Task> {
        let mut tasks: Vec<Task> = Vec::new();
        for unit in units {
            let pages = self.pages_of(unit);
            match tasks.last_mut() {
                Some(task) if task.pages == pages => task.units.end += 1,
                _ => {
                    tasks.push(Task { units: unit..unit + 1, pages, is_continued: !self.begins(unit), is_whole: true })
                }
            }
        }
        if let Some(task) = tasks.last_mut() {
            task.is_whole = self.ends(task.units.end);
        }
        tasks
    }

    /// Bytes of the records of a unit.
    fn unit_bytes(&self, unit: u64) -> u64 {
        match self {
            Self::Sorted(sorted) => sorted.counts.unit(unit) * sorted.record.bytes(),
            Self::SuperKmers(partition) => partition.unit_bytes(unit),
        }
    }

    /// Bytes that sorting and encoding a unit takes beside the records, if that is more than the scratch of a thread has:
    /// a k-mer of great frequency crowds it.
    fn crowded_bytes(&self, unit: u64, lists: &ListCode) -> u64 {
        let (records, bytes) = match self {
            Self::Sorted(sorted) => (sorted.counts.unit(unit), sorted.record.sorted_bytes()),
            Self::SuperKmers(partition) => (partition.unit_records(unit), superkmers::RECORD),
        };
        if records > SORTED_AT_ONCE { records * bytes + block_bytes(records, lists) } else { 0 }
    }
}

/// Bytes of a block that the scratch of a thread has room for.
const BLOCK: u64 = 1 << 20;

/// Times that a block is there while it is made: its buffer grows by doubling, and it is compressed into another.
const BLOCK_COPIES: u64 = 3;

/// Bytes that a block with `positions` positions takes while it is made.
fn block_bytes(positions: u64, lists: &ListCode) -> u64 {
    lists.bits(positions).min(positions.saturating_mul(lists.width().into())) / 8 * BLOCK_COPIES
}

/// What one thread does in one pass: all units of a page that are in the pass, or one unit of several pages.
struct Task {
    units: Range<u64>,
    pages: Range<u64>,
    /// The pass before made the first part of its page.
    is_continued: bool,
    /// Its page is not continued by the next pass.
    is_whole: bool,
}

/// How a task ended, with pages `P` in the making.
enum Done<P> {
    /// Its pages were handed over.
    HandedOver,
    /// Its page is to be continued.
    Open(P),
    /// Nobody takes pages any more.
    Stopped,
}

/// Runs the tasks of a pass on the current pool, one thread a worker; takes the page that the pass before began, and
/// gives the one that the next is to continue.
fn run_tasks<W: Send, P: Send>(
    tasks: &[Task],
    workers: &mut [W],
    open: Option<P>,
    run: impl Fn(&mut W, &Task, Option<P>) -> Done<P> + Sync,
) -> Option<P> {
    let next = AtomicUsize::new(0);
    let (before, after) = (Mutex::new(open), Mutex::new(None));
    let lock = |page: &'_ Mutex<Option<P>>| page.lock().take();
    rayon::scope(|scope| {
        for worker in workers {
            scope.spawn(|_| {
                let worker = worker;
                while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let begun = if task.is_continued { lock(&before) } else { None };
                    match run(worker, task, begun) {
                        Done::HandedOver => {}
                        Done::Open(page) => *after.lock() = Some(page),
                        Done::Stopped => break,
                    }
                }
            });
        }
    });
    lock(&after)
}

impl<'a> Planned<'a> {
    /// Plans what is left to do; `kept` says, for the identity and the pages of the index, what is there already.
    fn of(
        prepared: &Prepared,
        genome: &'a TwoBit,
        options: &BuildOptions,
        kept: &dyn Fn(Identity, u64) -> Result<Option<Kept>>,
        budget: &Budget,
        progress: &dyn Progress,
    ) -> Result<(Self, Option<Kept>)> {
        let pieces = Pieces::of(genome, &prepared.contigs, prepared.codec, budget)?;
        if pieces.kmers() == 0 {
            let path = prepared.summary.sources.first().map_or("-", |file| &file.name).into();
            return Err(Error::NoKmers { path, k: prepared.codec.k() });
        }
        let lists = ListCode::new(prepared.summary.bases);
        let threads = rayon::current_num_threads();
        let stripes = stripes_for(threads, pieces.kmers());
        let digests = digest_bytes(prepared.contigs.len() as u64);
        let held_digests = budget.reserve(Component::Contigs, digests, "the digests of the contigs")?;
        let minimizers = prepared.minimizers(options)?;
        let sample = match &minimizers {
            Some(minimizers) => superkmers::Survey::sample_bytes(pieces.kmers(), minimizers, stripes),
            None => estimate::sample_bytes(pieces.kmers(), &prepared.codec),
        };
        let shares = Shares::checked(budget, threads, Needs { sample, ..Needs::default() })?;
        // Memory touched for the first time costs as much as several passes over the genome, so three passes over a third of
        // the memory, touched once, are faster than one over all of it.
        let passes_for = |bytes: u64| bytes.div_ceil(shares.records).max(bytes.div_ceil(options.large_pass).min(3));

        progress.phase("estimating", Some(pieces.kmers()));
        let advance = |kmers| progress.advance(kmers);
        let (partition, hints, shape, expected_passes, bytes, held_counts);
        if let Some(minimizers) = minimizers {
            let striped = pieces.stripes(stripes);
            let survey = superkmers::Survey::of(&pieces, minimizers, &lists, &striped, budget, &advance)?;
            bytes = survey.bytes();
            expected_passes = passes_for(bytes);
            let k = prepared.codec.k();
            let streams = options.streams.saturating_mul(expected_passes.max(1));
            let (plan, expected) = superkmers::Partition::new(&survey, k, &pieces, &lists, streams, shares.records);
            (shape, hints) = (Shape::SuperKmers(plan.layout), expected);
            held_counts = budget.reserve(Component::Counts, plan.capacity_bytes(), "counting k-mers")?;
            partition = Partition::SuperKmers(Box::new(plan));
        } else {
            let (expected, layout) =
                estimate::estimate(&pieces, &prepared.codec, &prepared.filters, &lists, budget, &advance)?;
            // The smallest that has room: how much of a hash it must keep depends on the units, and they on the passes.
            let planned = |record: RecordKind| {
                let bytes = pieces.kmers() * record.bytes();
                let passes = passes_for(bytes);
                let hash_bits = prepared.codec.hash_bits();
                (record, bytes, passes, Units::new(&layout, hash_bits, pieces.kmers(), passes, options.streams))
            };
            let fitting = RecordKind::ALL.into_iter().filter(|record| record.bytes() >= options.least_record);
            let (record, units);
            (record, bytes, expected_passes, units) = fitting
                .map(planned)
                .find(|(record, .., units)| record.fits(units.hash_bits, lists.width()))
                .unwrap_or_else(|| planned(RecordKind::Wide));
            held_counts = budget.reserve(Component::Counts, Counts::bytes(stripes, &units), "counting k-mers")?;
            progress.phase("counting", Some(pieces.kmers()));
            let counts = Counts::of(&pieces, &pieces.stripes(stripes), &units, &advance);
            (shape, hints) = (Shape::SortedDictionary(layout), expected);
            partition = Partition::Sorted(SortedPartition { layout, record, units, counts });
        }

        let identity = Identity::new(&prepared.parameters, &shape, &prepared.summary.blake3, &prepared.contigs);
        let kept = kept(identity, shape.pages())?;
        let first_page = kept.as_ref().map_or(0, |kept| kept.checkpoint.pages);
        let units = partition.units();
        let first_unit = (0..units).find(|&unit| partition.pages_of(unit).end > first_page).unwrap_or(0);

        // Passes are runs of whole pages that fit, or of units of one page that does not.
        let even = bytes.div_ceil(expected_passes.max(1)) + bytes / 64 + 1;
        let block = BLOCK_COPIES * (hints.position_bytes / shape.pages());
        let needs = Needs { scratch: block.saturating_sub(BLOCK), ..Needs::default() };
        let shares = Shares::of(budget, threads, needs);
        let crowded = |pass: Range<u64>| pass.map(|unit| partition.crowded_bytes(unit, &lists));
        let most_crowded = crowded(first_unit..units).max().unwrap_or(0);
        let most = shares.records.saturating_sub(most_crowded).max(LEAST_RECORDS);
        let most = most.min(even.max(options.large_pass.min(1 << 20)));
        let mut passes: Vec<Range<u64>> = Vec::new();
        let (mut first, mut sum, mut largest) = (first_unit, 0, 0);
        for task in partition.tasks(first_unit..units) {
            let bytes: u64 = task.units.clone().map(|unit| partition.unit_bytes(unit)).sum();
            if sum > 0 && sum + bytes > most {
                passes.push(first..task.units.start);
                (first, sum) = (task.units.start, 0);
            }
            for unit in task.units {
                let bytes = partition.unit_bytes(unit);
                if sum > 0 && sum + bytes > most {
                    passes.push(first..unit);
                    (first, sum) = (unit, 0);
                }
                sum += bytes;
                largest = largest.max(sum);
            }
        }
        passes.push(first..units);
        // Each thread may have a crowded unit of the same pass.
        let by_all = |pass: &Range<u64>| {
            let mut bytes: Vec<u64> = crowded(pass.clone()).filter(|&bytes| bytes > 0).collect();
            bytes.sort_unstable_by(|a, b| b.cmp(a));
            bytes.iter().take(shares.workers as usize).sum::<u64>()
        };
        let all = passes.iter().map(by_all).max().unwrap_or(0);
        let (shares, crowded) = shares.with_crowded(budget, largest, (all, most_crowded), needs)?;
        let memory = shares.beside + largest + crowded;
        budget.expect(memory);
        let planned = Self {
            pieces,
            hints,
            identity,
            shape,
            lists,
            partition,
            stripes,
            first_page,
            passes,
            pass_bytes: largest + stripes as u64 * size_of::<Wide>() as u64,
            shares,
            memory,
            _held: [held_digests, held_counts],
        };
        Ok((planned, kept))
    }

    /// Runs the passes and writes catalog and positions.
    fn write(
        &self,
        prepared: &Prepared,
        draft: &Draft,
        kept: Option<Kept>,
        genome: &TwoBit,
        budget: &Budget,
        progress: &dyn Progress,
    ) -> Result<(Totals, FileDigest)> {
        let mut spectrum = SpectrumCounter::default();
        for &(frequency, count) in kept.iter().flat_map(|kept| &kept.checkpoint.spectrum) {
            spectrum.add_many(frequency, count);
        }
        let handover = Handover {
            window: Window::charged(self.shares.window, budget.hold(Component::WriteWindow)),
            first_page: self.first_page,
            passes_ended: AtomicU64::new(0),
            before: spectrum,
            spectrum: Mutex::default(),
            spare: SpareBuffers::new(self.shares.window, budget.hold(Component::WriteWindow)),
        };
        let held = budget.reserve(Component::Partitions, self.pass_bytes, "the k-mers of one pass")?;
        let mut memory = Anonymous::new(held.bytes())?;
        std::thread::scope(|scope| {
            let (digests, digested) = sync_channel(1);
            let (freed, memory_of_passes) = sync_channel(1);
            let writer = std::thread::Builder::new()
                .name("writer".to_owned())
                .spawn_scoped(scope, || {
                    let _closing = handover.window.closing();
                    self.write_files(prepared, (draft, kept), genome, &handover, (memory_of_passes, digested), budget)
                })
                .map_err(|e| Error::thread("writing", e))?;
            {
                let _closing = handover.window.closing();
                match &self.partition {
                    Partition::SuperKmers(partition) => partition.run(self, &mut memory, &handover, budget, progress),
                    Partition::Sorted(sorted) => {
                        let run = match sorted.record {
                            RecordKind::Short => Self::run_passes::<Short>,
                            RecordKind::Packed => Self::run_passes::<Packed>,
                            RecordKind::Narrow => Self::run_passes::<Narrow>,
                            RecordKind::Wide => Self::run_passes::<Wide>,
                        };
                        run(self, sorted, &mut memory, prepared, &handover, budget, progress);
                    }
                }
                // The writer goes on to the seeds once the window is closed. One that has gone has an error to tell.
                let _ = freed.send((memory, held));
            }
            progress.phase("writing", None);
            // The writer has the seeds to order, and the other cores nothing to do.
            let record = |number: usize| genome.record_at(prepared.contigs[number].record);
            // A writer that has gone has an error to tell.
            let _ = digests.send(digest_contigs(prepared.contigs.len(), record, &prepared.others)?);
            writer.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }

    fn run_passes<R: Record>(
        &self,
        sorted: &SortedPartition,
        memory: &mut Anonymous,
        prepared: &Prepared,
        handover: &Handover,
        budget: &Budget,
        progress: &dyn Progress,
    ) {
        let stripes = self.pieces.stripes(self.stripes);
        progress.phase("indexing", Some(2 * self.hints.kmers));
        // The same for all passes: what one frees need not be where another looks for it.
        let mut workers: Vec<_> = (0..self.shares.workers)
            .map(|_| Worker::<R>::new(self, sorted, prepared, &handover.spare, budget))
            .collect();
        let mut open = None;
        for (number, units) in self.passes.iter().enumerate() {
            let count = sorted.records_of(units);
            // Every pass scans all of the genome, but only its own part counts as progress.
            let scatter = Scatter {
                pieces: &self.pieces,
                stripes: &stripes,
                units: &sorted.units,
                counts: &sorted.counts,
                range: units.clone(),
                position_bits: self.lists.width(),
            };
            let pass = Pass::new(scatter, records::<R>(memory), &|n| {
                progress.advance((n as f64 * count as f64 / self.hints.kmers as f64) as u64);
            });
            let tasks = self.partition.tasks(units.clone());
            open = run_tasks(&tasks, &mut workers, open, |worker: &mut Worker<'_, R>, task, open| {
                worker.run(task, open, &pass, handover, progress)
            });
            if handover.window.is_closed() {
                return;
            }
            if tasks.last().is_some_and(|task| task.is_whole) {
                handover.pass_ended(self, number, workers.iter().map(|worker| &worker.spectrum));
            }
        }
    }

    /// Reads the frequencies of a page that was written, in the order of the index.
    fn frequencies(
        &self,
        prepared: &Prepared,
        positions: &Path,
    ) -> impl Fn(u64, &PageEntry, &[u8]) -> Result<Vec<u64>> {
        let (identity, shape, path) = (self.identity, self.shape, positions.to_owned());
        let (least, lists) = (prepared.filters.min_frequency, self.lists.clone());
        move |page, entry, bytes| {
            let forged = |problem: String| Error::damaged(&path, Some(entry.block_at), problem);
            match shape {
                Shape::SortedDictionary(layout) => {
                    let shape = PageShape::of(identity, bytes, page, &layout).map_err(forged)?;
                    Ok(shape.frequencies(bytes, least).collect())
                }
                Shape::SuperKmers(layout) => {
                    let fields = Fields::new(&layout, layout.check().map_err(forged)?, &lists);
                    let shape = SuperKmerShape::of(identity, bytes, page, &layout, &fields).map_err(forged)?;
                    let block = || {
                        let failed = |e| Error::io("read back", &path, e);
                        let mut block = vec![0; entry.block_bytes as usize];
                        File::open(&path).map_err(failed)?.read_exact_at(&mut block, entry.block_at).map_err(failed)?;
                        Ok(block::decode(&block, page, None, u64::MAX).map_err(forged)?.into_owned())
                    };
                    let mut frequencies = Vec::new();
                    shape.for_each_kmer(&fields, (bytes, page), block, forged, |_, frequency, _| {
                        frequencies.push(frequency);
                        Ok(())
                    })?;
                    Ok(frequencies)
                }
            }
        }
    }

    /// Takes the pages in order and writes them; then all that follows from them.
    fn write_files(
        &self,
        prepared: &Prepared,
        (draft, kept): (&Draft, Option<Kept>),
        genome: &TwoBit,
        handover: &Handover,
        (freed, digested): (Receiver<(Anonymous, Reservation)>, Receiver<Vec<ContigDigest>>),
        budget: &Budget,
    ) -> Result<(Totals, FileDigest)> {
        let path = draft.path(POSITIONS);
        let mut totals = Totals { kmers: self.hints.kmers, ..Totals::default() };
        let resumed = kept.is_some();
        // What a pass makes is kept where another one follows, unless that continues its last page.
        let mut passes_left = self.passes.iter().filter(|units| self.partition.ends(units.end)).count();
        let (mut blocks, mut spool_file) = match kept {
            Some(Kept { checkpoint, positions, spool }) => {
                totals = checkpoint.totals;
                (positions, (passes_left > 1).then_some(spool))
            }
            None => {
                let mut blocks = Digested::create(path.clone())?;
                blocks.put(&block::file_header())?;
                (blocks, (passes_left > 1).then(|| Digested::create(draft.spool())).transpose()?)
            }
        };
        let syncer = Syncer::start(blocks.file(), &path)?;
        let catalog = CatalogWriter::create(&draft.path(CATALOG), self.identity, self.shares.store_cache as usize)?;
        catalog.fill(|tables| {
            let mut pages: Vec<PageEntry> = Vec::with_capacity(self.shape.pages() as usize);
            if resumed {
                self.put_spooled(&draft.spool(), tables, &mut pages)?;
            }
            // Of pages that were made before nothing is kept: then all are read back.
            let mut repeats = (!resumed).then(Vec::new);
            let mut held = budget.hold(Component::Seeds);
            let mut held_store = budget.hold(Component::Store);
            while let Some(handed) = handover.window.take() {
                let page = match (handed, &mut spool_file) {
                    (Handed::Page(page), _) => page,
                    (Handed::PassEnd(spectrum), Some(spool)) => {
                        blocks.sync()?;
                        spool.sync()?;
                        let digests = (blocks.digest(), spool.digest());
                        let done = pages.len() as u64;
                        draft.keep(Checkpoint::new(self.identity, done, digests, totals, spectrum))?;
                        passes_left -= 1;
                        if passes_left == 1 {
                            spool_file = None;
                        }
                        continue;
                    }
                    (Handed::PassEnd(_), None) => continue,
                };
                let block_at = blocks.bytes();
                let block_bytes = page.block.len() as u64;
                blocks.put(&page.block)?;
                syncer.written(block_bytes);
                tables.put_page(pages.len() as u64, &page.dictionary)?;
                if let Some(file) = &mut spool_file {
                    spool(file, page.kmers, block_bytes, &page.dictionary)?;
                }
                pages.push(PageEntry { first_kmer: totals.stored_kmers, block_at, block_bytes });
                let kept = held.bytes() + page.repeats.capacity_bytes();
                if kept > budget.limit() / 16 {
                    // Too many: they will be read back from the pages.
                    repeats = None;
                    held.resize(0);
                } else if let Some(repeats) = &mut repeats {
                    repeats.push(page.repeats);
                    held.resize(kept);
                }
                totals.stored_kmers += page.kmers;
                totals.positions += page.positions;
                totals.sampled_kmers += page.sampled;
                totals.dictionary_bytes += page.dictionary.len() as u64;
                totals.position_bytes += block_bytes;
                handover.spare.give(page.block);
                handover.spare.give(page.dictionary);
                held_store.resize(tables.cache_bytes());
            }
            if pages.len() as u64 != self.shape.pages() {
                // A worker panicked: that panic goes on once this thread is joined.
                return Err(Error::Stopped);
            }
            syncer.end();
            let spectrum = handover.spectrum.lock().rows();
            totals.distinct_kmers = spectrum.iter().map(|row| row.1).sum();
            totals.repeated_kmers = spectrum.iter().filter(|row| row.0 > 1).map(|row| row.1).sum();
            let stored: Vec<_> = spectrum.iter().copied().filter(|row| prepared.filters.keeps(row.0)).collect();
            let dictionary = Dictionary { pages: &pages, repeats, frequencies: &self.frequencies(prepared, &path) };
            let memory = freed.recv().map_err(|_| Error::Stopped)?;
            totals.seeds = frequency_order::write(tables, &dictionary, &stored, memory, budget)?;
            drop((dictionary, held));
            use crate::format::catalog::Record as Kind;
            tables.put_value(Kind::Meta, 0, &(&prepared.parameters, self.shape, prepared.summary.bases))?;
            let chunks: Vec<u64> = (0..)
                .zip(genome.bytes().chunks(SEQUENCE_CHUNK))
                .map(|(number, chunk)| self.identity.checksum(chunk, Piece::Chunk, number))
                .collect();
            tables.put_runs(Kind::Sequence, &chunks, CHUNKS_PER_RECORD)?;
            tables.put_runs(Kind::Contigs, &prepared.contigs, CONTIGS_PER_RECORD)?;
            tables.put_runs(Kind::PageIndex, &pages, PAGES_PER_RECORD)?;
            tables.put_runs(Kind::Spectrum, &spectrum, FREQUENCIES_PER_RECORD)?;
            let digests = digested.recv().map_err(|_| Error::Stopped)?;
            tables.put_runs(Kind::Digests, &digests, DIGESTS_PER_RECORD)
        })?;
        syncer.finish()?;
        Ok((totals, blocks.digest()))
    }

    /// Puts the pages that are there already into the catalog.
    fn put_spooled(&self, path: &Path, tables: &mut CatalogTables<'_>, pages: &mut Vec<PageEntry>) -> Result<()> {
        let (mut first_kmer, mut block_at) = (0, block::FILE_HEADER);
        spooled(path, self.first_page, |number, page| {
            tables.put_page(number, &page.dictionary)?;
            pages.push(PageEntry { first_kmer, block_at, block_bytes: page.block_bytes });
            first_kmer += page.kmers;
            block_at += page.block_bytes;
            Ok(())
        })
    }
}

/// Between the threads that make pages and the one that writes them.
struct Handover {
    window: Window<Handed>,
    first_page: u64,
    /// Each has taken a number of the window, between those of pages.
    passes_ended: AtomicU64,
    /// The spectrum of the pages that were there before.
    before: SpectrumCounter,
    /// The spectrum of all pages, once the last pass has ended.
    spectrum: Mutex<SpectrumCounter>,
    spare: SpareBuffers,
}

/// What is handed to the writer.
enum Handed {
    Page(EncodedPage),
    /// All pages of a pass were handed over, and this is the spectrum of them and of those before.
    PassEnd(Vec<(u64, u64)>),
}

impl Handover {
    fn number(&self, page: u64) -> u64 {
        page - self.first_page + self.passes_ended.load(Ordering::Relaxed)
    }

    /// Hands over a page; waits while too much is on its way. False when the writer has gone.
    fn put(&self, page: u64, encoded: EncodedPage, bytes: u64) -> bool {
        self.window.put(self.number(page), Handed::Page(encoded), bytes)
    }

    /// All pages of a pass of this number were handed over, by workers that counted these spectra since the first.
    fn pass_ended<'s>(&self, planned: &Planned<'_>, pass: usize, workers: impl Iterator<Item = &'s SpectrumCounter>) {
        let mut spectrum = self.before.clone();
        workers.for_each(|counted| spectrum.merge(counted));
        if pass + 1 < planned.passes.len() {
            let next = planned.partition.pages_of(planned.passes[pass].end).start;
            let rows = spectrum.rows();
            let bytes = (rows.capacity() * size_of::<(u64, u64)>()) as u64;
            if self.window.put(self.number(next), Handed::PassEnd(rows), bytes) {
                self.passes_ended.fetch_add(1, Ordering::Relaxed);
            }
        } else {
            *self.spectrum.lock() = spectrum;
        }
    }
}

/// A page on its way to the writer.
struct EncodedPage {
    dictionary: Vec<u8>,
    block: Vec<u8>,
    kmers: u64,
    positions: u64,
    sampled: u64,
    repeats: Repeats,
}

/// A page in the making.
struct OpenPage {
    encoder: PageEncoder,
    block: BitWriter,
    block_bits: u64,
    repeats: Repeats,
    positions: u64,
    sampled: u64,
    /// Charged while no thread works on it.
    held: Reservation,
}

/// One thread's part in sorting and encoding.
struct Worker<'a, R: Record> {
    planned: &'a Planned<'a>,
    sorted: &'a SortedPartition,
    filters: Filters,
    last_hash: u64,
    sorter: Sorter<R::Sorted>,
    /// Of the page before, to be used again.
    encoder: Option<PageEncoder>,
    by_page: Vec<Vec<R>>,
    spectrum: SpectrumCounter,
    spare: &'a SpareBuffers,
    budget: &'a Budget,
    held: Reservation,
}

impl<'a, R: Record> Worker<'a, R> {
    fn new(
        planned: &'a Planned<'a>,
        sorted: &'a SortedPartition,
        prepared: &Prepared,
        spare: &'a SpareBuffers,
        budget: &'a Budget,
    ) -> Self {
        Self {
            planned,
            sorted,
            filters: prepared.filters,
            last_hash: low_mask(prepared.codec.hash_bits()),
            sorter: Sorter::new(),
            encoder: None,
            by_page: Vec::new(),
            spectrum: SpectrumCounter::default(),
            spare,
            budget,
            held: budget.hold(Component::SortScratch),
        }
    }

    /// Sorts, encodes and hands over the pages of a task, or goes on with the page that it continues.
    fn run(
        &mut self,
        task: &Task,
        open: Option<OpenPage>,
        pass: &Pass<'_, R>,
        handover: &Handover,
        progress: &dyn Progress,
    ) -> Done<OpenPage> {
        let SortedPartition { units, layout, .. } = self.sorted;
        let lists = &self.planned.lists;
        if units.pages == 1 {
            let mut page = open.unwrap_or_else(|| self.begin());
            page.held.resize(0);
            for unit in task.units.clone() {
                if let Some(hashes) = units.hashes(unit, self.last_hash) {
                    self.add(&mut page, hashes, &pass.unit(unit).collect::<Vec<_>>(), progress);
                }
            }
            if task.is_whole {
                return self.finish(task.pages.start, page, handover);
            }
            page.held
                .resize(page.encoder.capacity_bytes() + page.block.capacity_bytes() + page.repeats.capacity_bytes());
            return Done::Open(page);
        }
        // A unit of several pages: apart first.
        let pages = task.pages.clone();
        let address = layout.address();
        let mut by_page = std::mem::take(&mut self.by_page);
        by_page.resize_with(units.pages as usize, Vec::new);
        by_page.iter_mut().for_each(Vec::clear);
        let unit_first = layout.first_hash(pages.start * layout.groups_per_page);
        for segment in pass.unit(task.units.start) {
            for &record in segment {
                let hash = unit_first + record.within(unit_first, lists.width()).hash(lists.width());
                by_page[(address.page(hash) - pages.start) as usize].push(record);
            }
        }
        let mut done = Done::HandedOver;
        for (page, records) in pages.zip(&by_page).filter(|(page, _)| *page >= handover.first_page) {
            let first = page * layout.groups_per_page;
            let next = first + layout.groups_in(page);
            let last = if next == layout.groups { self.last_hash } else { layout.first_hash(next) - 1 };
            let mut open = self.begin();
            self.add(&mut open, (layout.first_hash(first), last), &[records], progress);
            done = self.finish(page, open, handover);
            if matches!(done, Done::Stopped) {
                break;
            }
        }
        self.by_page = by_page;
        done
    }

    fn begin(&mut self) -> OpenPage {
        let new = || {
            let Planned { identity, lists, .. } = self.planned;
            PageEncoder::new(*identity, self.sorted.layout, self.filters, lists.clone())
        };
        OpenPage {
            encoder: self.encoder.take().unwrap_or_else(new),
            block: BitWriter::on(block::start(self.spare.take())),
            block_bits: 0,
            repeats: Repeats::default(),
            positions: 0,
            sampled: 0,
            held: self.budget.hold(Component::SortScratch),
        }
    }

    /// Adds the k-mers of a range of hashes, both ends included, from their records by stripe.
    fn add(&mut self, page: &mut OpenPage, hashes: (u64, u64), segments: &[&[R]], progress: &dyn Progress) {
        let lists = &self.planned.lists;
        let position_bits = lists.width();
        let (spectrum, filters) = (&mut self.spectrum, self.filters);
        let OpenPage { encoder, block, block_bits, repeats, positions, sampled, .. } = page;
        let mut occurrences = 0;
        let wanted = if filters.min_frequency > 1 { Wanted::Repeated } else { Wanted::All };
        let single = self.sorter.groups(segments, hashes, position_bits, wanted, &mut |hash, records| {
            let frequency = records.len() as u64;
            occurrences += frequency;
            spectrum.add(frequency);
            if !filters.keeps(frequency) {
                return;
            }
            if frequency >= 2 {
                repeats.push(encoder.len() as u64, frequency);
            }
            encoder.push(hash, frequency);
            let m = filters.stored_positions(frequency);
            if m == frequency {
                lists.write(m, records.iter().map(|r| r.position(position_bits)), block);
            } else {
                *sampled += 1;
                let even = (0..m).map(|i| records[positions::sampled(i, m, frequency) as usize]);
                lists.write(m, even.map(|r| r.position(position_bits)), block);
            }
            *positions += m;
            *block_bits += lists.bits(m);
        });
        spectrum.add_many(1, single);
        progress.advance(occurrences + single);
    }

    /// Encodes a page and hands it over.
    fn finish(&mut self, number: u64, page: OpenPage, handover: &Handover) -> Done<OpenPage> {
        let OpenPage { mut encoder, block, block_bits, repeats, positions, sampled, held: _ } = page;
        let kmers = encoder.len() as u64;
        let dictionary = encoder.finish(number, block_bits, self.spare.take());
        let block = block::finish(self.planned.identity, number, block.finish());
        let spare: usize = self.by_page.iter().map(|v| v.capacity() * size_of::<R>()).sum();
        self.held.resize(self.sorter.capacity_bytes() + encoder.capacity_bytes() + spare as u64);
        self.encoder = Some(encoder);
        let bytes = (dictionary.capacity() + block.capacity()) as u64 + repeats.capacity_bytes();
        match handover.put(number, EncodedPage { dictionary, block, kmers, positions, sampled, repeats }, bytes) {
            true => Done::HandedOver,
            false => Done::Stopped,
        }
    }
}

/// The memory of a pass as records.
fn records<R: bytemuck::Pod>(memory: &mut Anonymous) -> &mut [R] {
    let bytes = memory.bytes();
    let whole = bytes.len() / size_of::<R>() * size_of::<R>();
    bytemuck::cast_slice_mut(&mut bytes[..whole])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k_follows_the_genome() {
        assert_eq!(default_k(100_286_070), 15);
        assert_eq!(default_k(4_641_652), 13);
        assert_eq!(default_k(1), 2);
        assert_eq!(default_k(3_100_000_000), 17);
        assert_eq!(default_k(u64::MAX), 32);
    }

    #[test]
    fn an_index_is_named_after_its_genome() {
        let named = |path: &str| default_target(&Source::new(path)).map(|p| p.display().to_string());
        assert_eq!(named("x/genome.fa.gz").as_deref(), Some("genome.reprise"));
        assert_eq!(named("GCF_1.2_asm.fna").as_deref(), Some("GCF_1.2_asm.reprise"));
        assert_eq!(named("plain").as_deref(), Some("plain.reprise"));
        assert_eq!(named(".fa").as_deref(), Some(".fa.reprise"));
        assert_eq!(named("genome.fasta.bz2").as_deref(), Some("genome.reprise"));
        assert_eq!(named("genome.fq.xz").as_deref(), Some("genome.reprise"));
        for nameless in ["-", "/dev/stdin", "/dev/fd/0", "/dev/fd/63", "/proc/self/fd/0", "/dev/null"] {
            assert_eq!(named(nameless), None, "{nameless}");
        }
    }
}
