//! The files of the web page, compiled into the program. They load nothing from other servers.

/// A file of the web page.
#[derive(Debug)]
pub struct Asset {
    pub path: &'static str,
    pub content_type: &'static str,
    pub text: &'static str,
}

/// All files of the web page; the first is the page itself.
pub static ASSETS: [Asset; 4] = [
    Asset { path: "/", content_type: "text/html; charset=utf-8", text: include_str!("page/index.html") },
    Asset { path: "/style.css", content_type: "text/css; charset=utf-8", text: include_str!("page/style.css") },
    Asset { path: "/map.js", content_type: "text/javascript; charset=utf-8", text: include_str!("page/map.js") },
    Asset { path: "/app.js", content_type: "text/javascript; charset=utf-8", text: include_str!("page/app.js") },
];

/// The content security policy: the page may only load its own files.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; \
                          base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
