//! The help of every command, as a whole. `INSTA_UPDATE=always cargo test --test main help::` writes the snapshots again; read the
//! difference like code.

use crate::common::program;

/// Standard output of a run, at a width of 100 columns.
fn page(arguments: &[&str]) -> String {
    let output = program().args(arguments).env("COLUMNS", "100").output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The names listed under "Commands:".
fn commands() -> Vec<String> {
    let help = page(&["-h"]);
    let (_, list) = help.split_once("Commands:\n").expect("the help lists the commands");
    let lines = list.lines().take_while(|line| line.starts_with("  "));
    // A line that continues a description has more space in front of it.
    let names = lines.filter(|line| !line.starts_with("   ")).filter_map(|line| line.split_whitespace().next());
    names.map(str::to_owned).collect()
}

/// Features add commands and options, so the snapshots are those of the default features.
#[cfg(all(
    feature = "explore",
    feature = "get",
    not(feature = "arrow"),
    not(feature = "jieba"),
    not(feature = "tsne")
))]
#[test]
fn help_is_as_reviewed() {
    use std::collections::BTreeSet;

    use crate::common::snapshot;

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
        "a snapshot of a command that is gone"
    );
}

#[test]
fn help_is_the_same_however_it_is_asked_for() {
    assert_eq!(page(&["help"]), page(&["--help"]));
    for name in commands().into_iter().filter(|name| name != "help") {
        assert_eq!(page(&["help", &name]), page(&[&name, "--help"]), "{name}");
    }
}
