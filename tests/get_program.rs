//! `vocable get`, `list`, `completions` and `man`, with a server on loopback.

use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::{Folder, Ran, program, vocable};
use serde_json::json;

/// The program with its own data folder, and without the environment's server settings.
fn at(folder: &Folder) -> Command {
    let mut command = program();
    for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE"] {
        command.env_remove(name).env_remove(name.to_lowercase());
    }
    command.env_remove("VOCABLE_MIRROR").env("VOCABLE_DATA", folder.path("data")).current_dir(folder.path("."));
    command.stdin(Stdio::null());
    command
}

fn run(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap_or(-1),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs the program with `data` in the folder and without a server.
fn offline(folder: &Folder, arguments: &[&str]) -> Ran {
    run(at(folder).env("VOCABLE_MIRROR", "http://127.0.0.1:9").args(arguments))
}

/// The path of the table of these vectors.
#[cfg(feature = "get")]
fn table(folder: &Folder, name: &str) -> std::path::PathBuf {
    folder.path("data").join("vectors").join(name).join(format!("{name}.safetensors"))
}

#[test]
fn everything_is_listed() {
    let folder = Folder::new();
    let ran = offline(&folder, &["list"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(ran.out.starts_with("Available (download with vocable get NAME):\n"), "{}", ran.out);
    for name in ["glove.6B.50d ", "glove.840B.300d ", "word2vec-google-news-300 ", "wiki-news-300d-1M ", "cc.zh.300 "] {
        assert!(ran.out.lines().any(|line| line.starts_with(name)), "{name} is missing:\n{}", ran.out);
    }
    let lines = offline(&folder, &["list", "--json"]).json();
    let first = &lines[0];
    assert_eq!(first["name"], "glove.6B.50d");
    assert_eq!((&first["rows"], &first["dimension"]), (&json!(400_000), &json!(50)));
    assert!(first["table"].is_null() && first["source"].as_str().unwrap().starts_with("https://"));
    assert_eq!(offline(&folder, &["list", "--downloaded"]).out, "");
    assert!(!folder.path("data").exists(), "looking makes no folder");
}

#[test]
fn names_of_vectors_that_are_not_downloaded() {
    let folder = Folder::new();
    let nearest = |vectors: &str| offline(&folder, &["--vectors", vectors, "nearest", "king"]);
    nearest("glove.6B.50d")
        .refused(2, "`glove.6B.50d` are not downloaded yet; download them with `vocable get glove.6B.50d`");
    nearest("glove.6b.50d").refused(2, "did you mean `glove.6B.50d`");
    nearest("glove.6B.50d.txt").refused(2, "did you mean `glove.6B.50d`");
    nearest("missing.txt").refused(2, "missing.txt: cannot open it");
    nearest("./glove.6B.50d").refused(2, "./glove.6B.50d: cannot open it");
    // A file with such a name is opened as a file.
    folder.file("glove.6B.50d", "king 1 2\nqueen 2 1\n");
    let ran = nearest("glove.6B.50d");
    assert_eq!((ran.code, ran.out.as_str()), (0, "queen  0.8000\n"));
}

#[test]
fn completions_for_each_shell() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let ran = vocable(["completions", shell]);
        assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{shell}");
        assert!(ran.out.contains("VOCABLE_COMPLETE"), "{shell}: {}", ran.out);
    }
    vocable(["completions", "tcsh"]).refused(2, "tcsh");
    // Installed shells accept their scripts.
    for shell in ["bash", "zsh", "fish"] {
        let folder = Folder::new();
        let script = folder.file("script", vocable(["completions", shell]).out);
        match Command::new(shell).arg("-n").arg(&script).status() {
            Ok(status) => assert!(status.success(), "{shell} refuses its script"),
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::NotFound, "{error}"),
        }
    }
}

/// What bash offers to complete the last of `words` with.
#[cfg(unix)]
fn bash_offers(words: &[&str]) -> Vec<String> {
    let script = "program=$1; shift; source <(\"$program\" completions bash); COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); \
                  _clap_complete_vocable vocable \"${COMP_WORDS[COMP_CWORD]}\"; printf '%s\\n' \"${COMPREPLY[@]}\"";
    let mut bash = Command::new("bash");
    bash.args(["-c", script, "bash", env!("CARGO_BIN_EXE_vocable"), "vocable"]).args(words);
    let output = bash.output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).filter(|word| !word.is_empty()).collect()
}

#[cfg(unix)]
#[test]
fn bash_completes_commands_options_and_values() {
    let modes = ["frozen", "tuned", "oov-only", "random", "one-hot"];
    assert_eq!(bash_offers(&["train", "--embedding", ""]), modes);
    assert_eq!(bash_offers(&["train", "--embedding", "o"]), ["oov-only", "one-hot"]);
    assert_eq!(bash_offers(&["near"]), ["nearest"]);
    assert_eq!(bash_offers(&["nearest", "--restr"]), ["--restrict"]);
    // After options before the command, too.
    assert_eq!(bash_offers(&["--vectors", "x", "nearest", "--restr"]), ["--restrict"]);
    assert_eq!(bash_offers(&["man", "near"]), ["nearest"]);
    #[cfg(feature = "get")]
    assert_eq!(bash_offers(&["get", "glove.6B.5"]), ["glove.6B.50d"]);
}

#[test]
fn manual_pages() {
    let ran = vocable(["man"]);
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert!(
        vocable(["man", "nearest"]).out.contains("How to scan the rows"),
        "a hidden option has no text: {}",
        ran.out
    );
    assert!(ran.out.contains(".TH vocable 1") && ran.out.contains("Exit codes: 0 success"), "{}", ran.out);

    let folder = Folder::new();
    let pages = folder.path("share/man1");
    let ran = vocable(["man".as_ref(), "--dir".as_ref(), pages.as_os_str(), "--json".as_ref()]);
    let files: Vec<String> = serde_json::from_value(ran.only_json()["files"].clone()).unwrap();
    assert!(files.iter().all(|file| Path::new(file).is_file()));
    // One page for each command in --help.
    let help = vocable(["--help"]).out;
    let commands = help.split("Commands:\n").nth(1).unwrap().lines().take_while(|line| !line.is_empty());
    let mut count = 1;
    for name in commands.filter_map(|line| line.strip_prefix("  ")).filter(|line| !line.starts_with(' ')) {
        let name = name.split_whitespace().next().unwrap();
        if name != "help" {
            let page = std::fs::read_to_string(pages.join(format!("vocable-{name}.1"))).unwrap();
            assert!(page.contains(&format!("vocable {name}").replace('-', "\\-")), "{name}:\n{page}");
            count += 1;
        }
    }
    assert_eq!(files.len(), count);
    assert!(count > 15, "{help}");
}

#[cfg(feature = "get")]
mod downloading {
    use std::io::{Read, Write};
    use std::net::{TcpListener, TcpStream};
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use rustls::pki_types::pem::PemObject;
    use rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use rustls::{ServerConfig, ServerConnection, StreamOwned};

    use super::*;
    use crate::common::{fixture, gzip, zip};
    use crate::source::{End, Reply, Source, honest};

    /// word2vec text of a few words with 300 numbers, in directions that are easy to distinguish.
    fn words() -> String {
        let row = |word: &str, first: f32, second: f32| format!("{word} {first} {second}{}\n", " 0".repeat(298));
        format!("3 300\n{}{}{}", row("king", 1.0, 0.0), row("queen", 0.8, 0.6), row("pawn", -1.0, 0.0))
    }

    fn get(folder: &Folder, source: &Source, arguments: &[&str]) -> Ran {
        run(at(folder).env("VOCABLE_MIRROR", source.mirror()).arg("get").args(arguments))
    }

    #[test]
    fn downloaded_vectors_are_opened_by_name() {
        let folder = Folder::new();
        let source = Source::of(gzip(words().as_bytes()));
        let ran = get(&folder, &source, &["cc.hi.300"]);
        let table = table(&folder, "cc.hi.300");
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.out.starts_with("cc.hi.300: 3 rows x 300, "), "{ran:?}");
        assert!(ran.out.trim_end().ends_with(table.to_str().unwrap()), "{ran:?}");
        for said in ["cc.hi.300.vec.gz", "CC BY-SA 3.0", "size", "the publisher provides no checksum"] {
            assert!(ran.err.contains(said), "{said:?} is not said: {ran:?}");
        }

        // Without a server, by name: as an option, in the environment, as input of `convert`.
        let ran = offline(&folder, &["--vectors", "cc.hi.300", "nearest", "king", "-k", "1"]);
        assert_eq!((ran.code, ran.out.as_str()), (0, "queen  0.8000\n"), "{ran:?}");
        let ran = run(at(&folder).env("VOCABLE_VECTORS", "cc.hi.300").args(["similarity", "king", "pawn"]));
        assert_eq!((ran.code, ran.out.as_str()), (0, "king pawn -1.0000\n"), "{ran:?}");
        assert_eq!(offline(&folder, &["convert", "cc.hi.300", "hindi.txt"]).code, 0);
        assert!(std::fs::read_to_string(folder.path("hindi.txt")).unwrap().starts_with("king 1 0 0"));
        let ran = offline(&folder, &["list", "--downloaded"]);
        assert!(ran.out.starts_with("Downloaded ") && ran.out.contains("cc.hi.300"), "{ran:?}");
        let facts = offline(&folder, &["list", "--downloaded", "--json"]).only_json();
        assert_eq!(facts["table"], table.to_str().unwrap());

        // Downloaded before: no request is sent.
        let there = offline(&folder, &["get", "cc.hi.300", "--json"]);
        assert!(there.err.contains("already downloaded"), "{there:?}");
        let answer = there.only_json();
        assert_eq!((&answer["rows"], &answer["check"]), (&json!(3), &json!("header-and-dimension")));
    }

    #[test]
    fn errors_leave_no_file_under_the_final_name() {
        let folder = Folder::new();
        let source = Source::of(zip(&[("glove.6B.50d.txt", b"king 1 2\nqueen 2 1\n")]));
        let ran = get(&folder, &source, &["glove.6B.50d"]);
        assert_eq!((ran.code, ran.out.as_str()), (2, ""), "{ran:?}");
        assert!(
            ran.err.contains("error: ") && ran.err.contains("expected 400000 rows x 50, found 2 rows x 2"),
            "{ran:?}"
        );
        assert!(!table(&folder, "glove.6B.50d").exists());

        let ran = get(&folder, &Source::of(gzip(words().as_bytes())), &["glove-wiki-gigaword-50"]);
        assert!(ran.err.contains("expected MD5 c289bc5d7f2f02c6dc9f2f9b67641813"), "{ran:?}");
        let gone = Source::new(|_| Reply::new("404 Not Found", b""));
        let ran = get(&folder, &gone, &["cc.hi.300", "--yes"]);
        ran.refused(2, "cc.hi.300.vec.gz: expected the file, found status 404");
        let ran = get(&folder, &gone, &["cc.hi.30"]);
        ran.refused(2, "NAME: expected a name listed by `vocable list`, found `cc.hi.30`; did you mean `cc.hi.300`");
        get(&folder, &gone, &["whatever"]).refused(2, "found `whatever`");
        get(&folder, &gone, &["cc.hi.300", "--timeout", "0"]).refused(2, "--timeout");
        assert_eq!(offline(&folder, &["list", "--downloaded"]).out, "");
    }

    #[test]
    fn a_member_of_the_real_size_by_ranges() {
        // 400,000 rows x 50, like glove.6B.50d in the catalog, with another member before it and one after.
        let mut state = 1u64;
        let mut digit = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            char::from(b'1' + (state >> 33) as u8 % 9)
        };
        let mut text = String::with_capacity(50 << 20);
        for row in 0..400_000 {
            text.push_str(&format!("w{row}"));
            for _ in 0..50 {
                text.extend([' ', digit()]);
            }
            text.push('\n');
        }
        let others = text.as_bytes();
        let archive = zip(&[
            ("glove.6B.100d.txt", &others[..others.len() / 2]),
            ("glove.6B.50d.txt", text.as_bytes()),
            ("glove.6B.300d.txt", others),
        ]);
        let whole = archive.len() as u64;
        let folder = Folder::new();
        let source = Source::of(archive);
        let ran = get(&folder, &source, &["glove.6B.50d", "--json"]);
        let answer = ran.only_json();
        assert_eq!((&answer["rows"], &answer["dimension"]), (&json!(400_000), &json!(50)));
        assert_eq!(answer["check"], "rows-and-dimension");
        assert!(ran.err.contains(", from an archive of "), "{ran:?}");
        assert!(source.served() < whole / 2, "{} of {whole}", source.served());
        let ran = offline(&folder, &["--vectors", "glove.6B.50d", "nearest", "w7", "-k", "1"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert_eq!(offline(&folder, &["--vectors", "glove.6B.50d", "info", "--verify"]).code, 0);
    }

    #[test]
    fn killed_and_started_again() {
        let folder = Folder::new();
        // Long enough to be interrupted: empty gzip members with comments follow the rows.
        let file = [gzip(words().as_bytes()), gzip(&[])].concat();
        let (whole, half) = (file.len(), file.len() / 2);
        let source = Source::new(move |request| {
            let end = if request.number == 1 { End::Stall(half) } else { End::Whole };
            honest(request, &file, "\"one\"").end(end)
        });
        let mut first = at(&folder)
            .env("VOCABLE_MIRROR", source.mirror())
            .args(["get", "cc.hi.300"])
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let part = folder.path("data/vectors/cc.hi.300/cc.hi.300.vec.gz.part");
        let begun = Instant::now();
        while std::fs::metadata(&part).map_or(0, |part| part.len()) < half as u64 {
            assert!(begun.elapsed() < Duration::from_secs(60), "nothing comes");
            std::thread::sleep(Duration::from_millis(20));
        }
        first.kill().unwrap();
        first.wait().unwrap();
        assert!(!table(&folder, "cc.hi.300").exists());

        let ran = get(&folder, &source, &["cc.hi.300"]);
        assert_eq!(ran.code, 0, "{ran:?}");
        assert!(ran.err.contains("already downloaded"), "{ran:?}");
        assert_eq!(source.requests().last().unwrap().range, Some((half, Some(whole - 1))));
        assert!(table(&folder, "cc.hi.300").exists());
    }

    #[test]
    fn proxies_are_honoured() {
        let file = gzip(words().as_bytes());
        let proxy = Source::of(file);
        let address = proxy.mirror();
        let through = |name: &str, value: &str, no: &str| {
            let folder = Folder::new();
            let mut command = at(&folder);
            // No server listens there: only a proxy can respond.
            command.env("VOCABLE_MIRROR", "http://files.invalid:81/vectors").env(name, value).env("NO_PROXY", no);
            run(command.args(["get", "cc.hi.300", "--attempts", "1"]))
        };
        for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY"] {
            let ran = through(name, &address, "other.invalid");
            assert_eq!(ran.code, 0, "{name}: {ran:?}");
        }
        let requests = proxy.requests();
        let connect = requests.iter().find(|request| request.method == "CONNECT").unwrap();
        assert_eq!(connect.path, "files.invalid:81");
        assert!(requests.iter().any(|request| request.path == "/vectors/cc.hi.300.vec.gz"), "{requests:?}");

        let asked = proxy.requests().len();
        for (name, no) in
            [("HTTPS_PROXY", ""), ("HTTP_PROXY", "files.invalid"), ("HTTP_PROXY", "a, .invalid"), ("ALL_PROXY", "*")]
        {
            through(name, &address, no).refused(2, "http://files.invalid:81/vectors/cc.hi.300.vec.gz: ");
        }
        assert_eq!(proxy.requests().len(), asked, "hosts of NO_PROXY, and other schemes, are asked directly");
        through("HTTP_PROXY", "://", "").refused(2, "HTTP_PROXY: expected an address such as http://host:port");
    }

    /// A TLS server with the certificate of the fixtures, which forwards requests.
    fn behind_tls(source: &Source) -> String {
        let pem = |name: &str| std::fs::read(fixture("tls").join(name)).unwrap();
        let certificate = CertificateDer::from_pem_slice(&pem("certificate.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_slice(&pem("key.pem")).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let (config, behind) = (Arc::new(config), source.address);
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let config = Arc::clone(&config);
                std::thread::spawn(move || -> std::io::Result<()> {
                    let connection = ServerConnection::new(config).map_err(std::io::Error::other)?;
                    let mut client = StreamOwned::new(connection, client);
                    let (mut request, mut byte) = (Vec::new(), [0]);
                    while !request.ends_with(b"\r\n\r\n") {
                        client.read_exact(&mut byte)?;
                        request.push(byte[0]);
                    }
                    let mut server = TcpStream::connect(behind)?;
                    server.write_all(&request)?;
                    std::io::copy(&mut server, &mut client)?;
                    client.conn.send_close_notify();
                    client.flush()
                });
            }
        });
        format!("https://{address}")
    }

    #[test]
    fn over_tls() {
        let get = |source: &Source, trusted: bool| {
            let folder = Folder::new();
            let mut command = at(&folder);
            if trusted {
                command.env("SSL_CERT_FILE", fixture("tls").join("certificate.pem"));
            }
            run(command.env("VOCABLE_MIRROR", behind_tls(source)).args(["get", "cc.hi.300", "--attempts", "2"]))
        };
        let source = Source::of(gzip(words().as_bytes()));
        let ran = get(&source, true);
        assert!(ran.code == 0 && ran.out.starts_with("cc.hi.300: 3 rows x 300"), "{ran:?}");
        let asked = source.requests().len();
        get(&source, false).refused(2, "expected a trusted certificate, found ");
        assert_eq!(source.requests().len(), asked, "nothing is asked of a server that is not trusted");

        let open = source.mirror();
        let source = Source::new(move |_| Reply::new("302 Found", b"").header(format!("Location: {open}/elsewhere")));
        get(&source, true).refused(2, "expected redirects to https addresses, found one to `http://127.0.0.1");

        let folder = Folder::new();
        let empty = folder.file("empty.pem", "");
        let mut command = at(&folder);
        let ran = run(command.env("SSL_CERT_FILE", empty).args(["get", "cc.hi.300"]));
        ran.refused(2, "empty.pem: SSL_CERT_FILE names a file without certificates in PEM format");
    }

    #[test]
    fn two_programs_at_once() {
        let folder = Folder::new();
        let file = gzip(words().as_bytes());
        let source = Source::new(move |request| {
            if request.range.is_none() {
                std::thread::sleep(Duration::from_millis(500));
            }
            honest(request, &file, "\"one\"")
        });
        let start = || {
            at(&folder)
                .env("VOCABLE_MIRROR", source.mirror())
                .args(["get", "cc.hi.300"])
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap()
        };
        let both = [start(), start()];
        for child in both {
            let output = child.wait_with_output().unwrap();
            assert!(output.status.success(), "{output:?}");
            assert!(output.stdout.starts_with(b"cc.hi.300: 3 rows x 300"), "{output:?}");
        }
        assert_eq!(source.requests().iter().filter(|request| request.range.is_none()).count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn download_confirmation_at_a_terminal() {
        let folder = Folder::new();
        let source = Source::of(gzip(words().as_bytes()));
        let ask = |answer: &str| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_vocable"));
            command.env("VOCABLE_MIRROR", source.mirror()).env("VOCABLE_DATA", folder.path("data"));
            for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
                command.env_remove(name);
            }
            command.args(["get", "cc.hi.300"]);
            let mut session = rexpect::session::spawn_command(command, Some(60_000)).unwrap();
            session.exp_string("license").unwrap();
            session.exp_string("download? [Y/n]").unwrap();
            session.send_line(answer).unwrap();
            session.exp_eof().unwrap();
            session.process().wait().unwrap()
        };
        use rexpect::process::WaitStatus;
        assert!(matches!(ask("n"), WaitStatus::Exited(_, 1)));
        assert!(!table(&folder, "cc.hi.300").exists());
        assert!(matches!(ask(""), WaitStatus::Exited(_, 0)));
        assert!(table(&folder, "cc.hi.300").exists());
    }
}
