//! Which settings of a sweep may be the best, and which of those to take (statistics.md 3). Says
//! nothing about how much better they are: only fresh runs can.

use serde::Serialize;

use super::arm_summary::SettingSummary;
use crate::scenario::metric::Metric;
use crate::session::state::{RanBlock, RanStep};
use crate::stats::hsu;

/// The error with which the truly best is left out of the set.
const ALPHA: f64 = 0.05;

/// The settings that may be the best, by Hsu's comparison with the best.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BestSubset {
    /// Their indices among the analysis's settings: with 95 % the best within the limits is one.
    pub members: Vec<usize>,
    /// Blocks that every setting within the limits finished.
    pub blocks: usize,
    /// s: what neither setting nor block explains, in percent.
    pub spread_percent: f64,
    /// D: by how much a setting's mean may be slower than the best other and stay, in percent.
    pub allowance_percent: f64,
}

/// The set among the settings within the limits; `arms` are the settings' indices in the step. None
/// where there are too few settings or blocks.
pub(crate) fn best(
    settings: &[SettingSummary],
    arms: &[usize],
    sweep: &RanStep,
) -> Option<BestSubset> {
    let within: Vec<usize> = (0..settings.len()).filter(|i| settings[*i].within_limits).collect();
    // The rate turned round: in Hsu's comparison lower is better.
    let slowness = |block: &RanBlock, index: &usize| {
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

/// The setting to take: of those that may be the best the one with the smallest memory, where others
/// are as small the baseline, else of these the one with the highest median. Memory that differs by
/// less than the margin is the same.
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
    // Of equal medians the first.
    small.into_iter().rev().max_by(|a, b| rate(*a).total_cmp(&rate(*b))).unwrap_or(highest)
}

/// Whether this much memory is more, by more than the margin.
pub(crate) fn is_larger(memory: f64, other: f64, margin: f64) -> bool {
    memory > other * (1.0 + margin)
}
