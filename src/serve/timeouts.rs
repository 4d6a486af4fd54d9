//! Connections with a timeout, so that slow clients do not occupy the server.

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

/// A connection whose writes fail if the client reads nothing for some time. The HTTP layer limits how long a request may take, since an
/// idle connection is not an error.
#[derive(Debug)]
pub struct TimeoutStream {
    stream: Arc<TcpStream>,
    timeout: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    request_started: Arc<AtomicBool>,
}

/// Sends the response to a request that was not completed in time, on the same connection.
#[derive(Debug)]
pub struct TimeoutResponder {
    stream: Arc<TcpStream>,
    request_started: Arc<AtomicBool>,
}

impl TimeoutStream {
    pub fn new(stream: TcpStream, timeout: Duration) -> (TimeoutStream, TimeoutResponder) {
        let (stream, request_started) = (Arc::new(stream), Arc::new(AtomicBool::new(false)));
        let responder = TimeoutResponder { stream: Arc::clone(&stream), request_started: Arc::clone(&request_started) };
        (TimeoutStream { stream, timeout, stalled: None, request_started }, responder)
    }
}

impl TimeoutResponder {
    /// Responds to a client that started a request and did not complete it. An idle client gets no response.
    pub fn send_timeout(&self) {
        const RESPONSE: &[u8] = b"HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
        if self.request_started.load(Relaxed) {
            // The client may have disconnected.
            let _ = self.stream.try_write(RESPONSE);
        }
    }
}

impl AsyncRead for TimeoutStream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context, buffer: &mut ReadBuf) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(cx))?;
            match self.stream.try_read(buffer.initialize_unfilled()) {
                Ok(read) => {
                    buffer.advance(read);
                    self.request_started.fetch_or(read > 0, Relaxed);
                    return Poll::Ready(Ok(()));
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => {}
                Err(e) => return Poll::Ready(Err(e)),
            }
        }
    }
}

impl AsyncWrite for TimeoutStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            if self.stream.poll_write_ready(cx)?.is_pending() {
                let timeout = self.timeout;
                let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(timeout)));
                return stalled.as_mut().poll(cx).map(|()| Err(ErrorKind::TimedOut.into()));
            }
            match self.stream.try_write(bytes) {
                Ok(written) => {
                    self.stalled = None;
                    self.request_started.store(false, Relaxed);
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
        // The timeout response may still be sent; the connection closes when both structs are dropped.
        Poll::Ready(Ok(()))
    }
}
