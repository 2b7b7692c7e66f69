//! Statistics over many runs.

use serde::{Deserialize, Serialize};

/// A figure that varies: its median and quartiles.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Spread {
    pub(crate) low: f64,
    pub(crate) median: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// The spread of some figures; all zeros if there are none.
    pub(crate) fn of(figures: &[f64]) -> Self {
        let [low, median, high] = [0.25, 0.5, 0.75].map(|share| rounded(quantile(figures, share)));
        Self { low, median, high }
    }
}

/// The smallest figure that is not exceeded by `share` of them (nearest rank).
pub(crate) fn quantile(figures: &[f64], share: f64) -> f64 {
    let mut figures = figures.to_vec();
    figures.sort_by(f64::total_cmp);
    let rank = (share * figures.len() as f64).ceil() as usize;
    figures.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// Rounds to three decimals; more would be noise.
pub(crate) fn rounded(figure: f64) -> f64 {
    (figure * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_figures_that_were_seen() {
        let figures: Vec<f64> = (1..=100).rev().map(f64::from).collect();
        assert_eq!(quantile(&figures, 0.99), 99.0);
        let spread = Spread::of(&figures);
        assert_eq!((spread.low, spread.median, spread.high), (25.0, 50.0, 75.0));
        assert_eq!(quantile(&[7.0], 0.99), 7.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
