//! Snapshots of the help of every command. `INSTA_UPDATE=always cargo test --test main help::` updates them; review the
//! difference like code.

// Features add commands, options and values; the snapshots are those of the default features.
#![cfg(all(feature = "explore", feature = "get", not(any(feature = "arrow", feature = "jieba", feature = "tsne"))))]

use std::collections::BTreeSet;

use crate::common::{program, snapshot};

/// Standard output of a run, at a width of 100 columns.
fn page(arguments: &[&str]) -> String {
    let output = program().args(arguments).env("COLUMNS", "100").output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The commands listed under "Commands:".
fn commands() -> Vec<String> {
    let help = page(&["-h"]);
    let (_, list) = help.split_once("Commands:\n").expect("the help lists the commands");
    let lines = list.lines().take_while(|line| line.starts_with("  "));
    // Continuation lines of a description are indented further.
    let names = lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

#[test]
fn help_is_as_reviewed() {
    snapshot("help", "vocable", &page(&["--help"]));
    let names: Vec<String> = commands().into_iter().filter(|name| name != "help").collect();
    for name in &names {
        snapshot("help", name, &page(&[name, "--help"]));
    }
    let kept = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/snapshots/help")).unwrap();
    let kept = kept.filter_map(|file| file.unwrap().file_name().to_str()?.strip_suffix(".snap").map(str::to_owned));
    let expected = names.into_iter().chain(["vocable".to_owned()]);
    assert_eq!(
        kept.collect::<BTreeSet<_>>(),
        expected.collect::<BTreeSet<_>>(),
        "delete snapshots of commands that no longer exist"
    );
}

#[test]
fn help_is_the_same_however_it_is_asked_for() {
    assert_eq!(page(&["help"]), page(&["--help"]));
    for name in commands().into_iter().filter(|name| name != "help") {
        assert_eq!(page(&["help", &name]), page(&[&name, "--help"]), "{name}");
    }
}
