//! A file server on loopback, which can be made to misbehave.

// Each test program uses some of these functions.
#![allow(dead_code)]

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// A request.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET` or `CONNECT`.
    pub method: String,
    /// The path; for `CONNECT`, host and port.
    pub path: String,
    /// First and last byte, if a range was requested.
    pub range: Option<(usize, Option<usize>)>,
    /// The `If-Range` header.
    pub if_range: Option<String>,
    /// Number of earlier requests.
    pub number: usize,
}

/// How a response ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With its last byte.
    Whole,
    /// The connection is closed after this many bytes of the body.
    Cut(usize),
    /// Nothing is sent after this many bytes of the body.
    Stall(usize),
}

/// A response.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: &'static str,
    pub headers: Vec<String>,
    pub body: Vec<u8>,
    /// The `Content-Length`; `None` sends the body in chunks.
    pub length: Option<usize>,
    pub end: End,
}

impl Reply {
    pub fn new(status: &'static str, body: &[u8]) -> Reply {
        Reply { status, headers: Vec::new(), body: body.to_vec(), length: Some(body.len()), end: End::Whole }
    }

    pub fn header(mut self, header: impl Into<String>) -> Reply {
        self.headers.push(header.into());
        self
    }

    pub fn end(mut self, end: End) -> Reply {
        self.end = end;
        self
    }
}

/// The response of a well-behaved server for a file with the entity tag `tag`.
pub fn honest(request: &Request, file: &[u8], tag: &str) -> Reply {
    let same = request.if_range.as_ref().is_none_or(|state| state == tag);
    let reply = match request.range.filter(|_| same) {
        None => Reply::new("200 OK", file),
        Some((first, _)) if first >= file.len() => {
            Reply::new("416 Range Not Satisfiable", b"").header(format!("Content-Range: bytes */{}", file.len()))
        }
        Some((first, last)) => {
            let last = last.unwrap_or(usize::MAX).min(file.len() - 1);
            let range = format!("Content-Range: bytes {first}-{last}/{}", file.len());
            Reply::new("206 Partial Content", &file[first..=last]).header(range)
        }
    };
    if tag.is_empty() { reply } else { reply.header(format!("ETag: {tag}")) }
}

type Answer = dyn Fn(&Request) -> Reply + Send + Sync;

/// The server. Its thread ends with the test process.
pub struct Source {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Request>>>,
    served: Arc<AtomicU64>,
}

impl Source {
    pub fn new(answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Source {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, served) = (Arc::new(Mutex::new(Vec::new())), Arc::new(AtomicU64::new(0)));
        let answer: Arc<Answer> = Arc::new(answer);
        let number = Arc::new(AtomicUsize::new(0));
        let (seen, sent) = (Arc::clone(&requests), Arc::clone(&served));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (answer, seen, sent, number) =
                    (Arc::clone(&answer), Arc::clone(&seen), Arc::clone(&sent), Arc::clone(&number));
                // A client may close the connection.
                std::thread::spawn(move || serve(stream, &*answer, &seen, &sent, &number));
            }
        });
        Source { address, requests, served }
    }

    /// A well-behaved server of one file.
    pub fn of(file: Vec<u8>) -> Source {
        Source::new(move |request| honest(request, &file, "\"one\""))
    }

    /// Its address, in the form of `VOCABLE_MIRROR`.
    pub fn mirror(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Number of body bytes sent so far.
    pub fn served(&self) -> u64 {
        self.served.load(Ordering::SeqCst)
    }
}

fn serve(stream: TcpStream, answer: &Answer, seen: &Mutex<Vec<Request>>, sent: &AtomicU64, number: &AtomicUsize) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut stream = stream;
    loop {
        let mut request = Request { number: number.fetch_add(1, Ordering::SeqCst), ..Request::default() };
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 {
            return;
        }
        let mut words = line.split_whitespace().map(str::to_owned);
        (request.method, request.path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        loop {
            let mut header = String::new();
            if reader.read_line(&mut header).unwrap_or(0) == 0 || header.trim().is_empty() {
                break;
            }
            let (name, value) = header.split_once(':').unwrap();
            match name.to_lowercase().as_str() {
                "range" => {
                    let (first, last) = value.trim().strip_prefix("bytes=").unwrap().split_once('-').unwrap();
                    request.range = Some((first.parse().unwrap(), last.parse().ok()));
                }
                "if-range" => request.if_range = Some(value.trim().to_owned()),
                _ => {}
            }
        }
        seen.lock().unwrap().push(request.clone());
        if request.method == "CONNECT" {
            // From here on it acts as the requested server.
            let _ = stream.write_all(b"HTTP/1.1 200 Connected\r\n\r\n");
            continue;
        }
        let reply = answer(&request);
        let _ = send(&mut stream, &reply, sent);
        return;
    }
}

fn send(stream: &mut TcpStream, reply: &Reply, sent: &AtomicU64) -> std::io::Result<()> {
    let framing = match reply.length {
        Some(length) => format!("Content-Length: {length}"),
        None => "Transfer-Encoding: chunked".to_owned(),
    };
    let headers: String = reply.headers.iter().map(|header| format!("{header}\r\n")).collect();
    write!(stream, "HTTP/1.1 {}\r\nConnection: close\r\n{framing}\r\n{headers}\r\n", reply.status)?;
    let most = match reply.end {
        End::Whole => reply.body.len(),
        End::Cut(most) | End::Stall(most) => most.min(reply.body.len()),
    };
    for part in reply.body[..most].chunks(16 << 10) {
        if reply.length.is_none() {
            write!(stream, "{:x}\r\n", part.len())?;
        }
        stream.write_all(part)?;
        if reply.length.is_none() {
            stream.write_all(b"\r\n")?;
        }
        sent.fetch_add(part.len() as u64, Ordering::SeqCst);
    }
    match reply.end {
        End::Whole if reply.length.is_none() => stream.write_all(b"0\r\n\r\n"),
        // Longer than the timeout of any client in these tests.
        End::Stall(_) => {
            std::thread::sleep(Duration::from_secs(20));
            Ok(())
        }
        _ => Ok(()),
    }
}
