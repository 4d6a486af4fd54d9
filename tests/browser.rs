//! The pages of `vocable explore` and `vocable compare` in a real browser: Chromium, driven through chromedriver's WebDriver protocol.

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::common::{Folder, fixture, program};
use serde_json::{Value, json};
use vocable::Vectors;
use vocable::files::{ElementType, Format};

/// How long to wait for the page to change.
const TIMEOUT: Duration = Duration::from_secs(60);

/// A process that ends with the test.
struct Ending(Child);

impl Drop for Ending {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The program as a server, and its address.
fn explore(arguments: &[&str]) -> (Ending, String) {
    let mut child =
        program().arg("explore").args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    (Ending(child), line.trim().to_owned())
}

/// Sends an HTTP request and returns the JSON of the response.
fn http(host: &str, method: &str, path: &str, body: Option<&Value>) -> Value {
    let body = body.map_or(String::new(), Value::to_string);
    let mut stream = TcpStream::connect(host).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\nconnection: close\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let (mut line, mut length) = (String::new(), 0);
    while reader.read_line(&mut line).unwrap() > 2 {
        if let Some(value) = line.to_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap();
        }
        line.clear();
    }
    let mut answer = vec![0; length];
    reader.read_exact(&mut answer).unwrap();
    serde_json::from_slice(&answer).unwrap()
}

/// A browser with one window.
struct Browser {
    host: String,
    session: String,
    _driver: Ending,
    _profile: Folder,
}

impl Browser {
    fn new(width: u32, height: u32) -> Browser {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("chromedriver: apt-get install chromium chromium-driver");
        let mut told = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = told.find_map(|line| {
            let line = line.unwrap();
            let (_, port) = line.split_once("started successfully on port ")?;
            Some(port.trim_end_matches('.').to_owned())
        });
        let port = port.expect("chromedriver says where it listens");
        let host = format!("127.0.0.1:{port}");
        let profile = Folder::new();
        let arguments = [
            "--headless".to_owned(),
            "--no-sandbox".into(),
            "--disable-gpu".into(),
            "--no-first-run".into(),
            "--disable-background-networking".into(),
            format!("--user-data-dir={}", profile.path("profile").display()),
            format!("--window-size={width},{height}"),
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "goog:chromeOptions": { "args": arguments },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let session = http(&host, "POST", "/session", Some(&wanted));
        let session = session["value"]["sessionId"].as_str().unwrap_or_else(|| panic!("{session}")).to_owned();
        Browser { host, session, _driver: Ending(driver), _profile: profile }
    }

    fn command(&self, path: &str, body: &Value) -> Value {
        let answer = http(&self.host, "POST", &format!("/session/{}/{path}", self.session), Some(body));
        assert!(answer["value"]["error"].is_null(), "{path}: {answer}");
        answer["value"].clone()
    }

    fn open(&self, address: &str) {
        // To another page first: a change of the fragment alone does not reload the page.
        self.command("url", &json!({ "url": "about:blank" }));
        self.command("url", &json!({ "url": address }));
    }

    fn script(&self, script: &str) -> Value {
        self.command("execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// Waits until a script returns the expected value.
    #[track_caller]
    fn wait(&self, script: &str, expected: impl Into<Value>) {
        let (expected, started) = (expected.into(), Instant::now());
        loop {
            let found = self.script(script);
            if found == expected {
                return;
            }
            assert!(started.elapsed() < TIMEOUT, "`{script}` is {found}, not {expected}; {:?}", self.complaints());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Types into the focused element.
    fn keys(&self, text: &str) {
        let strokes = text
            .chars()
            .flat_map(|key| ["keyDown", "keyUp"].map(|kind| json!({ "type": kind, "value": key.to_string() })));
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": strokes.collect::<Vec<_>>() });
        self.command("actions", &json!({ "actions": [keyboard] }));
    }

    fn click(&self, selector: &str) {
        let found = self.command("element", &json!({ "using": "css selector", "value": selector }));
        let id = found.as_object().unwrap().values().next().unwrap().as_str().unwrap().to_owned();
        self.command(&format!("element/{id}/click"), &json!({}));
    }

    /// Console messages of the page: errors, and violations of its content security policy.
    fn complaints(&self) -> Vec<Value> {
        let log = self.command("se/log", &json!({ "type": "browser" }));
        log.as_array().unwrap().iter().filter(|line| line["level"] == "SEVERE").cloned().collect()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Ending the session closes the browser.
        http(&self.host, "DELETE", &format!("/session/{}", self.session), None);
    }
}

const ENTER: &str = "\u{E007}";
const DOWN: &str = "\u{E015}";
const RIGHT: &str = "\u{E014}";
const LEFT: &str = "\u{E012}";

const NEIGHBOURS: &str =
    "return [...document.querySelectorAll('#neighbours .word')].map(one => one.dataset.word).join(' ')";
const SEARCHED: &str = "return document.body.dataset.searched";
const MAPPED: &str = "return Number(document.body.dataset.mapped)";
const PICTURE: &str = "return document.querySelector('canvas').toDataURL()";

/// 400,000 words of 50 numbers, in clusters of a hundred.
fn large(folder: &Folder) -> std::path::PathBuf {
    const ROWS: u32 = 400_000;
    let number = |seed: u32| {
        let mixed = (seed ^ seed >> 15).wrapping_mul(0x2c1b_3c6d);
        let mixed = (mixed ^ mixed >> 12).wrapping_mul(0x297a_2d39);
        (mixed ^ mixed >> 15) as f32 / u32::MAX as f32 - 0.5
    };
    let values = (0..ROWS).flat_map(|row| {
        (0..50).map(move |column| number(row / 100 * 50 + column) + 0.5 * number(0x4000_0000 + row * 50 + column))
    });
    // Only letters: row 0 is `waaaa`.
    let letter = |row: u32, place: u32| char::from(b'a' + (row / 26u32.pow(place) % 26) as u8);
    let words = (0..ROWS).map(|row| format!("w{}", (0..4).rev().map(|place| letter(row, place)).collect::<String>()));
    let vectors = Vectors::new(words, values.collect(), 50).unwrap();
    let path = folder.path("large.safetensors");
    vectors.save(&path, Format::Table, ElementType::default()).unwrap();
    path
}

#[test]
#[ignore = "needs Chromium and chromedriver: apt-get install chromium chromium-driver"]
fn a_person_explores_400_000_words() {
    let folder = Folder::new();
    let path = large(&folder);
    let (_server, address) = explore(&["--vectors", path.to_str().unwrap()]);
    let host = address.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let browser = Browser::new(1280, 900);
    browser.open(&address);
    browser.wait("return document.body.dataset.ready !== undefined", true);
    eprintln!("page ready after {} ms", browser.script("return document.body.dataset.ready"));
    browser.wait(MAPPED, 2000);

    // By keyboard only: focus the field, type a prefix, choose the second completion, search.
    browser.keys("/waab");
    browser.wait("return document.querySelectorAll('#completions li').length", 10);
    browser.keys(DOWN);
    browser.keys(DOWN);
    browser.keys(ENTER);
    browser.wait("return document.getElementById('word').value", "waabb");
    browser.keys(ENTER);
    browser.wait(SEARCHED, "waabb");
    let expected = http(&host, "GET", "/v1/nearest?word=waabb&k=25", None);
    let expected: Vec<&str> =
        expected["neighbours"].as_array().unwrap().iter().map(|one| one["word"].as_str().unwrap()).collect();
    browser.wait(NEIGHBOURS, expected.join(" "));
    browser.wait("return location.hash", "#word=waabb");
    browser.wait(MAPPED, 200);
    let mut times: Vec<f64> = Vec::new();
    for word in ["waaac", "wcabd", "wkzza", "wvaac", "wbbbb", "wdddd", "whhhh", "wpppp", "wqaqa", "wuuuu", "waaab"] {
        browser.script(&format!("location.hash = 'word={word}'"));
        browser.wait(SEARCHED, word);
        times.push(browser.script("return document.body.dataset.took").as_str().unwrap().parse().unwrap());
    }
    times.sort_by(f64::total_cmp);
    eprintln!(
        "a search answered and shown after {} ms (median of {}), {} at the most",
        times[5],
        times.len(),
        times[10]
    );

    // A click on a neighbour queries it, and the back button returns.
    let next = browser.script("return document.querySelector('#neighbours .word').dataset.word");
    browser.click("#neighbours .word");
    browser.wait(SEARCHED, next);
    browser.command("back", &json!({}));
    browser.wait(SEARCHED, "waaab");

    // A link to a view opens that view: 50,000 points, panned by keyboard.
    browser.open(&format!("{address}#word=wkzza&selection=frequent&points=50000"));
    browser.wait(MAPPED, 50_000);
    browser.wait(SEARCHED, "wkzza");
    browser.wait("return document.querySelector('canvas').dataset.drawn !== undefined", true);
    browser.script("document.querySelector('canvas').focus()");
    let before = browser.script(PICTURE);
    let mut frames: Vec<f64> = Vec::new();
    for turn in 0..15 {
        browser.script("delete document.querySelector('canvas').dataset.drawn");
        browser.keys(if turn % 2 == 0 { RIGHT } else { LEFT });
        browser.wait("return document.querySelector('canvas').dataset.drawn !== undefined", true);
        frames.push(
            browser.script("return document.querySelector('canvas').dataset.drawn").as_str().unwrap().parse().unwrap(),
        );
    }
    frames.sort_by(f64::total_cmp);
    eprintln!("50,000 points drawn in {} ms (median), {} at the most", frames[7], frames[14]);
    assert!(browser.script(PICTURE) != before, "the map did not move");
    browser.keys("++n");
    browser.wait("return /^w[a-z]{4}$/.test(document.getElementById('caption').textContent)", true);
    let marked = browser.script("return document.getElementById('caption').textContent");
    browser.keys(ENTER);
    browser.wait(SEARCHED, marked);
    assert_eq!(browser.complaints(), Vec::<Value>::new());
}

#[test]
#[ignore = "needs Chromium and chromedriver: apt-get install chromium chromium-driver"]
fn analogies_labels_and_two_files_are_shown() {
    let folder = Folder::new();
    let labels = folder.file(
        "labels",
        "france\tcountry\nitaly\tcountry\nspain\tcountry\nparis\tcapital\nrome\tcapital\nmadrid\tcapital\n",
    );
    // As if fine-tuned: one word was moved to another.
    let demo = Vectors::demo().unwrap();
    let mut values = demo.values().to_vec();
    let (from, to) = (demo.row_of("france").unwrap() as usize * 50, demo.row_of("crocodile").unwrap() as usize * 50);
    values.copy_within(to..to + 50, from);
    let after = folder.path("after.safetensors");
    let tuned = Vectors::new(demo.iter().map(|(word, _)| word), values, 50).unwrap();
    tuned.save(&after, Format::Table, ElementType::default()).unwrap();
    let before = fixture("demo.50d.txt");
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (_server, address) =
        explore(&["--vectors", &text(&before), "--compare", &text(&after), "--labels", &text(&labels)]);
    let browser = Browser::new(390, 844);
    browser.open(&format!("{address}#a=man&b=king&c=woman"));
    browser.wait("return document.querySelector('#answers .word')?.dataset.word", "queen");
    browser.wait("return document.querySelectorAll('canvas').length", 2);
    browser.wait("return Number(document.body.dataset.mapped) > 100", true);
    // Nothing is wider than a phone's screen.
    browser.wait("return document.documentElement.scrollWidth <= innerWidth", true);
    browser.open(&format!("{address}#selection=labelled&pairs=france+paris%0Aitaly+rome"));
    browser.wait(MAPPED, 6);
    browser.wait(
        "return [...document.querySelectorAll('#legend li')].map(one => one.textContent).join(' ')",
        "country capital",
    );
    browser.open(&format!("{address}#selection=labelled&method=pca&colour=distance"));
    browser.wait("return document.querySelectorAll('#legend li').length > 1", true);
    browser.wait("return document.querySelectorAll('#legend li')[1].textContent.startsWith('france ')", true);
    browser.open(&format!("{address}#word=frnace"));
    browser.wait("return document.getElementById('status').textContent.includes('`france`')", true);
    browser.open(&format!("{address}#word=%3Cimg+src=x%3E"));
    browser.wait("return document.getElementById('status').textContent.includes('<img')", true);
    let failed = browser.complaints();
    // An unknown word is a 404, which the console shows.
    assert!(failed.iter().all(|line| line["message"].as_str().unwrap().contains("404")), "{failed:?}");
}

#[test]
#[ignore = "needs Chromium and chromedriver: apt-get install chromium chromium-driver"]
fn a_page_elsewhere_learns_nothing() {
    let (_server, address) = explore(&[]);
    let browser = Browser::new(800, 600);
    // A page loaded from a data: URL has an opaque origin.
    browser.command("url", &json!({ "url": "data:text/html,<p>elsewhere</p>" }));
    let asked = format!(
        "const done = arguments[0]; fetch('{address}v1/nearest?word=king').then(() => done('answered'), () => done('refused'))"
    );
    let outcome = browser.command("execute/async", &json!({ "script": asked, "args": [] }));
    assert_eq!(outcome, "refused");
}

/// Layout faults of a page: overflowing elements, text that is too small or has too little contrast.
const STUMBLES: &str = "
    const found = [];
    if (document.documentElement.scrollWidth > innerWidth) found.push('wider than the window');
    if (performance.getEntriesByType('resource').length) found.push('something was loaded');
    const ground = getComputedStyle(document.querySelector('section')).backgroundColor;
    const light = colour => {
        const [r, g, b] = colour.match(/[\\d.]+/g).slice(0, 3).map(part => part / 255)
            .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((p, q) => q - p); return (x + 0.05) / (y + 0.05); };
    let texts = 0;
    for (const text of document.querySelectorAll('figure svg text')) {
        if (!text.checkVisibility() || !text.textContent.trim()) continue;
        texts += 1;
        const [box, whole] = [text.getBoundingClientRect(), text.ownerSVGElement.getBoundingClientRect()];
        const said = text.textContent.trim();
        const size = text.getScreenCTM().a * parseFloat(getComputedStyle(text).fontSize);
        if (size < 11) found.push(`${said}: ${size} px`);
        if (contrast(getComputedStyle(text).fill, ground) < 4.5) found.push(`${said}: too pale`);
        if (box.left < whole.left - 1 || box.right > whole.right + 1) found.push(`${said}: cut off`);
    }
    if (!texts) found.push('no plot has text');
    for (const line of document.querySelectorAll('figure svg :is(polyline, polygon, circle)')) {
        const { fill, stroke } = getComputedStyle(line);
        // A missing property would be black.
        if (fill === 'rgb(0, 0, 0)' || stroke === 'rgb(0, 0, 0)') found.push('something black');
    }
    for (const part of document.querySelectorAll('.wide')) {
        if (part.scrollWidth > part.clientWidth && part.tabIndex !== 0) found.push('a table that no key scrolls');
    }
    return found;
";

#[test]
#[ignore = "needs Chromium and chromedriver: apt-get install chromium chromium-driver"]
fn the_page_of_a_comparison_is_legible_everywhere() {
    let folder = Folder::new();
    let page = folder.path("page.html");
    let parts = ["train", "dev", "test"].map(|part| fixture(&format!("reviews.{part}.txt")));
    let status = program()
        .args(["compare", "--embeddings", "frozen,tuned,oov-only,random,one-hot", "--seeds", "2", "--epochs", "3"])
        .args(["--train-sizes", "50,all", "--hidden", "8", "--watch", "good,bad,not", "--html"])
        .arg(&page)
        .args(["--train", parts[0].to_str().unwrap()])
        .args(["--dev", parts[1].to_str().unwrap()])
        .args(["--test", parts[2].to_str().unwrap()])
        .stdout(Stdio::null())
        .status()
        .unwrap();
    assert!(status.success());
    let browser = Browser::new(1280, 900);
    let devtools = |command: &str, parameters: Value| {
        browser.command("goog/cdp/execute", &json!({ "cmd": command, "params": parameters }));
    };
    for scheme in ["light", "dark"] {
        for width in [390, 1280] {
            let screen = json!({ "width": width, "height": 844, "deviceScaleFactor": 1, "mobile": width < 1000 });
            devtools("Emulation.setDeviceMetricsOverride", screen);
            let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
            devtools("Emulation.setEmulatedMedia", json!({ "features": features }));
            browser.open(&format!("file://{}", page.display()));
            let dark = browser.script("return matchMedia('(prefers-color-scheme: dark)').matches");
            assert_eq!(dark, scheme == "dark");
            // Collapsed sections, too.
            browser.script("document.querySelectorAll('details').forEach(part => part.open = true)");
            assert_eq!(browser.script(STUMBLES), json!([]), "{width} {scheme}");
        }
    }
    assert_eq!(browser.complaints(), Vec::<Value>::new());
}
