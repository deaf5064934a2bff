//! Hsu's multiple comparison with the best: the subset of settings that may be the best.
//!
//! Hsu, "Simultaneous confidence intervals for all distances from the best", 1981.

use super::dunnett;

/// Comparison of the settings of a sweep, in the order of the values in a block.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Best {
    /// mᵢ: each setting's mean over the blocks.
    pub means: Vec<f64>,
    /// s: the residual standard deviation of y = μ + setting + block + ε.
    pub residual_sd: f64,
    /// d, of [`dunnett::critical`].
    pub critical: f64,
    /// D = d·s·√(2/r): maximum distance of a kept setting from the smallest mean of the others.
    pub allowance: f64,
    /// True for each setting that may be the best; the true best is kept with probability 1 − α.
    pub kept: Vec<bool>,
}

/// Reason why a comparison is impossible.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Incomparable {
    /// Fewer than two settings, or a single block.
    TooFew {
        /// Settings in the first block.
        settings: usize,
        /// Blocks.
        blocks: usize,
    },
    /// The block with this index, from 0, lacks a finite value for some setting.
    Incomplete(usize),
}

impl std::fmt::Display for Incomparable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::TooFew { settings, blocks } => {
                write!(f, "{settings} settings in {blocks} blocks leave nothing to compare")
            }
            Self::Incomplete(index) => {
                write!(f, "block {} does not hold a figure of every setting", index + 1)
            }
        }
    }
}

impl std::error::Error for Incomparable {}

/// Compares settings: `blocks[b][i]` is ln(metric) of setting i in block b, lower is better.
pub(crate) fn compare(blocks: &[Vec<f64>], alpha: f64) -> Result<Best, Incomparable> {
    let settings = blocks.first().map_or(0, Vec::len);
    let complete =
        |block: &Vec<f64>| block.len() == settings && block.iter().all(|y| y.is_finite());
    if let Some(index) = blocks.iter().position(|block| !complete(block)) {
        return Err(Incomparable::Incomplete(index));
    }
    let too_few = Incomparable::TooFew { settings, blocks: blocks.len() };
    let freedom = settings.saturating_sub(1) * blocks.len().saturating_sub(1);
    let critical = dunnett::critical(settings, freedom, alpha).ok_or(too_few)?;
    let means: Vec<f64> =
        (0..settings).map(|setting| mean(blocks.iter().map(|block| block[setting]))).collect();
    let residual_sd = (residual_squares(blocks, &means) / freedom as f64).sqrt();
    let allowance = critical * residual_sd * (2.0 / blocks.len() as f64).sqrt();
    let kept = (0..settings).map(|setting| above_best_other(&means, setting) <= allowance);
    Ok(Best { kept: kept.collect(), means, residual_sd, critical, allowance })
}

/// Mᵢ = mᵢ − min over the others.
fn above_best_other(means: &[f64], setting: usize) -> f64 {
    let others = means.iter().enumerate().filter(|(other, _)| *other != setting);
    means[setting] - others.map(|(_, mean)| *mean).fold(f64::INFINITY, f64::min)
}

/// Residual sum of squares after removing the effects of setting and block.
fn residual_squares(blocks: &[Vec<f64>], means: &[f64]) -> f64 {
    let grand = mean(means.iter().copied());
    let of_block = |block: &Vec<f64>| -> f64 {
        let block_mean = mean(block.iter().copied());
        let residuals = block.iter().zip(means).map(|(y, mean)| y - mean - block_mean + grand);
        residuals.map(|residual| residual * residual).sum()
    };
    blocks.iter().map(of_block).sum()
}

fn mean(figures: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = figures.fold((0.0, 0.0), |(sum, count), y| (sum + y, count + 1.0));
    sum / count
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_best_setting_is_kept_and_clearly_worse_ones_are_not() {
        // Noise that no setting or block explains: rows and columns cancel.
        let noise =
            [[0.01, -0.01, 0.0], [-0.01, 0.01, 0.0], [0.01, -0.01, 0.0], [-0.01, 0.01, 0.0]];
        let blocks: Vec<Vec<f64>> = noise
            .iter()
            .enumerate()
            .map(|(block, row)| {
                let level = [1.0, 1.5, 1.001].map(|setting| setting + block as f64);
                level.iter().zip(row).map(|(level, noise)| level + noise).collect()
            })
            .collect();
        let best = compare(&blocks, 0.05).unwrap();
        assert_eq!(best.kept, [true, false, true]);
        // Eight residuals of ±0.01 over (3 − 1)(4 − 1) degrees of freedom.
        assert!((best.residual_sd - (8.0 * 0.01_f64.powi(2) / 6.0).sqrt()).abs() < 1e-9);
        let allowance = best.critical * best.residual_sd * 0.5_f64.sqrt();
        assert!((best.allowance - allowance).abs() < 1e-12);
    }

    #[test]
    fn six_settings_in_ten_blocks_at_3_percent_detect_3_1_percent() {
        let critical = dunnett::critical(6, 45, 0.05).unwrap();
        assert!((critical * 0.03 * (2.0_f64 / 10.0).sqrt() - 0.031).abs() < 5e-4);
    }

    #[test]
    fn incomplete_blocks_and_single_settings_are_rejected() {
        let too_few = |settings, blocks| Err(Incomparable::TooFew { settings, blocks });
        assert_eq!(compare(&[], 0.05), too_few(0, 0));
        assert_eq!(compare(&[vec![1.0, 2.0]], 0.05), too_few(2, 1));
        assert_eq!(compare(&[vec![1.0], vec![2.0]], 0.05), too_few(1, 2));
        let short = [vec![1.0, 2.0], vec![1.0]];
        assert_eq!(compare(&short, 0.05), Err(Incomparable::Incomplete(1)));
        let missing = [vec![1.0, f64::NAN], vec![1.0, 2.0]];
        assert_eq!(compare(&missing, 0.05), Err(Incomparable::Incomplete(0)));
    }

    proptest! {
        #[test]
        fn the_set_contains_the_smallest_mean_and_all_below_a_kept_one(
            blocks in (2_usize..7, 2_usize..8).prop_flat_map(|(settings, blocks)| {
                let block = proptest::collection::vec(-1.0_f64..1.0, settings);
                proptest::collection::vec(block, blocks)
            }),
        ) {
            let best = compare(&blocks, 0.05).unwrap();
            let smallest = best.means.iter().copied().fold(f64::INFINITY, f64::min);
            let kept = || best.means.iter().zip(&best.kept).filter(|(_, kept)| **kept);
            prop_assert!(kept().any(|(mean, _)| *mean <= smallest));
            let highest = kept().map(|(mean, _)| *mean).fold(f64::NEG_INFINITY, f64::max);
            for (mean, kept) in best.means.iter().zip(&best.kept) {
                prop_assert!(*kept || *mean > highest);
            }
        }
    }
}
