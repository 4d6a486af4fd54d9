//! Files next to the repository: `../shared`.

use std::path::PathBuf;

use serde_json::Value;

/// The path of a file in `../shared`.
pub fn shared(path: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared").join(path)
}

/// A JSON file in `../shared`.
pub fn json(path: &str) -> Value {
    let path = shared(path);
    let text = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
