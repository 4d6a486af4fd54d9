//! A connection with a client who may be slow: what is not taken in for too long ends it.

use std::future::Future;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Sleep, sleep};

/// A connection whose writes fail once the other side took nothing in for some time. How long reading may take is HTTP's
/// business, since a client with no question is not late.
#[derive(Debug)]
pub struct Patient {
    stream: Arc<TcpStream>,
    patience: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    begun: Arc<AtomicBool>,
}

/// The same connection, for a last word when the request on it never came to its end.
#[derive(Debug)]
pub struct LastWord {
    stream: Arc<TcpStream>,
    begun: Arc<AtomicBool>,
}

impl Patient {
    pub fn new(stream: TcpStream, patience: Duration) -> (Patient, LastWord) {
        let (stream, begun) = (Arc::new(stream), Arc::new(AtomicBool::new(false)));
        let last = LastWord { stream: Arc::clone(&stream), begun: Arc::clone(&begun) };
        (Patient { stream, patience, stalled: None, begun }, last)
    }
}

impl LastWord {
    /// Tells a client that began a request and did not end it in time. A client that merely kept the connection is told nothing.
    pub fn say_late(&self) {
        const LATE: &[u8] = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        if self.begun.load(Relaxed) {
            // Whoever is gone needs no answer.
            let _ = self.stream.try_write(LATE);
        }
    }
}

impl AsyncRead for Patient {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            match self.stream.try_read(buffer.initialize_unfilled()) {
                Ok(read) => {
                    buffer.advance(read);
                    self.begun.fetch_or(read > 0, Relaxed);
                    return Poll::Ready(Ok(()));
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }
}

impl AsyncWrite for Patient {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            if self.stream.poll_write_ready(cx)?.is_pending() {
                let patience = self.patience;
                let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(patience)));
                return stalled.as_mut().poll(cx).map(|()| Err(ErrorKind::TimedOut.into()));
            }
            match self.stream.try_write(bytes) {
                Ok(written) => {
                    self.stalled = None;
                    self.begun.store(false, Relaxed);
                    return Poll::Ready(Ok(written));
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context) -> Poll<io::Result<()>> {
        // The last word may still be due; the connection closes when both ends of it are dropped.
        Poll::Ready(Ok(()))
    }
}
