//! Requests for ranges of objects: a blocking face of `object_store`, whose single-threaded runtime has one thread for
//! the whole process. Requests in flight are bounded, each ends after a stated time, and messages have no secrets.

use std::future::Future;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;
use std::{env, io, thread};

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::http::HttpBuilder;
use object_store::path::Path as Key;
use object_store::{BackoffConfig, ClientConfigKey, ClientOptions, GetOptions, GetRange, ObjectStore, RetryConfig};
use parking_lot::Mutex;
use tokio::runtime::{Builder, Handle};
use tokio::sync::Semaphore;

use crate::storage::address::Address;
use crate::{Error, Result};

/// Requests in flight of the whole process, at most: as many as a browser opens to two servers. With 20 ms a request
/// and ranges of 4 MiB, they fill a line of 10 Gbit/s; more would only take memory and make servers refuse.
const MAX_IN_FLIGHT: usize = 8;
/// Seconds after which a read ends with an error, if the environment has no [`TIMEOUT_VARIABLE`]: a restart of a
/// server or a lapse of a network is bridged, and nobody waits for minutes for a server that is gone.
const TIMEOUT: u64 = 60;
/// The environment variable with those seconds.
const TIMEOUT_VARIABLE: &str = "REPRISE_REMOTE_TIMEOUT";
/// Requests that one read makes before its time is over, so that one that was lost is repeated.
const TRIES_IN_TIME: u32 = 3;
/// Seconds to connect, at most: the retransmissions of a lost first packet after 1 and 3 seconds are awaited.
const CONNECT_TIMEOUT: u64 = 5;
/// Repetitions of a request that a server refused for the moment (5xx, 429) or that did not reach it. With the waits of
/// [`FIRST_WAIT`] to [`LONGEST_WAIT`] they take some 5 seconds.
const MAX_RETRIES: usize = 6;
/// Wait before the first repetition.
const FIRST_WAIT: Duration = Duration::from_millis(100);
/// Wait before a repetition, at most.
const LONGEST_WAIT: Duration = Duration::from_secs(2);
/// Requests for a body that breaks off, which `object_store` repeats only if the server sends an ETag.
const MAX_BODIES: u32 = 3;
/// Threads that look up names of hosts, at most.
const NAME_THREADS: usize = 2;

/// What identifies the content of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Version {
    /// Bytes.
    pub(super) length: u64,
    e_tag: Option<String>,
    /// Seconds since 1970; 0 if the server does not report it.
    modified: i64,
}

impl Version {
    /// Whether an answer is of the same content. Servers that have an ETag change it with the content; the time is
    /// compared if there is none.
    fn is_same(&self, other: &Self) -> bool {
        let is_same = match (&self.e_tag, &other.e_tag) {
            (Some(ours), Some(theirs)) => ours == theirs,
            _ => self.modified == other.modified,
        };
        is_same && self.length == other.length
    }

    /// The ETag if `If-Match` may have it: RFC 9110 lets a weak one never match.
    fn strong_tag(&self) -> Option<String> {
        self.e_tag.clone().filter(|tag| !tag.starts_with("W/"))
    }
}

/// Bytes of an object, and its version.
pub(super) type Part = (Vec<u8>, Version);

/// Why a request has no bytes.
enum Failure {
    /// There is no such object.
    Missing,
    /// It has other content than at opening.
    Changed,
    /// The object has more bytes than are wanted.
    TooLong(u64),
    /// Another reason, after retries.
    Refused(io::ErrorKind, String),
}

/// Objects below one address.
#[derive(Debug)]
pub(super) struct Client {
    /// The address, as it was typed.
    path: PathBuf,
    store: Arc<dyn ObjectStore>,
    /// What keys begin with.
    prefix: String,
    timeout: Duration,
    runtime: Handle,
}

impl Client {
    /// A client for an address; nothing is requested.
    ///
    /// # Errors
    /// [`Error::Usage`] for an address or an environment that cannot be used; [`Error::Thread`].
    pub(super) fn new(path: &Path) -> Result<Self> {
        let timeout = timeout()?;
        let failed = |e: object_store::Error| {
            let (_, text) = reason(&e);
            Error::Usage(format!("{} cannot be read: {text}", path.display()))
        };
        let (store, prefix): (Arc<dyn ObjectStore>, _) = match Address::read(path)? {
            Address::S3 { bucket, prefix } => {
                let mut builder = AmazonS3Builder::from_env().with_bucket_name(bucket).with_retry(retries(timeout));
                for (variable, key, value) in [
                    ("AWS_TIMEOUT", ClientConfigKey::Timeout, timeout / TRIES_IN_TIME),
                    ("AWS_CONNECT_TIMEOUT", ClientConfigKey::ConnectTimeout, connect_timeout(timeout)),
                ] {
                    if env::var_os(variable).is_none() {
                        let value = format!("{}ms", value.as_millis());
                        builder = builder.with_config(AmazonS3ConfigKey::Client(key), value);
                    }
                }
                (Arc::new(builder.build().map_err(failed)?), prefix)
            }
            Address::Http { url, is_encrypted } => {
                let options = ClientOptions::new()
                    .with_timeout(timeout / TRIES_IN_TIME)
                    .with_connect_timeout(connect_timeout(timeout))
                    .with_allow_http(!is_encrypted);
                let builder =
                    HttpBuilder::new().with_url(url).with_client_options(options).with_retry(retries(timeout));
                (Arc::new(builder.build().map_err(failed)?), String::new())
            }
        };
        Ok(Self { path: path.to_owned(), store, prefix, timeout, runtime: runtime()? })
    }

    /// The address, as it was typed.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// All bytes of an object; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Damaged`] if it has more than `max` bytes; [`Error::Io`].
    pub(super) fn whole(&self, name: &str, max: u64) -> Result<Option<Vec<u8>>> {
        let answer = self.start(name, None, None, max);
        match self.wait(&answer) {
            Ok((bytes, _)) => Ok(Some(bytes)),
            Err(Failure::Missing) => Ok(None),
            Err(failure) => Err(self.error(name, failure)),
        }
    }

    /// Ranges of objects, requested together; of the version that is given, if one is.
    ///
    /// # Errors
    /// [`Error::Changed`] if an object has another version; [`Error::Damaged`] if one is missing; [`Error::Io`].
    pub(super) fn ranges(&self, wanted: &[(&str, Range<u64>)], known: Option<&Version>) -> Result<Vec<Part>> {
        let start =
            |(name, range): &(&str, Range<u64>)| self.start(name, Some(range.clone()), known.cloned(), u64::MAX);
        let answers: Vec<_> = wanted.iter().map(start).collect();
        let of = |(answer, (name, _)): (_, &(&str, Range<u64>))| {
            self.wait(answer).map_err(|failure| self.error(name, failure))
        };
        answers.iter().zip(wanted).map(of).collect()
    }

    /// Begins a request; its answer arrives in the channel.
    fn start(
        &self,
        name: &str,
        range: Option<Range<u64>>,
        known: Option<Version>,
        max: u64,
    ) -> Receiver<Result<Part, Failure>> {
        let (sender, receiver) = sync_channel(1);
        let key = Key::from(format!("{}/{name}", self.prefix));
        let request = Request { store: Arc::clone(&self.store), key, range, known, max };
        let timeout = self.timeout;
        self.runtime.spawn(async move {
            let outcome = request.run(timeout).await;
            // Nobody waits any more if another request failed.
            let _ = sender.send(outcome);
        });
        receiver
    }

    fn wait(&self, answer: &Receiver<Result<Part, Failure>>) -> Result<Part, Failure> {
        // The runtime never ends, and every request does.
        let ended = || Failure::Refused(io::ErrorKind::Other, "the request ended without an answer".to_owned());
        answer.recv().unwrap_or_else(|_| Err(ended()))
    }

    fn error(&self, name: &str, failure: Failure) -> Error {
        let path = self.path.join(name);
        match failure {
            Failure::Missing => Error::damaged(path, None, "the file is missing"),
            Failure::Changed => Error::Changed { path },
            Failure::TooLong(max) => Error::damaged(path, None, format!("it has more than {max} bytes")),
            Failure::Refused(kind, problem) => Error::io("read", path, io::Error::new(kind, problem)),
        }
    }
}

/// A request for a range of an object.
struct Request {
    store: Arc<dyn ObjectStore>,
    key: Key,
    /// The whole object, if there is none.
    range: Option<Range<u64>>,
    known: Option<Version>,
    /// Bytes that the whole object may have.
    max: u64,
}

impl Request {
    /// Requests until there is an answer, or the time is over.
    async fn run(&self, timeout: Duration) -> Result<Part, Failure> {
        /// Limits the requests of the process. Each holds its permit for a limited time.
        static IN_FLIGHT: Semaphore = Semaphore::const_new(MAX_IN_FLIGHT);
        let _permit = IN_FLIGHT.acquire().await;
        let mut tries = 0;
        let until_answered = async {
            loop {
                tries += 1;
                match self.once().await {
                    Err((Failure::Refused(..), true)) if tries < MAX_BODIES => {}
                    outcome => return outcome.map_err(|(failure, _)| failure),
                }
            }
        };
        let late = || {
            let problem =
                format!("there was no answer within {} s ({TIMEOUT_VARIABLE} sets this time)", timeout.as_secs());
            Failure::Refused(io::ErrorKind::TimedOut, problem)
        };
        within(timeout, until_answered).await.unwrap_or_else(|| Err(late()))
    }

    /// One request, and whether another may succeed.
    async fn once(&self) -> Result<Part, (Failure, bool)> {
        let options = GetOptions {
            range: self.range.clone().map(GetRange::Bounded),
            if_match: self.known.as_ref().and_then(Version::strong_tag),
            ..GetOptions::default()
        };
        let failed = |e: object_store::Error| (failure(&e), false);
        let found = self.store.get_opts(&self.key, options).await.map_err(failed)?;
        let (meta, range) = (&found.meta, found.range.clone());
        let version =
            Version { length: meta.size, e_tag: meta.e_tag.clone(), modified: meta.last_modified.timestamp() };
        if self.known.as_ref().is_some_and(|known| !known.is_same(&version)) {
            return Err((Failure::Changed, false));
        }
        if self.range.is_none() && meta.size > self.max {
            return Err((Failure::TooLong(self.max), false));
        }
        let bytes = found.bytes().await.map_err(|e| (failure(&e), true))?;
        if bytes.len() as u64 != range.end - range.start {
            let problem = "its answer ended early".to_owned();
            return Err((Failure::Refused(io::ErrorKind::UnexpectedEof, problem), true));
        }
        Ok((bytes.into(), version))
    }
}

/// The outcome of a future, unless it takes longer than a time.
async fn within<T>(time: Duration, future: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(time, future).await.ok()
}

/// The runtime of all requests of the process.
fn runtime() -> Result<Handle> {
    static RUNTIME: Mutex<Option<Handle>> = Mutex::new(None);
    let mut started = RUNTIME.lock();
    if let Some(handle) = &*started {
        return Ok(handle.clone());
    }
    let failed = |e| Error::thread("the network", e);
    let runtime =
        Builder::new_current_thread().enable_all().max_blocking_threads(NAME_THREADS).build().map_err(failed)?;
    let handle = runtime.handle().clone();
    // It works until the process ends.
    let work = move || runtime.block_on(std::future::pending::<()>());
    thread::Builder::new().name("network".to_owned()).spawn(work).map_err(failed)?;
    *started = Some(handle.clone());
    Ok(handle)
}

/// The time after which a read ends with an error.
fn timeout() -> Result<Duration> {
    let Some(value) = env::var_os(TIMEOUT_VARIABLE).filter(|value| !value.is_empty()) else {
        return Ok(Duration::from_secs(TIMEOUT));
    };
    match value.to_str().and_then(|text| text.trim().parse().ok()) {
        Some(seconds @ 1..=3600) => Ok(Duration::from_secs(seconds)),
        _ => Err(Error::Usage(format!(
            "the environment variable {TIMEOUT_VARIABLE} is wrong: it has to be a number of seconds from 1 to 3600; \
             correct it or unset it"
        ))),
    }
}

fn connect_timeout(timeout: Duration) -> Duration {
    Duration::from_secs(CONNECT_TIMEOUT).min(timeout / TRIES_IN_TIME)
}

fn retries(timeout: Duration) -> RetryConfig {
    let backoff = BackoffConfig { init_backoff: FIRST_WAIT, max_backoff: LONGEST_WAIT, base: 2.0 };
    RetryConfig { backoff, max_retries: MAX_RETRIES, retry_timeout: timeout }
}

fn failure(error: &object_store::Error) -> Failure {
    match error {
        object_store::Error::NotFound { .. } => Failure::Missing,
        object_store::Error::Precondition { .. } | object_store::Error::NotModified { .. } => Failure::Changed,
        other => {
            let (kind, problem) = reason(other);
            Failure::Refused(kind, problem)
        }
    }
}

/// Why a request failed, in words without secrets: answers of servers are not repeated, because they may have names of
/// keys and signatures.
fn reason(error: &object_store::Error) -> (io::ErrorKind, String) {
    let mut deepest: &dyn std::error::Error = error;
    while let Some(source) = deepest.source() {
        deepest = source;
    }
    let all = format!("{error} {deepest}");
    let between = |start: &str, end: char| {
        let found = all.split_once(start)?.1.split(end).next()?.trim();
        (!found.is_empty() && found.len() < 60).then(|| found.to_owned())
    };
    if all.contains("Range request not supported") || all.contains("non-partial response") {
        let problem = "the server does not answer requests for ranges of a file; copy the index to this machine";
        return (io::ErrorKind::Unsupported, problem.to_owned());
    }
    if all.contains("//169.254.") {
        let problem = "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or \
                       AWS_SKIP_SIGNATURE=true for a bucket that anybody may read";
        return (io::ErrorKind::Other, problem.to_owned());
    }
    if all.contains("scheme is not allowed") {
        let problem = "the endpoint is http:, without encryption; set AWS_ALLOW_HTTP=true to allow that";
        return (io::ErrorKind::Other, problem.to_owned());
    }
    if let Some(status) = between("status code: ", ':') {
        let code = between("<Code>", '<').map(|code| format!(", {code}")).unwrap_or_default();
        let kind = match status.get(..3) {
            Some("401" | "403") => io::ErrorKind::PermissionDenied,
            _ => io::ErrorKind::Other,
        };
        return (kind, format!("the server answered {status}{code}"));
    }
    let problem = deepest.to_string();
    let kind = if problem.contains("timed out") { io::ErrorKind::TimedOut } else { io::ErrorKind::Other };
    (kind, problem)
}
