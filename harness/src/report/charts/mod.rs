//! Charts of a document: SVG in three forms (file, page, phone), with texts and a table of the same
//! figures. Texts stay texts, and marks differ in shape as well as in colour.

mod canvas;
mod chart;
mod forest;
mod heatmap;
mod history;
mod phase;
mod rows;

use super::model::{Document, PhaseReport};
use crate::error::Result;

pub use self::chart::Chart;
pub(super) use self::forest::{comparison_table, cumulative_table};
pub(super) use self::history::history;

/// Charts of a document, by part of the report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Charts {
    /// Sum of the phases.
    pub cumulative: Option<Chart>,
    /// Charts of each phase.
    pub phases: Vec<Vec<Chart>>,
    /// Each optimization alone.
    pub alone: Option<Chart>,
    /// Metrics of a gate.
    pub metrics: Option<Chart>,
    /// Drift over the session.
    pub drift: Option<Chart>,
}

impl Charts {
    /// Draws every chart that the document has figures for. Fails if drawing fails.
    pub fn of(document: &Document) -> Result<Self> {
        let several = document.phases.len() > 1;
        let phases = document.phases.iter().map(|phase| charts_of(document, phase, several));
        let alone = "Each optimization alone against the original baseline";
        let metrics = "Every metric against the baseline";
        Ok(Self {
            cumulative: forest::waterfall(document)?,
            phases: phases.collect::<Result<_>>()?,
            alone: forest::intervals("alone", alone, document, &document.alone)?,
            metrics: forest::intervals("metrics", metrics, document, &document.metrics)?,
            drift: heatmap::drift(document)?,
        })
    }

    /// Every chart, in report order.
    pub fn iter(&self) -> impl Iterator<Item = &Chart> {
        let first = self.metrics.iter().chain(&self.cumulative);
        let phases = self.phases.iter().flatten();
        first.chain(phases).chain(&self.alone).chain(&self.drift)
    }
}

fn charts_of(document: &Document, phase: &PhaseReport, several: bool) -> Result<Vec<Chart>> {
    let prefix = if several { slug(&phase.phase) + "-" } else { String::new() };
    let title = "Confirmation pairs of the chosen and the current setting";
    let name = format!("{prefix}confirmation");
    let charts = [
        forest::intervals(&name, title, document, phase.confirmation.as_slice())?,
        phase::rates(phase, &prefix)?,
        heatmap::heatmap(phase, &prefix)?,
        phase::times(phase, &prefix)?,
        phase::stages(phase, &prefix)?,
        phase::latency(phase, &prefix)?,
    ];
    Ok(charts.into_iter().flatten().collect())
}

/// Maximum length of a slug.
const SLUG_MAX: usize = 40;

/// Converts a text to a part of a file name: `II.1` to `ii-1`.
pub fn slug(text: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let slug: String = text.chars().map(plain).collect();
    let parts = slug.split('-').filter(|part| !part.is_empty());
    // File systems limit names; plain ASCII can be cut anywhere.
    parts.collect::<Vec<_>>().join("-").chars().take(SLUG_MAX).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_phases_become_names_of_files() {
        for (text, name) in [("II.1", "ii-1"), ("../a b", "a-b"), ("", "")] {
            assert_eq!(slug(text), name);
        }
    }
}
