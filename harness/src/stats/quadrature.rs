//! Nodes and weights for expectations over a normal value and over an estimated scale. Uses the
//! trapezoidal rule: both densities and all their derivatives vanish at the ends, and no rule
//! converges faster there.

/// One point of a quadrature.
#[derive(Debug, Clone, Copy)]
pub(super) struct Node {
    /// Abscissa.
    pub(super) at: f64,
    /// Weight; the weights of a rule sum to 1.
    pub(super) weight: f64,
}

/// Minimum number of steps of a rule, and the longest step. Half of that step changes no result by
/// 1e−9.
const STEPS_MIN: f64 = 48.0;
const STEP_MAX: f64 = 0.2;
/// Logarithm of the density, relative to its peak, at which a rule may stop.
const NEGLIGIBLE: f64 = 36.0;

/// Nodes for E f(Z), Z standard normal.
pub(super) fn normal_nodes() -> Vec<Node> {
    let end = (2.0 * NEGLIGIBLE).sqrt();
    nodes(-end, end, |z| -z * z / 2.0, |z| z)
}

/// Nodes for E f(W), W² chi-squared over its ν degrees of freedom: the relative error of an
/// estimated standard deviation. The variable is x = ln W. Its density e^{ν(x − e^{2x}/2)} vanishes
/// at both ends, even if the density of W does not.
pub(super) fn scale_nodes(freedom: usize) -> Vec<Node> {
    let freedom = freedom.max(1) as f64;
    let room = NEGLIGIBLE / freedom;
    // x − (e^{2x} − 1)/2 is at most −x² for x > 0; for x < 0 at most x + ½, and −⅔x² above −½.
    let low = if room < 1.0 / 6.0 { -(1.5 * room).sqrt() } else { -room - 0.5 };
    let log_density = |x: f64| freedom * (x - (2.0 * x).exp_m1() / 2.0);
    nodes(low, room.sqrt(), log_density, f64::exp)
}

fn nodes(
    low: f64,
    high: f64,
    log_density: impl Fn(f64) -> f64,
    at: impl Fn(f64) -> f64,
) -> Vec<Node> {
    let steps = ((high - low) / STEP_MAX).ceil().max(STEPS_MIN);
    let place = |index: f64| low + (high - low) * index / steps;
    let indices = std::iter::successors(Some(0.0), |index| Some(index + 1.0));
    let places: Vec<f64> = indices.take_while(|index| *index <= steps).map(place).collect();
    let total: f64 = places.iter().map(|x| log_density(*x).exp()).sum();
    let node = |x: &f64| Node { at: at(*x), weight: log_density(*x).exp() / total };
    places.iter().map(node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expectation(nodes: &[Node], f: impl Fn(f64) -> f64) -> f64 {
        nodes.iter().map(|node| node.weight * f(node.at)).sum()
    }

    #[test]
    fn the_normal_rule_has_the_moments_of_the_normal_distribution() {
        let nodes = normal_nodes();
        for (power, moment) in [(0, 1.0), (1, 0.0), (2, 1.0), (4, 3.0), (6, 15.0)] {
            let found = expectation(&nodes, |z| z.powi(power));
            assert!((found - moment).abs() < 1e-9, "moment {power}: {found}");
        }
    }

    #[test]
    fn the_scale_rule_has_the_moments_of_chi_squared() {
        for freedom in [1_u16, 2, 3, 9, 45, 400] {
            let nodes = scale_nodes(usize::from(freedom));
            let freedom = f64::from(freedom);
            let square = expectation(&nodes, |w| w.powi(2));
            assert!((square - 1.0).abs() < 1e-7, "freedom {freedom}: {square}");
            let fourth = expectation(&nodes, |w| w.powi(4));
            assert!((fourth - 1.0 - 2.0 / freedom).abs() < 1e-6, "freedom {freedom}: {fourth}");
        }
    }
}
