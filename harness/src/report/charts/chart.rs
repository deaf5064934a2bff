//! One picture: its SVG in three forms, and what it says in words and figures.

use super::canvas::{Form, PALETTE};
use crate::error::Result;
use crate::report::model::Document;
use crate::report::table::Table;

/// One picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Names its files, without folder and ending.
    pub name: String,
    /// What it shows.
    pub title: String,
    /// How it was measured and how to read it.
    pub subtitle: String,
    /// What a reader who does not see it should know.
    pub alt: String,
    /// The figures behind it.
    pub table: Table,
    /// The picture with its headings, to stand alone.
    pub svg: String,
    page: String,
    phone: String,
}

/// The words of a chart.
pub(super) struct Words {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) subtitle: String,
    pub(super) alt: String,
}

/// How something was measured, with the link where one was simulated.
pub(super) fn with_link(how: &str, document: &Document) -> String {
    match &document.link {
        Some(link) => format!("{how} All of it over a {link}."),
        None => how.into(),
    }
}

impl Chart {
    /// Draws a chart in its three forms.
    pub(super) fn drawn(
        words: Words,
        table: Table,
        draw: impl Fn(Form) -> Result<String>,
    ) -> Result<Self> {
        Ok(Self {
            svg: draw(Form::File)?,
            page: draw(Form::Page)?,
            phone: draw(Form::Phone)?,
            name: words.name,
            title: words.title,
            subtitle: words.subtitle,
            alt: words.alt,
            table,
        })
    }

    /// The picture for a page: for one on a phone, or for a wider one. The page sets the colours
    /// and says what it shows.
    pub fn inline(&self, phone: bool) -> String {
        let svg = if phone { &self.phone } else { &self.page };
        let named = PALETTE.iter().fold(svg.clone(), |svg, (here, there)| svg.replace(here, there));
        // The page sets the size; the picture keeps its shape. Its words stand beside it.
        let Some((head, body)) = named.split_once('>') else { return named };
        let view = head.split_once("viewBox=").map_or("", |(_, view)| view);
        let view = view.split('"').nth(1).unwrap_or("0 0 1 1");
        format!("<svg viewBox=\"{view}\" aria-hidden=\"true\" focusable=\"false\">{body}")
    }
}
