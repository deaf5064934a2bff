//! The tokens of a response.

use crate::data::errors::SqlError;
use crate::data::types::{COLLATION, Type};
use crate::data::values::{Datum, put_value};
use crate::data::wire::{put_b_varchar, put_us_varchar};

/// One column of a result.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct OutColumn {
    pub(crate) name: String,
    pub(crate) of: Type,
    pub(crate) nullable: bool,
    pub(crate) identity: bool,
    pub(crate) computed: bool,
}

impl OutColumn {
    pub(crate) fn plain(name: &str, of: Type) -> Self {
        Self { name: name.to_owned(), of, nullable: true, identity: false, computed: false }
    }

    /// Nullable, updateable (unknown), identity, computed: the bits of MS-TDS 2.2.7.4.
    fn flags(&self) -> u16 {
        let nullable = u16::from(self.nullable);
        let updateable = if self.computed || self.identity { 0 } else { 0x08 };
        nullable | updateable | u16::from(self.identity) << 4 | u16::from(self.computed) << 5
    }
}

const MORE: u16 = 0x01;
const ERROR: u16 = 0x02;
const COUNT: u16 = 0x10;
const ATTENTION: u16 = 0x20;

/// Kind of the request that a response belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RequestKind {
    Batch,
    Rpc,
}

#[derive(Debug)]
pub(crate) struct Answer {
    out: Vec<u8>,
    asked: RequestKind,
    failed: bool,
    /// Offset of the status of the last DONE.
    last_done: Option<usize>,
}

impl Answer {
    pub(crate) fn new(asked: RequestKind) -> Self {
        Self { out: Vec::new(), asked, failed: false, last_done: None }
    }

    fn sized(&mut self, token: u8, body: &[u8]) {
        self.out.push(token);
        self.out.extend(u16::try_from(body.len()).unwrap().to_le_bytes());
        self.out.extend(body);
    }

    fn message(&mut self, token: u8, number: i32, state: u8, class: u8, message: &str) {
        let mut body = number.to_le_bytes().to_vec();
        body.extend([state, class]);
        put_us_varchar(&mut body, &message.chars().take(2_000).collect::<String>());
        put_b_varchar(&mut body, "double");
        put_b_varchar(&mut body, "");
        body.extend(1_u32.to_le_bytes());
        self.sized(token, &body);
    }

    pub(crate) fn error(&mut self, error: &SqlError) {
        self.failed = true;
        self.message(0xAA, error.number, error.state, error.class, &error.message);
    }

    pub(crate) fn info(&mut self, number: i32, class: u8, message: &str) {
        self.message(0xAB, number, 1, class, message);
    }

    /// Environment changes with binary values: 8, 9 and 10 for transactions, 7 for the collation.
    pub(crate) fn change_bytes(&mut self, kind: u8, new: &[u8], old: &[u8]) {
        let mut body = vec![kind, u8::try_from(new.len()).unwrap()];
        body.extend(new);
        body.push(u8::try_from(old.len()).unwrap());
        body.extend(old);
        self.sized(0xE3, &body);
    }

    pub(crate) fn change_text(&mut self, kind: u8, new: &str, old: &str) {
        let mut body = vec![kind];
        put_b_varchar(&mut body, new);
        put_b_varchar(&mut body, old);
        self.sized(0xE3, &body);
    }

    pub(crate) fn login(&mut self, database: &str, packet_size: u16) {
        self.change_text(1, database, "master");
        self.info(5701, 10, &format!("Changed database context to '{database}'."));
        self.change_bytes(7, &COLLATION, &[]);
        self.change_text(2, "us_english", "");
        self.change_text(4, &packet_size.to_string(), "4096");
        let mut body = vec![1];
        body.extend(0x7400_0004_u32.to_be_bytes());
        put_b_varchar(&mut body, "Microsoft SQL Server");
        body.extend([16, 0, 0x0F, 0xA0]);
        self.sized(0xAD, &body);
        self.done(None);
    }

    pub(crate) fn columns(&mut self, columns: &[OutColumn]) {
        self.out.push(0x81);
        self.out.extend(u16::try_from(columns.len()).unwrap().to_le_bytes());
        for column in columns {
            self.out.extend(0_u32.to_le_bytes());
            self.out.extend(column.flags().to_le_bytes());
            column.of.put_info(&mut self.out, column.nullable);
            put_b_varchar(&mut self.out, &column.name);
        }
    }

    pub(crate) fn row(&mut self, columns: &[OutColumn], values: &[Datum]) {
        self.out.push(0xD1);
        for (column, value) in columns.iter().zip(values) {
            put_value(&mut self.out, value, column.of, column.nullable);
        }
    }

    fn put_done(&mut self, token: u8, status: u16, rows: u64) {
        self.out.push(token);
        self.last_done = Some(self.out.len());
        self.out.extend(status.to_le_bytes());
        self.out.extend([0, 0]);
        self.out.extend(rows.to_le_bytes());
    }

    /// The end of one statement, with its row count if it has one. In a call without a count no
    /// token is sent.
    pub(crate) fn done(&mut self, rows: Option<u64>) {
        if self.asked == RequestKind::Rpc && rows.is_none() {
            return;
        }
        let token = if self.asked == RequestKind::Batch { 0xFD } else { 0xFF };
        let count = if rows.is_some() { COUNT } else { 0 };
        self.put_done(token, MORE | count, rows.unwrap_or(0));
    }

    /// The end of a statement that failed.
    pub(crate) fn done_failed(&mut self) {
        let token = if self.asked == RequestKind::Batch { 0xFD } else { 0xFF };
        self.put_done(token, MORE | ERROR, 0);
    }

    /// The whole response. The last DONE says that no more follow.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.asked == RequestKind::Rpc {
            let status = u32::from(self.failed);
            self.out.push(0x79);
            self.out.extend(status.to_le_bytes());
            self.put_done(0xFE, if self.failed { ERROR } else { 0 }, 0);
        } else if self.last_done.is_none() {
            self.put_done(0xFD, 0, 0);
        }
        if let Some(at) = self.last_done {
            self.out[at] &= !u8::try_from(MORE).unwrap();
        }
        self.out
    }

    /// Response that acknowledges an attention.
    pub(crate) fn attention() -> Vec<u8> {
        let mut answer = Self::new(RequestKind::Batch);
        answer.put_done(0xFD, ATTENTION, 0);
        answer.out
    }
}
