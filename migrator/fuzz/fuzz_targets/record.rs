//! Any bytes as a record: mapped or rejected. The result is the same whether a stage is fresh or
//! has processed other records. A record is rejected as ill-formed exactly if quick-xml's events
//! are.
#![no_main]

#[path = "../../tests/library/oracle.rs"]
mod oracle;

use std::cell::RefCell;
use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;
use migrator::contract::catalogue::Catalogue;
use migrator::contract::model::Contract;
use migrator::telemetry::metrics::Metrics;
use migrator::run::pipeline::RecordStages;
use migrator::record::{MappingOutcome, RawRecord, Reject, Stage, ValidRecord};
use migrator::stage::coerce::Coercer;
use migrator::stage::parse::Parser;
use migrator::stage::validate::validate;
use migrator::run::worker_pool::Stages;

struct Fixed {
    contract: Contract,
    coercer: Coercer,
}

fn fixed() -> &'static Fixed {
    static FIXED: OnceLock<Fixed> = OnceLock::new();
    FIXED.get_or_init(|| {
        let contract = Contract::embedded().unwrap();
        let catalogue = Catalogue::embedded().unwrap();
        let now = "2026-01-31T12:00:00".parse().unwrap();
        let coercer = Coercer::new(&contract.tables, &catalogue, now).unwrap();
        Fixed { contract, coercer }
    })
}

fn fresh() -> RecordStages<'static> {
    let Fixed { contract, coercer } = fixed();
    RecordStages::new(contract, coercer, "2026-01-31T12:00:00".parse().unwrap())
}

fn map(stages: &mut RecordStages<'_>, bytes: &[u8], metrics: &mut Metrics) -> String {
    let record = RawRecord { key: 1, bytes: Some(bytes.to_vec()) };
    let mapped = match stages.parse(record, metrics) {
        Ok(parsed) => stages.map(parsed, metrics),
        Err(reject) => {
            assert!(matches!(reject.stage, Stage::Validation | Stage::Parsing));
            MappingOutcome::Rejected(reject)
        }
    };
    format!("{mapped:?}")
}

thread_local! {
    static USED: RefCell<(RecordStages<'static>, Metrics)> =
        RefCell::new((fresh(), Metrics::new().unwrap()));
}

/// Beginnings of the reasons for which a well-formed record is rejected.
const OF_THE_TREE: [&str; 4] =
    ["Request has no ID", "Request/@ID", "wrong product line", "CustData has no"];

fn judge(bytes: &[u8]) {
    let record = RawRecord { key: 1, bytes: Some(bytes.to_vec()) };
    let Ok(ValidRecord { key, text, .. }) = validate(record) else { return };
    // The oracle does not parse declarations.
    if text.starts_with("<?xml") {
        return;
    }
    let expected = oracle::is_well_formed(&text);
    let verdict =
        Parser::new(&fixed().contract).parse(&ValidRecord { key, text, cleaned_twice: false });
    let is_of_tree =
        |reject: &Reject| OF_THE_TREE.iter().any(|start| reject.reason.starts_with(start));
    assert_eq!(verdict.as_ref().map_or_else(is_of_tree, |_| true), expected, "{verdict:?}");
}

fuzz_target!(|bytes: &[u8]| {
    judge(bytes);
    USED.with_borrow_mut(|(used, metrics)| {
        let again = map(used, bytes, metrics);
        assert_eq!(again, map(&mut fresh(), bytes, metrics), "buffers used before matter");
    });
});
