//! The frame that all HTML pages share, and escaping.

/// The style sheet of all pages: colours for light and dark mode, text, sections.
pub(super) const STYLE: &str = include_str!("page.css");

/// A self-contained page without scripts. `title` is text, `styles` are style sheets, and `body` is HTML.
pub(super) fn page(title: &str, styles: &[&str], body: &str) -> String {
    format!(
        "<!doctype html>\n\
         <html lang=\"en\">\n\
         <head>\n\
         <meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n\
         <title>{title}</title>\n\
         <style>\n{STYLE}{styles}</style>\n\
         </head>\n\
         <body>\n\
         <main>\n\
         {body}\
         </main>\n\
         </body>\n\
         </html>\n",
        title = escaped(title),
        styles = styles.concat(),
    )
}

/// Escapes text for elements and quoted attributes, and replaces control characters, which HTML does not allow.
pub(super) fn escaped(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => html.push_str("&amp;"),
            '<' => html.push_str("&lt;"),
            '>' => html.push_str("&gt;"),
            '"' => html.push_str("&quot;"),
            '\'' => html.push_str("&#39;"),
            control if control.is_control() => html.push('\u{FFFD}'),
            other => html.push(other),
        }
    }
    html
}
