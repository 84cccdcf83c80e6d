//! The classes of a figure: those with the most bases have colours of their own, and all others share one.

use std::collections::BTreeMap;

use crate::annotate::{CLASSES_ALONG, DIVERGENCES};
use crate::report::chart::{Tick, colours};

/// The classes that have a colour of their own, with it.
pub(crate) struct Series {
    pub(crate) names: Vec<String>,
    pub(crate) colours: Vec<String>,
    /// Number of each class among `names`; that of `other` for those that share it.
    rows: BTreeMap<String, usize>,
}

impl Series {
    /// The classes of a genome or several, by falling bases.
    pub(crate) fn new<'a>(classes: impl IntoIterator<Item = &'a str>) -> Self {
        let classes: Vec<&str> = classes.into_iter().collect();
        let mut names: Vec<String> = classes.iter().take(CLASSES_ALONG).map(|&class| class.to_owned()).collect();
        if classes.len() > CLASSES_ALONG {
            names[CLASSES_ALONG - 1] = "other".to_owned();
        }
        let last = names.len().saturating_sub(1);
        let rows = (0..).zip(classes).map(|(number, class)| (class.to_owned(), last.min(number))).collect();
        Self { colours: colours(&names), names, rows }
    }

    /// Number of a class among the names; the last one for a class that is not known.
    fn row(&self, class: &str) -> usize {
        self.rows.get(class).copied().unwrap_or(self.names.len().saturating_sub(1))
    }

    /// Colour of a class.
    pub(crate) fn colour(&self, class: &str) -> &str {
        self.colours.get(self.row(class)).map_or("#888888", String::as_str)
    }

    /// Counts of each class that has a colour, times `scale`; those of the others are summed.
    pub(crate) fn counts<'a>(
        &self,
        classes: impl IntoIterator<Item = (&'a str, &'a [u64])>,
        scale: f64,
    ) -> Vec<Vec<f64>> {
        let mut counts = vec![Vec::new(); self.names.len()];
        for (class, of_class) in classes {
            let Some(row) = counts.get_mut(self.row(class)) else { continue };
            row.resize(of_class.len().max(row.len()), 0.0);
            row.iter_mut().zip(of_class).for_each(|(sum, &count)| *sum += count as f64 * scale);
        }
        // All have the columns of the longest.
        let columns = counts.iter().map(Vec::len).max().unwrap_or(0);
        counts.iter_mut().for_each(|row| row.resize(columns, 0.0));
        counts
    }
}

/// The highest column.
pub(crate) fn highest(counts: &[Vec<f64>]) -> f64 {
    let columns = counts.first().map_or(0, Vec::len);
    (0..columns).map(|column| counts.iter().map(|row| row[column]).sum::<f64>()).fold(0.0, f64::max)
}

pub(crate) fn divergence_ticks() -> Vec<Tick> {
    (0..=5).map(|n| (f64::from(10 * n) / DIVERGENCES as f64, (10 * n).to_string())).collect()
}

/// The divergences that a column counts.
pub(crate) fn divergences(column: usize) -> String {
    if column + 1 == DIVERGENCES { format!("{column} % and more") } else { format!("{column} to {} %", column + 1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_without_a_colour_share_the_last() {
        let names: Vec<String> = (0..CLASSES_ALONG + 3).map(|n| format!("class{n}")).collect();
        let series = Series::new(names.iter().map(String::as_str));
        assert_eq!(series.names[CLASSES_ALONG - 1], "other");
        assert_ne!(series.colour("class0"), series.colour("class1"));
        assert_eq!(series.colour(&names[CLASSES_ALONG]), series.colour("none of them"));
        let counts = series.counts(names.iter().map(|name| (&name[..], &[1, 2][..])), 0.5);
        assert_eq!((&counts[0][..], &counts[CLASSES_ALONG - 1][..]), (&[0.5, 1.0][..], &[2.0, 4.0][..]));
        assert_eq!(highest(&counts), 11.0);
        let none = Series::new([]);
        assert!(none.counts([("a", &[1][..])], 1.0).is_empty() && none.colour("a").starts_with('#'));
    }
}
