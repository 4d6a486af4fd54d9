//! `vocable explore`: responses of the server, and refused requests, over loopback.
#![cfg(feature = "explore")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use crate::common::{Folder, fixture, program, vocable};
use serde_json::{Value, json};
use vocable::Vectors;
use vocable::serve::{AppState, Limits, Server, Stopper};

/// The program as a server; it ends with the test.
struct Explore {
    child: Child,
    address: SocketAddr,
}

impl Drop for Explore {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn explore(arguments: &[&str]) -> Explore {
    let mut command = program();
    command.arg("explore").arg("--vectors").arg(fixture("demo.50d.txt")).args(arguments);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let address = line.trim().strip_prefix("http://").and_then(|rest| rest.strip_suffix('/')).unwrap().parse().unwrap();
    Explore { child, address }
}

/// A server in the test's process, with its own limits.
struct Within {
    address: SocketAddr,
    stopper: Stopper,
    thread: Option<JoinHandle<()>>,
}

impl Within {
    fn new(limits: Limits) -> Within {
        Within::of(Arc::new(Vectors::demo().unwrap()), limits)
    }

    fn of(vectors: Arc<Vectors>, limits: Limits) -> Within {
        let state = AppState { vectors, second: None, model: None, list: None, labels: None };
        let server = Server::bind(state, 0, limits).unwrap();
        let (address, stopper) = (server.address(), server.stopper());
        Within { address, stopper, thread: Some(std::thread::spawn(move || server.run().unwrap())) }
    }

    /// Stops the server; panics if it failed.
    fn end(mut self) {
        self.stopper.stop();
        self.thread.take().unwrap().join().unwrap();
    }
}

#[derive(Debug)]
struct Response {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Response {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    #[track_caller]
    fn answer(&self) -> Value {
        assert_eq!(self.status, 200, "{}", String::from_utf8_lossy(&self.body));
        self.json()
    }

    /// The error message of a response with this status.
    #[track_caller]
    fn refusal(&self, status: u16) -> String {
        assert_eq!(self.status, status, "{}: {}", self.head, String::from_utf8_lossy(&self.body));
        self.json()["error"].as_str().unwrap().to_owned()
    }
}

/// Sends bytes and reads the response until the connection is closed.
fn send(address: SocketAddr, bytes: &[u8]) -> Response {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // A server that refuses a request need not read all of it.
    let _ = stream.write_all(bytes);
    received(stream)
}

fn received(mut stream: TcpStream) -> Response {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    let end = all.windows(4).position(|window| window == b"\r\n\r\n").unwrap_or_else(|| panic!("no response: {all:?}"));
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Response { status, head: head.to_lowercase(), body: all[end + 4..].to_vec() }
}

fn get_with(address: SocketAddr, target: &str, headers: &str) -> Response {
    let request = format!("GET {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n{headers}\r\n");
    send(address, request.as_bytes())
}

fn get(address: SocketAddr, target: &str) -> Response {
    get_with(address, target, "")
}

fn post(address: SocketAddr, target: &str, body: &[u8]) -> Response {
    let head = format!(
        "POST {target} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n",
        body.len()
    );
    send(address, &[head.as_bytes(), body].concat())
}

fn by_program(arguments: &[&str]) -> Value {
    let vectors = fixture("demo.50d.txt");
    let mut all = vec!["--json", "--vectors", vectors.to_str().unwrap()];
    all.extend(arguments);
    vocable(all).only_json()
}

#[test]
fn answers_are_those_of_the_program() {
    let server = explore(&[]);
    let at = |target: &str| get(server.address, target).answer();
    assert_eq!(at("/v1/nearest?word=king&k=5"), by_program(&["nearest", "king", "-k", "5"]));
    assert_eq!(
        at("/v1/nearest?word=king&word=woman&not=man&k=3&restrict=500"),
        by_program(&["nearest", "king", "+woman", "-man", "-k", "3", "--restrict", "500"])
    );
    assert_eq!(at("/v1/nearest?word=king&min_cosine=0.85"), by_program(&["nearest", "king", "--min-cosine", "0.85"]));
    assert_eq!(at("/v1/similarity?a=france&b=italy"), by_program(&["similarity", "france", "italy"]));
    for method in ["add", "mul"] {
        let asked = format!("/v1/analogy?a=man&b=king&c=woman&method={method}");
        assert_eq!(at(&asked), by_program(&["analogy", "man", "king", "woman", "--method", method]));
    }
    let body = json!({ "word": ["king", "woman"], "not": "man", "k": 4 }).to_string();
    assert_eq!(
        post(server.address, "/v1/nearest", body.as_bytes()).answer(),
        by_program(&["nearest", "king", "+woman", "-man", "-k", "4"])
    );
    let vectors = Vectors::demo().unwrap();
    let body = json!({ "vector": vectors.get("king").unwrap(), "k": 1 }).to_string();
    assert_eq!(post(server.address, "/v1/nearest", body.as_bytes()).answer()["neighbours"][0]["word"], "king");
    let completed = at("/v1/complete?prefix=fra&k=3");
    assert!(completed["words"].as_array().unwrap().iter().all(|word| word.as_str().unwrap().starts_with("fra")));
    assert!(completed["words"].as_array().unwrap().contains(&json!("france")), "{completed}");
}

#[test]
fn a_model_predicts_as_the_program_does() {
    let folder = Folder::new();
    let texts = folder.file("texts", "pos a great film\nneg a dull film\n");
    let out = folder.path("model");
    let vectors = fixture("demo.50d.txt");
    let path = |path: &Path| path.to_str().unwrap().to_owned();
    let training = ["train", "--hidden", "4", "--epochs", "1", "--vectors", &path(&vectors), "--train", &path(&texts)]
        .map(str::to_owned);
    let rest = ["--dev", &path(&texts), "--out", &path(&out)].map(str::to_owned);
    assert_eq!(vocable(training.iter().chain(&rest)).code, 0);
    let server = explore(&["--model", &path(&out)]);
    let body = json!({ "text": ["a great film", "dull"] }).to_string();
    let answer = post(server.address, "/v1/predict", body.as_bytes()).answer();
    let arguments = ["predict", &path(&out), "--json", "--vectors", &path(&vectors)].map(str::to_owned);
    let expected = crate::common::vocable_fed(arguments, b"a great film\ndull\n").json();
    assert_eq!(answer["predictions"], json!(expected));
    let without = Within::new(Limits::default());
    assert!(get(without.address, "/v1/predict?text=a").refusal(404).contains("no model"));
    without.end();
}

#[test]
fn a_batch_returns_the_results_of_single_queries() {
    let server = explore(&[]);
    let words = ["king", "france", "cat", "bread", "film", "good", "river", "green"];
    let expected: Vec<Value> = words.iter().map(|word| by_program(&["nearest", word, "-k", "7"])).collect();
    std::thread::scope(|scope| {
        for client in 0..16 {
            let (expected, address) = (&expected, server.address);
            scope.spawn(move || {
                for turn in 0..20 {
                    let index = (client + turn) % words.len();
                    // Other queries of the same batch ask for more results or fewer.
                    let k = 7 - (turn % 3);
                    let found = get(address, &format!("/v1/nearest?word={}&k={k}", words[index])).answer();
                    let all = expected[index]["neighbours"].as_array().unwrap();
                    assert_eq!(found["neighbours"].as_array().unwrap()[..], all[..k]);
                }
            });
        }
    });
}

#[test]
fn queries_without_a_result_say_why() {
    let server = explore(&[]);
    let refused = |target: &str, status: u16| get(server.address, target).refusal(status);
    assert!(refused("/v1/nearest?word=kign", 404).contains("`king`"));
    assert!(refused("/v1/analogy?a=man&b=king&c=womman", 404).contains("womman"));
    assert!(refused("/v1/similarity?a=king&b=xqzzt", 404).contains("xqzzt"));
    assert!(refused("/v1/nearest?word=king&k=1000000000", 400).contains("from 1 to 1000"));
    for wrong in [
        "nearest",
        "nearest?word=king&k=0",
        "nearest?word=king&k=-1",
        "nearest?word=king&k=1.5",
        "nearest?word=king&k=99999999999999999999999",
        "nearest?word=king&k=5&k=6",
        "nearest?word=king&min_cosine=2",
        "nearest?word=king&min_cosine=NaN",
        "nearest?word=king&restrict=0",
        "nearest?word=king&not=king",
        "nearest?word=king&path=/etc/passwd",
        "nearest?vector=1,2,3",
        "nearest?vector=1,x",
        "similarity?a=king",
        "similarity?a=&b=king",
        "analogy?a=man&b=king&c=woman&method=best",
        "map?selection=everything",
        "map",
        "map?selection=list",
        "map?word=king&points=50001",
        // Too many, too few; without t-SNE any number.
        "map?selection=frequent&points=20001&method=tsne",
        "map?word=king&points=3&method=tsne",
        "about?x=1",
        "nearest?word=%FF%FE",
        "nearest?word=%C3%28",
        "nearest?%FF=king",
    ] {
        refused(&format!("/v1/{wrong}"), 400);
    }
    let many = "word=king&".repeat(300);
    assert!(refused(&format!("/v1/nearest?{many}"), 400).contains("256"));
    assert!(refused("/v1/nearest?word=king&table=second", 404).contains("no second table"));
    for wrong in [
        &b"{\"word\": \"\xff\xfe\"}"[..],
        b"[1]",
        b"{\"word\": 1}",
        b"{",
        b"",
        b"{\"word\": \"king\", \"k\": 1e9}",
        b"{\"word\": [[\"king\"]]}",
    ] {
        post(server.address, "/v1/nearest", wrong).refusal(400);
    }
    let deep = [b"{\"word\": ".as_slice(), &b"[".repeat(100_000)].concat();
    post(server.address, "/v1/nearest", &deep).refusal(400);
}

#[test]
fn hostile_requests_are_refused_with_their_status() {
    let server = explore(&[]);
    let address = server.address;
    let body = vec![b' '; 10 << 20];
    assert!(post(address, "/v1/nearest", &body).refusal(413).contains("1048576"));
    // The same without a length, in chunks.
    let head = format!(
        "POST /v1/nearest HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\ncontent-type: application/json\r\n\
         transfer-encoding: chunked\r\n\r\n"
    );
    let pieces = format!("100000\r\n{}\r\n", " ".repeat(1 << 20)).repeat(10) + "0\r\n\r\n";
    send(address, (head + &pieces).as_bytes()).refusal(413);
    // A client that sends `Expect: 100-continue` gets the response at once.
    let asking = format!(
        "POST /v1/nearest HTTP/1.1\r\nhost: {address}\r\nexpect: 100-continue\r\ncontent-type: application/json\r\n\
         content-length: 10485760\r\n\r\n"
    );
    send(address, asking.as_bytes()).refusal(413);

    for path in [
        "/etc/passwd",
        "/../../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/..%2f..%2fetc%2fpasswd",
        "//etc/passwd",
        "/v1/../style.css",
        "/style.css/",
        "/style.css%00",
        "/v1/nearest/",
        "/V1/nearest?word=king",
        "/index.html",
        "/C:\\windows\\win.ini",
    ] {
        get(address, path).refusal(404);
    }
    get(address, &format!("/v1/nearest?word={}", "a".repeat(12_000))).refusal(404);
    assert!(matches!(get(address, &format!("/{}", "a".repeat(100_000))).status, 414 | 431));
    assert_eq!(get_with(address, "/", &format!("x: {}\r\n", "a".repeat(100_000))).status, 431);
    assert_eq!(get_with(address, "/", &"x: y\r\n".repeat(1000)).status, 431);
    for garbage in ["\0\0\0\0\r\n\r\n", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n", "\u{16}\u{3}\u{1}\u{2}\0\u{1}\r\n\r\n"]
    {
        assert_eq!(send(address, garbage.as_bytes()).status, 400, "{garbage:?}");
    }
    for method in ["DELETE", "PUT", "OPTIONS", "TRACE", "PATCH"] {
        for path in ["/", "/v1/nearest"] {
            let request = format!("{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
            let refused = send(address, request.as_bytes());
            assert_eq!(refused.status, 405, "{method} {path}");
            assert!(refused.head.contains("allow: get, head, post"));
        }
    }
    let form = format!(
        "POST /v1/nearest HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: 9\r\n\r\nword=king"
    );
    send(address, form.as_bytes()).refusal(415);
    // The server still works.
    get(address, "/v1/nearest?word=king").answer();
}

#[test]
fn other_names_and_other_origins_are_refused() {
    let server = explore(&[]);
    let (address, port) = (server.address, server.address.port());
    let named = |host: &str, target: &str| {
        send(address, format!("GET {target} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").as_bytes())
    };
    for host in [
        "evil.example".to_owned(),
        format!("evil.example:{port}"),
        format!("127.0.0.1.evil.example:{port}"),
        format!("localhost.:{port}"),
        "127.0.0.1:1".to_owned(),
        format!("0.0.0.0:{port}"),
        "127.0.0.1".to_owned(),
        String::new(),
    ] {
        for target in ["/", "/v1/nearest?word=king"] {
            assert!([421, 400].contains(&named(&host, target).status), "{host:?}");
        }
    }
    named(&format!("evil.example:{port}"), "/").refusal(421);
    named(&format!("127.0.0.1:{port}"), &format!("http://evil.example:{port}/")).refusal(421);
    named(&format!("localhost:{port}"), "/v1/nearest?word=king").answer();
    send(address, b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n").refusal(400);
    let twice = format!("GET / HTTP/1.1\r\nhost: {address}\r\nhost: evil.example\r\nconnection: close\r\n\r\n");
    send(address, twice.as_bytes()).refusal(400);

    let asked = |headers: &str| get_with(address, "/v1/nearest?word=king", headers);
    for headers in [
        "origin: http://evil.example\r\n",
        "origin: null\r\n",
        "origin: http://127.0.0.1:1\r\n",
        "sec-fetch-site: cross-site\r\n",
        "sec-fetch-site: same-site\r\n",
        "sec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\n",
    ] {
        asked(headers).refusal(403);
    }
    asked(&format!("origin: https://{address}\r\n")).refusal(403);
    asked(&format!("origin: http://{address}\r\nsec-fetch-site: same-origin\r\n")).answer();
    asked("sec-fetch-site: none\r\n").answer();
    // A link to the page may be followed from other sites; embedding it in another page is refused.
    assert_eq!(get_with(address, "/", "sec-fetch-site: cross-site\r\nsec-fetch-mode: navigate\r\n").status, 200);
    get_with(address, "/", "sec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors\r\n").refusal(403);
    get_with(address, "/app.js", "sec-fetch-site: cross-site\r\nsec-fetch-mode: no-cors\r\n").refusal(403);
    let page = get(address, "/");
    for said in ["frame-ancestors 'none'", "nosniff", "cross-origin-resource-policy: same-origin", "no-store"] {
        assert!(page.head.contains(said), "{}", page.head);
    }
    assert!(!page.head.contains("access-control"), "{}", page.head);
}

#[test]
fn slow_clients_are_disconnected() {
    let server = Within::new(Limits { client_timeout: Duration::from_millis(300), ..Limits::default() });
    let begin = |text: &str| begun(&server, text);
    // Responses that the client does not read.
    const ASKED: usize = 2000;
    let mut reads_nothing = begin(&"GET /app.js HTTP/1.1\r\nhost: HOST\r\n\r\n".repeat(ASKED));
    assert_eq!(received(begin("GET / HTTP/1.1\r\nhost: HO")).status, 408);
    let body =
        "POST /v1/nearest HTTP/1.1\r\nhost: HOST\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{";
    received(begin(body)).refusal(408);
    let mut nothing = Vec::new();
    begin("").read_to_end(&mut nothing).unwrap();
    assert_eq!(nothing, b"", "a client that asked nothing is told nothing");
    get(server.address, "/v1/nearest?word=king").answer();
    std::thread::sleep(Duration::from_secs(1));
    let mut some = Vec::new();
    let _ = reads_nothing.read_to_end(&mut some);
    let all = ASKED * get(server.address, "/app.js").body.len();
    assert!(some.len() < all, "the answers were kept for someone who did not take them");
    server.end();
}

#[test]
fn the_number_of_connections_is_limited() {
    let server = Within::new(Limits { max_connections: 2, ..Limits::default() });
    let kept = [begun(&server, ""), begun(&server, "")];
    assert_eq!(received(begun(&server, "")).status, 503);
    drop(kept);
    // Their slots are free once the server has noticed that they closed.
    while received(begun(&server, "GET /v1/about HTTP/1.1\r\nhost: HOST\r\nconnection: close\r\n\r\n")).status != 200 {
        std::thread::sleep(Duration::from_millis(10));
    }
    server.end();
}

/// A connection on which a text was sent; `HOST` is replaced by the server's address.
fn begun(server: &Within, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let _ = stream.write_all(text.replace("HOST", &server.address.to_string()).as_bytes());
    stream
}

// Only t-SNE takes long enough for a second request to arrive.
#[cfg(feature = "tsne")]
#[test]
fn requests_beyond_the_queue_are_refused() {
    // Enough rows for a search to take a while, and no queue.
    let vectors = Arc::new(large());
    let server = Within::of(vectors, Limits { max_queued_queries: 1, max_queued_maps: 1, ..Limits::default() });
    let statuses: Vec<u16> = std::thread::scope(|scope| {
        let ask = || get(server.address, "/v1/map?selection=frequent&points=3000&method=tsne").status;
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(ask)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(statuses.iter().all(|status| [200, 503].contains(status)), "{statuses:?}");
    assert!(statuses.contains(&200) && statuses.contains(&503), "{statuses:?}");
    server.end();
}

#[cfg(feature = "tsne")]
#[test]
fn a_request_that_takes_too_long_is_aborted() {
    let server = Within::of(Arc::new(large()), Limits { map_timeout: Duration::from_millis(1), ..Limits::default() });
    let refused = get(server.address, "/v1/map?selection=frequent&points=3000&method=tsne");
    assert!(refused.refusal(503).contains("try again later") && refused.head.contains("retry-after"));
    get(server.address, "/v1/nearest?word=w7").answer();
    server.end();
}

/// 3,000 words with synthetic vectors.
#[cfg(feature = "tsne")]
fn large() -> Vectors {
    let number = |seed: u32| (seed.wrapping_mul(2_654_435_761) >> 8) as f32 / (1u32 << 24) as f32 - 0.5;
    let words: Vec<String> = (0..3000).map(|row| format!("w{row}")).collect();
    Vectors::new(&words, (0..3000 * 50).map(number).collect(), 50).unwrap()
}

#[test]
fn maps_show_the_requested_words() {
    let folder = Folder::new();
    let list = folder.file("list", "paris\nrome\nlondon\nxqzzt\n");
    let labels = folder.file("labels", "france\tcountry\nitaly\tcountry\nparis\tcapital\nxqzzt\tnone\n");
    let demo = fixture("demo.50d.txt");
    let server = explore(&[
        "--words",
        list.to_str().unwrap(),
        "--labels",
        labels.to_str().unwrap(),
        "--compare",
        demo.to_str().unwrap(),
    ]);
    let at = |target: &str| get(server.address, target).answer();
    let about = at("/v1/about");
    assert_eq!(
        json!([about["list_words"], about["labels"], about["labelled_words"]]),
        json!([3, ["country", "capital"], 3])
    );
    assert_eq!(about["tables"][0]["name"], "demo.50d.txt");
    assert!(!about.to_string().contains('/'), "the place of a file is told: {about}");
    let near = at("/v1/map?word=king&points=50");
    let words = near["words"].as_array().unwrap();
    assert_eq!((words.len(), &words[0]), (50, &json!("king")));
    let expected = by_program(&["nearest", "king", "-k", "49"]);
    let expected = expected["neighbours"].as_array().unwrap().iter().map(|one| &one["word"]);
    assert!(words[1..].iter().eq(expected));
    // The same table twice: the same map twice, and no word moved.
    for axis in ["x", "y"] {
        for (a, b) in near["maps"][0][axis].as_array().unwrap().iter().zip(near["maps"][1][axis].as_array().unwrap()) {
            assert!((a.as_f64().unwrap() - b.as_f64().unwrap()).abs() < 1e-4);
        }
    }
    assert!(near["cosine_distances"].as_array().unwrap().iter().all(|moved| moved.as_f64().unwrap() < 1e-5));
    let listed = at("/v1/map?selection=list");
    assert_eq!(listed["words"].as_array().unwrap().len(), 3);
    let labelled = at("/v1/map?selection=labelled&word=king");
    let label = |word: &str| {
        let place = labelled["words"].as_array().unwrap().iter().position(|one| one == word).unwrap();
        labelled["labels"][place].clone()
    };
    assert_eq!([label("france"), label("paris"), label("king")], [json!(0), json!(1), Value::Null]);
    if cfg!(feature = "tsne") {
        let tsne = at("/v1/map?selection=frequent&points=100&method=tsne");
        assert_eq!((tsne["method"].as_str(), tsne["maps"][0]["x"].as_array().unwrap().len()), (Some("tsne"), 100));
        assert_eq!(tsne, at("/v1/map?selection=frequent&points=100&method=tsne"), "the same question, another map");
    }
    assert_eq!(about["methods"].as_array().unwrap().len(), if cfg!(feature = "tsne") { 2 } else { 1 });
}

/// The server has every path, parameter and property of the OpenAPI description, and no others.
#[test]
fn the_description_is_what_is_served() {
    let server = explore(&[]);
    let description = get(server.address, "/v1/openapi.json").answer();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    let examples = [
        ("/v1/about", ""),
        ("/v1/nearest", "word=king&not=man"),
        ("/v1/similarity", "a=king&b=queen"),
        ("/v1/analogy", "a=man&b=king&c=woman"),
        ("/v1/complete", "prefix=k"),
        ("/v1/map", "word=king"),
        ("/v1/openapi.json", ""),
    ];
    let paths = description["paths"].as_object().unwrap();
    assert_eq!(paths.len(), examples.len() + 1, "all but /v1/predict, which needs a model");
    for (path, query) in examples {
        let described = &paths[path];
        let answer = get(server.address, &format!("{path}?{query}")).answer();
        let properties =
            described["get"]["responses"]["200"]["content"]["application/json"]["schema"]["properties"].clone();
        for (name, value) in answer.as_object().unwrap() {
            let property =
                properties.get(name).unwrap_or_else(|| panic!("{path} answers `{name}`, which is not described"));
            let kind = match value {
                Value::Null => "null",
                Value::Array(_) => "array",
                Value::Object(_) => "object",
                Value::String(_) => "string",
                Value::Number(number) if number.is_u64() && property["type"] != "number" => "integer",
                Value::Number(_) => "number",
                Value::Bool(_) => "boolean",
            };
            let allowed = &property["type"];
            assert!(
                *allowed == kind || allowed.as_array().is_some_and(|all| all.contains(&json!(kind))),
                "{path}: {name}"
            );
        }
        for parameter in described["get"]["parameters"].as_array().unwrap() {
            let name = parameter["name"].as_str().unwrap();
            let refused = get(server.address, &format!("{path}?{name}=%FF")).refusal(400);
            assert!(refused.contains("UTF-8"), "{name}: {refused}");
            assert_eq!(
                described["post"]["requestBody"]["content"]["application/json"]["schema"]["properties"][name]["type"],
                parameter["schema"]["type"]
            );
        }
        assert!(get(server.address, &format!("{path}?xyz=1")).refusal(400).contains("`xyz`"));
    }
}

#[test]
fn the_page_needs_nothing_from_elsewhere() {
    let server = explore(&[]);
    for (path, kind) in
        [("/", "text/html"), ("/style.css", "text/css"), ("/app.js", "text/javascript"), ("/map.js", "text/javascript")]
    {
        let asset = get(server.address, path);
        assert!(asset.status == 200 && asset.head.contains(kind), "{}", asset.head);
        let text = String::from_utf8(asset.body).unwrap();
        for outside in ["http://", "https://", "@import", "innerHTML", "eval("] {
            assert!(!text.contains(outside), "{path} has {outside}");
        }
    }
    let head = format!("HEAD / HTTP/1.1\r\nhost: {}\r\nconnection: close\r\n\r\n", server.address);
    let head = send(server.address, head.as_bytes());
    assert!(head.status == 200 && head.body.is_empty(), "{head:?}");
}

#[test]
fn bad_options_are_refused() {
    let folder = Folder::new();
    let words = folder.file("words", "xqzzt\n");
    let labels = folder.file("labels", "king royal\n");
    let run = |arguments: &[&str]| vocable([&["explore"], arguments].concat());
    run(&["--words", words.to_str().unwrap()]).refused(2, "is in the vocabulary");
    run(&["--labels", labels.to_str().unwrap()]).refused(2, "line 1: expected a word, a tab and a label");
    run(&["--model", "nowhere.safetensors"]).refused(2, "nowhere.safetensors");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    run(&["--port", &taken.local_addr().unwrap().port().to_string()]).refused(2, "cannot listen on this address");
}

/// Ctrl-C stops it cleanly, even while a client keeps a connection open.
#[cfg(unix)]
#[test]
fn control_c_ends_it() {
    let mut server = explore(&[]);
    let _kept = TcpStream::connect(server.address).unwrap();
    get(server.address, "/v1/about").answer();
    let signalled = std::process::Command::new("kill").args(["-INT", &server.child.id().to_string()]).status().unwrap();
    assert!(signalled.success());
    assert_eq!(server.child.wait().unwrap().code(), Some(0));
    assert!(TcpStream::connect(server.address).is_err());
}
