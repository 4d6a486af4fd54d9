//! Asking a server for bytes: one request, and whether asking again may help.

use std::io::Read;
use std::time::Duration;

use ureq::http::{HeaderMap, StatusCode};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Body, Proxy};

use super::GetOptions;
use crate::error::{Advice, Error, Malformed, Place, Result};

/// Redirects that are followed, one after the other.
const REDIRECTS: u32 = 10;

/// The longest pause before asking again, whatever the server wishes.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

const CERTIFICATES: &str = "behind a proxy that has certificates of its own, name them in SSL_CERT_FILE";

/// Why a request brought nothing.
pub(super) enum Trouble {
    /// Something that may have passed when one asks again; the server may say when that should be.
    Passing(String, Option<Duration>),
    /// Something that will not pass.
    Final(Error),
}

/// What a server answered, its body yet to be read.
pub(super) struct Answer {
    /// Whether this is the range that was asked for, and not the whole file.
    pub partial: bool,
    /// Bytes to come, where the server says it.
    pub length: Option<u64>,
    /// Bytes of the whole file, where the server says it.
    pub total: Option<u64>,
    /// What tells this state of the file from others.
    pub validator: Option<String>,
    body: Body,
}

impl Answer {
    /// Reads the body.
    pub fn body(&mut self) -> impl Read + '_ {
        self.body.as_reader()
    }
}

/// An address, and how to ask there.
pub(super) struct Client {
    agent: Agent,
    address: String,
    attempts: u32,
    pause: Duration,
}

impl Client {
    /// # Errors
    /// A proxy or a file of certificates that cannot be used.
    pub fn new(address: &str, options: &GetOptions) -> Result<Client> {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(REDIRECTS)
            // From an address that cannot be tampered with on the way no redirect leads to one that can.
            .https_only(address.starts_with("https://"))
            .user_agent(concat!("vocable/", env!("CARGO_PKG_VERSION")))
            // Files are wanted as they are, so that their lengths and checksums hold.
            .accept_encoding("identity")
            .proxy(proxy(address)?)
            .tls_config(TlsConfig::builder().root_certs(roots()?).build())
            .timeout_resolve(Some(options.stall))
            .timeout_connect(Some(options.stall))
            .timeout_recv_response(Some(options.stall))
            .timeout_per_read(Some(options.stall))
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

    /// How often and how patiently to ask.
    pub fn patience(&self) -> Patience {
        Patience { attempts: self.attempts.max(1), left: self.attempts.max(1), first: self.pause, pause: self.pause }
    }

    /// Asks for the bytes from `first` to before `end`, or to the last; with `validator`, for the whole file instead if its
    /// state is not that any more. Without a range at all, the whole file is asked for.
    pub fn ask(&self, first: u64, end: Option<u64>, validator: Option<&str>) -> Result<Answer, Trouble> {
        let mut request = self.agent.get(&self.address);
        if first > 0 || end.is_some() {
            let last = end.map_or(String::new(), |end| end.saturating_sub(1).to_string());
            request = request.header("Range", format!("bytes={first}-{last}"));
            if let Some(validator) = validator {
                request = request.header("If-Range", validator);
            }
        }
        let response = request.call().map_err(|e| self.trouble(e))?;
        let status = response.status();
        let (parts, body) = response.into_parts();
        let validator = validator_of(&parts.headers);
        let page = text(&parts.headers, "content-type").is_some_and(|kind| kind.trim_start().starts_with("text/html"));
        match status {
            // A network that wants a login first answers so to everything. What is there of the file stays.
            StatusCode::OK | StatusCode::PARTIAL_CONTENT if page => {
                let advice = "does this network want you to log in? The same command goes on from here later";
                Err(Trouble::Final(self.wrong_advise("the file", "a web page (text/html)", advice)))
            }
            StatusCode::OK => {
                let length = body.content_length();
                Ok(Answer { partial: false, length, total: length, validator, body })
            }
            StatusCode::PARTIAL_CONTENT => {
                let header = text(&parts.headers, "content-range").unwrap_or_default();
                let Some((from, to, total)) = content_range(header).filter(|(from, ..)| *from == first) else {
                    let expected = format!("bytes from {first} on, as asked for");
                    return Err(Trouble::Final(self.wrong(expected, format!("`{header}`"))));
                };
                Ok(Answer { partial: true, length: Some(to - from + 1), total, validator, body })
            }
            _ => Err(self.refused(status, &parts.headers)),
        }
    }

    /// An error about what this address gives.
    pub fn wrong(&self, expected: impl Into<String>, found: impl Into<String>) -> Error {
        Malformed::at(Place::File, expected, found).in_file(self.address.as_str()).into()
    }

    /// The same, with advice.
    pub fn wrong_advise(
        &self,
        expected: impl Into<String>,
        found: impl Into<String>,
        advice: impl Into<Advice>,
    ) -> Error {
        Malformed::at(Place::File, expected, found).advise(advice).in_file(self.address.as_str()).into()
    }

    fn refused(&self, status: StatusCode, headers: &HeaderMap) -> Trouble {
        let found = match status.canonical_reason() {
            Some(reason) => format!("status {} ({reason})", status.as_u16()),
            None => format!("status {}", status.as_u16()),
        };
        if status.is_server_error() || matches!(status.as_u16(), 408 | 425 | 429) {
            // In seconds; more than fit are many.
            let seconds = text(headers, "retry-after").map(str::trim).filter(|text| !text.is_empty());
            let seconds = seconds.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
            let wait = seconds.map(|text| Duration::from_secs(text.parse().unwrap_or(u64::from(u32::MAX))));
            return Trouble::Passing(found, wait);
        }
        let advice = match status.as_u16() {
            416 => "the file there is shorter than the server said before: run the command again later",
            404 | 410 => "the publisher may have moved it; VOCABLE_MIRROR names another place to fetch from",
            407 => "the proxy wants a name and a password: HTTPS_PROXY=http://name:password@host:port",
            _ => return Trouble::Final(self.wrong("the file", found)),
        };
        Trouble::Final(self.wrong_advise("the file", found, advice))
    }

    fn trouble(&self, error: ureq::Error) -> Trouble {
        let wrong =
            |expected: &str, found: &str, advice: &str| Trouble::Final(self.wrong_advise(expected, found, advice));
        match error {
            ureq::Error::TooManyRedirects => {
                Trouble::Final(self.wrong("the file", format!("more than {REDIRECTS} redirects, one after the other")))
            }
            ureq::Error::RequireHttpsOnly(to) => {
                Trouble::Final(self.wrong("redirects to https addresses", format!("one to `{to}`")))
            }
            ureq::Error::HostNotFound => wrong(
                "a server of that name",
                "none",
                "is this machine online? A proxy is taken from HTTPS_PROXY or HTTP_PROXY",
            ),
            ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
                Trouble::Final(self.wrong("an address that begins with https:// or http://", "another"))
            }
            ureq::Error::Rustls(error) => wrong("a server that can be trusted", &error.to_string(), CERTIFICATES),
            ureq::Error::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => {
                wrong("a server that can be trusted", &error.to_string(), CERTIFICATES)
            }
            ureq::Error::ConnectProxyFailed(reason) => wrong(
                "a way through the proxy",
                &reason,
                "HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY say which is taken",
            ),
            ureq::Error::Timeout(_) => Trouble::Passing("no answer in time".to_owned(), None),
            ureq::Error::Io(error) => Trouble::Passing(error.to_string(), None),
            error => Trouble::Passing(error.to_string(), None),
        }
    }
}

/// Asking again, each time after a longer pause, until patience ends.
pub(super) struct Patience {
    attempts: u32,
    left: u32,
    first: Duration,
    pause: Duration,
}

impl Patience {
    /// How long to wait before asking again.
    ///
    /// # Errors
    /// The trouble, if it will not pass or was met too often.
    pub fn after(&mut self, trouble: Trouble, client: &Client) -> Result<(String, Duration)> {
        let (what, wish) = match trouble {
            Trouble::Final(error) => return Err(error),
            Trouble::Passing(what, wish) => (what, wish),
        };
        self.left -= 1;
        if self.left == 0 {
            let found = if self.attempts == 1 { what } else { format!("{what}, {} times", self.attempts) };
            return Err(client.wrong_advise("the file", found, "the same command goes on from here later"));
        }
        let pause = wish.unwrap_or(self.pause).max(self.pause).min(LONGEST_PAUSE);
        self.pause = self.pause.saturating_mul(2);
        Ok((what, pause))
    }

    /// Something came: begin anew.
    pub fn renew(&mut self) {
        self.left = self.attempts;
        self.pause = self.first;
    }
}

/// The proxy for an address, by the variables that other programs go by: HTTPS_PROXY or HTTP_PROXY as the address begins, else
/// ALL_PROXY, in either case of letters, and NO_PROXY for hosts that are asked directly.
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

/// Whose certificates are trusted: those of the file that SSL_CERT_FILE names, or else Mozilla's, which are built in.
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
        return Err(Malformed::at(Place::File, "certificates in PEM form, as SSL_CERT_FILE promises", "none")
            .in_file(path.to_string_lossy())
            .into());
    }
    Ok(RootCerts::new_with_certs(&certificates))
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// A strong entity tag, or else the time of the last change.
fn validator_of(headers: &HeaderMap) -> Option<String> {
    let tag = text(headers, "etag").filter(|tag| tag.starts_with('"'));
    tag.or_else(|| text(headers, "last-modified")).map(str::to_owned)
}

/// The first byte, the last one, and the bytes of the whole: `bytes 0-99/1000`, or `bytes 0-99/*`.
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
    fn pauses_grow_and_end() {
        let options = GetOptions { attempts: 3, pause: Duration::from_secs(1), ..GetOptions::default() };
        let client = Client::new("http://127.0.0.1/file", &options).unwrap();
        let mut patience = client.patience();
        let passing = |wish: Option<u64>| Trouble::Passing("nothing".to_owned(), wish.map(Duration::from_secs));
        assert_eq!(patience.after(passing(None), &client).unwrap().1, Duration::from_secs(1));
        assert_eq!(patience.after(passing(Some(7)), &client).unwrap().1, Duration::from_secs(7));
        patience.renew();
        assert_eq!(patience.after(passing(Some(1_000_000)), &client).unwrap().1, LONGEST_PAUSE);
        assert_eq!(patience.after(passing(Some(0)), &client).unwrap().1, Duration::from_secs(2));
        let error = patience.after(passing(None), &client).unwrap_err().to_string();
        assert!(error.contains("nothing, 3 times"), "{error}");
    }
}
