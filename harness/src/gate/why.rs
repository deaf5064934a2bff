//! What made the difference between two arms: which stages take more or less of a record's time, and
//! the CPU time. Medians, without a test: it explains a verdict and is none. Pure.

use std::fmt;

use serde::Serialize;

use crate::figures::Figures;

/// Stages in which a thread waits for another: a slower stage shows in them as well.
pub(crate) const WAITS: [&str; 5] = ["parse_wait", "turn", "queue_push", "queue_pop", "claims"];
/// A change below this, in percent of all stages' time, is not named.
const NAMED_PERCENT_MIN: f64 = 0.5;
/// No more stages than this are named.
const NAMED_MAX: usize = 3;

/// What made the difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Why {
    /// The stages that changed most in the direction of the whole, the largest change first.
    pub stages: Vec<Share>,
    /// Change of the CPU time of a record, in percent; `None` where it is not known.
    pub cpu_percent: Option<f64>,
}

/// One stage's part of the difference.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Share {
    /// The stage.
    pub stage: String,
    /// Its change in percent of the time that all stages of the baseline take together: the shares
    /// of all stages add up to the whole change.
    pub percent: f64,
    /// Median milliseconds per 1,000 records of the baseline, summed over workers.
    pub base_ms: f64,
    /// The same of the head.
    pub head_ms: f64,
}

impl Why {
    /// What makes the head slower, or faster; `cpu` is the CPU time of a record of both arms.
    /// `None` where no stage changed enough to be named and the CPU time is not known.
    pub fn of(base: &Figures, head: &Figures, cpu: Option<[f64; 2]>, slower: bool) -> Option<Self> {
        let busy = |name: &&String| !WAITS.contains(&name.as_str());
        let (here, there) = (&base.stage_ms_per_1000_records, &head.stage_ms_per_1000_records);
        let all: f64 = here.iter().filter(|(name, _)| busy(name)).map(|(_, ms)| ms).sum();
        let mut names: Vec<&String> = here.keys().chain(there.keys()).filter(busy).collect();
        names.sort_unstable();
        names.dedup();
        let share = |name: &String| {
            let [base_ms, head_ms] = [here, there].map(|of| of.get(name).copied().unwrap_or(0.0));
            let percent = (head_ms - base_ms) / all * 100.0;
            Share { stage: name.clone(), percent, base_ms, head_ms }
        };
        let sign = if slower { 1.0 } else { -1.0 };
        let named = |share: &Share| share.percent * sign >= NAMED_PERCENT_MIN;
        let mut stages: Vec<Share> = names.into_iter().map(share).filter(named).collect();
        stages.sort_by(|a, b| (b.percent * sign).total_cmp(&(a.percent * sign)));
        stages.truncate(NAMED_MAX);
        let cpu_percent = cpu.filter(|[base, _]| *base > 0.0);
        let cpu_percent = cpu_percent.map(|[base, head]| (head / base - 1.0) * 100.0);
        (!stages.is_empty() || cpu_percent.is_some()).then_some(Self { stages, cpu_percent })
    }
}

impl fmt::Display for Why {
    /// `insert +9.1 %, commit +1.0 % of the stages' time; CPU time of a record +8.0 %`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, share) in self.stages.iter().enumerate() {
            let comma = if index > 0 { ", " } else { "" };
            write!(f, "{comma}{} {:+.1} %", share.stage, share.percent)?;
        }
        if self.stages.is_empty() {
            f.write_str("no stage stands out")?;
        } else {
            f.write_str(" of the stages' time")?;
        }
        match self.cpu_percent {
            Some(percent) => write!(f, "; CPU time of a record {percent:+.1} %"),
            None => Ok(()),
        }
    }
}
