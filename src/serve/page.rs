//! The page: files that are part of the program, and need nothing beside this server.

/// A file of the page.
#[derive(Debug)]
pub struct Asset {
    pub path: &'static str,
    pub kind: &'static str,
    pub text: &'static str,
}

/// All files of the page. The first is what a person opens.
pub static ASSETS: [Asset; 4] = [
    Asset { path: "/", kind: "text/html; charset=utf-8", text: include_str!("page/index.html") },
    Asset { path: "/style.css", kind: "text/css; charset=utf-8", text: include_str!("page/style.css") },
    Asset { path: "/map.js", kind: "text/javascript; charset=utf-8", text: include_str!("page/map.js") },
    Asset { path: "/app.js", kind: "text/javascript; charset=utf-8", text: include_str!("page/app.js") },
];

/// What the page may load: its own files, and nothing from anywhere else.
pub const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                          base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
