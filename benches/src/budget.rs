//! Ceilings from a file and figures beside them.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use toml::Table;

/// One measured number; its unit ends the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Figure {
    /// The name, as in the file of ceilings.
    pub(crate) name: &'static str,
    /// The number.
    pub(crate) value: u64,
}

/// The ceilings of one measurement.
#[derive(Debug)]
pub(crate) struct Budget {
    ceilings: Table,
}

impl Budget {
    /// Reads the table `section` of a file.
    pub(crate) fn read(path: &Path, section: &str) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text, section).with_context(|| path.display().to_string())
    }

    fn parse(text: &str, section: &str) -> Result<Self> {
        let mut file: Table = text.parse()?;
        let section_value = file
            .remove(section)
            .with_context(|| format!("no [{section}]"))?;
        let ceilings = Table::try_from(section_value)?;
        Ok(Self { ceilings })
    }

    /// Prints each figure with its ceiling; answers `false` when one is exceeded or a ceiling has no figure.
    pub(crate) fn print(&self, figures: &[Figure]) -> bool {
        for figure in figures {
            let verdict = match self.ceiling(figure.name) {
                None => String::new(),
                Some(ceiling) if figure.value <= ceiling => format!("≤ {ceiling}"),
                Some(ceiling) => format!("OVER {ceiling}"),
            };
            println!("  {:<26} {:>10}  {verdict}", figure.name, figure.value);
        }
        let faults = self.faults(figures);
        for fault in &faults {
            println!("  {fault}");
        }
        faults.is_empty()
    }

    fn faults(&self, figures: &[Figure]) -> Vec<String> {
        let over = figures.iter().filter_map(|figure| {
            let ceiling = self.ceiling(figure.name)?;
            (figure.value > ceiling)
                .then(|| format!("{} is {}, at most {ceiling}", figure.name, figure.value))
        });
        let unknown = self.ceilings.keys().filter_map(|name| {
            let is_known = figures.iter().any(|figure| figure.name == name);
            (!is_known).then(|| format!("{name} has a ceiling but was not measured"))
        });
        over.chain(unknown).collect()
    }

    fn ceiling(&self, name: &str) -> Option<u64> {
        u64::try_from(self.ceilings.get(name)?.as_integer()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, value: u64, expected: &[&str]) {
        let budget = Budget::parse(text, "a").unwrap();
        let figures = [Figure {
            name: "x_kib",
            value,
        }];
        assert_eq!(budget.faults(&figures), expected);
        assert_eq!(budget.print(&figures), expected.is_empty());
    }

    #[test]
    fn a_figure_may_reach_its_ceiling_but_not_pass_it() {
        check("[a]\nx_kib = 10\n", 10, &[]);
        check("[a]\nx_kib = 10\n", 11, &["x_kib is 11, at most 10"]);
        check("[a]\n", 11, &[]);
    }

    #[test]
    fn a_ceiling_that_nobody_measures_is_a_fault() {
        check("[a]\ny = 1\n", 1, &["y has a ceiling but was not measured"]);
        assert!(Budget::parse("[b]\n", "a").is_err());
    }
}
