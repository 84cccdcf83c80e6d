//! The steps of a run, and the parts of those that several processes can share.

use std::fmt;

// Names of the steps.
pub(super) const INDEX: &str = "index";
pub(super) const FAMILIES: &str = "families";
pub(super) const ANNOTATION: &str = "annotation";
pub(super) const MASK: &str = "mask";
pub(super) const REPORT: &str = "report";
pub(super) const PLOTS: &str = "plots";

/// Steps with their relative costs: about the seconds per megabase on one thread.
pub(super) const STEPS: [(&str, f64); 5] =
    [(INDEX, 0.03), (FAMILIES, 2.5), (ANNOTATION, 0.4), (MASK, 0.06), (REPORT, 0.01)];

/// Steps that can be divided into parts.
pub(super) const DIVIDED: [&str; 2] = [INDEX, ANNOTATION];

/// A step, or one part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StepName {
    pub(super) step: &'static str,
    /// Number of the part, from 1.
    pub(super) part: Option<u32>,
}

impl StepName {
    pub(super) fn whole(step: &'static str) -> Self {
        Self { step, part: None }
    }

    /// Reads a name such as `annotation` or `annotation.3`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, part) = match text.split_once('.') {
            Some((name, number)) => (name, Some(number.parse::<u32>().ok().filter(|&number| number > 0))),
            None => (text, None),
        };
        let step = STEPS.iter().map(|&(step, _)| step).find(|&step| step == name);
        match (step, part) {
            (Some(step), None) => Ok(Self::whole(step)),
            (Some(step), Some(Some(part))) if DIVIDED.contains(&step) => Ok(Self { step, part: Some(part) }),
            _ => {
                let names = STEPS.map(|(step, _)| step).join(", ");
                Err(format!(
                    "a step is one of {names}, or a part such as {}",
                    DIVIDED.map(|step| format!("{step}.2")).join(" or ")
                ))
            }
        }
    }
}

impl fmt::Display for StepName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.step)?;
        self.part.map_or(Ok(()), |part| write!(f, ".{part}"))
    }
}
