//! Settings of a sweep that may be the best, and the candidate among them (statistics.md 3). Only
//! confirmation pairs estimate how much better a candidate is.

use serde::Serialize;

use super::arm_summary::SettingSummary;
use crate::scenario::metric::Metric;
use crate::session::state::{CompletedBlock, CompletedStep};
use crate::stats::hsu;

/// Error probability of excluding the true best.
const ALPHA: f64 = 0.05;

/// The settings that may be the best, by Hsu's comparison with the best.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BestSubset {
    /// Indices among the analysis's settings. With 95 % confidence they include the best setting
    /// within the limits that never failed.
    pub members: Vec<usize>,
    /// Number of blocks that every eligible setting finished.
    pub blocks: usize,
    /// Residual standard deviation s, in percent: variation that neither setting nor block
    /// explains.
    pub spread_percent: f64,
    /// Allowance D, in percent: how much slower than the best other mean a setting may be and still
    /// stay.
    pub allowance_percent: f64,
}

/// Selects the subset among eligible settings: within the limits, without a failed run. `arms` are the settings' indices in the
/// step. `None` with too few settings or blocks.
pub(crate) fn best(
    settings: &[SettingSummary],
    arms: &[usize],
    sweep: &CompletedStep,
) -> Option<BestSubset> {
    let within: Vec<usize> = (0..settings.len()).filter(|i| settings[*i].is_eligible()).collect();
    // Negated log rate: in Hsu's comparison lower is better.
    let slowness = |block: &CompletedBlock, index: &usize| {
        let rate = block.of_arm(*arms.get(*index)?)?.value(Metric::RecPerMin)?;
        Some(-rate.ln())
    };
    let blocks: Vec<Vec<f64>> = sweep
        .counted()
        .filter_map(|block| within.iter().map(|index| slowness(block, index)).collect())
        .collect();
    let found = hsu::compare(&blocks, ALPHA).ok()?;
    let members = within.iter().zip(&found.kept).filter(|(_, kept)| **kept);
    Some(BestSubset {
        members: members.map(|(index, _)| *index).collect(),
        blocks: blocks.len(),
        spread_percent: found.residual_sd * 100.0,
        allowance_percent: found.allowance * 100.0,
    })
}

/// Picks the candidate among the members: lowest memory; on a tie the baseline; else the highest
/// median rate. Memory that differs by less than the margin is a tie.
pub(crate) fn choice(
    settings: &[SettingSummary],
    best: Option<&BestSubset>,
    baseline: usize,
    highest: usize,
    margin: f64,
) -> usize {
    let Some(best) = best else {
        return highest;
    };
    let memory = |index: usize| settings[index].figures.metrics.peak_rss_bytes.median;
    let least = best.members.iter().map(|index| memory(*index)).fold(f64::INFINITY, f64::min);
    let is_small = |index: &&usize| !is_larger(memory(**index), least, margin);
    let small: Vec<usize> = best.members.iter().filter(is_small).copied().collect();
    if small.contains(&baseline) {
        return baseline;
    }
    let rate = |index: usize| settings[index].figures.metrics.rec_per_min.median;
    // On equal medians, the first.
    small.into_iter().rev().max_by(|a, b| rate(*a).total_cmp(&rate(*b))).unwrap_or(highest)
}

/// True if `memory` exceeds `other` by more than the margin.
pub(crate) fn is_larger(memory: f64, other: f64, margin: f64) -> bool {
    memory > other * (1.0 + margin)
}
