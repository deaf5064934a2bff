//! Maps single records again, to name the columns in which a stored row differs.

use chrono::NaiveDateTime;

use crate::error::Result;
use crate::record::{MappingOutcome, RawRecord, SqlRow};
use crate::source::Reader;

use super::claims::CATALOGUE;
use super::owned_value::OwnedValue;
use super::table_comparator::TableComparator;

/// Maps one record like a run with this `now`.
pub(crate) type MapFn<'m> = &'m mut dyn FnMut(RawRecord, NaiveDateTime) -> Result<MappingOutcome>;

/// Reads and maps records a second time.
pub(crate) struct Remapper<'r, 'm> {
    /// Reader of the whole source.
    pub reader: Box<dyn Reader + 'r>,
    /// Mapping half of a run.
    pub map: MapFn<'m>,
}

impl Remapper<'_, '_> {
    /// The row with this key that a record must have, or that the catalogue has among `rows`.
    pub(crate) fn row(
        &mut self,
        comparator: &TableComparator,
        key: &[u8],
        source: i32,
        now: NaiveDateTime,
        catalogue: &[SqlRow],
    ) -> Result<Option<Vec<OwnedValue>>> {
        if source == CATALOGUE {
            return Ok(with_key(comparator, key, catalogue));
        }
        let (mut row, map) = (None, &mut *self.map);
        self.reader.read(&[source], &mut |record| {
            if let MappingOutcome::Rows(record) = map(record, now)? {
                let mut of_table =
                    record.tables.iter().filter(|rows| rows.table == comparator.table);
                row = of_table.find_map(|rows| with_key(comparator, key, &rows.rows));
            }
            Ok(())
        })?;
        Ok(row)
    }
}

/// First row with this key.
fn with_key(comparator: &TableComparator, key: &[u8], rows: &[SqlRow]) -> Option<Vec<OwnedValue>> {
    rows.iter().map(|row| comparator.view(row)).find(|view| {
        let stored: Vec<_> = view.iter().map(OwnedValue::stored).collect();
        comparator.key(&stored) == key
    })
}
