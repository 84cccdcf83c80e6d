//! The steps of a run, and the parts of those that several processes can share.

use std::fmt;

// Names of the steps.
pub(super) const INDEX: &str = "index";
pub(super) const DISCOVERY: &str = "discovery";
pub(super) const REFINEMENT: &str = "refinement";
pub(super) const SURVEY: &str = "survey";
pub(super) const FAMILIES: &str = "families";
pub(super) const ANNOTATION: &str = "annotation";
pub(super) const MASK: &str = "mask";
pub(super) const REPORT: &str = "report";
pub(super) const PLOTS: &str = "plots";

/// Steps with their relative costs: about the seconds per megabase on one thread.
pub(super) const STEPS: [(&str, f64); 5] =
    [(INDEX, 0.03), (FAMILIES, 2.5), (ANNOTATION, 0.4), (MASK, 0.06), (REPORT, 0.01)];

/// Stages of the search for families, which can be steps of their own.
pub(super) const STAGES: [&str; 3] = [DISCOVERY, REFINEMENT, SURVEY];

/// Steps that are divided into as many parts as the run has.
pub(super) const DIVIDED: [&str; 3] = [INDEX, SURVEY, ANNOTATION];

/// A step, a stage of one, or one part of either.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StepName {
    pub(super) step: &'static str,
    /// Number of the part, from 1; of a discovery, that of the sample.
    pub(super) part: Option<u32>,
}

impl StepName {
    /// Whether other processes may work in the folder at the same time: the results are those of a part or a stage.
    pub(super) fn is_part(self) -> bool {
        self.part.is_some() || self.is_stage()
    }

    /// Whether it is a stage of the search for families.
    pub(super) fn is_stage(self) -> bool {
        STAGES.contains(&self.step)
    }

    /// The step of the run to which it belongs.
    pub(super) fn whole_step(self) -> &'static str {
        if self.is_stage() { FAMILIES } else { self.step }
    }

    pub(super) fn whole(step: &'static str) -> Self {
        Self { step, part: None }
    }

    /// Reads a name such as `annotation` or `annotation.3`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (name, part) = match text.split_once('.') {
            Some((name, number)) => (name, Some(number.parse::<u32>().ok().filter(|&number| number > 0))),
            None => (text, None),
        };
        let step = STEPS.iter().map(|&(step, _)| step).chain(STAGES).find(|&step| step == name);
        let has_parts = |step: &str| step == DISCOVERY || DIVIDED.contains(&step);
        match (step, part) {
            (Some(step), None) if step != DISCOVERY && step != SURVEY => Ok(Self::whole(step)),
            (Some(step), Some(Some(part))) if has_parts(step) => Ok(Self { step, part: Some(part) }),
            _ => {
                let names = STEPS.map(|(step, _)| step).join(", ");
                let parts = [&[DISCOVERY], &DIVIDED[..]].concat().join(".2, ");
                Err(format!("a step is one of {names} and {REFINEMENT}, or a part such as {parts}.2"))
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
