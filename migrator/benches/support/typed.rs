//! Rows of staged records in the form in which a store takes them, in batches, for benches that
//! only insert.

#![expect(clippy::unwrap_used, reason = "a bench panics where something is missing")]

use migrator::config::InsertMethod;
use migrator::contract::catalogue::Catalogue;
use migrator::record::{SqlValue, TypedRecord};
use migrator::source::synthetic::Profile;
use migrator::stage::coerce::Coercer;
use migrator::stage::map::Mapper;
use migrator::stage::parse::Parser;
use migrator::store::schema::Tables;
use migrator::store::{InsertOutcome, Role, Store};

use super::support;

/// Rows of a batch, by table in the order of insertion.
pub(crate) type Batch<V> = Vec<(usize, Vec<Vec<V>>)>;

/// Batches, and their tables.
pub(crate) struct Typed {
    pub(crate) catalogue: Catalogue,
    pub(crate) batches: Vec<Batch<SqlValue>>,
}

impl Typed {
    /// Creates `batches` batches of generated records. A few records have values that their columns
    /// reject and are left out.
    pub(crate) fn new(batches: usize, batch_size: usize) -> Self {
        let (contract, now) = support::contract();
        let catalogue = Catalogue::embedded().unwrap();
        let coercer = Coercer::new(&contract.tables, &catalogue, now).unwrap();
        let (mut parser, mapper) = (Parser::new(&contract), Mapper::new(&contract, now));
        let count = u32::try_from(batches * batch_size).unwrap();
        let records: Vec<TypedRecord> = support::records(Profile::Staged, count)
            .iter()
            .filter_map(|record| {
                let parsed = parser.parse(record).unwrap();
                coercer.coerce(&mapper.map(&parsed).unwrap()).ok()
            })
            .collect();
        let tables = Tables::new(&catalogue).unwrap();
        let order: Vec<usize> =
            contract.tables.iter().map(|table| tables.find(&table.name).unwrap()).collect();
        let batches = records.chunks(batch_size).map(|records| batch(&order, records)).collect();
        Self { catalogue, batches }
    }

    /// Rows of all batches.
    pub(crate) fn rows(&self) -> usize {
        self.batches.iter().flatten().map(|(_, rows)| rows.len()).sum()
    }

    /// Inserts all of them over one new connection, a transaction a batch.
    pub(crate) fn insert_into(&self, store: &dyn Store, method: InsertMethod) {
        let mut connection = store.connect(Role::Writer).unwrap();
        for batch in &self.batches {
            connection.begin().unwrap();
            for (table, rows) in batch {
                let rows: Vec<&[SqlValue]> = rows.iter().map(Vec::as_slice).collect();
                let inserted = connection.insert(*table, &rows, method).unwrap();
                assert!(matches!(inserted, InsertOutcome::Stored { .. }), "{inserted:?}");
            }
            connection.commit().unwrap();
        }
    }
}

fn batch(order: &[usize], records: &[TypedRecord]) -> Batch<SqlValue> {
    let of_table = |table: &usize| {
        let rows = records.iter().flat_map(|record| &record.tables).filter(|t| t.table == *table);
        (*table, rows.flat_map(|t| &t.rows).map(|row| row.to_vec()).collect())
    };
    order.iter().map(of_table).collect()
}
