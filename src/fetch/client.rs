//! HTTP requests for ranges of bytes, with retries.

use std::io::Read;
use std::time::Duration;

use ureq::http::{HeaderMap, StatusCode};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, Proxy};

use super::options::GetOptions;
use crate::error::{Advice, Error, Malformed, Place, Result};

/// Maximum number of redirects.
const REDIRECTS: u32 = 10;

/// Maximum pause before a retry, whatever the server asks for.
const MAX_PAUSE: Duration = Duration::from_secs(60);

const CERTIFICATES: &str = "if a proxy uses its own certificates, name them in SSL_CERT_FILE";

/// Why a request failed.
pub(super) enum RequestError {
    /// An error that may not occur again; the server may say how long to wait.
    Transient(String, Option<Duration>),
    /// An error that a retry does not help against.
    Permanent(Error),
}

/// The response of a server, before its body is read.
pub(super) struct Response {
    /// Whether this is the requested range, not the whole file.
    pub partial: bool,
    /// Length of the body in bytes, if the server states it.
    pub length: Option<u64>,
    /// Size of the whole file in bytes, if the server states it.
    pub total: Option<u64>,
    /// Identifies this version of the file: its entity tag or modification time.
    pub validator: Option<String>,
    body: Body,
}

impl Response {
    /// The body.
    pub fn body(&mut self) -> impl Read + '_ {
        self.body.as_reader()
    }
}

/// A client for one address.
pub(super) struct Client {
    agent: Agent,
    address: String,
    attempts: u32,
    pause: Duration,
}

impl Client {
    /// A client for `address`.
    ///
    /// # Errors
    /// A proxy or a certificate file that cannot be used.
    pub fn new(address: &str, options: &GetOptions) -> Result<Client> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(REDIRECTS)
            // A secure address does not redirect to an insecure one.
            .https_only(address.starts_with("https://"))
            .user_agent(concat!("vocable/", env!("CARGO_PKG_VERSION")))
            // Without compression, so that lengths and checksums are those of the file.
            .accept_encoding("identity")
            .proxy(proxy(address)?)
            .tls_config(TlsConfig::builder().root_certs(roots()?).build())
            .timeout_resolve(Some(options.timeout))
            .timeout_connect(Some(options.timeout))
            .timeout_recv_response(Some(options.timeout))
            .timeout_per_read(Some(options.timeout))
            .build();
        Ok(Client {
            agent: config.new_agent(),
            address: address.to_owned(),
            attempts: options.attempts,
            pause: options.pause,
        })
    }

    /// The address.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// A new count of retries.
    pub fn retries(&self) -> Retries {
        Retries { attempts: self.attempts.max(1), left: self.attempts.max(1), first: self.pause, pause: self.pause }
    }

    /// Requests the bytes `first..end`, up to the last byte if `end` is `None`. With a `validator`, a file that has changed since is
    /// sent as a whole. The range `0..None` requests the whole file.
    pub fn request(&self, first: u64, end: Option<u64>, validator: Option<&str>) -> Result<Response, RequestError> {
        let mut request = self.agent.get(&self.address);
        if first > 0 || end.is_some() {
            let last = end.map_or(String::new(), |end| end.saturating_sub(1).to_string());
            request = request.header("Range", format!("bytes={first}-{last}"));
            if let Some(validator) = validator {
                request = request.header("If-Range", validator);
            }
        }
        let response = request.call().map_err(|e| self.failed(e))?;
        let status = response.status();
        let (parts, body) = response.into_parts();
        let validator = validator_of(&parts.headers);
        let page = text(&parts.headers, "content-type").is_some_and(|kind| kind.trim_start().starts_with("text/html"));
        match status {
            // A network with a login page answers every request with it. The partial download is kept.
            StatusCode::OK | StatusCode::PARTIAL_CONTENT if page => {
                let advice = "does this network require a login? Run the same command again to resume";
                Err(RequestError::Permanent(self.error_with_advice("the file", "a web page (text/html)", advice)))
            }
            StatusCode::OK => {
                let length = body.content_length();
                Ok(Response { partial: false, length, total: length, validator, body })
            }
            StatusCode::PARTIAL_CONTENT => {
                let header = text(&parts.headers, "content-range").unwrap_or_default();
                let Some((from, to, total)) = content_range(header).filter(|(from, ..)| *from == first) else {
                    let expected = format!("the requested bytes from {first} on");
                    return Err(RequestError::Permanent(self.error(expected, format!("`{header}`"))));
                };
                Ok(Response { partial: true, length: Some(to - from + 1), total, validator, body })
            }
            _ => Err(self.refused(status, &parts.headers)),
        }
    }

    /// An error about this address.
    pub fn error(&self, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Malformed::at(Place::File, expected, found).in_file(self.address.as_str()).into()
    }

    /// The same, with advice.
    pub fn error_with_advice(
        &self,
        expected: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<Advice>,
    ) -> Error {
        Malformed::at(Place::File, expected, found).advise(advice).in_file(self.address.as_str()).into()
    }

    fn refused(&self, status: StatusCode, headers: &HeaderMap) -> RequestError {
        let found = match status.canonical_reason() {
            Some(reason) => format!("status {} ({reason})", status.as_u16()),
            None => format!("status {}", status.as_u16()),
        };
        if status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429) {
            // In seconds; a number that is too large to parse means a long time.
            let seconds = text(headers, "retry-after").map(str::trim).filter(|text| !text.is_empty());
            let seconds = seconds.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let wait = seconds.map(|text| Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
            return RequestError::Transient(found, wait);
        }
        let advice = match status.as_u16() {
            416 => "the file is shorter than the server said before: try again later",
            404 | 410 => "the publisher may have moved it; set VOCABLE_MIRROR to download from another address",
            407 => "the proxy requires a login: set HTTPS_PROXY=http://name:password@host:port",
            _ => return RequestError::Permanent(self.error("the file", found)),
        };
        RequestError::Permanent(self.error_with_advice("the file", found, advice))
    }

    fn failed(&self, error: ureq::Error) -> RequestError {
        let wrong = |expected: &str, found: &str, advice: &str| {
            RequestError::Permanent(self.error_with_advice(expected, found, advice))
        };
        match error {
            ureq::Error::TooManyRedirects => {
                RequestError::Permanent(self.error("the file", format!("more than {REDIRECTS} redirects")))
            }
            ureq::Error::RequireHttpsOnly(to) => {
                RequestError::Permanent(self.error("redirects to https addresses", format!("one to `{to}`")))
            }
            ureq::Error::HostNotFound => wrong(
                "a server of that name",
                "none",
                "is this machine online? Set HTTPS_PROXY or HTTP_PROXY to use a proxy",
            ),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                RequestError::Permanent(self.error("an address that begins with https:// or http://", "another"))
            }
            ureq::Error::Rustls(error) => wrong("a trusted certificate", &error.to_string(), CERTIFICATES),
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                wrong("a trusted certificate", &error.to_string(), CERTIFICATES)
            }
            ureq::Error::ConnectProxyFailed(reason) => wrong(
                "a connection through the proxy",
                &reason,
                "the proxy is set by HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY",
            ),
            ureq::Error::Timeout(_) => RequestError::Transient("the server did not respond in time".to_owned(), None),
            ureq::Error::Io(error) => RequestError::Transient(error.to_string(), None),
            error => RequestError::Transient(error.to_string(), None),
        }
    }
}

/// Counts the retries of a request; each pause is longer than the one before.
pub(super) struct Retries {
    attempts: u32,
    left: u32,
    first: Duration,
    pause: Duration,
}

impl Retries {
    /// The reason of a failure, and how long to wait before the next attempt.
    ///
    /// # Errors
    /// A permanent error, or the last failure after the maximum number of attempts.
    pub fn after(&mut self, error: RequestError, client: &Client) -> Result<(String, Duration)> {
        let (reason, wait) = match error {
            RequestError::Permanent(error) => return Err(error),
            RequestError::Transient(reason, wait) => (reason, wait),
        };
        self.left -= 1;
        if self.left == 0 {
            let found = if self.attempts == 1 { reason } else { format!("{reason}, {} times", self.attempts) };
            return Err(client.error_with_advice("the file", found, "run the same command again to resume"));
        }
        let pause = wait.unwrap_or(self.pause).max(self.pause).min(MAX_PAUSE);
        self.pause = self.pause.saturating_mul(2);
        Ok((reason, pause))
    }

    /// Starts counting again, after progress was made.
    pub fn reset(&mut self) {
        self.left = self.attempts;
        self.pause = self.first;
    }
}

/// The proxy for an address, from the usual environment variables in upper or lower case: HTTPS_PROXY or HTTP_PROXY depending on
/// the address, else ALL_PROXY; NO_PROXY lists hosts that are contacted directly.
fn proxy(address: &str) -> Result<Option<Proxy>> {
    let variable = |name: &str| {
        [name.to_owned(), name.to_lowercase()]
            .into_iter()
            .find_map(|name| std::env::var(&name).ok().filter(|value| !value.is_empty()).map(|value| (name, value)))
    };
    let own = if address.starts_with("https://") { "HTTPS_PROXY" } else { "HTTP_PROXY" };
    let Some((name, value)) = variable(own).or_else(|| variable("ALL_PROXY")) else { return Ok(None) };
    let invalid = |_| Error::invalid(&name, "an address such as http://host:port", format!("`{value}`"));
    let named = Proxy::new(&value).map_err(invalid)?;
    let mut proxy = Proxy::builder(named.protocol()).host(named.host()).port(named.port());
    if let Some(user) = named.username() {
        proxy = proxy.username(user);
    }
    if let Some(password) = named.password() {
        proxy = proxy.password(password);
    }
    for host in variable("NO_PROXY").iter().flat_map(|(_, hosts)| hosts.split(',')).map(str::trim) {
        if !host.is_empty() {
            proxy = proxy.no_proxy(host);
        }
    }
    proxy.build().map(Some).map_err(invalid)
}

/// The trusted certificates: those in the file named by SSL_CERT_FILE, or else Mozilla's, which are built in.
fn roots() -> Result<RootCerts> {
    let Some(path) = std::env::var_os("SSL_CERT_FILE").filter(|path| !path.is_empty()) else {
        return Ok(RootCerts::WebPki);
    };
    let path = std::path::Path::new(&path);
    let pem = std::fs::read(path).map_err(|e| Error::io(path, "read it", e))?;
    let certificates: Vec<_> = parse_pem(&pem)
        .filter_map(|item| match item {
            Ok(PemItem::Certificate(certificate)) => Some(certificate),
            _ => None,
        })
        .collect();
    if certificates.is_empty() {
        return Err(Malformed::message(Place::File, "SSL_CERT_FILE names a file without certificates in PEM format")
            .in_file(path.to_string_lossy())
            .into());
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A strong entity tag, or else the modification time.
fn validator_of(headers: &HeaderMap) -> Option<String> {
    let tag = text(headers, "etag").filter(|tag| tag.starts_with('"'));
    tag.or_else(|| text(headers, "last-modified")).map(str::to_owned)
}

/// The first byte, the last byte and the total size in a header such as `bytes 0-99/1000` or `bytes 0-99/*`.
fn content_range(header: &str) -> Option<(u64, u64, Option<u64>)> {
    let (range, total) = header.trim().strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    let total = if total == "*" { None } else { Some(total.trim().parse().ok()?) };
    let fits = first <= last && last < u64::MAX && total.is_none_or(|total| last < total);
    fits.then_some((first, last, total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_they_are_written() {
        assert_eq!(content_range("bytes 0-0/7"), Some((0, 0, Some(7))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, 9, None)));
        for wrong in ["", "bytes", "bytes */7", "bytes 3-2/7", "bytes 0-7/7", "0-1/7", "bytes 0-18446744073709551615/*"]
        {
            assert_eq!(content_range(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn pauses_grow_up_to_the_maximum() {
        let options = GetOptions { attempts: 3, pause: Duration::from_secs(1), ..GetOptions::default() };
        let client = Client::new("http://127.0.0.1/file", &options).unwrap();
        let mut retries = client.retries();
        let passing = |wish: Option<u64>| RequestError::Transient("nothing".to_owned(), wish.map(Duration::from_secs));
        assert_eq!(retries.after(passing(None), &client).unwrap().1, Duration::from_secs(1));
        assert_eq!(retries.after(passing(Some(7)), &client).unwrap().1, Duration::from_secs(7));
        retries.reset();
        assert_eq!(retries.after(passing(Some(1_000_000)), &client).unwrap().1, MAX_PAUSE);
        assert_eq!(retries.after(passing(Some(0)), &client).unwrap().1, Duration::from_secs(2));
        let error = retries.after(passing(None), &client).unwrap_err().to_string();
        assert!(error.contains("nothing, 3 times"), "{error}");
    }
}
