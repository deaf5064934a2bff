//! Any text as a mapping contract and as a table catalogue. It is rejected with places inside the
//! text, or it is usable: every record is mapped or rejected by it, and every table has DDL or a
//! reason against it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use migrator::contract::catalogue::Catalogue;
use migrator::contract::model::Contract;
use migrator::contract::lint::{ContractPair, Targets, warnings};
use migrator::record::RawRecord;
use migrator::stage::map::Mapper;
use migrator::stage::parse::Parser;
use migrator::stage::validate::validate;
use migrator::store::schema::{Tables, sqlite_table};

const RECORDS: [&str; 2] = [
    include_str!("../../tests/golden/own/records/06-contact.xml"),
    include_str!("../../tests/golden/own/records/11-history.xml"),
];

fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    if let Ok(catalogue) = Catalogue::parse(text, "fuzz")
        && let Ok(tables) = Tables::new(&catalogue)
    {
        for index in 0..tables.all().len() {
            let _ = sqlite_table(tables.all(), index);
        }
    }
    let (draft, contract) = match Contract::read(text) {
        Ok(read) => read,
        Err(faults) => {
            assert!(!faults.is_empty());
            faults.iter().for_each(|fault| assert!(!fault.to_string().is_empty()));
            return;
        }
    };
    let nowhere = Targets { catalogue: None, store: None };
    let _ = warnings(ContractPair { draft: &draft, contract: &contract }, nowhere);
    let now = "2026-01-31T12:00:00".parse().unwrap();
    let (mut parser, mapper) = (Parser::new(&contract), Mapper::new(&contract, now));
    for record in RECORDS {
        let raw = RawRecord { key: 1, bytes: Some(record.into()) };
        if let Ok(parsed) = parser.parse(&validate(raw).unwrap()) {
            let _ = mapper.map(&parsed);
        }
    }
});
