//! HTTP: connections, limits, and which requests are refused before anyone thinks about an answer.
//!
//! A server on the loopback address is within reach of every page that the browser has open. So the host name must be this server's (a
//! name that an attacker points at 127.0.0.1 is not), and what a browser says about the page that asks must name this server too.

use std::convert::Infallible;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Bytes, Incoming};
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};

use super::api::{Refusal, answer};
use super::arguments::Arguments;
use super::endpoints::{ENDPOINTS, Endpoint};
use super::page::{ASSETS, Asset, POLICY};
use super::patience::Patient;
use super::work::Work;

/// Bytes of a request's head; longer ones are refused.
const HEAD: usize = 16 << 10;

/// Headers of a request.
const HEADERS: usize = 64;

/// Bytes of a body over the limit that are read and thrown away, so that the client is told rather than cut off.
const DISCARDED: usize = 64 << 20;

/// How long answers under way may take once the server was stopped.
const GRACE: Duration = Duration::from_secs(5);

/// How long to wait when the system grants no more connections.
const BREATHER: Duration = Duration::from_millis(100);

/// Answers on `listener`, until told to stop.
pub async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    work: Arc<Work>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let site = Arc::new(Site { address, work });
    let room = Arc::new(Semaphore::new(site.work.limits.connections));
    let connections = GracefulShutdown::new();
    let mut stopped = pin!(stop.wait_for(|&stop| stop));
    loop {
        let accepted = {
            let mut accept = pin!(listener.accept());
            // Whichever comes first; a server that is to stop accepts nobody more.
            std::future::poll_fn(|cx| match stopped.as_mut().poll(cx) {
                std::task::Poll::Ready(_) => std::task::Poll::Ready(None),
                std::task::Poll::Pending => accept.as_mut().poll(cx).map(Some),
            })
            .await
        };
        let stream = match accepted {
            None => break,
            Some(Ok((stream, _))) => stream,
            Some(Err(_)) => {
                // Too many open files, or a client that left before it was let in: neither is a reason to end.
                sleep(BREATHER).await;
                continue;
            }
        };
        let Ok(place) = Arc::clone(&room).try_acquire_owned() else {
            // Whoever cannot be told has to do without.
            let _ = stream.try_write(FULL);
            continue;
        };
        // An answer is written at once, so there is nothing to wait for; where that cannot be had, it is only slower.
        let _ = stream.set_nodelay(true);
        let (patient, last) = Patient::new(stream, site.work.limits.patience);
        let shared = Arc::clone(&site);
        let service = service_fn(move |request| {
            let site = Arc::clone(&shared);
            async move { Ok::<_, Infallible>(site.respond(request).await) }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(site.work.limits.patience)
            .max_buf_size(HEAD)
            .max_headers(HEADERS)
            .serve_connection(TokioIo::new(patient), service);
        let connection = connections.watch(connection);
        tokio::spawn(async move {
            if let Err(error) = connection.await
                && error.is_timeout()
            {
                last.say_late();
            }
            drop(place);
        });
    }
    drop(listener);
    let _ = timeout(GRACE, connections.shutdown()).await;
    Ok(())
}

/// What a client is told for whom there is no room.
const FULL: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n";

/// A server's address and what it answers from.
struct Site {
    address: SocketAddr,
    work: Arc<Work>,
}

/// What a path leads to.
enum Found {
    Page(&'static Asset),
    Endpoint(&'static Endpoint),
}

impl Site {
    async fn respond(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, mut body) = request.into_parts();
        match self.answer(&head, &mut body).await {
            Ok(response) => response,
            Err(refusal) => {
                // A client that is still writing does not read; one that waits to be let on, or was too slow, is told at once.
                let writes =
                    !head.headers.contains_key(header::EXPECT) && refusal.status != StatusCode::REQUEST_TIMEOUT;
                if writes {
                    let _ = timeout(self.work.limits.patience, discard(&mut body)).await;
                }
                refused(&refusal)
            }
        }
    }

    async fn answer(&self, head: &Parts, body: &mut Incoming) -> Result<Response<Full<Bytes>>, Refusal> {
        self.check_host(head)?;
        let path = head.uri.path();
        let found = ASSETS.iter().find(|asset| asset.path == path).map(Found::Page);
        let found = found.or_else(|| ENDPOINTS.iter().find(|one| one.path == path).map(Found::Endpoint));
        self.check_origin(head, matches!(found, Some(Found::Page(page)) if page.path == "/"))?;
        match (found, &head.method) {
            (None, _) => {
                let text = "there is nothing at this path; /v1/openapi.json says what there is";
                Err(Refusal::new(StatusCode::NOT_FOUND, text))
            }
            (Some(Found::Page(asset)), &Method::GET | &Method::HEAD) => {
                Ok(response(StatusCode::OK, asset.kind, Bytes::from_static(asset.text.as_bytes())))
            }
            (Some(Found::Endpoint(endpoint)), &Method::GET | &Method::HEAD) => {
                let query = head.uri.query().unwrap_or_default();
                let arguments = Arguments::of_address(query, endpoint, &self.work.limits)?;
                self.ask(endpoint, arguments).await
            }
            (Some(Found::Endpoint(endpoint)), &Method::POST) => {
                let body = self.body(&head.headers, body).await?;
                let arguments = Arguments::of_body(&body, endpoint, &self.work.limits)?;
                self.ask(endpoint, arguments).await
            }
            _ => Err(Refusal::new(StatusCode::METHOD_NOT_ALLOWED, "expected GET, or for questions POST")),
        }
    }

    async fn ask(&self, endpoint: &Endpoint, arguments: Arguments) -> Result<Response<Full<Bytes>>, Refusal> {
        let body = answer(&self.work, endpoint.question, arguments).await?;
        Ok(response(StatusCode::OK, "application/json", body.into()))
    }

    /// Whether `name` with its port is this server.
    fn is_here(&self, name: &str) -> bool {
        let port = self.address.port();
        [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")]
            .iter()
            .any(|here| name.eq_ignore_ascii_case(here) || (port == 80 && here.strip_suffix(":80") == Some(name)))
    }

    /// Refuses requests to any name but this server's.
    fn check_host(&self, head: &Parts) -> Result<(), Refusal> {
        let mut hosts = head.headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(Refusal::new(StatusCode::BAD_REQUEST, "expected one Host header"));
        };
        let host = host.to_str().unwrap_or_default();
        // An address may name a host, too, and then it is that which counts.
        let named = head.uri.authority().map_or(host, |authority| authority.as_str());
        if self.is_here(host) && self.is_here(named) {
            return Ok(());
        }
        Err(Refusal::new(StatusCode::MISDIRECTED_REQUEST, format!("expected {} as the host", self.address)))
    }

    /// Refuses what pages of other origins ask. To follow a link to the page from elsewhere is fine.
    fn check_origin(&self, head: &Parts, is_page: bool) -> Result<(), Refusal> {
        let text = |name: &'static str| head.headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let origin =
            text("origin").is_none_or(|origin| origin.strip_prefix("http://").is_some_and(|host| self.is_here(host)));
        let site = text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
        let followed = is_page && head.method == Method::GET && text("sec-fetch-mode") == Some("navigate");
        if origin && (site || followed) {
            return Ok(());
        }
        Err(Refusal::new(StatusCode::FORBIDDEN, "pages of other origins may not ask"))
    }

    /// The body of a request, within the limits of size and time.
    async fn body(&self, headers: &HeaderMap, body: &mut Incoming) -> Result<Bytes, Refusal> {
        let limits = &self.work.limits;
        if !is_json(headers) {
            return Err(Refusal::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "expected application/json"));
        }
        let too_large = || {
            Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("expected a body of {} bytes at the most", limits.body))
        };
        if body.size_hint().lower() > limits.body as u64 {
            return Err(too_large());
        }
        let late = |_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time");
        match timeout(limits.patience, Limited::new(body, limits.body).collect()).await.map_err(late)? {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
            Err(error) => Err(Refusal::new(StatusCode::BAD_REQUEST, format!("the body broke off: {error}"))),
        }
    }
}

/// Reads on to the end of a body that is refused, or to where it gets too much.
async fn discard(body: &mut Incoming) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > DISCARDED {
            return;
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn refused(refusal: &Refusal) -> Response<Full<Bytes>> {
    let body = serde_json::json!({ "error": refusal.text }).to_string();
    let mut response = response(refusal.status, "application/json", body.into());
    let more = match refusal.status {
        StatusCode::METHOD_NOT_ALLOWED => Some((header::ALLOW, "GET, HEAD, POST")),
        StatusCode::SERVICE_UNAVAILABLE => Some((header::RETRY_AFTER, "1")),
        // What is left of the request is not worth reading.
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT => Some((header::CONNECTION, "close")),
        _ => None,
    };
    if let Some((name, value)) = more {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn response(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
