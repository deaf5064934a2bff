//! Mock executor: a function answers each trial, so that plans, ledgers and analyses are tested
//! exactly and at once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use migrator::config::Settings;
use migrator::telemetry::report::{
    Books, Build, CacheReport, Connections, FORMAT_VERSION, RunReport, StageTimes, StoreInfo,
};

use super::executor::{Executor, Source, StoreDifference};
use crate::error::Result;
use crate::scenario::step::Arm;
use crate::trial::measurement::Measurement;

/// Function that answers a trial of a program.
type Answer = Box<dyn FnMut(&Source, usize, &Settings) -> Result<Measurement>>;

/// Answers trials from a function.
pub struct Mock {
    answer: Answer,
    difference: Option<StoreDifference>,
}

impl Mock {
    /// Every trial is answered by `answer` in run order, whatever its program.
    pub fn new(
        mut answer: impl FnMut(&Source, &Settings) -> Result<Measurement> + 'static,
    ) -> Self {
        Self::of_programs(move |source, _, settings| answer(source, settings))
    }

    /// Like `new`, but `answer` gets the index of each trial's program.
    pub fn of_programs(
        answer: impl FnMut(&Source, usize, &Settings) -> Result<Measurement> + 'static,
    ) -> Self {
        Self { answer: Box::new(answer), difference: None }
    }

    /// Returns this as the first difference of stores that differ.
    #[must_use]
    pub fn differing(self, difference: StoreDifference) -> Self {
        Self { difference: Some(difference), ..self }
    }
}

impl Executor for Mock {
    fn prepare(&mut self, scenario: usize, records: u32) -> Result<Source> {
        Ok(Source { scenario, path: PathBuf::from("mock"), records })
    }

    fn measure(
        &mut self,
        source: &Source,
        program: usize,
        settings: &Settings,
    ) -> Result<Measurement> {
        (self.answer)(source, program, settings)
    }

    fn first_difference(
        &mut self,
        _: &Source,
        _: &[Arm; 2],
        _: [&str; 2],
    ) -> Result<Option<StoreDifference>> {
        Ok(self.difference.clone())
    }
}

/// The report of a run that stored every record: at this rate, 60 % of the time spent inserting and
/// 30 % preparing.
pub fn report(settings: &Settings, records: u32, rec_per_min: f64) -> RunReport {
    let read = u64::from(records);
    let wall_s = f64::from(records) / rec_per_min * 60.0;
    let workers = settings.workers.get();
    RunReport {
        format: FORMAT_VERSION,
        build: Build { version: "0.0.0".into(), profile: "mock".into() },
        settings: settings.clone(),
        source: "mock".into(),
        store: StoreInfo { kind: "mock".into(), version: "1".into() },
        books: Books { read, committed: read, ..Books::default() },
        rec_per_min,
        wall_s,
        cpu_user_s: wall_s,
        cpu_system_s: 0.0,
        peak_rss_bytes: 40_000_000 + 20_000 * settings.batch_size.get() as u64,
        io: None,
        stages: stages(wall_s * workers as f64, read),
        connections: BTreeMap::from([(
            "writer".into(),
            Connections {
                opened: read.div_ceil(settings.batch_size.get() as u64),
                peak: 1,
                ..Connections::default()
            },
        )]),
        simulated_link: None,
        queue: None,
        claim_waits: 0,
        parsed_in_pool: 0,
        parse_pool_threads: 0,
        queries: read,
        set_queries: 0,
        cache: CacheReport::default(),
        insert_statements: read,
        transactions: read.div_ceil(settings.batch_size.get() as u64),
        retries: BTreeMap::new(),
        commits_looked_up: 0,
        server: None,
        rows: BTreeMap::from([("app_base".into(), read)]),
        checksum: "00112233445566778899aabbccddeeff".into(),
    }
}

fn stages(busy_s: f64, count: u64) -> BTreeMap<String, StageTimes> {
    let shares = [
        ("validation", 0.05),
        ("parsing", 0.1),
        ("mapping", 0.15),
        ("coerce", 0.05),
        ("insert", 0.45),
        ("log", 0.05),
        ("commit", 0.1),
    ];
    shares.map(|(name, share)| (name.to_owned(), stage(busy_s * share, count))).into()
}

fn stage(seconds: f64, count: u64) -> StageTimes {
    let total = Duration::from_secs_f64(seconds);
    let total_ns = u64::try_from(total.as_nanos()).unwrap_or(u64::MAX);
    let mean_ns = total_ns / count.max(1);
    StageTimes {
        count,
        total_ns,
        p50_ns: mean_ns,
        p90_ns: mean_ns,
        p99_ns: mean_ns,
        max_ns: mean_ns,
        histogram: String::new(),
    }
}
