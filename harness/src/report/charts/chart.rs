//! A chart: its SVG in three forms, its texts and its figures.

use super::canvas::{Form, PALETTE};
use crate::error::Result;
use crate::report::model::Document;
use crate::report::table::Table;

/// One chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// Name of its files, without folder and extension.
    pub name: String,
    /// Title.
    pub title: String,
    /// Subtitle: method, and how to read the chart.
    pub subtitle: String,
    /// Alternative text for readers who do not see it.
    pub alt: String,
    /// Figures behind the chart.
    pub table: Table,
    /// SVG with headings, for a file.
    pub svg: String,
    page: String,
    phone: String,
}

/// Texts of a chart.
pub(super) struct Words {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) subtitle: String,
    pub(super) alt: String,
}

/// Description of the method, with the simulated network if there is one.
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

    /// SVG for a page: for a phone, or wider. The page sets colours and describes the chart.
    pub fn inline(&self, phone: bool) -> String {
        let svg = if phone { &self.phone } else { &self.page };
        let named = PALETTE.iter().fold(svg.clone(), |svg, (here, there)| svg.replace(here, there));
        // The page sets the size and keeps the aspect ratio.
        let Some((head, body)) = named.split_once('>') else { return named };
        let view = head.split_once("viewBox=").map_or("", |(_, view)| view);
        let view = view.split('"').nth(1).unwrap_or("0 0 1 1");
        format!("<svg viewBox=\"{view}\" aria-hidden=\"true\" focusable=\"false\">{body}")
    }
}
