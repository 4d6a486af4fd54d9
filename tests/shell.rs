//! The shell, with lines from a pipe and at a terminal.

use std::ffi::OsString;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use crate::common::{Folder, Ran, fixture, program, vocable_fed};
use serde_json::{Value, json};

/// Runs `vocable shell` on the demo vectors, with piped lines.
fn shell(options: &[&str], lines: &str) -> Ran {
    let mut arguments: Vec<OsString> = vec!["shell".into(), "--vectors".into(), fixture("demo.50d.txt").into()];
    arguments.extend(options.iter().map(OsString::from));
    vocable_fed(arguments, lines.as_bytes())
}

/// The output of a separate command.
fn single(arguments: &[&str]) -> Ran {
    let vectors: PathBuf = fixture("demo.50d.txt");
    let arguments = arguments.iter().map(OsString::from);
    vocable_fed(arguments.chain(["--vectors".into(), vectors.into()]), b"")
}

#[test]
fn each_line_is_answered_as_its_command_would() {
    for (line, arguments) in [
        ("king", &["nearest", "king"][..]),
        ("king -man +woman", &["nearest", "king", "-man", "+woman"]),
        ("nearest\tking\t-man", &["nearest", "king", "-man"]),
        ("near +king", &["nearest", "king"]),
        ("man king woman ?", &["analogy", "man", "king", "woman"]),
        ("man : king = woman : ?", &["analogy", "man", "king", "woman"]),
        ("analogy france paris italy\r", &["analogy", "france", "paris", "italy"]),
        ("sim france italy", &["similarity", "france", "italy"]),
        ("similarity\tfrance\titaly", &["similarity", "france", "italy"]),
        ("odd bread cheese soup crocodile", &["odd", "bread", "cheese", "soup", "crocodile"]),
    ] {
        for more in [&[][..], &["--json"]] {
            let ran = shell(more, &format!("{line}\n"));
            assert_eq!((ran.code, ran.err.as_str()), (0, ""), "{line}");
            assert_eq!(ran.out, single(&[arguments, more].concat()).out, "{line}");
        }
    }
}

#[test]
fn the_end_of_input_and_quit_end_quietly() {
    for lines in ["", "\n\n", "quit", "exit\nking\n", "   \n"] {
        let ran = shell(&[], lines);
        assert_eq!((ran.code, ran.out.as_str(), ran.err.as_str()), (0, "", ""), "{lines:?}");
    }
    // A last line without a line feed counts.
    assert_eq!(shell(&[], "sim king king").out, "king king 1.0000\n");
}

#[test]
fn queries_without_a_result_are_reported_and_the_rest_answered() {
    let lines = "kingg\nsim king\nodd\nking ?\nk x\nhelp me\nregex (a\nwithin nowhere.txt\nmethod div\nmin-cosine 2\n\
                 within -\nrestrict 0\nsim king king\n";
    let ran = shell(&[], lines);
    assert_eq!((ran.code, ran.out.as_str()), (0, "king king 1.0000\n"));
    let told: Vec<&str> = ran.err.lines().collect();
    assert_eq!(told.len(), 12, "{told:#?}");
    for ((number, told), said) in (1..).zip(told).zip([
        "`kingg` is not in the vocabulary; did you mean `king`",
        "sim: expected two words (to query the word `sim`, use +sim), found 1",
        "odd: expected at least two words (to query the word `odd`, use +odd), found none",
        "?: expected three words before it",
        "k: expected a number, found `x`",
        "help: expected no operands (to query the word `help`, use +help), found 1",
        "unclosed group at character 1",
        "nowhere.txt: cannot open it",
        "possible values: add, mul",
        "min-cosine: expected a number from -1 to 1, found `2`",
        "within: standard input is used for commands",
        "--restrict: expected at least 1, found 0",
    ]) {
        assert!(told.starts_with(&format!("error: line {number}: ")) && told.contains(said), "{told}");
    }
    // In JSON, in place of the result.
    let ran = shell(&["--json"], "kingg\nsim king king\n");
    assert_eq!((ran.code, ran.err.as_str(), ran.json().len()), (0, "", 2));
    assert_eq!(ran.json()[0]["line"], 1);
    assert!(ran.json()[0]["error"].as_str().unwrap().contains("`kingg` is not in the vocabulary"));
}

#[test]
fn settings_hold_from_their_line_on() {
    let folder = Folder::new();
    let list = folder.file("a list.txt", "queen\nprince\nbread\nkingg\n");
    let words = |answer: &Value| -> Vec<String> {
        let list = answer["neighbours"].as_array().or_else(|| answer["answers"].as_array()).unwrap();
        list.iter().map(|answer| answer["word"].as_str().unwrap().to_owned()).collect()
    };
    let lines = format!(
        "king\nk 2\nking\nrestrict 300\nking\nrestrict off\nregex ^p\nking\nwithin {}\nking\nregex off\nking\n\
         min-cosine 0.9\nking\nrestrict 1\nking\nmin-cosine off\nwithin none\nmethod mul\nman king woman ?\n",
        list.display()
    );
    let ran = shell(&["--json", "-k", "3"], &lines);
    let answers = ran.json();
    let nearest =
        |arguments: &[&str]| words(&single(&[&["nearest", "king", "--json"], arguments].concat()).only_json());
    let (first, rest) = answers.split_first().unwrap();
    assert_eq!(words(first), nearest(&["-k", "3"]));
    let expected = [
        nearest(&["-k", "2"]),
        nearest(&["-k", "2", "--restrict", "300"]),
        nearest(&["-k", "2", "--regex", "^p"]),
        vec!["prince".to_owned()],
        vec!["queen".to_owned(), "prince".to_owned()],
        vec!["queen".to_owned()],
    ];
    for (answer, expected) in rest.iter().zip(&expected) {
        assert_eq!(words(answer), *expected);
    }
    // A restriction that leaves no word is refused, and the previous one stays.
    assert!(rest[6]["error"].as_str().unwrap().contains("no word satisfies"), "{rest:#?}");
    assert_eq!(words(&rest[7]), ["queen"]);
    assert_eq!((&rest[8]["method"], words(&rest[8]).len()), (&json!("mul"), 2));
    assert!(ran.err.contains("1 of 4 words have no row: `kingg`"), "{}", ran.err);
}

#[test]
fn info_says_what_is_set() {
    let info =
        shell(&["--json", "--exact-scan", "f32"], "k 7\nregex ^p\nrestrict 1,000\nmin-cosine 0.25\nk\n").only_json();
    for (key, expected) in [
        ("rows", json!(2500)),
        ("dimension", json!(50)),
        ("k", json!(7)),
        ("restrict", json!(1000)),
        ("within", Value::Null),
        ("regex", json!("^p")),
        ("min_cosine", json!(0.25)),
        ("method", json!("add")),
    ] {
        assert_eq!(info[key], expected, "{key}");
    }
    let ran = shell(&["--method", "mul"], "info\nhelp\n");
    assert!(ran.out.contains("2,500 x 50") && ran.out.contains("mul"), "{ran:?}");
    assert!(ran.err.contains("king -man +woman"), "{ran:?}");
    shell(&["--within", "-"], "king\n").refused(2, "standard input");
    shell(&["--top", "many"], "").refused(2, "many");
}

#[test]
fn a_result_is_printed_as_soon_as_its_line_was_read() {
    for (command, question, expected) in [
        (&["shell"][..], "sim king king\n", "king king 1.0000\n"),
        (&["nearest", "--batch", "-", "-k", "1"], "king\n", "king\n"),
        (&["nearest", "--vector", "-", "-k", "1"], "1 0\n", "vector 1\n"),
    ] {
        let folder = Folder::new();
        let vectors = folder.file("v.txt", "king 1 0\nqueen 3 4\n");
        let mut child = program()
            .args(command)
            .arg("--vectors")
            .arg(vectors)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        input.write_all(question.as_bytes()).unwrap();
        // Another program may wait for this result before it sends its next query.
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut line = String::new();
            BufReader::new(output).read_line(&mut line).unwrap();
            sender.send(line)
        });
        let answer = receiver.recv_timeout(Duration::from_secs(20));
        drop(input);
        assert_eq!(child.wait().unwrap().code(), Some(0));
        assert_eq!(answer.as_deref(), Ok(expected));
    }
}

#[test]
fn a_reader_may_close_the_pipe_early() {
    for command in [&["shell", "-k", "2000"][..], &["nearest", "--batch", "-", "-k", "2000"]] {
        let mut child = program()
            .args(command)
            .arg("--vectors")
            .arg(fixture("demo.50d.txt"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = child.stdout.take().unwrap();
        let mut input = child.stdin.take().unwrap();
        let writer = std::thread::spawn(move || {
            for _ in 0..1000 {
                // The program may have ended.
                if input.write_all(b"king\n").is_err() {
                    break;
                }
            }
        });
        let mut first = [0; 1];
        output.read_exact(&mut first).unwrap();
        drop(output);
        let ended = child.wait_with_output().unwrap();
        writer.join().unwrap();
        assert_eq!((ended.status.code(), String::from_utf8_lossy(&ended.stderr).as_ref()), (Some(0), ""));
    }
}

#[cfg(unix)]
mod terminal {
    use rexpect::process::WaitStatus;
    use rexpect::session::{PtySession, spawn_command};

    use super::*;

    /// The shell at a pseudo-terminal, with its state in `folder`.
    fn at_terminal(folder: &Folder, options: &[&str]) -> PtySession {
        let mut command = program();
        command.args(["shell", "--vectors"]).arg(fixture("demo.50d.txt")).args(options);
        command.env("XDG_STATE_HOME", folder.path("state")).env("TERM", "xterm");
        let mut session = spawn_command(command, Some(20_000)).unwrap();
        session.exp_string("2,500 words x 50").unwrap();
        session.exp_string("vocable> ").unwrap();
        session
    }

    /// Types without a line feed at the end.
    fn types(session: &mut PtySession, keys: &str) {
        session.send(keys).unwrap();
        session.flush().unwrap();
    }

    fn ends_quietly(session: &mut PtySession) {
        session.exp_eof().unwrap();
        assert!(matches!(session.process().wait().unwrap(), WaitStatus::Exited(_, 0)));
    }

    #[test]
    fn a_prompt_answers_continues_and_ends() {
        let folder = Folder::new();
        let mut session = at_terminal(&folder, &[]);
        session.send_line("sim france italy").unwrap();
        session.exp_string("france italy 0.6863").unwrap();
        session.send_line("kingg").unwrap();
        session.exp_string("error: `kingg` is not in the vocabulary; did you mean `king`").unwrap();
        // Input typed ahead waits for the prompt.
        types(&mut session, "k 1\rking\r");
        session.exp_string("queen  0.9161").unwrap();
        session.exp_string("vocable> ").unwrap();
        // Ctrl-C clears the line and shows a new prompt.
        types(&mut session, "sim france");
        session.exp_string("sim france").unwrap();
        session.send_control('c').unwrap();
        session.exp_string("vocable> ").unwrap();
        session.send_line("sim king king").unwrap();
        session.exp_string("king king 1.0000").unwrap();
        session.send_control('d').unwrap();
        ends_quietly(&mut session);
    }

    #[test]
    fn tab_completes_words_and_history_comes_back() {
        let folder = Folder::new();
        let mut session = at_terminal(&folder, &["-k", "1"]);
        // Only one word has this prefix; a sign is ignored.
        session.send_line("croco\t+cinem\t").unwrap();
        session.exp_string("crocodile +cinema").unwrap();
        session.exp_string("vocable> ").unwrap();
        session.send_line("simi\tfrance warsa\t").unwrap();
        session.exp_string("france warsaw ").unwrap();
        session.send_line("quit").unwrap();
        ends_quietly(&mut session);
        let history = std::fs::read_to_string(folder.path("state/vocable/history")).unwrap();
        assert!(history.contains("similarity france warsaw"), "{history}");

        // The next session has the line, above `quit`.
        let mut session = at_terminal(&folder, &["-k", "1"]);
        types(&mut session, "\u{1b}[A\u{1b}[A");
        session.exp_string("similarity france warsaw").unwrap();
        session.send_line("").unwrap();
        session.exp_string("france warsaw 0.").unwrap();
        session.send_control('d').unwrap();
        ends_quietly(&mut session);
    }

    #[test]
    fn history_can_be_turned_off() {
        let folder = Folder::new();
        let mut session = at_terminal(&folder, &["--no-history"]);
        session.send_line("sim king king").unwrap();
        session.exp_string("king king 1.0000").unwrap();
        session.send_line("exit").unwrap();
        ends_quietly(&mut session);
        assert!(!folder.path("state").exists());
    }
}
