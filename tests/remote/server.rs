//! A web server of one folder that supports ranges and ETags, counts requests, and fails in the ways that servers do.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How a server behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// As a server should.
    Sound,
    /// Without `ETag`, with `Last-Modified`.
    NoTag,
    /// With a weak `ETag`, which `If-Match` never matches.
    WeakTag,
    /// From this request for position blocks on, they have another `ETag`; `If-Match` is respected.
    Changes(usize),
    /// The same, and `If-Match` is ignored.
    ChangesUnnoticed(usize),
    /// The same with a time instead of an `ETag`.
    ChangesTime(usize),
    /// Each file answers 503 to this many requests first.
    Busy(usize),
    /// Each answer to this many requests for a file breaks off in the middle of its body.
    BreaksOff(usize),
    /// The same without `ETag`.
    BreaksOffWithoutTag(usize),
    /// Ranges are ignored.
    Whole,
    /// Requests for position blocks are never answered.
    Hangs,
    /// Every request is forbidden, with a body as S3 sends it.
    Forbidden,
    /// Everything lies below `/moved`, to where requests are sent on.
    Moved,
    /// One byte of each range of this name is wrong: 0 catalog, 1 position blocks, 2 genome; headers are sound.
    Wrong(usize),
}

/// A request for a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub file: String,
    pub range: Option<(u64, u64)>,
}

struct State {
    folder: PathBuf,
    mode: Mode,
    requests: Vec<Request>,
    by_file: HashMap<String, usize>,
    /// Requests that are being answered, and the most there were.
    active: usize,
    max_active: usize,
}

/// A running server; it ends with the process.
#[derive(Clone)]
pub struct Server {
    state: Arc<Mutex<State>>,
    port: u16,
}

impl Server {
    pub fn start(folder: &Path, mode: Mode) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("bound").port();
        let state = State {
            folder: folder.to_owned(),
            mode,
            requests: Vec::new(),
            by_file: HashMap::new(),
            active: 0,
            max_active: 0,
        };
        let server = Self { state: Arc::new(Mutex::new(state)), port };
        let accepting = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = accepting.clone();
                std::thread::spawn(move || while server.answer(&stream).is_some() {});
            }
        });
        server
    }

    /// The address of an index in the folder.
    pub fn address(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.port)
    }

    /// The requests since the last call.
    pub fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.state.lock().expect("sound").requests)
    }

    /// The most requests that were answered at the same time.
    pub fn max_active(&self) -> usize {
        self.state.lock().expect("sound").max_active
    }

    /// Answers one request; `None` if the connection is to be closed.
    fn answer(&self, stream: &TcpStream) -> Option<()> {
        let (path, headers) = read_request(stream)?;
        let file = path.rsplit('/').next()?.to_owned();
        let range = headers.get("range").and_then(|text| {
            let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
            Some((first.parse().ok()?, last.parse().ok()?))
        });
        let (mode, number, folder) = {
            let mut state = self.state.lock().expect("sound");
            state.requests.push(Request { file: file.clone(), range });
            state.active += 1;
            state.max_active = state.max_active.max(state.active);
            let count = state.by_file.entry(file.clone()).or_default();
            *count += 1;
            let number = *count;
            (state.mode, number, state.folder.clone())
        };
        let outcome = respond(stream, mode, number, &folder, (&path, &file), range, &headers);
        self.state.lock().expect("sound").active -= 1;
        outcome
    }
}

/// Path and headers of a request.
fn read_request(stream: &TcpStream) -> Option<(String, HashMap<String, String>)> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let path = first.split(' ').nth(1)?.to_owned();
    let mut headers = HashMap::new();
    for line in lines {
        let line = line.ok()?;
        if line.is_empty() {
            break;
        }
        let (name, value) = line.split_once(':')?;
        headers.insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    Some((path, headers))
}

fn send(mut stream: &TcpStream, status: &str, headers: &[(&str, String)], body: &[u8]) -> Option<()> {
    let mut head = format!("HTTP/1.1 {status}\r\nContent-Length: {}\r\n", body.len());
    headers.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
    stream.write_all((head + "\r\n").as_bytes()).ok()?;
    stream.write_all(body).ok()
}

fn respond(
    mut stream: &TcpStream,
    mode: Mode,
    number: usize,
    folder: &Path,
    (path, file): (&str, &str),
    range: Option<(u64, u64)>,
    headers: &HashMap<String, String>,
) -> Option<()> {
    let path = path.trim_start_matches('/');
    let path = match (mode, path.strip_prefix("moved/")) {
        (Mode::Moved, Some(path)) => path,
        (Mode::Moved, None) => return send(stream, "302 Found", &[("Location", format!("/moved/{path}"))], b""),
        _ => path,
    };
    let is_blocks = file == "positions.blk";
    match mode {
        Mode::Busy(times) if number <= times => return send(stream, "503 Service Unavailable", &[], b""),
        Mode::Hangs if is_blocks => {
            std::thread::sleep(Duration::from_secs(600));
            return None;
        }
        Mode::Forbidden => {
            let body = "<Error><Code>SignatureDoesNotMatch</Code><AWSAccessKeyId>AKIDSECRET</AWSAccessKeyId></Error>";
            return send(stream, "403 Forbidden", &[], body.as_bytes());
        }
        _ => {}
    }
    let Ok(mut body) = fs::read(folder.join(path)) else { return send(stream, "404 Not Found", &[], b"") };
    let is_other = match mode {
        Mode::Changes(from) | Mode::ChangesUnnoticed(from) | Mode::ChangesTime(from) => is_blocks && number >= from,
        _ => false,
    };
    let tag = if is_other { "\"second\"" } else { "\"first\"" };
    let mut own = Vec::new();
    match mode {
        Mode::NoTag | Mode::BreaksOffWithoutTag(_) => {}
        Mode::ChangesTime(_) => {
            let second = if is_other { 8 } else { 7 };
            own.push(("Last-Modified", format!("Wed, 21 Oct 2015 07:28:0{second} GMT")));
        }
        Mode::WeakTag => own.push(("ETag", format!("W/{tag}"))),
        _ => own.push(("ETag", tag.to_owned())),
    }
    let is_refused = headers.get("if-match").is_some_and(|wanted| wanted != tag || mode == Mode::WeakTag);
    if is_refused && !matches!(mode, Mode::ChangesUnnoticed(_)) {
        return send(stream, "412 Precondition Failed", &own, b"");
    }
    let Some((first, last)) = range.filter(|_| mode != Mode::Whole) else { return send(stream, "200 OK", &own, &body) };
    let (length, last) = (body.len() as u64, last.min((body.len() as u64).saturating_sub(1)));
    if first > last {
        return send(stream, "416 Range Not Satisfiable", &own, b"");
    }
    body = body[first as usize..=last as usize].to_vec();
    own.push(("Content-Range", format!("bytes {first}-{last}/{length}")));
    match mode {
        Mode::Wrong(which) if ["catalog.redb", "positions.blk", "sequence.2bit"][which] == file && first > 0 => {
            let middle = body.len() / 2;
            body[middle] ^= 16;
        }
        Mode::BreaksOff(times) | Mode::BreaksOffWithoutTag(times) if number <= times => {
            let mut head = format!("HTTP/1.1 206 Partial Content\r\nContent-Length: {}\r\n", body.len());
            own.iter().for_each(|(name, value)| head += &format!("{name}: {value}\r\n"));
            stream.write_all((head + "\r\n").as_bytes()).ok()?;
            stream.write_all(&body[..body.len() / 2]).ok()?;
            let _ = stream.shutdown(std::net::Shutdown::Both);
            return None;
        }
        _ => {}
    }
    send(stream, "206 Partial Content", &own, &body)
}
