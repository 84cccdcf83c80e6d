//! Reads the file of the store without the store: an index must stay readable on read-only mounts, next to other
//! readers, after damage, and after the store drops its old formats.
//!
//! The format is redb's file format 3, as `schema/format.md` draws it; redb's own `docs/design.md` has neither page
//! numbers nor table definitions. Writing and repairing are left to redb. Nothing is locked (some file systems cannot,
//! and the lock of another process would keep readers out), nothing is written, every length is checked before it is
//! used, and no page is read through another whose checksum is wrong.

use std::cmp::Ordering;
use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering as Access};

use twox_hash::XxHash3_128;

use crate::format::bits::load;
use crate::fs::{FileDigest, digest_bytes, map_read_only};
use crate::memory::buffers::Buffer;
use crate::storage::RemoteFile;
use crate::{Error, Result};

// All numbers are those of redb's file format; `schema/format.md` draws them.

/// First bytes of the file.
const MAGIC: [u8; 9] = *b"redb\x1a\x0a\xa9\x0d\x0a";
/// Version of the file format in a commit slot.
const FILE_FORMAT: u8 = 3;
/// Bytes of the smallest page.
const PAGE: usize = 4096;
/// Bytes of the header, with both commit slots.
const HEADER: usize = 320;

// Byte offsets in the header.
const AT_FLAGS: usize = 9;
const AT_PAGE_SIZE: usize = 12;
const AT_REGION_HEADER: usize = 16;
const AT_REGION_PAGES: usize = 20;
const AT_SLOTS: usize = 64;
/// Bytes of a commit slot.
const SLOT: usize = 128;
/// Byte offset, in a commit slot, of its checksum.
const SLOT_SUM: usize = 112;

/// Flag: the second commit slot is the newest.
const SECOND_SLOT: u8 = 1;
/// Flag: the writer did not close the file.
const NOT_CLOSED: u8 = 2;

// First bytes of pages and of table definitions.
const LEAF: u8 = 1;
const BRANCH: u8 = 2;
const TABLE: u8 = 3;

/// A page number has 20 bits for the page in its region, less one for each doubling of its size.
const INDEX_MASK: u64 = 0xF_FFFF;
/// Doublings of the size of a page: the number of such a page has no bit left for its index.
const MAX_ORDER: u32 = 20;
/// Bytes of the keys of a leaf: it has at most 65,535 of a few bytes.
const MAX_KEY_BYTES: usize = 1 << 21;
/// Levels of a tree: each branch has at least two children, so more levels than that would not fit any disk. Without a
/// limit, pages that name each other in a cycle would never end.
const MAX_LEVELS: usize = 40;

/// A reference to a page: its number, its expected checksum, and the offset of the reference in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Child {
    number: u64,
    sum: u128,
    named_at: u64,
}

impl Child {
    /// Reads a page number and the checksum after it, from what was read from byte `from` of the file.
    fn load(bytes: &[u8], at: usize, from: u64) -> Self {
        Self { number: load(bytes, at), sum: sum_at(bytes, at + 8), named_at: from + at as u64 }
    }
}

fn sum_at(bytes: &[u8], at: usize) -> u128 {
    u128::from(load(bytes, at)) | u128::from(load(bytes, at + 8)) << 64
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    load(bytes, at) as u32
}

/// The key of a table.
pub(crate) trait Key: Ord {
    /// Bytes, if all have as many.
    const WIDTH: Option<usize>;

    /// Compares this with a stored key.
    fn compare(&self, stored: &[u8]) -> Ordering;
}

impl Key for u64 {
    const WIDTH: Option<usize> = Some(8);

    fn compare(&self, stored: &[u8]) -> Ordering {
        self.cmp(&load(stored, 0))
    }
}

impl Key for (u8, u64) {
    const WIDTH: Option<usize> = Some(9);

    fn compare(&self, stored: &[u8]) -> Ordering {
        self.cmp(&(stored.first().copied().unwrap_or(0), load(stored, 1)))
    }
}

impl Key for &str {
    const WIDTH: Option<usize> = None;

    fn compare(&self, stored: &[u8]) -> Ordering {
        self.as_bytes().cmp(stored)
    }
}

/// A leaf of at most so many bytes is read whole when its value is requested: twice those of a dictionary page.
const MAX_WHOLE_LEAF: u64 = 1 << 17;

/// Values of so many bytes of a file that lies elsewhere may be read in a row, so more is read ahead; smaller parts are
/// read with their surroundings.
const MIN_SCANNED: usize = 1 << 16;

/// Which values are read next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ReadPattern {
    /// Any.
    Single,
    /// Those behind.
    Scan,
}

/// A value and its offset in the file.
#[derive(Debug)]
pub(crate) struct StoredValue {
    pub(crate) at: u64,
    /// What was read, with the value in it.
    read: Buffer<u8>,
    range: Range<usize>,
}

impl std::ops::Deref for StoredValue {
    type Target = [u8];

    #[inline(always)]
    fn deref(&self) -> &[u8] {
        &self.read[self.range.clone()]
    }
}

/// A table of the store; the keys are of the type that it was opened with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Table<K> {
    root: Option<Child>,
    key: std::marker::PhantomData<fn(K)>,
}

/// A table whose keys are 0, 1, 2 and so on, with the leaf of each once a branch was read that names it: a value then
/// takes one read.
#[derive(Debug)]
pub(crate) struct NumberedTable {
    table: Table<u64>,
    /// By key: first byte of its leaf, a multiple of [`PAGE`], plus 1 and the doublings of its size; 0 while unknown.
    leaves: Box<[AtomicU64]>,
}

impl NumberedTable {
    /// Bytes of memory for each key.
    pub(crate) const BYTES_PER_KEY: u64 = size_of::<AtomicU64>() as u64;

    /// A table with keys below `keys`.
    pub(crate) fn new(table: Table<u64>, keys: u64) -> Self {
        Self { table, leaves: (0..keys).map(|_| AtomicU64::new(0)).collect() }
    }

    /// Byte range of the leaf of a key, if it is known.
    fn leaf(&self, key: u64) -> Option<Range<u64>> {
        let known = self.leaves.get(usize::try_from(key).ok()?)?.load(Access::Relaxed);
        let order = (known % PAGE as u64).checked_sub(1)?;
        let start = known - known % PAGE as u64;
        Some(start..start + ((PAGE as u64) << order))
    }

    /// Remembers the leaf of these keys, which is a page of the store.
    fn remember(&self, keys: Range<u64>, leaf: &Range<u64>) {
        let order = ((leaf.end - leaf.start) / PAGE as u64).ilog2();
        let end = keys.end.min(self.leaves.len() as u64);
        for key in keys.start.min(end)..end {
            self.leaves[key as usize].store(leaf.start + u64::from(order) + 1, Access::Relaxed);
        }
    }
}

/// A branch of a tree, whose checksum was found right.
struct Branch<'a> {
    /// First byte of its page.
    at: u64,
    bytes: &'a [u8],
    keys: usize,
    /// Bytes of a key, if all have as many.
    width: Option<usize>,
}

impl<'a> Branch<'a> {
    /// Byte offset of the checksums of the children.
    const SUMS_AT: usize = 8;

    fn numbers_at(&self) -> usize {
        Self::SUMS_AT + 16 * (self.keys + 1)
    }

    /// Byte offset of what follows the page numbers: ends of keys, unless all have one width; then keys.
    fn ends_at(&self) -> usize {
        self.numbers_at() + 8 * (self.keys + 1)
    }

    fn key_end(&self, i: usize) -> usize {
        match self.width {
            Some(width) => self.ends_at() + width * (i + 1),
            None => u32_at(self.bytes, self.ends_at() + 4 * i) as usize,
        }
    }

    /// Stored key `i`: at least the last key of child `i`, and less than the first of the next. `None` if the branch
    /// contradicts itself.
    fn key(&self, i: usize) -> Option<&'a [u8]> {
        let start = match (i, self.width) {
            (0, Some(_)) => self.ends_at(),
            (0, None) => self.ends_at() + 4 * self.keys,
            _ => self.key_end(i - 1),
        };
        self.bytes.get(start..self.key_end(i))
    }

    /// The child before stored key `i`; the last child has no key.
    fn child(&self, i: usize) -> Child {
        let number_at = self.numbers_at() + 8 * i;
        let (number, sum) = (load(self.bytes, number_at), sum_at(self.bytes, Self::SUMS_AT + 16 * i));
        Child { number, sum, named_at: self.at + number_at as u64 }
    }

    /// The number of the child under which a key is, if it is anywhere. `None` if the branch contradicts itself.
    fn find<K: Key>(&self, key: &K) -> Option<usize> {
        let (mut low, mut high) = (0, self.keys);
        while low < high {
            let middle = (low + high) / 2;
            if key.compare(self.key(middle)?).is_gt() { low = middle + 1 } else { high = middle }
        }
        Some(low)
    }
}

/// Where the bytes of the store are.
#[derive(Debug)]
enum StoreBytes {
    Local {
        file: File,
        /// The same file, for values read one by one: the system reads nothing ahead.
        single: File,
    },
    Remote(Arc<RemoteFile>),
}

/// The file of the store, open for reading by any number of threads.
#[derive(Debug)]
pub(crate) struct StoreFile {
    path: PathBuf,
    bytes: StoreBytes,
    length: u64,
    region_bytes: u64,
    region_header_bytes: u64,
    /// Of the tree of tables.
    root: Option<Child>,
}

impl StoreFile {
    /// Opens a file and checks its header.
    ///
    /// # Errors
    /// [`Error::Unfinished`] if the writer did not close it; [`Error::Damaged`]; [`Error::Io`].
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => Error::damaged(path, None, "the file is missing"),
            _ => Error::io("open", path, e),
        })?;
        let length = file.metadata().map_err(|e| Error::io("look at", path, e))?.len();
        let single = open_for_single_reads(path)?;
        Self::read_header(path, StoreBytes::Local { file, single }, length)
    }

    /// Checks the header of a file that lies elsewhere.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub(crate) fn open_remote(file: Arc<RemoteFile>) -> Result<Self> {
        Self::read_header(file.path(), StoreBytes::Remote(Arc::clone(&file)), file.length())
    }

    fn read_header(path: &Path, bytes: StoreBytes, length: u64) -> Result<Self> {
        let (region_bytes, region_header_bytes) = (0, 0);
        let mut store = Self { path: path.to_owned(), bytes, length, region_bytes, region_header_bytes, root: None };
        if length < HEADER as u64 {
            return Err(store.damage(length, "it ends within the header of the store"));
        }
        let header = store.read(0..HEADER as u64)?;
        if header[..MAGIC.len()] != MAGIC {
            return Err(store.damage(0, "it does not begin as a store does"));
        }
        let flags = header[AT_FLAGS];
        if flags & NOT_CLOSED != 0 {
            return Err(Error::Unfinished { path: store.path, problem: "its catalog was not closed".to_owned() });
        }
        let slot_at = AT_SLOTS + SLOT * usize::from(flags & SECOND_SLOT);
        let slot = &header[slot_at..slot_at + SLOT];
        if sum_at(slot, SLOT_SUM) != checksum(&slot[..SLOT_SUM]) {
            return Err(store.damage(slot_at as u64, "the root of the store has a wrong checksum"));
        }
        let [header_pages, pages] = [AT_REGION_HEADER, AT_REGION_PAGES].map(|at| u64::from(u32_at(&header, at)));
        let is_sound = u32_at(&header, AT_PAGE_SIZE) == PAGE as u32
            && (1..=INDEX_MASK + 1).contains(&pages)
            && header_pages <= INDEX_MASK + 1;
        if !is_sound {
            return Err(store.damage(AT_PAGE_SIZE as u64, "the store's pages or regions have a size that none has"));
        }
        if slot[0] != FILE_FORMAT {
            return Err(store.damage(slot_at as u64, format!("the store has format {}, not {FILE_FORMAT}", slot[0])));
        }
        store.region_header_bytes = header_pages * PAGE as u64;
        store.region_bytes = store.region_header_bytes + pages * PAGE as u64;
        store.root = (slot[1] != 0).then(|| Child::load(slot, 8, slot_at as u64));
        Ok(store)
    }

    /// Length and digest of the whole file.
    ///
    /// # Errors
    /// [`Error::Io`], and those of a [`RemoteFile`].
    pub(crate) fn digest(&self) -> Result<FileDigest> {
        match &self.bytes {
            StoreBytes::Local { file, .. } => Ok(digest_bytes(&map_read_only(file, &self.path)?)),
            StoreBytes::Remote(file) => file.digest(),
        }
    }

    /// The file, if it lies elsewhere.
    pub(crate) fn remote(&self) -> Option<&RemoteFile> {
        match &self.bytes {
            StoreBytes::Local { .. } => None,
            StoreBytes::Remote(file) => Some(file),
        }
    }

    /// Fetches the leaves of keys together, if the file lies elsewhere, so that reading their values takes no request.
    ///
    /// # Errors
    /// [`Error::Damaged`], and those of a [`RemoteFile`].
    pub(crate) fn fetch_numbered(&self, table: &NumberedTable, keys: &[u64]) -> Result<()> {
        let Some(file) = self.remote() else { return Ok(()) };
        let mut leaves = Vec::with_capacity(keys.len());
        for &key in keys {
            leaves.extend(self.leaf_of(table, key)?);
        }
        file.fetch_together(leaves)
    }

    /// The table of this name.
    ///
    /// # Errors
    /// [`Error::Damaged`] if there is none, or one of other keys; [`Error::Io`].
    pub(crate) fn table<K: Key>(&self, name: &str) -> Result<Table<K>> {
        let found = match self.root {
            Some(root) => self.find(root, &name)?,
            None => None,
        };
        let Some(range) = found else {
            return Err(Error::damaged(&self.path, None, format!("the store has no table {name:?}")));
        };
        let at = range.start;
        let wrong = || self.damage(at, format!("the table {name:?} is not one of this format"));
        if !(60..=PAGE as u64).contains(&(range.end - at)) {
            return Err(wrong());
        }
        let definition = self.read(range)?;
        // Kind, keys, root, width of keys, width of values, alignments.
        let width = |at: usize| (definition[at] != 0).then(|| u32_at(&definition, at + 1) as usize);
        if definition[0] != TABLE || width(42) != K::WIDTH || width(47).is_some() {
            return Err(wrong());
        }
        if [u32_at(&definition, 52), u32_at(&definition, 56)] != [1, 1] {
            return Err(wrong());
        }
        let root = (definition[9] != 0).then(|| Child::load(&definition, 10, at));
        Ok(Table { root, key: std::marker::PhantomData })
    }

    /// The value of a key, of at most `max` bytes.
    ///
    /// # Errors
    /// [`Error::Memory`] if it has more; [`Error::Damaged`]; [`Error::Io`].
    pub(crate) fn get<K: Key>(&self, table: &Table<K>, key: K, max: u64) -> Result<Option<StoredValue>> {
        let Some(root) = table.root else { return Ok(None) };
        let Some(range) = self.find(root, &key)? else { return Ok(None) };
        self.value(range, max).map(Some)
    }

    /// As [`get`](Self::get), with one read once the leaf of the key is known.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub(crate) fn get_numbered(
        &self,
        table: &NumberedTable,
        key: u64,
        max: u64,
        pattern: ReadPattern,
    ) -> Result<Option<StoredValue>> {
        let Some(leaf) = self.leaf_of(table, key)? else { return Ok(None) };
        let is_whole = leaf.end - leaf.start <= MAX_WHOLE_LEAF;
        let end = if is_whole { leaf.end } else { leaf.start + PAGE as u64 };
        let read = self.fill(leaf.start..end, |out| match (&self.bytes, pattern) {
            (StoreBytes::Local { single, .. }, ReadPattern::Single) => self.read_exact(single, leaf.start, out),
            (StoreBytes::Local { file, .. }, ReadPattern::Scan) => self.read_exact(file, leaf.start, out),
            (StoreBytes::Remote(file), _) => file.read(leaf.start, out),
        })?;
        let (found, read) = self.leaf(&leaf, read, &key)?;
        match found {
            Some(value) if is_whole && value.end - value.start <= max => {
                let range = (value.start - leaf.start) as usize..(value.end - leaf.start) as usize;
                Ok(Some(StoredValue { at: value.start, read, range }))
            }
            Some(value) => self.value(value, max).map(Some),
            None => Ok(None),
        }
    }

    /// Reads a value of at most `max` bytes.
    fn value(&self, range: Range<u64>, max: u64) -> Result<StoredValue> {
        let length = range.end - range.start;
        if length > max {
            return Err(Error::memory("a page of this index", length, max));
        }
        Ok(StoredValue { at: range.start, read: self.read(range)?, range: 0..length as usize })
    }

    /// Length of the value of a key; the value is not read.
    ///
    /// # Errors
    /// [`Error::Damaged`]; [`Error::Io`].
    pub(crate) fn length_of<K: Key>(&self, table: &Table<K>, key: K) -> Result<Option<u64>> {
        let Some(root) = table.root else { return Ok(None) };
        Ok(self.find(root, &key)?.map(|range| range.end - range.start))
    }

    /// Length of the value of a key, and its first `bytes` bytes.
    ///
    /// # Errors
    /// [`Error::Damaged`]; [`Error::Io`].
    pub(crate) fn start_of_numbered(
        &self,
        table: &NumberedTable,
        key: u64,
        bytes: u64,
    ) -> Result<Option<(u64, Buffer<u8>)>> {
        let Some(leaf) = self.leaf_of(table, key)? else { return Ok(None) };
        let Some(range) = self.leaf(&leaf, self.read_head(&leaf)?, &key)?.0 else { return Ok(None) };
        let end = range.end.min(range.start + bytes);
        Ok(Some((range.end - range.start, self.read(range.start..end)?)))
    }

    /// The byte range of the value of a key.
    fn find<K: Key>(&self, root: Child, key: &K) -> Result<Option<Range<u64>>> {
        let (page, head) = self.descend(root, key, |_, _| Ok(()))?;
        Ok(self.leaf(&page, head, key)?.0)
    }

    /// Follows a key from a root to its leaf; returns the page and its head. Calls `pass` for each branch on the way,
    /// with the number of the child that is followed.
    fn descend<K: Key>(
        &self,
        root: Child,
        key: &K,
        mut pass: impl FnMut(&Branch<'_>, usize) -> Result<()>,
    ) -> Result<(Range<u64>, Buffer<u8>)> {
        let mut child = root;
        for _ in 0..MAX_LEVELS {
            let page = self.page_range(child)?;
            let head = self.read_head(&page)?;
            match head[0] {
                BRANCH => {
                    let branch = self.branch::<K>(&page, &head, child.sum)?;
                    let number = branch.find(key).ok_or_else(|| self.wrong_branch(&page))?;
                    pass(&branch, number)?;
                    child = branch.child(number);
                }
                LEAF => return Ok((page, head)),
                _ => return Err(self.damage(page.start, "no page of a tree is there")),
            }
        }
        Err(self.damage(child.named_at, "a tree of the store has no end"))
    }

    /// The byte range of the leaf of a key.
    fn leaf_of(&self, table: &NumberedTable, key: u64) -> Result<Option<Range<u64>>> {
        if let Some(leaf) = table.leaf(key) {
            return Ok(Some(leaf));
        }
        let Some(root) = table.table.root else { return Ok(None) };
        // The keys under the page that is followed, and the children of the branch above it.
        let mut keys = 0..u64::MAX;
        let mut children = Vec::new();
        let (leaf, _) = self.descend(root, &key, |branch, number| {
            children = self.children(branch, keys.clone())?;
            keys = children[number].0.clone();
            Ok(())
        })?;
        // A tree of one leaf has no branch.
        table.remember(keys, &leaf);
        // The leaves of a tree are on one level, so all of them are leaves.
        children.into_iter().for_each(|(keys, leaf)| table.remember(keys, &leaf));
        Ok(Some(leaf))
    }

    /// The keys under each child of a branch, of those that are `within` it, and the byte range of the child.
    fn children(&self, branch: &Branch<'_>, within: Range<u64>) -> Result<Vec<(Range<u64>, Range<u64>)>> {
        let mut start = within.start;
        let child = |number: usize| {
            let end = match branch.key(number) {
                Some(key) if number < branch.keys => load(key, 0).saturating_add(1).min(within.end),
                _ => within.end,
            };
            // Even if the keys of a forged branch fall, no key is under two children.
            let keys = start..end.max(start);
            start = keys.end;
            Ok((keys, self.page_range(branch.child(number))?))
        };
        (0..=branch.keys).map(child).collect()
    }

    /// The first bytes of a page, which a branch and the keys of nearly every leaf fit.
    fn read_head(&self, page: &Range<u64>) -> Result<Buffer<u8>> {
        let head = page.start..page.end.min(page.start + PAGE as u64);
        match &self.bytes {
            // Mostly its value is read next.
            StoreBytes::Remote(file) if page.end - page.start <= MAX_WHOLE_LEAF => {
                self.fill(head, |out| file.read_with(page.clone(), out))
            }
            _ => self.read(head),
        }
    }

    fn wrong_branch(&self, page: &Range<u64>) -> Error {
        self.damage(page.start, "a branch of the store's tree contradicts itself")
    }

    /// The branch in the head of a page, with the checksum that is expected.
    fn branch<'h, K: Key>(&self, page: &Range<u64>, head: &'h [u8], sum: u128) -> Result<Branch<'h>> {
        let wrong = || self.wrong_branch(page);
        let keys = usize::from(load(head, 2) as u16);
        let mut branch = Branch { at: page.start, bytes: head, keys, width: K::WIDTH };
        if keys == 0 || branch.ends_at() > head.len() {
            return Err(wrong());
        }
        branch.bytes = head.get(..branch.key_end(keys - 1)).ok_or_else(wrong)?;
        if checksum(branch.bytes) != sum {
            return Err(self.damage(page.start, "a branch of the store's tree has a wrong checksum"));
        }
        Ok(branch)
    }

    /// Where the value of a key lies in a leaf, and what was read of it: the whole keys. Leaves are mostly values, which
    /// have checksums of their own.
    fn leaf<K: Key>(
        &self,
        page: &Range<u64>,
        mut head: Buffer<u8>,
        key: &K,
    ) -> Result<(Option<Range<u64>>, Buffer<u8>)> {
        if head[0] != LEAF {
            return Err(self.damage(page.start, "no leaf of a tree is there"));
        }
        let wrong = || self.damage(page.start, "a leaf of the store's tree contradicts itself");
        let pairs = usize::from(load(&head, 2) as u16);
        let ends = if K::WIDTH.is_some() { 1 } else { 2 };
        let keys_at = 4 + 4 * ends * pairs;
        if pairs == 0 {
            return Err(wrong());
        }
        let key_end = |head: &[u8], i: usize| match K::WIDTH {
            Some(width) => keys_at + width * (i + 1),
            None => u32_at(head, 4 + 4 * i) as usize,
        };
        // Numbers past what was read are zeros, and make an end that is too small.
        let keys_end = keys_at.max(key_end(&head, pairs - 1));
        if keys_end > head.len() {
            let end = page.start + keys_end as u64;
            if end > page.end || keys_end > MAX_KEY_BYTES {
                return Err(wrong());
            }
            head = self.read(page.start..end)?;
        }
        let key_start = |head: &[u8], i: usize| if i == 0 { keys_at } else { key_end(head, i - 1) };
        let (mut low, mut high) = (0, pairs);
        while low < high {
            let middle = (low + high) / 2;
            let stored = head.get(key_start(&head, middle)..key_end(&head, middle)).ok_or_else(wrong)?;
            match key.compare(stored) {
                Ordering::Greater => low = middle + 1,
                Ordering::Less => high = middle,
                Ordering::Equal => {
                    let value_end = |i: usize| u64::from(u32_at(&head, 4 + 4 * ((ends - 1) * pairs + i)));
                    let start = if middle == 0 { key_end(&head, pairs - 1) as u64 } else { value_end(middle - 1) };
                    let (start, end) = (page.start + start, page.start + value_end(middle));
                    return if start <= end && end <= page.end { Ok((Some(start..end), head)) } else { Err(wrong()) };
                }
            }
        }
        Ok((None, head))
    }

    /// Where a page lies.
    fn page_range(&self, Child { number, named_at, .. }: Child) -> Result<Range<u64>> {
        let order = (number >> 59) as u32;
        let region = number >> 20 & INDEX_MASK;
        let outside = || self.damage(named_at, "the store's tree names a page outside the file");
        if order > MAX_ORDER {
            return Err(outside());
        }
        let (index, bytes) = (number & (INDEX_MASK >> order), (PAGE as u64) << order);
        // Less than 2^20 regions of less than 2^34 bytes.
        let start = PAGE as u64 + region * self.region_bytes + self.region_header_bytes + index * bytes;
        let end = start + bytes;
        if end <= self.length { Ok(start..end) } else { Err(outside()) }
    }

    /// Reads a part of the tree or a record.
    fn read(&self, bytes: Range<u64>) -> Result<Buffer<u8>> {
        let at = bytes.start;
        self.fill(bytes, |out| match &self.bytes {
            StoreBytes::Local { file, .. } => self.read_exact(file, at, out),
            StoreBytes::Remote(file) if out.len() < MIN_SCANNED => file.read_nearby(at, out),
            StoreBytes::Remote(file) => file.read(at, out),
        })
    }

    fn fill(&self, bytes: Range<u64>, read: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<Buffer<u8>> {
        let length = (bytes.end - bytes.start) as usize;
        let mut buffer = Buffer::with_capacity(length);
        buffer.resize(length, 0);
        read(&mut buffer)?;
        Ok(buffer)
    }

    fn read_exact(&self, file: &File, at: u64, out: &mut [u8]) -> Result<()> {
        file.read_exact_at(out, at).map_err(|e| match e.kind() {
            io::ErrorKind::UnexpectedEof => self.damage(at, "the file ends there"),
            _ => Error::io("read", &self.path, e),
        })
    }

    /// An error about what is at a byte offset of this file.
    fn damage(&self, at: u64, problem: impl Into<String>) -> Error {
        Error::damaged(&self.path, Some(at), problem)
    }
}

/// Opens a file of which parts are read in no order.
fn open_for_single_reads(path: &Path) -> Result<File> {
    let file = File::open(path).map_err(|e| Error::io("open", path, e))?;
    // A file system that ignores the advice reads more than it has to.
    #[cfg(target_os = "linux")]
    let _ = rustix::fs::fadvise(&file, 0, None, rustix::fs::Advice::Random);
    Ok(file)
}

fn checksum(bytes: &[u8]) -> u128 {
    XxHash3_128::oneshot(bytes)
}

/// Makes the checksum of the root right.
#[cfg(any(test, fuzzing))]
pub(crate) fn fix_root_checksum(file: &mut [u8]) {
    let Some(&flags) = file.get(AT_FLAGS) else { return };
    let slot_at = AT_SLOTS + SLOT * usize::from(flags & SECOND_SLOT);
    if let Some(slot) = file.get_mut(slot_at..slot_at + SLOT) {
        let sum = checksum(&slot[..SLOT_SUM]);
        slot[SLOT_SUM..].copy_from_slice(&sum.to_le_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use redb::{Database, ReadOnlyDatabase, ReadableDatabase, TableDefinition};

    const LONG: TableDefinition<u64, &[u8]> = TableDefinition::new("pages");
    const SHORT: TableDefinition<(u8, u64), &[u8]> = TableDefinition::new("records");
    const NUMBERED: TableDefinition<u64, &[u8]> = TableDefinition::new("numbered");

    fn value(seed: u64, length: usize) -> Vec<u8> {
        (0..length as u64).map(|i| (seed.wrapping_mul(31).wrapping_add(i * i) >> 3) as u8).collect()
    }

    /// Bytes of a value of the numbered table: many to a leaf, one to a leaf, and leaves that are not read whole.
    fn numbered_length(key: u64) -> usize {
        match key % 29 {
            3 => 140_000,
            7 => 60_000,
            n => 100 * n as usize,
        }
    }

    /// A store with trees of two and of three levels, and values of more than a page.
    fn store(path: &Path, keys: u64) {
        let mut database = Database::create(path).expect("created");
        let transaction = database.begin_write().expect("a transaction");
        {
            let mut long = transaction.open_table(LONG).expect("a table");
            let mut short = transaction.open_table(SHORT).expect("a table");
            let mut numbered = transaction.open_table(NUMBERED).expect("a table");
            for key in 0..keys {
                let length = if key % 37 == 5 { 70_000 } else { 3000 + (key % 50) as usize * 29 };
                long.insert(key * 3, &value(key, length)[..]).expect("put");
                numbered.insert(key, &value(key + 7, numbered_length(key))[..]).expect("put");
                for kind in 0..3 {
                    short.insert((kind, key), &value(key, (key % 40) as usize)[..]).expect("put");
                }
            }
        }
        transaction.commit().expect("committed");
        database.compact().expect("compacted");
    }

    /// The values of all keys in a store, and of keys between them.
    fn answers(path: &Path, keys: u64) -> Result<Vec<Option<Vec<u8>>>> {
        let store = StoreFile::open(path)?;
        let (long, short) = (store.table::<u64>("pages")?, store.table::<(u8, u64)>("records")?);
        let long = (0..3 * keys + 2).map(|key| store.get(&long, key, 1 << 20));
        let short = (0..4 * (keys + 1)).map(|n| store.get(&short, ((n % 4) as u8, n / 4), 1 << 20));
        let numbered = NumberedTable::new(store.table("numbered")?, keys);
        let numbered = (0..keys + 1).rev().map(|key| store.get_numbered(&numbered, key, 1 << 20, ReadPattern::Scan));
        long.chain(short).chain(numbered).map(|found| Ok(found?.map(|stored| stored.to_vec()))).collect()
    }

    #[test]
    fn every_key_is_found_as_the_store_finds_it() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for keys in [1, 2, 60, 400] {
            let path = folder.path().join(format!("{keys}.redb"));
            store(&path, keys);
            let database = ReadOnlyDatabase::open(&path).expect("opened");
            let transaction = database.begin_read().expect("a transaction");
            let (long, short) =
                (transaction.open_table(LONG).expect("a table"), transaction.open_table(SHORT).expect("a table"));
            let long = (0..3 * keys + 2).map(|key| long.get(key).expect("read").map(|guard| guard.value().to_vec()));
            let short = (0..4 * (keys + 1))
                .map(|n| short.get(((n % 4) as u8, n / 4)).expect("read").map(|guard| guard.value().to_vec()));
            let numbered = transaction.open_table(NUMBERED).expect("a table");
            let numbered =
                (0..keys + 1).rev().map(|key| numbered.get(key).expect("read").map(|guard| guard.value().to_vec()));
            // While the store has the file open and locked.
            assert!(long.chain(short).chain(numbered).eq(answers(&path, keys).expect("sound")));
        }
        let store = StoreFile::open(&folder.path().join("60.redb")).expect("sound");
        assert!(store.table::<u64>("records").is_err() && store.table::<u64>("absent").is_err());
        let long = store.table::<u64>("pages").expect("a table");
        assert!(matches!(store.get(&long, 15, 69_999), Err(Error::Memory { .. })));
    }

    #[test]
    fn a_numbered_value_is_found_with_and_without_knowing_its_leaf() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for keys in [1, 2, 60, 900] {
            let path = folder.path().join(format!("{keys}.redb"));
            store(&path, keys);
            let store = StoreFile::open(&path).expect("sound");
            for first in [0, keys / 2, keys - 1] {
                // Keys past the last have no leaf of their own.
                let table = NumberedTable::new(store.table("numbered").expect("a table"), keys + 2);
                let get = |key| {
                    store
                        .get_numbered(&table, key, 1 << 20, ReadPattern::Single)
                        .expect("sound")
                        .map(|found| found.to_vec())
                };
                assert!((0..keys).all(|key| table.leaf(key).is_none()));
                assert_eq!(get(first), Some(value(first + 7, numbered_length(first))));
                assert!(table.leaf(first).is_some());
                let known = (0..keys).filter(|&key| table.leaf(key).is_some()).count();
                // A tree of two small values has no branch.
                assert!(known >= if keys > 2 { 20 } else { 1 }, "all keys under a branch are known, not {known}");
                for key in (0..keys).rev().chain(0..keys) {
                    assert_eq!(get(key), Some(value(key + 7, numbered_length(key))), "{key}");
                }
                assert_eq!([keys, keys + 1, keys + 2, u64::MAX].map(get), [None, None, None, None]);
                if keys > 3 {
                    assert!(matches!(
                        store.get_numbered(&table, 3, 139_999, ReadPattern::Single),
                        Err(Error::Memory { .. })
                    ));
                    assert!(matches!(
                        store.get_numbered(&table, 7, 59_999, ReadPattern::Single),
                        Err(Error::Memory { .. })
                    ));
                }
            }
        }
    }

    #[test]
    fn damage_of_the_tree_is_an_error_or_changes_nothing_but_values() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.redb");
        let keys = 50;
        store(&path, keys);
        let expected = answers(&path, keys).expect("sound");
        let sound = std::fs::read(&path).expect("read");
        let is_branch = |page: usize| sound[page * PAGE] == BRANCH && load(&sound, page * PAGE + 2) as u16 > 0;
        let branches: Vec<usize> = (1..sound.len() / PAGE).filter(|&page| is_branch(page)).collect();
        assert!(!branches.is_empty());
        let heads = (1..sound.len() / PAGE).filter(|&page| sound[page * PAGE] == LEAF).take(12);
        let bytes: Vec<usize> = (0..HEADER)
            .chain(branches.into_iter().flat_map(|page| page * PAGE..page * PAGE + 120))
            .chain(heads.flat_map(|page| page * PAGE..page * PAGE + 60))
            .collect();
        let damaged = folder.path().join("b.redb");
        let mut errors = 0;
        for (number, &at) in bytes.iter().enumerate() {
            let mut copy = sound.clone();
            copy[at] ^= 1 << (number % 8);
            std::fs::write(&damaged, &copy).expect("written");
            match answers(&damaged, keys) {
                // A value has a checksum of its own, and a key that is gone is missed.
                Ok(found) => assert_eq!(found.len(), expected.len()),
                Err(Error::Damaged { path, offset, .. }) => {
                    assert!(path == damaged && offset.is_none_or(|at| at <= sound.len() as u64));
                    errors += 1;
                }
                Err(Error::Unfinished { .. }) => assert_eq!(at, AT_FLAGS),
                Err(e) => panic!("byte {at}: {e}"),
            }
        }
        assert!(errors > 100, "{errors}");
        for length in (0..sound.len()).step_by(PAGE).chain([1, HEADER - 1, HEADER]) {
            std::fs::write(&damaged, &sound[..length]).expect("written");
            match answers(&damaged, keys) {
                // Only free pages were cut off.
                Ok(found) => assert!(found == expected, "{length}"),
                Err(e) => assert!(matches!(e, Error::Damaged { .. }), "{length}: {e}"),
            }
        }
    }

    /// A genome of many contigs, so that the catalog has several records of a kind, and trees of several levels.
    fn genome(path: &Path) {
        let mut random = crate::random::Random::new(4);
        let mut fasta = Vec::new();
        for contig in 0..1200 {
            fasta.extend_from_slice(format!(">contig_{contig} of a test\n").as_bytes());
            fasta.extend_from_slice(&random.bases(200));
            fasta.push(b'\n');
        }
        std::fs::write(path, fasta).expect("written");
    }

    /// Compares every page and record of a catalog as redb reads it with what this reader returns, and the number of
    /// keys with that of the table definition; returns the numbers of pages and records.
    fn compared(path: &Path) -> (u64, u64) {
        use crate::format::catalog::{PAGES, RECORDS};
        use redb::{ReadableTable, ReadableTableMetadata};
        let database = ReadOnlyDatabase::open(path).expect("redb opens it");
        let transaction = database.begin_read().expect("a transaction");
        let pages = transaction.open_table(PAGES).expect("the pages");
        let records = transaction.open_table(RECORDS).expect("the records");
        let store = StoreFile::open(path).expect("sound");
        let table = store.table::<u64>("pages").expect("a table");
        let mut counts = (0, 0);
        for pair in pages.iter().expect("read") {
            let (key, value) = pair.expect("read");
            let ours = store.get(&table, key.value(), u64::MAX).expect("sound").expect("the key is there");
            assert!(&ours[..] == value.value(), "page {}", key.value());
            // Pages are numbered from 0, without a gap.
            assert_eq!(key.value(), counts.0);
            counts.0 += 1;
        }
        assert!(store.get(&table, counts.0, u64::MAX).expect("sound").is_none());
        let table = store.table::<(u8, u64)>("records").expect("a table");
        for pair in records.iter().expect("read") {
            let (key, value) = pair.expect("read");
            let ours = store.get(&table, key.value(), u64::MAX).expect("sound").expect("the key is there");
            assert!(&ours[..] == value.value(), "record {:?}", key.value());
            counts.1 += 1;
        }
        assert_eq!(counts, (pages.len().expect("read"), records.len().expect("read")));
        counts
    }

    /// A published catalog is a file that redb itself opens, for reading only, and reads as this reader does.
    #[test]
    fn stock_redb_opens_catalog_redb() {
        use crate::Silent;
        use crate::builder::{BuildOptions, build_index};
        use crate::dictionary::LayoutKind;
        use crate::format::CATALOG;
        use crate::memory::Budget;
        use crate::sequence::Source;

        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("genome.fa");
        genome(&path);
        for layout in [LayoutKind::SortedDictionary, LayoutKind::SuperKmers] {
            let target = folder.path().join(format!("{layout:?}"));
            let options =
                BuildOptions { k: Some(21), min_frequency: 1, layout: Some(layout), ..BuildOptions::default() };
            build_index(&[Source::new(&path)], &target, &options, &Budget::new(1 << 30), &Silent).expect("built");
            let manifest = crate::bundle::Manifest::read(&target).expect("sound");
            let (pages, records) = compared(&target.join(CATALOG));
            assert_eq!(pages, manifest.dictionary.pages());
            assert!(records > 10, "{records}");
        }
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/golden-v1");
        for name in ["golden.reprise", "golden-super-kmers.reprise"] {
            let (pages, records) = compared(&golden.join(name).join(CATALOG));
            assert!(pages > 0 && records >= 7, "{name}: {pages} pages, {records} records");
        }
    }

    /// A forger who recomputes checksums can make a tree that leads nowhere, or to a page of 4 GiB.
    #[test]
    fn forged_trees_end() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("a.redb");
        store(&path, 60);
        let sound = std::fs::read(&path).expect("read");
        let slot_at = AT_SLOTS + SLOT * usize::from(sound[AT_FLAGS] & SECOND_SLOT);
        let look = |root: u64, pages: &[Vec<u8>]| {
            let mut forged = sound.clone();
            for page in pages {
                forged.extend_from_slice(page);
                forged.resize(forged.len().next_multiple_of(PAGE), 0);
            }
            let slot = &mut forged[slot_at..slot_at + SLOT];
            slot[8..16].copy_from_slice(&root.to_le_bytes());
            slot[16..32].copy_from_slice(&pages.last().map_or(0, |page| checksum(page)).to_le_bytes());
            fix_root_checksum(&mut forged);
            std::fs::write(&path, &forged).expect("written");
            let error = StoreFile::open(&path).expect("the header is sound").table::<u64>("pages").expect_err("forged");
            assert!(matches!(error, Error::Damaged { offset: Some(_), .. }), "{error}");
        };
        let first = (sound.len() / PAGE) as u64 - 1;
        // Branches; each names the one before it.
        let mut pages: Vec<Vec<u8>> = Vec::new();
        for level in 0..100 {
            let mut page = vec![BRANCH, 0, 1, 0, 0, 0, 0, 0];
            let sum = pages.last().map_or(0, |page| checksum(page));
            page.extend_from_slice(&[sum.to_le_bytes(), sum.to_le_bytes()].concat());
            for _ in 0..2 {
                page.extend_from_slice(&(first + level).saturating_sub(1).to_le_bytes());
            }
            page.extend_from_slice(&61u32.to_le_bytes());
            page.push(b'z');
            pages.push(page);
        }
        look(first + 99, &pages);
        for root in [20 << 59, 31 << 59, INDEX_MASK, INDEX_MASK << 20, u64::MAX] {
            look(root, &[]);
        }
        // A leaf of 65,535 keys, and one whose only value ends past it.
        look(first, &[vec![LEAF, 0, 0xFF, 0xFF]]);
        let mut leaf = vec![LEAF, 0, 1, 0];
        leaf.extend_from_slice(&[17u32.to_le_bytes(), u32::MAX.to_le_bytes()].concat());
        leaf.extend_from_slice(b"pages");
        look(first, &[leaf]);
    }
}
