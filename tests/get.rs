//! Fetching vectors by name from a server that misbehaves: each download ends with the right table, or with one clear error and
//! no file under the final name.
#![cfg(feature = "get")]

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crate::common::{Folder, gzip, zip};
use crate::source::{End, Reply, Request, Source, honest};
use vocable::Vectors;
use vocable::fetch::{self, CatalogEntry, FetchEvent, FetchState, FetchedVectors, GetOptions, IntegrityCheck, Store};
use vocable::files::ReadOptions;

const ROWS: usize = 3000;

/// GloVe text that does not compress well: a word and ten numbers per line.
fn text(seed: u64) -> Vec<u8> {
    let mut state = seed;
    let mut number = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state >> 40
    };
    let line = |row: usize, number: &mut dyn FnMut() -> u64| {
        let numbers: String = (0..10).map(|_| format!(" 0.{}", number())).collect();
        format!("w{row}{numbers}\n")
    };
    (0..ROWS).map(|row| line(row, &mut number)).collect::<String>().into_bytes()
}

fn entry() -> CatalogEntry {
    CatalogEntry {
        name: "tiny",
        alias: None,
        about: "made by this test",
        address: "https://example.org/files/tiny.txt",
        member: None,
        rows: Some(ROWS),
        dimension: 10,
        bytes: None,
        md5: None,
        licence: "none",
        source: "this test",
    }
}

fn zipped() -> CatalogEntry {
    CatalogEntry { address: "https://example.org/files/tiny.zip", member: Some("tiny.txt"), ..entry() }
}

fn options(source: &Source) -> GetOptions {
    GetOptions {
        mirror: Some(source.mirror()),
        timeout: Duration::from_millis(400),
        attempts: 3,
        pause: Duration::from_millis(5),
        ..GetOptions::default()
    }
}

/// The result of a download, and its messages.
type Outcome = Result<(FetchedVectors, Vec<String>), String>;

fn run(entry: &CatalogEntry, folder: &Folder, options: &GetOptions) -> Outcome {
    let store = Store::new(folder.path("store"));
    let plan = match fetch::plan(entry, &store, options, &mut |_| {}).map_err(|e| e.to_string())? {
        FetchState::Missing(plan) | FetchState::Downloaded(plan) => plan,
        FetchState::Available(path, _) => panic!("{} is there", path.display()),
    };
    let mut said = Vec::new();
    let outcome = fetch::get(&plan, &store, options, &mut |event| match event {
        FetchEvent::Received(_) => {}
        event => said.push(format!("{event:?}")),
    });
    let fetched = outcome.map_err(|e| e.to_string())?;
    Ok((fetched, said))
}

/// The files in the folder of `tiny`, without the lock.
fn files(folder: &Folder) -> Vec<String> {
    let list = std::fs::read_dir(folder.path("store").join("tiny")).into_iter().flatten().flatten();
    let mut names: Vec<String> = list.map(|file| file.file_name().into_string().unwrap()).collect();
    names.retain(|name| name != "lock");
    names.sort();
    names
}

fn table(folder: &Folder) -> PathBuf {
    folder.path("store").join("tiny").join("tiny.safetensors")
}

/// Asserts that the table equals GloVe text, bit for bit.
#[track_caller]
fn assert_holds(table: &Path, text: &[u8]) {
    let expected = Vectors::from_bytes(text.to_vec(), "text", &ReadOptions::default()).unwrap();
    let found = Vectors::open(table).unwrap();
    found.verify().unwrap();
    assert!(found.vocabulary().iter().eq(expected.vocabulary().iter()));
    assert_eq!(found.values(), expected.values());
}

/// Downloads successfully and returns the messages; only the table is left.
#[track_caller]
fn fetches(entry: &CatalogEntry, source: &Source, text: &[u8]) -> Vec<String> {
    let folder = Folder::new();
    let (fetched, said) = run(entry, &folder, &options(source)).unwrap();
    assert_holds(&fetched.table, text);
    assert_eq!((fetched.rows, fetched.dimension, fetched.original), (ROWS, 10, None));
    assert_eq!(files(&folder), ["tiny.safetensors"]);
    said
}

/// Fails with a one-line error that contains all of `what`, and returns the files that are left.
#[track_caller]
fn refused(entry: &CatalogEntry, source: &Source, what: &[&str]) -> Vec<String> {
    let folder = Folder::new();
    let error = run(entry, &folder, &options(source)).map(|_| ()).unwrap_err();
    assert!(!error.contains('\n'), "{error}");
    for what in what {
        assert!(error.contains(what), "{what:?} is not said: {error}");
    }
    assert!(!table(&folder).exists());
    files(&folder)
}

#[test]
fn a_good_server() {
    let text = text(1);
    let source = Source::of(text.clone());
    let folder = Folder::new();
    let (fetched, said) = run(&entry(), &folder, &options(&source)).unwrap();
    assert_eq!(said, ["Converting"]);
    assert_eq!(fetched.check, IntegrityCheck::RowsAndDimension);
    assert_holds(&fetched.table, &text);
    assert!(source.requests().iter().all(|request| request.path == "/tiny.txt"));

    let store = Store::new(folder.path("store"));
    let asked = source.requests().len();
    assert!(matches!(
        fetch::plan(&entry(), &store, &options(&source), &mut |_| {}).unwrap(),
        FetchState::Available(..)
    ));
    assert_eq!(source.requests().len(), asked, "what is there is not asked for");

    // The kept file equals the served one.
    let folder = Folder::new();
    let (fetched, _) = run(&entry(), &folder, &GetOptions { keep: true, ..options(&source) }).unwrap();
    assert_eq!(std::fs::read(fetched.original.unwrap()).unwrap(), text);
}

#[test]
fn a_broken_connection_resumes_where_it_broke() {
    let text = text(2);
    let file = text.clone();
    let source = Source::new(move |request| {
        let end = if request.number == 1 { End::Cut(100_000) } else { End::Whole };
        honest(request, &file, "\"one\"").end(end)
    });
    let said = fetches(&entry(), &source, &text);
    assert!(said[0].starts_with("Retrying"), "{said:?}");
    let requests = source.requests();
    assert_eq!(requests.len(), 3, "{requests:?}");
    assert_eq!(requests[2].range, Some((100_000, Some(text.len() - 1))));
    assert_eq!(requests[2].if_range.as_deref(), Some("\"one\""));
    assert_eq!(source.served(), 1 + text.len() as u64, "each byte once");
}

#[test]
fn an_aborted_download_resumes_the_next_time() {
    let text = text(3);
    let file = text.clone();
    // Three times 50,000 bytes, then the complete response.
    let source = Source::new(move |request| {
        let end = if (1..=3).contains(&request.number) { End::Cut(50_000) } else { End::Whole };
        honest(request, &file, "\"one\"").end(end)
    });
    let folder = Folder::new();
    let error = run(&entry(), &folder, &options(&source)).map(|_| ()).unwrap_err();
    assert!(error.contains("3 times") && error.contains("run the same command again to resume"), "{error}");
    assert_eq!(files(&folder), ["tiny.txt.part", "tiny.txt.part.json"]);

    let (fetched, said) = run(&entry(), &folder, &options(&source)).unwrap();
    assert_eq!(said, ["Converting"]);
    assert_holds(&fetched.table, &text);
    assert_eq!(source.requests().last().unwrap().range, Some((150_000, Some(text.len() - 1))));
    assert_eq!(files(&folder), ["tiny.safetensors"]);
}

#[test]
fn a_file_that_changes_meanwhile_is_fetched_from_its_beginning() {
    let (old, new) = (text(4), text(5));
    let (before, after) = (old, new.clone());
    let source = Source::new(move |request| match request.number {
        0 => honest(request, &before, "\"old\""),
        1 => honest(request, &before, "\"old\"").end(End::Cut(70_000)),
        _ => honest(request, &after, "\"new\""),
    });
    let said = fetches(&entry(), &source, &new);
    assert!(said.iter().any(|event| event.contains("the file has changed on the server")), "{said:?}");

    // The same in between two runs.
    let (before, after) = (text(4), new.clone());
    let source = Source::new(move |request| match request.number {
        0..=3 => honest(request, &before, "\"old\"").end(End::Cut(10_000)),
        _ => honest(request, &after, "\"new\""),
    });
    let folder = Folder::new();
    run(&entry(), &folder, &options(&source)).map(|_| ()).unwrap_err();
    let (fetched, said) = run(&entry(), &folder, &options(&source)).unwrap();
    assert!(said[0].contains("the file on the server is not the one of the earlier download"), "{said:?}");
    assert_holds(&fetched.table, &new);
}

#[test]
fn without_an_entity_tag_the_whole_file_is_requested_again() {
    let text = text(6);
    let file = text.clone();
    let cut = move |request: &Request| {
        let end = if request.number == 1 { End::Cut(100_000) } else { End::Whole };
        honest(request, &file, "").end(end)
    };
    let source = Source::new(cut.clone());
    let said = fetches(&entry(), &source, &text);
    assert!(said.iter().any(|event| event.contains("does not say whether the file is still the same")), "{said:?}");
    assert_eq!(source.requests()[2].range, None);

    // A checksum would detect parts of two versions, so the download resumes.
    let md5 = format!("{:x}", md5::compute(&text));
    let source = Source::new(cut);
    let entry = CatalogEntry { md5: Some(md5.leak()), ..entry() };
    fetches(&entry, &source, &text);
    assert_eq!(source.requests()[2].range, Some((100_000, Some(text.len() - 1))));
}

#[test]
fn a_server_that_ignores_ranges() {
    let text = text(7);
    let file = text.clone();
    let source = Source::new(move |request| {
        let end = if request.number == 1 { End::Cut(100_000) } else { End::Whole };
        Reply::new("200 OK", &file).header("ETag: \"one\"").end(end)
    });
    let said = fetches(&entry(), &source, &text);
    assert!(said.iter().any(|event| event.contains("the server does not support range requests")), "{said:?}");

    // An archive is then fetched as a whole, and the member extracted.
    let archive = zip(&[("other.txt", &self::text(8)), ("tiny.txt", &text)]);
    let served = archive.len() as u64;
    let source = Source::new(move |_| Reply::new("200 OK", &archive));
    fetches(&zipped(), &source, &text);
    assert!(source.served() >= served);
}

#[test]
fn wrong_content_lengths() {
    let text = text(9);
    // The response is shorter than announced.
    let file = text.clone();
    let source = Source::new(move |request| {
        let (first, _) = request.range.unwrap_or_default();
        let mut reply = honest(request, &file, "\"one\"");
        let total = file.len() + 5000;
        reply.headers = vec![format!("Content-Range: bytes {first}-{}/{total}", total - 1), "ETag: \"one\"".to_owned()];
        reply.length = reply.length.map(|length| length + 5000);
        reply
    });
    refused(&entry(), &source, &["expected the file", "status 416"]);

    // The announced length is too small: the response is complete, but rows are missing.
    let half = text[..text.len() / 2].to_vec();
    let cut = half.iter().rposition(|&byte| byte == b'\n').unwrap() + 1;
    let source = Source::of(half[..cut].to_vec());
    let files = refused(&entry(), &source, &["expected 3000 rows x 10, found 1"]);
    assert!(files.is_empty(), "{files:?}");
    // The same, in the middle of a row.
    let source = Source::of(half[..cut - 3 * 11].to_vec());
    assert!(refused(&entry(), &source, &["expected"]).is_empty());

    // The response is longer than announced.
    let file = text.clone();
    let source = Source::new(move |request| match request.number {
        0 => honest(request, &file, "\"one\""),
        _ => Reply { length: None, ..Reply::new("200 OK", &[&file[..], &file].concat()).header("ETag: \"one\"") },
    });
    let files = refused(&entry(), &source, &["at most", "found more"]);
    assert!(files.is_empty(), "{files:?}");
    let file = text.clone();
    let source = Source::new(move |request| match (request.number, request.range) {
        (1, _) => honest(request, &file, "\"one\"").end(End::Cut(1000)),
        (_, Some((first @ 1.., _))) => {
            let range = format!("Content-Range: bytes {first}-{}/{}", file.len() - 1, file.len());
            Reply { length: None, ..Reply::new("206 Partial Content", &file).header(range) }
        }
        _ => honest(request, &file, "\"one\""),
    });
    let files = refused(&entry(), &source, &["at most", "found more"]);
    assert!(files.is_empty(), "{files:?}");

    // A length that fits on no disk.
    let source =
        Source::new(|_| Reply::new("206 Partial Content", b"x").header("Content-Range: bytes 0-0/9000000000000000"));
    refused(&entry(), &source, &["expected a file of at most", "found a larger one"]);
    let source = Source::of(Vec::new());
    refused(&entry(), &source, &["416"]);
}

#[test]
fn another_range_than_was_asked_for() {
    let file = text(10);
    let source = Source::new(move |request| match request.number {
        0 => honest(request, &file, "\"one\""),
        1 => honest(request, &file, "\"one\"").end(End::Cut(1000)),
        _ => {
            Reply::new("206 Partial Content", &file[..500]).header(format!("Content-Range: bytes 0-499/{}", file.len()))
        }
    });
    refused(&entry(), &source, &["expected the requested bytes from 1000 on", "`bytes 0-499/"]);
}

#[test]
fn a_file_with_a_wrong_checksum() {
    let text = text(11);
    let md5: &'static str = format!("{:x}", md5::compute(&text)).leak();
    let entry = CatalogEntry { md5: Some(md5), ..entry() };
    let source = Source::of(text.clone());
    let said = fetches(&entry, &source, &text);
    assert_eq!(said, ["Verifying", "Converting"]);

    let mut wrong = text.clone();
    wrong[text.len() / 2] ^= 1;
    let found = format!("{:x}", md5::compute(&wrong));
    let files = refused(&entry, &Source::of(wrong), &[&format!("expected MD5 {md5}, found {found}")]);
    assert!(files.is_empty(), "{files:?}");
}

#[test]
fn rows_and_dimension_are_counted() {
    let text = text(12);
    let source = Source::of(text.clone());
    let files =
        refused(&CatalogEntry { rows: Some(ROWS + 1), ..entry() }, &source, &["3001 rows x 10, found 3000 rows x 10"]);
    assert!(files.is_empty(), "{files:?}");
    refused(&CatalogEntry { dimension: 50, ..entry() }, &source, &["3000 rows x 50, found 3000 rows x 10"]);
    refused(&CatalogEntry { rows: None, dimension: 50, ..entry() }, &source, &["rows of 50 numbers"]);
    refused(&entry(), &Source::of(b"<html>Not what you want.</html>".to_vec()), &["expected"]);

    // Rows of repeated words count as the publisher's rows, too.
    let repeated = [&text[..], &text[..text.iter().position(|&byte| byte == b'\n').unwrap() + 1]].concat();
    let folder = Folder::new();
    let one_more = CatalogEntry { rows: Some(ROWS + 1), ..entry() };
    let (fetched, _) = run(&one_more, &folder, &options(&Source::of(repeated))).unwrap();
    assert_eq!(fetched.rows, ROWS);
    assert!(fetched.warnings[0].contains("an earlier row has the same word"), "{:?}", fetched.warnings);

    // A refused file is kept if requested, and nothing else.
    let folder = Folder::new();
    let keep = GetOptions { keep: true, ..options(&source) };
    run(&CatalogEntry { dimension: 50, ..entry() }, &folder, &keep).map(|_| ()).unwrap_err();
    assert_eq!(self::files(&folder), ["tiny.txt"]);
}

#[test]
fn a_web_page_is_not_a_file() {
    let text = text(21);
    let file = text.clone();
    let source = Source::new(move |request| match request.number {
        0 => honest(request, &file, "\"one\""),
        1 => honest(request, &file, "\"one\"").end(End::Cut(70_000)),
        2 | 3 => Reply::new("200 OK", b"<html>Log in</html>").header("Content-Type: text/html; charset=utf-8"),
        _ => honest(request, &file, "\"one\""),
    });
    // During a download, and before it.
    let folder = Folder::new();
    for _ in 0..2 {
        let error = run(&entry(), &folder, &options(&source)).map(|_| ()).unwrap_err();
        assert!(error.contains("expected the file, found a web page (text/html)"), "{error}");
        assert_eq!(files(&folder), ["tiny.txt.part", "tiny.txt.part.json"]);
    }
    let (fetched, said) = run(&entry(), &folder, &options(&source)).unwrap();
    assert_eq!(said, ["Converting"], "an existing partial download is resumed");
    assert_holds(&fetched.table, &text);
    assert_eq!(source.requests().last().unwrap().range, Some((70_000, Some(text.len() - 1))));

    // One without a content type; also for an archive.
    let page = || Source::new(|_| Reply::new("200 OK", b"<html>Log in</html>"));
    for entry in [entry(), zipped()] {
        let files = refused(&entry, &page(), &["the downloaded file is not tiny: ", "to keep the download"]);
        assert!(files.is_empty(), "{files:?}");
    }
    // The message names the file that was kept on request.
    let folder = Folder::new();
    let keep = GetOptions { keep: true, ..options(&page()) };
    let error = run(&zipped(), &folder, &keep).map(|_| ()).unwrap_err();
    assert!(error.contains("remove "), "{error}");
    assert_eq!(files(&folder), ["tiny.zip"]);
}

#[test]
fn a_second_request_before_the_first_response() {
    let text = text(22);
    let file = text.clone();
    let source = Source::new(move |request| match request.number {
        0 => Reply::new("503 Service Unavailable", b"").header("Retry-After: Wed, 21 Oct 2037 07:28:00 GMT"),
        _ => honest(request, &file, "\"one\""),
    });
    let folder = Folder::new();
    let mut said = Vec::new();
    let store = Store::new(folder.path("store"));
    fetch::plan(&entry(), &store, &options(&source), &mut |event| said.push(format!("{event:?}"))).unwrap();
    assert!(said.len() == 1 && said[0].contains("status 503 (Service Unavailable)"), "{said:?}");
}

#[test]
fn redirects() {
    let text = text(13);
    let target = Source::of(text.clone());
    // To another host, as publishers do.
    let location = format!("Location: http://localhost:{}/elsewhere", target.address.port());
    let source = Source::new(move |_| Reply::new("302 Found", b"").header(location.clone()));
    fetches(&entry(), &source, &text);
    assert!(target.requests().iter().all(|request| request.path == "/elsewhere"));

    let source = Source::new(|request| {
        let to = if request.path == "/a" { "/b" } else { "/a" };
        Reply::new("301 Moved Permanently", b"").header(format!("Location: {to}"))
    });
    refused(&entry(), &source, &["more than 10 redirects"]);
    assert_eq!(source.requests().len(), 11, "circles are not tried again");
}

#[test]
fn permanent_and_temporary_errors() {
    let source = Source::new(|_| Reply::new("404 Not Found", b"gone"));
    refused(&entry(), &source, &["/tiny.txt: expected the file, found status 404 (Not Found)", "VOCABLE_MIRROR"]);
    assert_eq!(source.requests().len(), 1, "it is not asked again");

    for status in ["500 Internal Server Error", "503 Service Unavailable", "429 Too Many Requests"] {
        let source = Source::new(move |_| Reply::new(status, b"").header("Retry-After: 0"));
        refused(&entry(), &source, &[&status[..3], "3 times"]);
        assert_eq!(source.requests().len(), 3);
    }

    let text = text(14);
    let file = text.clone();
    let source = Source::new(move |request| match request.number {
        0 | 2 => Reply::new("500 Internal Server Error", b""),
        3 => Reply::new("503 Service Unavailable", b"").header("Retry-After: 1"),
        _ => honest(request, &file, "\"one\""),
    });
    let begun = Instant::now();
    let said = fetches(&entry(), &source, &text);
    assert!(said.iter().any(|event| event.contains("503") && event.contains("pause: 1s")), "{said:?}");
    assert!(begun.elapsed() >= Duration::from_secs(1), "it waits as it was told to");
}

#[test]
fn a_server_that_stalls_and_one_that_is_not_there() {
    let text = text(15);
    let file = text.clone();
    let source = Source::new(move |request| {
        let end = if request.number == 1 { End::Stall(100_000) } else { End::Whole };
        honest(request, &file, "\"one\"").end(end)
    });
    let said = fetches(&entry(), &source, &text);
    assert!(said[0].starts_with("Retrying"), "{said:?}");
    assert_eq!(source.requests()[2].range, Some((100_000, Some(text.len() - 1))));

    let silent = Source::new(|request| Reply::new("200 OK", b"").end(End::Stall(request.number))).mirror();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mute = format!("http://{}", listener.local_addr().unwrap());
    let nobody = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    for (mirror, what) in [(mute, "did not respond in time, 3 times"), (nobody, "3 times"), (silent, "")] {
        let folder = Folder::new();
        let error = run(&entry(), &folder, &GetOptions { mirror: Some(mirror), ..options(&source) });
        let error = error.map(|_| ()).unwrap_err();
        assert!(error.contains(what), "{error}");
        assert!(!table(&folder).exists());
    }
    for mirror in ["nonsense", "ftp://127.0.0.1/x", "http://"] {
        let error = run(&entry(), &Folder::new(), &GetOptions { mirror: Some(mirror.into()), ..options(&source) });
        let error = error.map(|_| ()).unwrap_err();
        assert!(error.starts_with(mirror.trim_end_matches('/')), "{error}");
    }
}

#[test]
fn one_member_of_an_archive_takes_a_small_part_of_it() {
    let text = text(16);
    let others: Vec<Vec<u8>> = (20..30).map(self::text).collect();
    let mut members: Vec<(String, &[u8])> =
        others.iter().enumerate().map(|(number, other)| (format!("other{number}.txt"), &other[..])).collect();
    members.insert(4, ("tiny.txt".to_owned(), &text));
    let members: Vec<(&str, &[u8])> = members.iter().map(|(name, bytes)| (&name[..], *bytes)).collect();
    let archive = zip(&members);
    let source = Source::of(archive.clone());
    fetches(&zipped(), &source, &text);
    let (served, whole) = (source.served(), archive.len() as u64);
    assert!(served < whole / 3, "{served} bytes of {whole}");

    // Interrupted, it resumes; the kept file is an archive with this member only.
    let cut = archive.clone();
    let source = Source::new(move |request| {
        let long = matches!(request.range, Some((first, Some(last))) if last - first > 70_000);
        honest(request, &cut, "\"one\"").end(if long && (3..5).contains(&request.number) {
            End::Cut(30_000)
        } else {
            End::Whole
        })
    });
    let folder = Folder::new();
    let keep = GetOptions { keep: true, ..options(&source) };
    let (fetched, said) = run(&zipped(), &folder, &keep).unwrap();
    assert!(said[0].starts_with("Retrying"), "{said:?}");
    assert_holds(&fetched.table, &text);
    let original = fetched.original.unwrap();
    assert_eq!(original.file_name().unwrap(), "tiny.txt.zip");
    let vectors = Vectors::open(&original).unwrap();
    assert_eq!(vectors.len(), ROWS);

    // Changed between the central directory and the member: the result would be a mix of two files.
    let (before, after) = (archive.clone(), zip(&[("tiny.txt", &text)]));
    let source = Source::new(move |request| match request.range {
        Some((first, Some(last))) if first > 0 && last - first > 70_000 => honest(request, &after, "\"new\""),
        _ => honest(request, &before, "\"old\""),
    });
    refused(&zipped(), &source, &["it has changed on the server: run the command again"]);
}

#[test]
fn hostile_archives() {
    let text = text(17);
    // Names of members are compared and never used as paths.
    let archive = zip(&[("../../outside.txt", b"a 1\n"), ("tiny.txt", &text), ("/etc/absolute.txt", b"b 2\n")]);
    fetches(&zipped(), &Source::of(archive), &text);
    let archive = zip(&[("../tiny.txt", &text), ("tiny.txt\n", &text)]);
    refused(&zipped(), &Source::of(archive), &["a member named `tiny.txt`", "\"../tiny.txt\"", "\\n"]);

    // A zip bomb with its true size, and one with a false size.
    let bomb = vec![b'0'; 100 << 20];
    let honest_bomb = zip(&[("tiny.txt", &bomb)]);
    refused(&zipped(), &Source::of(honest_bomb.clone()), &["`tiny.txt`, which expands from", "104857600"]);
    let mut lying = honest_bomb;
    for (magic, at) in [(b"PK\x01\x02", 24), (b"PK\x03\x04", 22)] {
        let place = lying.windows(4).position(|window| window == magic).unwrap() + at;
        lying[place..place + 4].copy_from_slice(&1000u32.to_le_bytes());
    }
    assert!(refused(&zipped(), &Source::of(lying.clone()), &["expected"]).is_empty());
    let whole = Source::new(move |_| Reply::new("200 OK", &lying));
    assert!(refused(&zipped(), &whole, &["expected"]).is_empty());
    assert!(
        refused(&entry(), &Source::of(gzip(&b"w 1 2\n".repeat(10 << 20))), &["an archive that expands to at most"])
            .is_empty()
    );

    // Damage in the central directory, and in the member.
    let archive = zip(&[("other.txt", &self::text(18)), ("tiny.txt", &text)]);
    let mut no_end = archive.clone();
    no_end.truncate(archive.len() - 30);
    refused(&zipped(), &Source::of(no_end), &["a complete zip archive"]);
    refused(&zipped(), &Source::of(b"PK\x03\x04 and nothing more".to_vec()), &["a complete zip archive"]);
    let mut flipped = archive.clone();
    let place = archive.len() - 20_000;
    flipped[place] ^= 0x40;
    assert!(refused(&zipped(), &Source::of(flipped), &["expected"]).is_empty());
    // A member with a wrong offset.
    let mut elsewhere = archive;
    let entry_at = elsewhere.windows(4).rposition(|window| window == b"PK\x01\x02").unwrap();
    elsewhere[entry_at + 42..entry_at + 46].copy_from_slice(&u32::MAX.wrapping_sub(9).to_le_bytes());
    refused(&zipped(), &Source::of(elsewhere), &["expected"]);
}

#[test]
fn two_downloads_at_once() {
    let text = text(19);
    let file = text.clone();
    let source = Source::new(move |request| {
        if request.range.is_none() {
            std::thread::sleep(Duration::from_millis(300));
        }
        honest(request, &file, "\"one\"")
    });
    let folder = Folder::new();
    let outcomes: Vec<Outcome> = std::thread::scope(|scope| {
        let runs: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    run(&entry(), &folder, &GetOptions { timeout: Duration::from_secs(20), ..options(&source) })
                })
            })
            .collect();
        runs.into_iter().map(|run| run.join().unwrap()).collect()
    });
    for outcome in outcomes {
        assert_holds(&outcome.unwrap().0.table, &text);
    }
    let whole = source.requests().iter().filter(|request| request.range.is_none()).count();
    assert_eq!(whole, 1, "only one of them fetches");
    assert_eq!(files(&folder), ["tiny.safetensors"]);
}

#[test]
fn a_conversion_that_was_killed_is_done_again_without_the_server() {
    let text = text(20);
    let source = Source::new(|_| Reply::new("404 Not Found", b""));
    let folder = Folder::new();
    let room = folder.path("store").join("tiny");
    std::fs::create_dir_all(&room).unwrap();
    std::fs::write(room.join("tiny.txt"), &text).unwrap();
    std::fs::write(room.join(".vocable-aBcDeF"), b"half a table").unwrap();
    let (fetched, _) = run(&entry(), &folder, &options(&source)).unwrap();
    assert_holds(&fetched.table, &text);
    assert_eq!(files(&folder), ["tiny.safetensors"]);
    assert!(source.requests().is_empty());
}
