//! Properties of the generator: the same bytes on every machine, sizes and rates as requested, and
//! every form of every attribute that the shipped contract maps.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::LazyLock;

use chrono::NaiveDateTime;
use migrator::contract::catalogue::Catalogue;
use migrator::contract::model::Contract;
use migrator::record::{RawRecord, Reject, RowSet, Stage};
use migrator::source::synthetic::{Product, Profile, Spec, SyntheticSource};
use migrator::stage::coerce::Coercer;
use migrator::stage::map::Mapper;
use migrator::stage::parse::Parser;
use migrator::stage::validate::validate;
use proptest::prelude::*;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesStart, Event};
use serde_json::Value as Json;

const LINES: [Product; 2] = [Product::Cc, Product::Rl];

/// Text of the contract for a product line's records.
fn contract_text(product: Product) -> &'static str {
    match product {
        Product::Cc => include_str!("../../../scenarios/contracts/applications.json"),
        Product::Rl => include_str!("../../../scenarios/contracts/loans.json"),
    }
}

fn contract(product: Product) -> Contract {
    Contract::parse(contract_text(product), "the line's contract").unwrap()
}

fn catalogue(product: Product) -> Catalogue {
    let name = match product {
        Product::Cc => "applications",
        Product::Rl => "loans",
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/contracts");
    Catalogue::load(&folder.join(format!("{name}.tables.json"))).unwrap()
}

fn spec(profile: Profile, records: u32) -> Spec {
    Spec { product: Product::Cc, profile, records, seed: 42, duplicates: 0.0, rejects: 0.0 }
}

fn of(product: Product, profile: Profile, records: u32) -> Spec {
    Spec { product, ..spec(profile, records) }
}

/// Every product line with the profiles that are fast to generate.
const PLAIN: [(Product, Profile); 4] = [
    (Product::Cc, Profile::Small),
    (Product::Cc, Profile::Staged),
    (Product::Rl, Profile::Small),
    (Product::Rl, Profile::Staged),
];

fn series(spec: Spec) -> SyntheticSource {
    SyntheticSource::new(spec).unwrap()
}

fn bytes(series: &SyntheticSource, number: u32) -> Vec<u8> {
    series.record(number).bytes.unwrap()
}

/// An element with its attributes, unescaped.
type Element = (String, BTreeMap<String, String>);

/// Every element in document order, or the reason why the text is not well-formed.
fn elements(bytes: &[u8]) -> Result<Vec<Element>, String> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        // `decode` would interpret a byte order mark and read UTF-16.
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(bytes).0.into_owned(),
    };
    let mut reader = quick_xml::Reader::from_str(&text);
    let (mut found, mut depth) = (Vec::new(), 0);
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(tag) => {
                depth += 1;
                found.push(element(&tag)?);
            }
            Event::Empty(tag) => found.push(element(&tag)?),
            Event::End(_) => depth -= 1,
            Event::Eof if depth > 0 => return Err("it ends too early".to_owned()),
            Event::Eof => return Ok(found),
            _ => {}
        }
    }
}

fn element(tag: &BytesStart<'_>) -> Result<Element, String> {
    let mut attributes = BTreeMap::new();
    for attribute in tag.attributes() {
        let attribute = attribute.map_err(|error| error.to_string())?;
        let name = attribute.key.as_ref().to_owned();
        if attribute.value.contains('<') {
            return Err("a bare < in a value".to_owned());
        }
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
            .map_err(|error| error.to_string())?;
        attributes.insert(name, value.into_owned());
    }
    Ok((tag.name().as_ref().to_owned(), attributes))
}

/// Maps the record to its rows.
fn rows(contract: &Contract, record: RawRecord) -> Result<RowSet, Reject> {
    let valid = validate(record)?;
    let parsed = Parser::new(contract).parse(&valid)?;
    Mapper::new(contract, NaiveDateTime::default()).map(&parsed)
}

fn app_id(elements: &[Element]) -> Option<u32> {
    let (_, request) = elements.iter().find(|(name, _)| name == "Request")?;
    request.get("ID")?.trim().parse().ok()
}

fn con_ids(elements: &[Element]) -> Vec<u32> {
    let is_contact = |name: &str| name == "contact" || name == "IL_contact";
    let contacts = elements.iter().filter(|(name, _)| is_contact(name));
    contacts.filter_map(|(_, attributes)| attributes["con_id"].trim().parse().ok()).collect()
}

#[test]
fn a_record_depends_on_seed_and_number_alone() {
    for (product, profile) in LINES.into_iter().flat_map(|product| {
        [Profile::Small, Profile::Staged, Profile::Full].map(|profile| (product, profile))
    }) {
        let spec = |records| of(product, profile, records);
        let (short, long) = (series(spec(8)), series(spec(1_000)));
        let forwards: Vec<_> = short.iter().map(|record| record.bytes.unwrap()).collect();
        for number in (1..=8).rev() {
            assert_eq!(bytes(&long, number), forwards[number as usize - 1], "{profile:?} {number}");
        }
        let other = series(Spec { seed: 43, ..spec(8) });
        assert_ne!(bytes(&other, 1), forwards[0], "{product:?} {profile:?}");
    }
}

#[test]
fn the_bytes_are_the_same_on_every_machine() {
    let hash = |product, profile, records| {
        let mut hasher = blake3::Hasher::new();
        let spec = Spec { duplicates: 0.1, rejects: 0.1, ..of(product, profile, records) };
        for record in series(spec).iter() {
            hasher.update(&record.key.to_le_bytes());
            hasher.update(&record.bytes.unwrap());
        }
        hasher.finalize().to_hex()[..16].to_owned()
    };
    // A change of the generator changes these hashes; a change of the machine must not.
    assert_eq!(hash(Product::Cc, Profile::Small, 500), "d0efecee53ba7da0");
    assert_eq!(hash(Product::Cc, Profile::Staged, 200), "1830937dbc945608");
    assert_eq!(hash(Product::Cc, Profile::Full, 20), "252f5a86ed93db8f");
    assert_eq!(hash(Product::Rl, Profile::Small, 500), "8a9bfa0d6f36aea5");
    assert_eq!(hash(Product::Rl, Profile::Staged, 200), "6180bc6a0bfc2106");
    assert_eq!(hash(Product::Rl, Profile::Full, 20), "cc4421e4c2bdf40e");
}

#[test]
fn staged_records_have_their_mean_size_and_small_ones_are_small() {
    for product in LINES {
        let mean = |profile, records| {
            let series = series(of(product, profile, records));
            let bytes: usize = series.iter().map(|record| record.bytes.unwrap().len()).sum();
            bytes / records as usize
        };
        let staged = mean(Profile::Staged, 500);
        assert!((8_500..8_900).contains(&staged), "{product:?} {staged}");
        let small = mean(Profile::Small, 100);
        assert!(small < 200, "{product:?} {small}");
    }
}

#[test]
fn full_records_are_mostly_bureau_reports() {
    let (mut all, mut inside, mut elements_all, mut attributes_all) = (0, 0, 0, 0);
    for record in series(spec(Profile::Full, 30)).iter() {
        let bytes = record.bytes.unwrap();
        let found = elements(&bytes).unwrap();
        elements_all += found.len();
        attributes_all += found.iter().map(|(_, attributes)| attributes.len()).sum::<usize>();
        all += bytes.len();
        inside += cust_data(&bytes).len();
    }
    let outside = 1.0 - inside as f64 / all as f64;
    assert!((0.96..0.98).contains(&outside), "{outside} outside CustData");
    // 2,900 elements and 4,200 attributes in the mean record of 254 kB.
    let per_254_kb = |count: usize| count * 254_000 / all;
    let (elements, attributes) = (per_254_kb(elements_all), per_254_kb(attributes_all));
    assert!((2_750..3_050).contains(&elements), "{elements} elements");
    assert!((3_950..4_450).contains(&attributes), "{attributes} attributes");
}

fn cust_data(bytes: &[u8]) -> &[u8] {
    let at = |tag: &[u8]| bytes.windows(tag.len()).position(|window| window == tag).unwrap();
    &bytes[at(b"<CustData>")..at(b"</CustData>")]
}

#[test]
fn full_and_staged_records_map_to_the_same_rows() {
    for product in LINES {
        let contract = contract(product);
        let series = |profile| series(of(product, profile, 10));
        for (full, staged) in series(Profile::Full).iter().zip(series(Profile::Staged).iter()) {
            let key = full.key;
            let (full, staged) = (rows(&contract, full), rows(&contract, staged));
            assert_eq!(full, staged, "{product:?} record {key}");
        }
    }
}

#[test]
fn staged_records_map_to_about_fifty_rows_in_every_table_of_their_line() {
    for (product, expected) in LINES.into_iter().zip([47..54, 40..70]) {
        let contract = contract(product);
        let mut counts = BTreeMap::new();
        for record in series(of(product, Profile::Staged, 100)).iter() {
            for table in rows(&contract, record).unwrap().tables {
                *counts.entry(contract.tables[table.table].name.as_str()).or_default() +=
                    table.rows.len();
            }
        }
        let tables: BTreeSet<&str> = contract.tables.iter().map(|t| t.name.as_str()).collect();
        assert_eq!(counts.keys().copied().collect::<BTreeSet<_>>(), tables, "{product:?}");
        let all: usize = counts.values().sum();
        assert!(expected.contains(&(all / 100)), "{product:?}: {all} rows of 100 records");
    }
}

#[test]
fn a_loan_has_pieces_of_collateral_warranties_and_exceptions_from_policy() {
    let contract = contract(Product::Rl);
    let mut counts: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for record in series(of(Product::Rl, Profile::Staged, 300)).iter() {
        for table in rows(&contract, record).unwrap().tables {
            let name = contract.tables[table.table].name.as_str();
            counts.entry(name).or_default().insert(table.rows.len());
        }
    }
    for (table, most) in
        [("app_collateral_rl", 4), ("app_warranties_rl", 5), ("app_policy_exceptions_rl", 3)]
    {
        for rows in 1..=most {
            assert!(counts[table].contains(&rows), "no record has {rows} rows of {table}");
        }
    }
}

#[test]
fn without_duplicates_no_two_records_share_a_key() {
    for (product, profile) in PLAIN {
        let (mut applications, mut contacts) = (BTreeSet::new(), BTreeSet::new());
        for record in series(of(product, profile, 300)).iter() {
            let found = elements(&record.bytes.unwrap()).unwrap();
            assert!(applications.insert(app_id(&found).unwrap()));
            for id in con_ids(&found) {
                assert!(contacts.insert(id), "contact {id} twice");
            }
        }
    }
}

#[test]
fn the_three_kinds_of_duplicates_come_in_equal_parts() {
    LINES.into_iter().for_each(kinds_of_duplicates);
}

fn kinds_of_duplicates(product: Product) {
    let records = 4_000;
    let spec = Spec { duplicates: 0.3, ..of(product, Profile::Small, records) };
    let (mut applications, mut contacts) = (BTreeSet::new(), BTreeSet::new());
    let (mut again, mut shared, mut within) = (0, 0, 0);
    for record in series(spec).iter() {
        let found = elements(&record.bytes.unwrap()).unwrap();
        if !applications.insert(app_id(&found).unwrap()) {
            again += 1;
            continue;
        }
        let ids = con_ids(&found);
        let distinct: BTreeSet<_> = ids.iter().copied().collect();
        within += u32::from(distinct.len() < ids.len());
        shared += u32::from(distinct.iter().any(|id| contacts.contains(id)));
        contacts.extend(distinct);
    }
    for (kind, count) in [("again", again), ("shared", shared), ("within", within)] {
        assert!((340..460).contains(&count), "{product:?} {kind}: {count} of {records}");
    }
}

#[test]
fn a_repeated_application_has_the_earlier_text() {
    let spec = Spec { duplicates: 0.5, ..spec(Profile::Staged, 300) };
    let mut texts = HashMap::new();
    let mut again = 0;
    for record in series(spec).iter() {
        let bytes = record.bytes.unwrap();
        let id = app_id(&elements(&bytes).unwrap()).unwrap();
        if let Some(earlier) = texts.insert(id, bytes.clone()) {
            assert_eq!(earlier, bytes);
            again += 1;
        }
    }
    assert!(again > 20, "{again}");
}

#[test]
fn every_reject_is_rejected_at_validation_and_nothing_else_is() {
    for (product, profile) in PLAIN {
        let (contract, spec) = (contract(product), of(product, profile, 100));
        for record in series(Spec { rejects: 1.0, ..spec }).iter() {
            let key = record.key;
            let stage = rows(&contract, record).map_err(|reject| reject.stage);
            assert_eq!(stage, Err(Stage::Validation), "{product:?} {profile:?} {key}");
        }
        for record in series(Spec { duplicates: 0.5, ..spec }).iter() {
            let key = record.key;
            assert!(rows(&contract, record).is_ok(), "{product:?} {profile:?} {key}");
        }
    }
}

/// Columns that receive the values to be rejected, by product line.
fn columns_of_rejects(product: Product) -> &'static [(&'static str, &'static str)] {
    match product {
        Product::Cc => &[
            ("app_contact_base", "con_id"),
            ("scores", "score"),
            ("app_operational_cc", "sc_funding_reference"),
            ("app_pricing_cc", "card_over_limit_fee"),
            ("app_pricing_cc", "card_purchase_apr"),
            ("app_pricing_cc", "monthly_debt"),
            ("app_base", "receive_date"),
            ("app_historical_lookup", "value"),
        ],
        Product::Rl => &[
            ("app_contact_base", "con_id"),
            ("scores", "score"),
            ("app_dealer_rl", "fsp_num"),
            ("app_pricing_rl", "military_apr"),
            ("app_pricing_rl", "monthly_debt"),
            ("app_base", "receive_date"),
            ("app_historical_lookup", "value"),
            ("app_collateral_rl", "mileage"),
            ("app_warranties_rl", "term_months"),
            ("app_policy_exceptions_rl", "reason_code"),
        ],
    }
}

#[test]
fn only_the_planted_values_are_rejected_by_columns() {
    for product in LINES {
        let contract = contract(product);
        let now = NaiveDateTime::default();
        let coercer = Coercer::new(&contract.tables, &catalogue(product), now).unwrap();
        let records = 800;
        let mut refused = 0;
        for record in series(of(product, Profile::Staged, records)).iter() {
            let key = record.key;
            if let Err(refusal) = coercer.coerce(&rows(&contract, record).unwrap()) {
                let place = (refusal.table.as_str(), refusal.column.as_deref().unwrap());
                assert!(
                    columns_of_rejects(product).contains(&place),
                    "{product:?} {key}: {refusal:?}"
                );
                refused += 1;
            }
        }
        assert!((1..=20).contains(&refused), "{product:?}: {refused} of {records}");
    }
}

#[test]
fn invalid_rates_and_counts_are_rejected_with_a_reason() {
    let base = spec(Profile::Staged, 10);
    let cases = [
        (Spec { duplicates: -0.1, ..base }, "duplicates is -0.1"),
        (Spec { rejects: 1.5, ..base }, "rejects is 1.5"),
        (Spec { rejects: f64::NAN, ..base }, "rejects is NaN"),
        (Spec { duplicates: 0.6, rejects: 0.5, ..base }, "together more than 1"),
        (Spec { records: u32::MAX, ..base }, "4294967295 records are more than"),
    ];
    for (spec, expected) in cases {
        let message = SyntheticSource::new(spec).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    }
}

type AttributeValues = HashMap<String, HashMap<String, BTreeSet<Option<String>>>>;

/// Values of each mapped attribute in a series, by element and name; `None` if absent.
fn attribute_values(product: Product) -> AttributeValues {
    let contract: Json = serde_json::from_str(contract_text(product)).unwrap();
    let mut attribute_values = AttributeValues::new();
    for mapping in contract["mappings"].as_array().unwrap() {
        let path = mapping["xml_path"].as_str().unwrap();
        let of_element =
            attribute_values.entry(path.rsplit('/').next().unwrap().to_owned()).or_default();
        of_element.insert(mapping["xml_attribute"].as_str().unwrap().to_owned(), [].into());
    }
    for record in series(of(product, Profile::Staged, 1_000)).iter() {
        for (element, attributes) in elements(&record.bytes.unwrap()).unwrap() {
            for (name, values) in attribute_values.get_mut(&element).into_iter().flatten() {
                values.insert(attributes.get(name).cloned());
            }
        }
    }
    attribute_values
}

/// Result of [`attribute_values`], computed once for each line.
static ATTRIBUTE_VALUES: LazyLock<[(Product, AttributeValues); 2]> =
    LazyLock::new(|| LINES.map(|product| (product, attribute_values(product))));

#[test]
fn every_mapped_attribute_occurs_filled_blank_and_absent() {
    // Keys, roles and types always exist: without them there is nothing to map.
    let keys = [
        "ID",
        "con_id",
        "ac_role_tp_c",
        "address_tp_c",
        "address_type_code",
        "employment_tp_c",
        "employment_type_code",
        "last_name",
    ];
    let elements = ATTRIBUTE_VALUES.iter().flat_map(|(_, attribute_values)| attribute_values);
    for (element, (attribute, values)) in elements.flat_map(|(element, attribute_values)| {
        attribute_values.iter().map(move |values| (element, values))
    }) {
        let filled = values.iter().flatten().any(|value| !value.trim().is_empty());
        assert!(filled, "{element}/@{attribute} is never filled");
        if !keys.contains(&attribute.as_str()) {
            let blank = values.iter().flatten().any(|value| value.trim().is_empty());
            assert!(blank, "{element}/@{attribute} is never blank");
            assert!(values.contains(&None), "{element}/@{attribute} is never absent");
        }
    }
}

#[test]
fn every_enumeration_occurs_with_known_and_unknown_values() {
    for (product, attribute_values) in ATTRIBUTE_VALUES.iter() {
        let contract: Json = serde_json::from_str(contract_text(*product)).unwrap();
        for mapping in contract["mappings"].as_array().unwrap() {
            let types = mapping["mapping_type"].as_array();
            if types.is_some_and(|types| types.contains(&Json::from("enum"))) {
                comes_known_and_unknown(mapping, &contract, attribute_values);
            }
        }
    }
}

fn comes_known_and_unknown(mapping: &Json, contract: &Json, attribute_values: &AttributeValues) {
    let name = mapping.get("enum_name").unwrap_or(&mapping["target_column"]).as_str().unwrap();
    let map = contract["enum_mappings"][name].as_object().unwrap();
    let element = mapping["xml_path"].as_str().unwrap().rsplit('/').next().unwrap();
    let attribute = mapping["xml_attribute"].as_str().unwrap();
    let values: BTreeSet<_> = attribute_values[element][attribute].iter().flatten().collect();
    for key in map.keys().filter(|key| !key.is_empty()) {
        assert!(values.contains(key), "{name}: {key} never occurs");
    }
    let unknown = values.iter().any(|value| !map.contains_key(value.trim()));
    let is_child_type = name == "address_type_enum" || name == "employment_type_enum";
    assert!(unknown || is_child_type, "{name}: nothing unknown occurs");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn records_not_meant_to_be_rejected_are_well_formed(seed: u64, number in 1..1_000_000_u32) {
        for (product, profile) in PLAIN {
            let spec = Spec { seed, duplicates: 0.5, ..of(product, profile, 1_000_000) };
            let found = elements(&bytes(&series(spec), number));
            prop_assert!(found.is_ok(), "{found:?}");
        }
    }
}
