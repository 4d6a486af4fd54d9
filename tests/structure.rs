//! The structure of the source code: imports between files have no cycles, modules import in one direction, no file is too long, and every file
//! is built.
//!
//! A file *imports* another if its code, without tests, names an item that is defined there: by a `use` or by a path (`crate::files::Words`,
//! `super::scan::top`). A re-export (`pub use`) is resolved to the file that defines the item. Declaring a module and re-exporting its items is
//! not an import unless the file also uses the name, so `mod.rs` files that only declare and re-export do not count. Method calls are
//! ignored.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// Roots of the crates. Modules are found from here, as the compiler finds them.
const ROOTS: [&str; 3] = ["src/lib.rs", "src/main.rs", "python/src/lib.rs"];

/// Modules of the library in order: each imports only modules before it.
const ORDER: [&str; 12] =
    ["error", "files", "vectors", "fetch", "query", "nn", "classifier", "texts", "bench", "compare", "report", "serve"];

/// Maximum number of lines of a source file.
const MAX_LINES: usize = 650;

#[test]
fn imports_of_files_have_no_cycles() {
    let mut cyclic = Vec::new();
    for root in ROOTS {
        let imports = Crate::read(root).imports();
        for ((from, to), names) in &imports {
            if reaches(&imports, to, from) {
                cyclic.push(format!("{from} uses {names:?} of {to}"));
            }
        }
    }
    assert!(cyclic.is_empty(), "these imports form cycles:\n{}", cyclic.join("\n"));
}

#[test]
fn modules_import_in_one_direction() {
    let rank = |file: &str| {
        let module = file.trim_start_matches("src/").split(['/', '.']).next()?;
        ORDER.iter().position(|name| *name == module)
    };
    let mut upwards = Vec::new();
    for ((from, to), names) in Crate::read("src/lib.rs").imports() {
        if rank(&from).zip(rank(&to)).is_some_and(|(from, to)| from < to) {
            upwards.push(format!("{from} uses {names:?} of {to}"));
        }
    }
    assert!(upwards.is_empty(), "against the order {ORDER:?}:\n{}", upwards.join("\n"));
}

#[test]
fn every_source_file_is_built_and_none_is_too_long() {
    let modules = ROOTS.map(|root| Crate::read(root).modules);
    let built: BTreeSet<&str> = modules.iter().flatten().map(|module| module.file.as_str()).collect();
    for file in rust_files("src").iter().chain(&rust_files("python/src")) {
        let tests = file.ends_with("/tests.rs");
        assert!(tests || built.contains(file.as_str()), "{file} belongs to no module");
        let lines = read(file).lines().count();
        assert!(lines <= MAX_LINES, "{file} has {lines} lines, more than {MAX_LINES}; split it");
    }
}

/// Whether one file imports another, directly or through others.
fn reaches(imports: &Imports, from: &str, to: &str) -> bool {
    let mut reached = BTreeSet::from([from]);
    let mut waiting = vec![from];
    while let Some(file) = waiting.pop() {
        for (_, next) in imports.keys().filter(|(importing, _)| importing == file) {
            if reached.insert(next) {
                waiting.push(next);
            }
        }
    }
    reached.contains(to)
}

/// Names by importing and imported file.
type Imports = BTreeMap<(String, String), BTreeSet<String>>;

/// The modules of a crate.
struct Crate {
    modules: Vec<Module>,
}

/// A module that is a file.
struct Module {
    /// Module path from the crate's root; empty for the root.
    path: Vec<String>,
    /// Path relative to the repository.
    file: String,
    uses: Vec<Use>,
    /// Paths in the code outside of `use`; a single name is a path of one segment.
    mentions: BTreeSet<Vec<String>>,
}

/// One name imported by a `use`.
struct Use {
    path: Vec<String>,
    /// `*` for a glob import.
    name: String,
    public: bool,
}

impl Crate {
    fn read(root: &str) -> Crate {
        let mut modules = Vec::new();
        let mut waiting = vec![(Vec::new(), root.to_owned())];
        while let Some((path, file)) = waiting.pop() {
            let (module, children) = Module::parse(path, file);
            let folder = module.folder();
            for child in children {
                let candidates = [format!("{folder}/{child}.rs"), format!("{folder}/{child}/mod.rs")];
                let file = candidates.into_iter().find(|file| repository().join(file).is_file());
                let file = file.unwrap_or_else(|| panic!("{}: no file for `mod {child}`", module.file));
                waiting.push(([module.path.as_slice(), &[child]].concat(), file));
            }
            modules.push(module);
        }
        Crate { modules }
    }

    fn module(&self, path: &[String]) -> Option<&Module> {
        self.modules.iter().find(|module| module.path == path)
    }

    /// What files import from each other.
    fn imports(&self) -> Imports {
        let mut imports = Imports::new();
        for module in &self.modules {
            let imported = module.uses.iter().filter(|each| !each.public || each.name == "*");
            let mentioned = module.mentions.iter().filter_map(|mention| module.absolute(mention, self));
            for path in imported.map(|each| each.path.clone()).chain(mentioned) {
                if let Some((file, name)) = self.definition(&path, 0).filter(|(file, _)| *file != module.file) {
                    imports.entry((module.file.clone(), file)).or_default().insert(name);
                }
            }
        }
        imports
    }

    /// The file that defines the item of a path from the crate's root, and the item's name; `None` for modules and unknown paths.
    fn definition(&self, path: &[String], depth: usize) -> Option<(String, String)> {
        let known = (0..=path.len()).rev().find(|&length| self.module(&path[..length]).is_some())?;
        let (module, rest) = (self.module(&path[..known])?, &path[known..]);
        let name = rest.first()?;
        if depth > 8 {
            return None;
        }
        let through = |each: &Use, rest: &[String]| self.definition(&[each.path.as_slice(), rest].concat(), depth + 1);
        if let Some(found) = module.uses.iter().find(|each| each.public && each.name == *name) {
            return through(found, &rest[1..]);
        }
        let globs = module.uses.iter().filter(|each| each.public && each.name == "*");
        globs.into_iter().find_map(|each| through(each, rest)).or_else(|| Some((module.file.clone(), name.clone())))
    }
}

impl Module {
    /// Reads a file; also returns the names of the modules that it declares.
    fn parse(path: Vec<String>, file: String) -> (Module, Vec<String>) {
        let tokens = without_tests(tokens(&read(&file)));
        let mut module = Module { path, file, uses: Vec::new(), mentions: BTreeSet::new() };
        let mut children = Vec::new();
        let mut at = 0;
        while at < tokens.len() {
            let token = tokens[at].as_str();
            if token == "use" && tokens.get(at + 1).is_some_and(|next| next != "<") {
                let end =
                    at + tokens[at..].iter().position(|token| token == ";").expect("a `use` ends with a semicolon");
                let public = at > 0 && (tokens[at - 1] == "pub" || tokens[at - 1] == ")");
                module.add_uses(&tokens[at + 1..end], public);
                at = end;
            } else if token == "mod" && tokens.get(at + 2).is_some_and(|next| next == ";") {
                children.push(tokens[at + 1].clone());
                at += 2;
            } else if is_name(token) {
                let mut mention = vec![tokens[at].clone()];
                while tokens.get(at + 1).is_some_and(|next| next == "::")
                    && tokens.get(at + 2).is_some_and(|next| is_name(next))
                {
                    mention.push(tokens[at + 2].clone());
                    at += 2;
                }
                module.mentions.insert(mention);
            }
            at += 1;
        }
        (module, children)
    }

    /// The folder of the files of its modules.
    fn folder(&self) -> String {
        let file = Path::new(&self.file);
        let root = ["lib.rs", "main.rs", "mod.rs"].iter().any(|name| file.ends_with(name));
        let folder =
            if root { file.parent().expect("a file has a folder").to_owned() } else { file.with_extension("") };
        folder.to_str().expect("file names are UTF-8").to_owned()
    }

    /// Adds the names of a tree such as `super::{a::B, c::{self, D as E}}`.
    fn add_uses(&mut self, tree: &[String], public: bool) {
        let mut prefixes: Vec<Vec<String>> = vec![Vec::new()];
        let mut current: Vec<String> = Vec::new();
        let mut alias = None;
        let mut leaves = Vec::new();
        let mut tokens = tree.iter();
        while let Some(token) = tokens.next() {
            match token.as_str() {
                "::" => {}
                "{" => {
                    let prefix = [prefixes.last().expect("braces are balanced").as_slice(), &current].concat();
                    prefixes.push(prefix);
                    current.clear();
                }
                "," | "}" => {
                    if !current.is_empty() {
                        leaves.push((
                            [prefixes.last().expect("braces are balanced").as_slice(), &current].concat(),
                            alias.take(),
                        ));
                        current.clear();
                    }
                    if token == "}" {
                        prefixes.pop();
                    }
                }
                "as" => alias = tokens.next().cloned(),
                _ => current.push(token.clone()),
            }
        }
        if !current.is_empty() {
            leaves.push((current, alias));
        }
        for (mut path, alias) in leaves {
            path.pop_if(|last| last == "self");
            let Some(mut path) = self.path_from_root(&path) else { continue };
            let name = alias.unwrap_or_else(|| path.last().cloned().unwrap_or_default());
            path.pop_if(|last| last == "*");
            self.uses.push(Use { path, name, public });
        }
    }

    /// The path from the crate's root of a path that is relative to this module.
    fn path_from_root(&self, path: &[String]) -> Option<Vec<String>> {
        let mut base = match path.first()?.as_str() {
            "crate" => Vec::new(),
            "self" => self.path.clone(),
            "super" => self.path[..self.path.len().checked_sub(1)?].to_vec(),
            // Since the 2018 edition a path may begin with a module that is declared here.
            _ if self.path.is_empty() => return Some(path.to_vec()),
            _ => return Some([self.path.as_slice(), path].concat()),
        };
        for segment in &path[1..] {
            if segment == "super" {
                base.pop()?;
            } else {
                base.push(segment.clone());
            }
        }
        Some(base)
    }

    /// The path from the crate's root of a path in the code; `None` if it is not imported.
    fn absolute(&self, mention: &[String], all: &Crate) -> Option<Vec<String>> {
        let first = mention.first()?;
        if ["crate", "self", "super"].contains(&first.as_str()) {
            return self.path_from_root(mention);
        }
        if let Some(used) = self.uses.iter().find(|each| each.name == *first) {
            return Some([used.path.as_slice(), &mention[1..]].concat());
        }
        let child = [self.path.as_slice(), std::slice::from_ref(first)].concat();
        (mention.len() > 1 && all.module(&child).is_some()).then(|| [self.path.as_slice(), mention].concat())
    }
}

fn is_name(token: &str) -> bool {
    token.starts_with(|c: char| c.is_alphabetic() || c == '_')
}

/// The identifiers and punctuation of Rust code, without comments and literals.
fn tokens(code: &str) -> Vec<String> {
    let bytes = code.as_bytes();
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let rest = &code[at..];
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if let Some(length) = string_length(rest) {
            length
        } else if rest.starts_with(|c: char| c.is_alphabetic() || c == '_') {
            let length = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(rest[..length].to_owned());
            length
        } else if rest.starts_with("::") {
            tokens.push("::".to_owned());
            2
        } else {
            let mark = rest.chars().next().expect("more to read");
            if !mark.is_whitespace() {
                tokens.push(mark.to_string());
            }
            mark.len_utf8()
        };
        at += length;
    }
    tokens
}

/// The length of the string or character literal at the start of some code, if there is one.
fn string_length(code: &str) -> Option<usize> {
    let prefix = ["r", "br", "b", "c"].into_iter().rev().find(|prefix| {
        code.strip_prefix(prefix)
            .is_some_and(|rest| rest.starts_with('"') || (prefix.ends_with('r') && rest.starts_with("#")))
    });
    let body = &code[prefix.map_or(0, str::len)..];
    if prefix.is_some_and(|prefix| prefix.ends_with('r')) {
        let marks = body.len() - body.trim_start_matches('#').len();
        body[marks..].strip_prefix('"')?;
        let end = format!("\"{}", &body[..marks]);
        let length = body[marks + 1..].find(&end)?;
        return Some(code.len() - body.len() + marks + 1 + length + end.len());
    }
    let quote = body.chars().next()?;
    let escaped = |at: usize| body[at..].starts_with('\\');
    match quote {
        '"' => {
            let mut at = 1;
            while !body[at..].starts_with('"') {
                at += if escaped(at) { 2 } else { body[at..].chars().next()?.len_utf8() };
            }
            Some(code.len() - body.len() + at + 1)
        }
        '\'' if escaped(1) => Some(2 + body[3..].find('\'')? + 2),
        // Otherwise it is a lifetime.
        '\'' => {
            let length = 1 + body[1..].chars().next()?.len_utf8();
            body[length..].starts_with('\'').then_some(length + 1)
        }
        _ => None,
    }
}

/// Removes modules under `#[cfg(test)]`.
fn without_tests(tokens: Vec<String>) -> Vec<String> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if tokens[at..].iter().map(String::as_str).take(8).eq(["#", "[", "cfg", "(", "test", ")", "]", "mod"]) {
            at += 9;
            let mut depth = 0;
            loop {
                match tokens[at].as_str() {
                    "{" => depth += 1,
                    "}" => depth -= 1,
                    _ => {}
                }
                at += 1;
                if depth == 0 {
                    break;
                }
            }
            continue;
        }
        kept.push(tokens[at].clone());
        at += 1;
    }
    kept
}

fn repository() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(file: &str) -> String {
    std::fs::read_to_string(repository().join(file)).unwrap_or_else(|e| panic!("{file}: {e}"))
}

/// All Rust files in a folder of the repository.
fn rust_files(folder: &str) -> Vec<String> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(repository().join(folder)).unwrap() {
        let name = format!("{folder}/{}", entry.unwrap().file_name().to_str().unwrap());
        if repository().join(&name).is_dir() {
            files.extend(rust_files(&name));
        } else if name.ends_with(".rs") {
            files.push(name);
        }
    }
    files
}

#[test]
fn imports_are_found() {
    let code = r##"
        use super::{a::B, c::{self, D as E}, *};
        pub(crate) use crate::x::Y;
        fn f<'a>(x: &'a str) -> char { "use super::no;"; r#"mod "no;"#; b'"'; '\''; c::g(); crate::z::H::new(); 'x' }
        #[cfg(test)]
        mod tests { use super::no; }
    "##;
    let tokens = without_tests(tokens(code));
    assert!(!tokens.contains(&"no".to_owned()), "{tokens:?}");
    let mut module =
        Module { path: vec!["m".into(), "n".into()], file: String::new(), uses: Vec::new(), mentions: BTreeSet::new() };
    module.add_uses(&tokens[1..tokens.iter().position(|token| token == ";").unwrap()], false);
    let uses: Vec<(String, &str)> = module.uses.iter().map(|each| (each.path.join("::"), each.name.as_str())).collect();
    let expected = [("m::a::B", "B"), ("m::c", "c"), ("m::c::D", "E"), ("m", "*")];
    assert_eq!(uses, expected.map(|(path, name)| (path.to_owned(), name)));
}
