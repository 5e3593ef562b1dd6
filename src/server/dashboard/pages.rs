//! The templates: compiled once, every text escaped.

use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior, Value};
use serde::Serialize;

use super::MARKS;

/// The templates of all pages.
const TEMPLATES: [(&str, &str); 7] = [
    ("layout.html", include_str!("templates/layout.html")),
    ("parts.html", include_str!("templates/parts.html")),
    ("overview.html", include_str!("templates/overview.html")),
    ("environment.html", include_str!("templates/environment.html")),
    ("run.html", include_str!("templates/run.html")),
    ("pull_request.html", include_str!("templates/pull_request.html")),
    ("failed.html", include_str!("templates/failed.html")),
];

/// The pages, ready to be filled.
pub(in crate::server) struct Pages(Environment<'static>);

impl Pages {
    /// Compiles the templates.
    pub(in crate::server) fn new() -> Self {
        let mut pages = Environment::new();
        // Whatever a template is called: no text from outside reaches a page unescaped.
        pages.set_auto_escape_callback(|_| AutoEscape::Html);
        pages.set_undefined_behavior(UndefinedBehavior::Strict);
        pages.add_filter("url", |text: &str| crate::server::api::encode(text));
        pages.add_global("version", env!("CARGO_PKG_VERSION"));
        pages.add_global("style", format!("/assets/app.css?{}", MARKS[0]));
        pages.add_global("script", format!("/assets/app.js?{}", MARKS[1]));
        for (name, text) in TEMPLATES {
            if let Err(error) = pages.add_template(name, text) {
                tracing::error!(%error, name, "a page is broken: this is a defect of driftless");
            }
        }
        Self(pages)
    }

    /// Fills a page.
    ///
    /// # Errors
    /// When a template asks for what the page does not have.
    pub(super) fn render(&self, name: &str, page: &impl Serialize) -> Result<String, Error> {
        self.0.get_template(name)?.render(Value::from(Serde(page)))
    }
}
