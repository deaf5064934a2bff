//! Pitfalls of bulk loads, cancellation and transactions that were observed on servers and in
//! `tiberius`. Each is reproduced on the double, so that the store is known to handle it.
//!
//! Waits are bounded by timeouts of the tests. No test here measures speed.

use std::future::Future;
use std::time::Duration;

use tds_double::client::{Raw, ask, config, connect, number, try_connect};
use tds_double::faults::{Fault, Trigger};
use tds_double::record::MessageKind;
use tds_double::{Engine, Options, TdsDouble};
use tiberius::error::Error;
use tiberius::time::{Date, DateTime2, Time};
use tiberius::{ColumnData, IntoSql, SqlBulkCopyOption, SqlBulkCopyOptions, TokenRow};

/// Long enough for anything that does not hang.
const NOT_HUNG: Duration = Duration::from_secs(10);
/// Time for which a hang is watched.
const A_WHILE: Duration = Duration::from_millis(150);

async fn with_table(double: &TdsDouble, columns: &str) -> Raw {
    let mut client = connect(double).await;
    ask(&mut client, &format!("CREATE TABLE t ({columns})")).await.unwrap();
    client
}

fn row(values: Vec<ColumnData<'static>>) -> TokenRow<'static> {
    let mut row = TokenRow::new();
    for value in values {
        row.push(value);
    }
    row
}

fn number_row(number: i32) -> TokenRow<'static> {
    row(vec![ColumnData::I32(Some(number))])
}

fn text(text: &str) -> ColumnData<'static> {
    ColumnData::String(Some(text.to_owned().into()))
}

/// 2026-01-31.
fn day() -> Date {
    Date::new(739_646)
}

fn noon() -> Time {
    Time::new(12 * 3_600 * 10_000_000, 7)
}

fn moment() -> ColumnData<'static> {
    ColumnData::DateTime2(Some(DateTime2::new(day(), noon())))
}

/// Loads one row into the named columns and returns the server's response.
async fn load(
    client: &mut Raw,
    columns: &[&str],
    options: SqlBulkCopyOptions,
    values: Vec<ColumnData<'static>>,
) -> tiberius::Result<u64> {
    let mut bulk = client.bulk_insert_with_options("t", columns, options, &[]).await?;
    let sent = bulk.send(row(values)).await;
    let ended = bulk.finalize().await;
    sent?;
    ended.map(tiberius::ExecuteResult::total)
}

async fn within<F: Future>(limit: Duration, future: F) -> Option<F::Output> {
    tokio::time::timeout(limit, future).await.ok()
}

#[tokio::test]
async fn a_bulk_load_takes_the_updateable_columns() {
    let double = TdsDouble::start();
    let columns =
        "id int IDENTITY(1,1) NOT NULL, name varchar(10) NOT NULL, tail AS (RIGHT(name, 1))";
    let mut client = with_table(&double, columns).await;
    let none = SqlBulkCopyOptions::empty();
    // Without KeepIdentity neither the identity nor the computed column is among them.
    assert_eq!(load(&mut client, &["*"], none, vec![text("one")]).await.unwrap(), 1);
    let keep = SqlBulkCopyOption::KeepIdentity.into();
    let given = vec![ColumnData::I32(Some(9)), text("two")];
    assert_eq!(load(&mut client, &["id", "name"], keep, given).await.unwrap(), 1);
    let stored = ask(&mut client, "SELECT CONCAT(id, name, tail) FROM t ORDER BY id").await;
    assert_eq!(stored.unwrap(), ["1onee", "9twoo"]);
    let announced = double.messages().into_iter().rfind(|m| m.text.starts_with("INSERT BULK"));
    assert_eq!(announced.unwrap().text, "INSERT BULK t ([id] int, [name] varchar(10))");
}

#[tokio::test]
async fn a_dropped_bulk_load_hangs_its_connection() {
    let double = TdsDouble::start();
    let mut client = with_table(&double, "id int NOT NULL").await;
    let mut bulk = client.bulk_insert("t").await.unwrap();
    for number in 0..2_000 {
        bulk.send(number_row(number)).await.unwrap();
    }
    drop(bulk);
    assert!(within(A_WHILE, client.simple_query("SELECT 1")).await.is_none());
    drop(client);
    // No row of the load is stored, and another connection can continue.
    let mut other = connect(&double).await;
    assert_eq!(ask(&mut other, "SELECT COUNT(*) FROM t").await.unwrap(), ["0"]);
}

#[tokio::test]
async fn a_future_dropped_while_waiting_does_not_poison_its_connection() {
    let double = TdsDouble::start();
    let mut client = connect(&double).await;
    let slow = Duration::from_millis(400);
    double.faults().once(Trigger::Statement("SELECT 5".to_owned(), 0), Fault::Slow(slow));
    assert!(within(A_WHILE / 3, client.simple_query("SELECT 5")).await.is_none());
    // The next call waits for the old answer and has no timeout of its own.
    let next = within(NOT_HUNG, ask(&mut client, "SELECT 6")).await.unwrap();
    assert_eq!(next.unwrap(), ["6"]);
    double.faults().once(Trigger::Statement("SELECT 7".to_owned(), 0), Fault::Stall);
    assert!(within(A_WHILE, client.simple_query("SELECT 7")).await.is_none());
    assert!(within(A_WHILE, client.simple_query("SELECT 8")).await.is_none());
}

#[tokio::test]
async fn a_cancelled_query_is_acknowledged_and_its_connection_stays_usable() {
    let double = TdsDouble::start();
    let mut client = connect(&double).await;
    double.faults().once(Trigger::Statement("SELECT 5".to_owned(), 0), Fault::Stall);
    assert!(within(A_WHILE, client.simple_query("SELECT 5")).await.is_none());
    within(NOT_HUNG, client.cancel_query()).await.unwrap().unwrap();
    assert_eq!(ask(&mut client, "SELECT 6").await.unwrap(), ["6"]);
}

#[tokio::test]
async fn a_command_timeout_poisons_the_connection() {
    let double = TdsDouble::start();
    let mut short = config(&double);
    short.command_timeout(Some(A_WHILE));
    let mut client = try_connect(short).await.unwrap();
    double.faults().once(Trigger::Statement("SELECT 5".to_owned(), 0), Fault::Stall);
    let timed_out = ask(&mut client, "SELECT 5").await.unwrap_err();
    assert!(matches!(timed_out, Error::Io { kind: std::io::ErrorKind::TimedOut, .. }));
    assert!(matches!(ask(&mut client, "SELECT 6").await, Err(Error::Protocol(_))));
    assert!(matches!(client.cancel_query().await, Err(Error::Protocol(_))));
}

#[tokio::test]
async fn a_bulk_load_rejects_texts_over_65535_bytes_that_a_parameter_accepts() {
    let double = TdsDouble::start();
    let mut client = with_table(&double, "body nvarchar(max) NULL").await;
    let none = SqlBulkCopyOptions::empty();
    let most = "x".repeat(65_535 / 2);
    assert_eq!(load(&mut client, &["body"], none, vec![text(&most)]).await.unwrap(), 1);
    let longer = "x".repeat(65_535 / 2 + 1);
    let refused = load(&mut client, &["body"], none, vec![text(&longer)]).await.unwrap_err();
    assert!(matches!(&refused, Error::BulkInput(_)), "{refused}");
    let sent = client.execute("INSERT INTO t VALUES (@P1)", &[&longer.as_str()]).await.unwrap();
    assert_eq!(sent.total(), 1);
    let lengths = ask(&mut client, "SELECT LEN(body) FROM t ORDER BY LEN(body)").await.unwrap();
    assert_eq!(lengths, ["32767", "32768"]);
}

#[tokio::test]
async fn columns_that_the_client_declares_wrongly_are_rejected() {
    let text_of = |of: &str| format!("v {of} NULL");
    let a_time = || ColumnData::Time(Some(noon()));
    for (of, value, wanted) in [
        // Declared twice as long, which is accepted.
        ("nvarchar(100)", text("x"), Ok(1)),
        ("nvarchar(2000)", text("x"), Ok(1)),
        // Declared as max, but not sent as max.
        ("nvarchar(2001)", text("x"), Err(4816)),
        ("nchar(10)", text("x"), Ok(1)),
        // Longer than `char` may be.
        ("nchar(2001)", text("x"), Err(131)),
        ("time(3)", a_time(), Err(4816)),
        ("time(7)", a_time(), Ok(1)),
        // Declared as datetime: eight bytes instead of four.
        ("smalldatetime", moment(), Err(4816)),
        ("datetime", moment(), Ok(1)),
        ("datetime2(0)", moment(), Ok(1)),
        ("datetime2(7)", moment(), Ok(1)),
        ("date", ColumnData::Date(Some(day())), Ok(1)),
        ("decimal(12,2)", tiberius::numeric::Numeric::new_with_scale(5, 1).into_sql(), Ok(1)),
        // A value of another width, which the client sends without an error.
        ("int", ColumnData::I64(Some(1)), Err(4816)),
        ("bigint", ColumnData::I32(Some(1)), Err(4816)),
        ("varchar(3)", text("x"), Ok(1)),
        ("float", ColumnData::F64(Some(0.5)), Ok(1)),
        ("bit", ColumnData::Bit(Some(true)), Ok(1)),
    ] {
        let double = TdsDouble::start();
        let mut client = with_table(&double, &text_of(of)).await;
        let loaded = load(&mut client, &["v"], SqlBulkCopyOptions::empty(), vec![value]).await;
        let got = match loaded {
            Err(Error::Server(error)) => Err(error.code()),
            other => Ok(other.unwrap()),
        };
        assert_eq!(got, wanted, "{of}");
        assert_eq!(
            ask(&mut client, "SELECT COUNT(*) FROM t").await.unwrap(),
            [match wanted {
                Ok(_) => "1",
                Err(_) => "0",
            }]
        );
    }
}

#[tokio::test]
async fn a_bulk_load_reports_only_its_first_error_at_its_end() {
    let double = TdsDouble::start();
    let mut client = with_table(&double, "id int NOT NULL PRIMARY KEY").await;
    let mut bulk = client.bulk_insert("t").await.unwrap();
    for number in [1, 2, 2, 1] {
        bulk.send(number_row(number)).await.unwrap();
    }
    let error = bulk.finalize().await.unwrap_err();
    assert!(error.to_string().contains("The duplicate key value is (2)"), "{error}");
    assert_eq!(number::<()>(Err(error)), 2627);
    // All rows or none, and the connection stays usable.
    assert_eq!(ask(&mut client, "SELECT COUNT(*) FROM t").await.unwrap(), ["0"]);
}

#[tokio::test]
async fn bulk_loads_check_references_only_on_request_and_turn_nulls_into_defaults() {
    let double = TdsDouble::start();
    let mut client = connect(&double).await;
    ask(&mut client, "CREATE TABLE p (id int NOT NULL PRIMARY KEY)").await.unwrap();
    let columns = "id int NOT NULL, p int NULL CONSTRAINT FK_p REFERENCES p (id), \
                   n int NULL DEFAULT (7), CONSTRAINT CK CHECK (id > 0)";
    ask(&mut client, &format!("CREATE TABLE t ({columns})")).await.unwrap();
    let values =
        |id: i32, p| vec![ColumnData::I32(Some(id)), ColumnData::I32(p), ColumnData::I32(None)];
    let all = ["id", "p", "n"];
    let none = SqlBulkCopyOptions::empty();
    let check = SqlBulkCopyOption::CheckConstraints | SqlBulkCopyOption::KeepNulls;
    assert_eq!(load(&mut client, &all, none, values(-1, Some(5))).await.unwrap(), 1);
    assert_eq!(ask(&mut client, "SELECT n FROM t").await.unwrap(), ["7"]);
    assert_eq!(number(load(&mut client, &all, check, values(1, Some(5))).await), 547);
    assert_eq!(number(load(&mut client, &all, check, values(-1, None)).await), 547);
    assert_eq!(load(&mut client, &all, check, values(1, None)).await.unwrap(), 1);
    assert_eq!(ask(&mut client, "SELECT n FROM t WHERE id = 1").await.unwrap(), ["null"]);
}

#[tokio::test]
async fn a_bulk_error_keeps_the_transaction_except_on_babelfish() {
    for (engine, left) in [(Engine::SqlServer, "1"), (Engine::Babelfish, "0")] {
        let double = TdsDouble::start_with(Options { engine, ..Options::default() });
        let mut client = with_table(&double, "id int NOT NULL PRIMARY KEY").await;
        client.begin_transaction().await.unwrap();
        ask(&mut client, "INSERT INTO t VALUES (1)").await.unwrap();
        let none = SqlBulkCopyOptions::empty();
        let twice = load(&mut client, &["id"], none, vec![ColumnData::I32(Some(1))]).await;
        assert_eq!(number(twice), 2627);
        assert_eq!(ask(&mut client, "SELECT @@TRANCOUNT").await.unwrap(), [left], "{engine:?}");
        assert_eq!(ask(&mut client, "SELECT COUNT(*) FROM t").await.unwrap(), [left]);
        let unknown = number(ask(&mut client, "SELECT 1 FROM nowhere").await);
        assert_eq!(unknown == 33_557_097, engine == Engine::Babelfish);
        let check = SqlBulkCopyOption::CheckConstraints.into();
        ask(&mut client, "CREATE TABLE u (t int NOT NULL REFERENCES t (id))").await.unwrap();
        let mut bulk = client.bulk_insert_with_options("u", &["t"], check, &[]).await.unwrap();
        bulk.send(number_row(99)).await.unwrap();
        assert_eq!(bulk.finalize().await.is_ok(), engine == Engine::Babelfish);
    }
}

#[tokio::test]
async fn begin_tran_in_a_call_is_error_266_and_leaves_the_transaction_open() {
    let double = TdsDouble::start();
    let mut client = connect(&double).await;
    assert_eq!(number(client.execute("BEGIN TRAN", &[]).await), 266);
    assert_eq!(ask(&mut client, "SELECT @@TRANCOUNT").await.unwrap(), ["1"]);
    assert_eq!(number(client.execute("COMMIT", &[]).await), 266);
    // Sent as text it takes effect, and the client knows of the transaction.
    ask(&mut client, "BEGIN TRANSACTION").await.unwrap();
    assert_eq!(ask(&mut client, "SELECT @@TRANCOUNT").await.unwrap(), ["1"]);
    ask(&mut client, "COMMIT TRANSACTION").await.unwrap();
}

#[tokio::test]
async fn a_savepoint_by_the_client_api_fails_and_one_by_statement_works() {
    let double = TdsDouble::start();
    let mut client = connect(&double).await;
    client.begin_transaction().await.unwrap();
    assert_eq!(number(client.save_transaction("mark").await), 4002);
    ask(&mut client, "SAVE TRANSACTION mark").await.unwrap();
    ask(&mut client, "ROLLBACK TRANSACTION mark").await.unwrap();
    assert_eq!(number(ask(&mut client, "ROLLBACK TRANSACTION other").await), 6401);
    client.commit_transaction().await.unwrap();
}

#[tokio::test]
async fn a_text_batch_lacks_the_row_counts_of_a_call() {
    let double = TdsDouble::start();
    let mut client = with_table(&double, "id int NOT NULL").await;
    let twice = "INSERT INTO t VALUES (1), (2); DELETE FROM t WHERE id = 1";
    let results = client.simple_query(twice).await.unwrap().into_results().await.unwrap();
    assert!(results.is_empty(), "{results:?}");
    assert_eq!(client.execute(twice, &[]).await.unwrap().rows_affected(), [2, 1]);
    ask(&mut client, "SET NOCOUNT ON").await.unwrap();
    assert!(client.execute(twice, &[]).await.unwrap().rows_affected().is_empty());
}

#[tokio::test]
async fn statements_after_a_failed_one_still_run() {
    let double = TdsDouble::start();
    let mut client = with_table(&double, "id int NOT NULL PRIMARY KEY").await;
    let text = "INSERT INTO t VALUES (1), (1); INSERT INTO t VALUES (2)";
    assert_eq!(number(client.execute(text, &[]).await), 2627);
    assert_eq!(ask(&mut client, "SELECT id FROM t").await.unwrap(), ["2"]);
}

#[tokio::test]
async fn a_fatal_error_in_an_unfinished_response_is_masked() {
    let double = TdsDouble::start();
    let mut client = connect(&double).await;
    double.faults().once(Trigger::Statement("SELECT 5".to_owned(), 0), Fault::Error(40_501));
    assert_eq!(number(ask(&mut client, "SELECT 5").await), 40_501);
    assert!(matches!(ask(&mut client, "SELECT 6").await, Err(Error::Io { .. })));
    let mut client = connect(&double).await;
    double.faults().once(Trigger::Statement("SELECT 7".to_owned(), 0), Fault::FatalWithoutEnd(596));
    let masked = ask(&mut client, "SELECT 7").await.unwrap_err();
    let eof = std::io::ErrorKind::UnexpectedEof;
    assert!(matches!(masked, Error::Io { kind, .. } if kind == eof), "{masked:?}");
}

#[tokio::test]
async fn a_connection_closed_during_a_bulk_load_gives_no_reason() {
    let double = TdsDouble::start();
    let mut client = with_table(&double, "id int NOT NULL").await;
    double.faults().once(Trigger::Kind(MessageKind::Bulk, 0), Fault::DropInside);
    let mut bulk = client.bulk_insert("t").await.unwrap();
    let mut outcome = Ok(());
    for number in 0..200_000 {
        outcome = bulk.send(number_row(number)).await;
        if outcome.is_err() {
            break;
        }
    }
    assert!(matches!(outcome, Err(Error::Io { .. })), "{outcome:?}");
}

#[tokio::test]
async fn a_commit_without_an_answer_may_or_may_not_be_done() {
    for (fault, kept) in [
        (Fault::DropBefore, "0"),
        (Fault::DropInside, "0"),
        (Fault::DropInAnswer, "1"),
        (Fault::DropAfter, "1"),
    ] {
        let double = TdsDouble::start();
        let mut client = with_table(&double, "id int NOT NULL").await;
        client.begin_transaction().await.unwrap();
        ask(&mut client, "INSERT INTO t VALUES (1)").await.unwrap();
        double.faults().once(Trigger::Kind(MessageKind::Commit, 0), fault);
        assert!(matches!(client.commit_transaction().await, Err(Error::Io { .. })), "{fault:?}");
        let mut other = connect(&double).await;
        assert_eq!(ask(&mut other, "SELECT COUNT(*) FROM t").await.unwrap(), [kept], "{fault:?}");
    }
}

#[tokio::test]
async fn a_deadlock_victim_loses_its_transaction_and_keeps_its_connection() {
    let double = TdsDouble::start();
    let mut client = with_table(&double, "id int NOT NULL").await;
    client.begin_transaction().await.unwrap();
    ask(&mut client, "INSERT INTO t VALUES (1)").await.unwrap();
    double.faults().once(Trigger::Statement("INSERT".to_owned(), 0), Fault::Deadlock);
    let victim = ask(&mut client, "INSERT INTO t VALUES (2)").await.unwrap_err();
    assert!(victim.is_deadlock());
    assert_eq!(ask(&mut client, "SELECT @@TRANCOUNT").await.unwrap(), ["0"]);
    assert_eq!(ask(&mut client, "SELECT COUNT(*) FROM t").await.unwrap(), ["0"]);
}

#[tokio::test]
async fn rejected_logins_and_lost_connections_have_different_errors() {
    let double = TdsDouble::start();
    double.faults().once(Trigger::Kind(MessageKind::Login, 0), Fault::Error(18_456));
    assert_eq!(number(try_connect(config(&double)).await), 18_456);
    for kind in [MessageKind::Prelogin, MessageKind::Login] {
        double.faults().once(Trigger::Kind(kind, 0), Fault::DropBefore);
        let lost = try_connect(config(&double)).await.unwrap_err();
        assert!(matches!(lost, Error::Io { .. }), "{lost:?}");
    }
    assert_eq!(double.faults().met(), 3);
    assert!(double.all_closed_within(NOT_HUNG));
}
