//! The critical value of comparisons of several settings with one, by quadrature.
//!
//! Dunnett, "A multiple comparison procedure for comparing several treatments with a control",
//! 1955; one-sided, equally many runs of each (correlation ½).

use statrs::distribution::{ContinuousCDF, Normal};

use super::quadrature::{normal_nodes, scale_nodes};

/// d: the largest of k − 1 studentised differences from one setting stays below it with probability
/// 1 − `alpha`, if all k `settings` are equal. The standard deviation is estimated with `freedom`
/// degrees of freedom. `None` for fewer than two settings or no degree of freedom.
pub(crate) fn critical(settings: usize, freedom: usize, alpha: f64) -> Option<f64> {
    let others = i32::try_from(settings.checked_sub(1)?).ok()?;
    if others == 0 || freedom == 0 || !(alpha > 0.0 && alpha < 1.0) {
        return None;
    }
    let (normal, settings, scales) = (Normal::standard(), normal_nodes(), scale_nodes(freedom));
    // P(max (Zᵢ − Z₀)/√2 ≤ d·W), given Z₀ and W a product of equal factors.
    let below = |d: f64| -> f64 {
        let given = |scale: f64| -> f64 {
            let reach = std::f64::consts::SQRT_2 * d * scale;
            settings.iter().map(|z| z.weight * normal.cdf(z.at + reach).powi(others)).sum()
        };
        scales.iter().map(|w| w.weight * given(w.at)).sum()
    };
    let mut high = 1.0;
    while below(high) < 1.0 - alpha {
        high *= 2.0;
    }
    let mut low = 0.0;
    for _ in 0..34 {
        let middle = f64::midpoint(low, high);
        if below(middle) < 1.0 - alpha { low = middle } else { high = middle }
    }
    Some(high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn critical_values_match_published_tables() {
        // statistics.md 3: settings, blocks, d.
        for (settings, blocks, d) in [
            (4, 5, 2.29),
            (4, 10, 2.17),
            (6, 5, 2.39),
            (6, 6, 2.36),
            (6, 10, 2.31),
            (8, 10, 2.40),
            (12, 10, 2.52),
        ] {
            let found = critical(settings, (settings - 1) * (blocks - 1), 0.05).unwrap();
            assert!((found - d).abs() < 0.02, "k={settings}, r={blocks}: {found}");
        }
    }

    #[test]
    fn with_two_settings_it_is_student_s_t() {
        for (freedom, t) in [(1, 6.3138), (4, 2.1318), (9, 1.8331), (60, 1.6706)] {
            let found = critical(2, freedom, 0.05).unwrap();
            assert!((found - t).abs() < 1e-3, "{freedom} degrees: {found}");
        }
    }

    #[test]
    fn without_a_comparison_there_is_no_value() {
        for (settings, freedom) in [(0, 5), (1, 5), (4, 0)] {
            assert_eq!(critical(settings, freedom, 0.05), None);
        }
    }
}
