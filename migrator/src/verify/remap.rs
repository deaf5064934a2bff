//! Single records mapped once more, to say in which columns a stored row differs from what it
//! should be. Reads the source; writes nothing.

use chrono::NaiveDateTime;

use crate::error::Result;
use crate::record::{MappingOutcome, RawRecord, SqlRow};
use crate::source::Reader;

use super::claims::CATALOGUE;
use super::owned_value::Datum;
use super::table_comparator::Lens;

/// Maps one record as a run with this `now` does.
pub type Map<'m> = &'m mut dyn FnMut(RawRecord, NaiveDateTime) -> Result<MappingOutcome>;

/// Reads records a second time.
pub struct Again<'r, 'm> {
    /// Over the whole source.
    pub reader: Box<dyn Reader + 'r>,
    /// The mapping half.
    pub map: Map<'m>,
}

impl Again<'_, '_> {
    /// The row with this key that a record, or the catalogue with these rows, has to have.
    pub fn row(
        &mut self,
        lens: &Lens,
        key: &[u8],
        source: i32,
        now: NaiveDateTime,
        catalogue: &[SqlRow],
    ) -> Result<Option<Vec<Datum>>> {
        if source == CATALOGUE {
            return Ok(with_key(lens, key, catalogue));
        }
        let (mut row, map) = (None, &mut *self.map);
        self.reader.read(&[source], &mut |record| {
            if let MappingOutcome::Rows(record) = map(record, now)? {
                let mut of_table = record.tables.iter().filter(|rows| rows.table == lens.table);
                row = of_table.find_map(|rows| with_key(lens, key, &rows.rows));
            }
            Ok(())
        })?;
        Ok(row)
    }
}

/// The first row with this key.
fn with_key(lens: &Lens, key: &[u8], rows: &[SqlRow]) -> Option<Vec<Datum>> {
    rows.iter().map(|row| lens.view(row)).find(|view| {
        let stored: Vec<_> = view.iter().map(Datum::stored).collect();
        lens.key(&stored) == key
    })
}
