//! HTTP: connections, limits and security checks.
//!
//! Any web page that is open in the browser can send requests to a server on the loopback address. Therefore the `Host` header must name
//! this server (which rules out DNS rebinding), and the `Origin` and `Sec-Fetch-Site` headers must not name another origin.

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
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};

use super::arguments::Arguments;
use super::assets::{ASSETS, Asset, CONTENT_SECURITY_POLICY};
use super::endpoints::{ENDPOINTS, Endpoint};
use super::error::ApiError;
use super::handlers::handle;
use super::timeouts::TimeoutStream;
use super::workers::Workers;

/// Maximum size of the request line and headers in bytes.
const MAX_HEAD_BYTES: usize = 16 << 10;

/// Maximum number of headers of a request.
const MAX_HEADERS: usize = 64;

/// Number of bytes of an oversized body that are read and discarded, so that the client can receive the error response.
const MAX_DISCARDED_BYTES: usize = 64 << 20;

/// How long requests in progress may take after the server was stopped.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(5);

/// Delay after a failed accept, for example when too many files are open.
const ACCEPT_RETRY_DELAY: Duration = Duration::from_millis(100);

/// Serves connections of `listener` until stopped.
pub async fn serve(
    listener: TcpListener,
    address: SocketAddr,
    workers: Arc<Workers>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let site = Arc::new(Site { address, workers });
    let permits = Arc::new(Semaphore::new(site.workers.limits.max_connections));
    let connections = GracefulShutdown::new();
    let mut stopped = pin!(stop.wait_for(|&stop| stop));
    loop {
        let accepted = {
            let mut accept = pin!(listener.accept());
            // Whichever happens first; a stopped server accepts no more connections.
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
                // Too many open files, or a client that has disconnected already.
                sleep(ACCEPT_RETRY_DELAY).await;
                continue;
            }
        };
        let Ok(permit) = Arc::clone(&permits).try_acquire_owned() else {
            // The response is best effort.
            let _ = stream.try_write(TOO_MANY_CONNECTIONS);
            continue;
        };
        spawn_connection(&site, stream, permit, &connections);
    }
    drop(listener);
    let _ = timeout(SHUTDOWN_TIMEOUT, connections.shutdown()).await;
    Ok(())
}

/// Serves the requests of a connection in a task of its own; `permit` is released at its end.
fn spawn_connection(site: &Arc<Site>, stream: TcpStream, permit: OwnedSemaphorePermit, connections: &GracefulShutdown) {
    // Responses are written in one piece, so there is nothing to coalesce; a failure only costs time.
    let _ = stream.set_nodelay(true);
    let (stream, timeout_responder) = TimeoutStream::new(stream, site.workers.limits.client_timeout);
    let shared = Arc::clone(site);
    let service = service_fn(move |request| {
        let site = Arc::clone(&shared);
        async move { Ok::<_, Infallible>(site.respond(request).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(site.workers.limits.client_timeout)
        .max_buf_size(MAX_HEAD_BYTES)
        .max_headers(MAX_HEADERS)
        .serve_connection(TokioIo::new(stream), service);
    let connection = connections.watch(connection);
    tokio::spawn(async move {
        if let Err(error) = connection.await
            && error.is_timeout()
        {
            timeout_responder.send_timeout();
        }
        drop(permit);
    });
}

/// The response to a connection over the limit.
const TOO_MANY_CONNECTIONS: &[u8] =
    b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\nretry-after: 1\r\nconnection: close\r\n\r\n";

/// The server's address and its workers.
struct Site {
    address: SocketAddr,
    workers: Arc<Workers>,
}

/// What a path refers to.
enum Target {
    Asset(&'static Asset),
    Endpoint(&'static Endpoint),
}

impl Site {
    async fn respond(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, mut body) = request.into_parts();
        match self.answer(&head, &mut body).await {
            Ok(response) => response,
            Err(error) => {
                // A client that is still sending its body does not read the response: discard the rest of the body first, unless the
                // client waits for `100 Continue` or was too slow.
                let is_sending =
                    !head.headers.contains_key(header::EXPECT) && error.status != StatusCode::REQUEST_TIMEOUT;
                if is_sending {
                    let _ = timeout(self.workers.limits.client_timeout, discard(&mut body)).await;
                }
                error_response(&error)
            }
        }
    }

    async fn answer(&self, head: &Parts, body: &mut Incoming) -> Result<Response<Full<Bytes>>, ApiError> {
        self.check_host(head)?;
        let path = head.uri.path();
        let target = ASSETS.iter().find(|asset| asset.path == path).map(Target::Asset);
        let target = target.or_else(|| ENDPOINTS.iter().find(|one| one.path == path).map(Target::Endpoint));
        self.check_origin(head, matches!(target, Some(Target::Asset(asset)) if asset.path == "/"))?;
        match (target, &head.method) {
            (None, _) => {
                let text = "no such path; /v1/openapi.json lists the endpoints";
                Err(ApiError::new(StatusCode::NOT_FOUND, text))
            }
            (Some(Target::Asset(asset)), &Method::GET | &Method::HEAD) => {
                Ok(response(StatusCode::OK, asset.content_type, Bytes::from_static(asset.text.as_bytes())))
            }
            (Some(Target::Endpoint(endpoint)), &Method::GET | &Method::HEAD) => {
                let query = head.uri.query().unwrap_or_default();
                let arguments = Arguments::from_query(query, endpoint, &self.workers.limits)?;
                self.call(endpoint, arguments).await
            }
            (Some(Target::Endpoint(endpoint)), &Method::POST) => {
                let body = self.body(&head.headers, body).await?;
                let arguments = Arguments::from_body(&body, endpoint, &self.workers.limits)?;
                self.call(endpoint, arguments).await
            }
            _ => Err(ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "expected GET or, for /v1 endpoints, POST")),
        }
    }

    async fn call(&self, endpoint: &Endpoint, arguments: Arguments) -> Result<Response<Full<Bytes>>, ApiError> {
        let body = handle(&self.workers, endpoint.route, arguments).await?;
        Ok(response(StatusCode::OK, "application/json", body.into()))
    }

    /// Whether `name`, including the port, is this server.
    fn is_own_host(&self, name: &str) -> bool {
        let port = self.address.port();
        [format!("localhost:{port}"), format!("127.0.0.1:{port}"), format!("[::1]:{port}")]
            .iter()
            .any(|here| name.eq_ignore_ascii_case(here) || (port == 80 && here.strip_suffix(":80") == Some(name)))
    }

    /// Rejects requests with another host name than this server's.
    fn check_host(&self, head: &Parts) -> Result<(), ApiError> {
        let mut hosts = head.headers.get_all(header::HOST).iter();
        let (Some(host), None) = (hosts.next(), hosts.next()) else {
            return Err(ApiError::new(StatusCode::BAD_REQUEST, "expected one Host header"));
        };
        let host = host.to_str().unwrap_or_default();
        // An absolute request target may name another host.
        let target = head.uri.authority().map_or(host, |authority| authority.as_str());
        if self.is_own_host(host) && self.is_own_host(target) {
            return Ok(());
        }
        Err(ApiError::new(StatusCode::MISDIRECTED_REQUEST, format!("expected the host {}", self.address)))
    }

    /// Rejects requests from pages of other origins. Links to the page itself are allowed.
    fn check_origin(&self, head: &Parts, is_page: bool) -> Result<(), ApiError> {
        let text = |name: &'static str| head.headers.get(name).map(|value| value.to_str().unwrap_or_default());
        let origin = text("origin")
            .is_none_or(|origin| origin.strip_prefix("http://").is_some_and(|host| self.is_own_host(host)));
        let site = text("sec-fetch-site").is_none_or(|site| matches!(site, "same-origin" | "none"));
        let is_link = is_page && head.method == Method::GET && text("sec-fetch-mode") == Some("navigate");
        if origin && (site || is_link) {
            return Ok(());
        }
        Err(ApiError::new(StatusCode::FORBIDDEN, "requests from other origins are not allowed"))
    }

    /// Reads the body of a request, within the limits of size and time.
    async fn body(&self, headers: &HeaderMap, body: &mut Incoming) -> Result<Bytes, ApiError> {
        let limits = &self.workers.limits;
        if !is_json(headers) {
            return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "expected application/json"));
        }
        let too_large = || {
            ApiError::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                format!("expected a body of at most {} bytes", limits.max_body_bytes),
            )
        };
        if body.size_hint().lower() > limits.max_body_bytes as u64 {
            return Err(too_large());
        }
        let timed_out = |_| ApiError::new(StatusCode::REQUEST_TIMEOUT, "the body did not arrive in time");
        match timeout(limits.client_timeout, Limited::new(body, limits.max_body_bytes).collect())
            .await
            .map_err(timed_out)?
        {
            Ok(collected) => Ok(collected.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => Err(too_large()),
            Err(error) => Err(ApiError::new(StatusCode::BAD_REQUEST, format!("cannot read the body: {error}"))),
        }
    }
}

/// Reads the rest of a rejected body, up to a limit.
async fn discard(body: &mut Incoming) {
    let mut read = 0;
    while let Some(Ok(frame)) = body.frame().await {
        read += frame.data_ref().map_or(0, Bytes::len);
        if read > MAX_DISCARDED_BYTES {
            return;
        }
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

fn error_response(error: &ApiError) -> Response<Full<Bytes>> {
    let body = serde_json::json!({ "error": error.message }).to_string();
    let mut response = response(error.status, "application/json", body.into());
    let extra_header = match error.status {
        StatusCode::METHOD_NOT_ALLOWED => Some((header::ALLOW, "GET, HEAD, POST")),
        StatusCode::SERVICE_UNAVAILABLE => Some((header::RETRY_AFTER, "1")),
        // The rest of the request is not read.
        StatusCode::PAYLOAD_TOO_LARGE | StatusCode::REQUEST_TIMEOUT => Some((header::CONNECTION, "close")),
        _ => None,
    };
    if let Some((name, value)) = extra_header {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

fn response(status: StatusCode, content_type: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    for (name, value) in [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-store"),
        (header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
