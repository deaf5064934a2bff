//! The test double of SQL Server under raw `tiberius`: logins, statements, constraints,
//! transactions.

use tds_double::client::{Raw, ask, config, connect, number, try_connect};
use tds_double::{Datum, Options, TdsDouble, Type};
use tiberius::numeric::Numeric;
use tiberius::{AuthMethod, EncryptionLevel};

const TABLES: &str = "\
    CREATE TABLE [s].[kinds] ([id] smallint NOT NULL, [name] varchar(5) NOT NULL, \
        CONSTRAINT [PK_kinds] PRIMARY KEY ([id]), CONSTRAINT [UQ_kinds] UNIQUE ([name])); \
    CREATE TABLE [s].[people] ([id] int IDENTITY(1,1) NOT NULL, [kind] smallint NULL, \
        [name] varchar(10) NOT NULL, [rate] decimal(5,2) NULL, \
        [since] datetime NOT NULL DEFAULT (GETUTCDATE()), [on] bit NOT NULL DEFAULT (0), \
        [tail] AS (RIGHT(name, 2)) PERSISTED, \
        CONSTRAINT [PK_people] PRIMARY KEY ([id]), \
        CONSTRAINT [CK_rate] CHECK ([rate] >= 0), \
        CONSTRAINT [FK_people_1] FOREIGN KEY ([kind]) REFERENCES [s].[kinds] ([id])); \
    CREATE TABLE [s].[notes] ([person] int NOT NULL, [text] nvarchar(max) NULL, \
        CONSTRAINT [PK_notes] PRIMARY KEY ([person]), \
        CONSTRAINT [FK_notes_1] FOREIGN KEY ([person]) REFERENCES [s].[people] ([id]) ON DELETE CASCADE)";

async fn with_tables(double: &TdsDouble) -> Raw {
    let mut client = connect(double).await;
    ask(&mut client, "CREATE SCHEMA [s]").await.unwrap();
    ask(&mut client, TABLES).await.unwrap();
    ask(&mut client, "INSERT INTO s.kinds VALUES (1, 'one'), (2, 'two')").await.unwrap();
    client
}

#[tokio::test]
async fn a_login_sends_its_identity_and_gets_its_packet_size() {
    let double = TdsDouble::start();
    let mut config = config(&double);
    config.packet_size(16_000);
    let mut client = try_connect(config).await.unwrap();
    assert_eq!(ask(&mut client, "SELECT 1").await.unwrap(), ["1"]);
    let login = double.logins().remove(0);
    assert_eq!((login.application.as_str(), login.packet_size), ("raw", 16_000));
    assert_eq!(login.database, double.options().database);
    assert!(!login.encrypted);
    assert!(!format!("{login:?}").contains(&double.options().password));
    drop(client);
    assert!(double.all_closed_within(std::time::Duration::from_secs(5)));
    assert_eq!(double.counts().opened, 1);
}

#[tokio::test]
async fn connections_are_encrypted_with_a_certificate_that_the_client_trusts() {
    let double = TdsDouble::start_with(Options { tls: true, ..Options::default() });
    let mut client = connect(&double).await;
    let long = "x".repeat(50_000);
    let text = format!("SELECT '{}'", &long);
    assert_eq!(ask(&mut client, &text).await.unwrap(), [long]);
    assert!(double.logins()[0].encrypted);
    let mut stranger = config(&TdsDouble::start());
    stranger.port(double.address().port());
    stranger.encryption(EncryptionLevel::Required);
    assert!(try_connect(stranger).await.is_err());
}

#[tokio::test]
async fn wrong_logins_are_rejected() {
    let double = TdsDouble::start();
    let mut wrong = config(&double);
    wrong.authentication(AuthMethod::sql_server(&double.options().user, "wrong"));
    assert_eq!(number(try_connect(wrong).await), 18456);
    let mut elsewhere = config(&double);
    elsewhere.database("elsewhere");
    assert_eq!(number(try_connect(elsewhere).await), 4060);
}

#[tokio::test]
async fn unknown_names_and_syntax_have_their_error_numbers() {
    let double = TdsDouble::start();
    let mut client = with_tables(&double).await;
    for (text, wanted) in [
        ("SELEC 1", 102),
        ("SELECT * FROM s.kinds MERGE", 0),
        ("MERGE s.kinds AS t USING s.kinds AS u ON 1 = 1", 102),
        ("SELECT 1 FROM s.nothing", 208),
        ("SELECT nothing FROM s.kinds", 207),
        ("SELECT k.nothing FROM s.kinds AS k", 207),
        ("SELECT x.id FROM s.kinds AS k", 4104),
        ("SELECT id FROM s.kinds AS a JOIN s.people AS b ON a.id = b.kind", 209),
        ("SELECT soundex(name) FROM s.kinds", 195),
        ("SET ROWCOUNT 5", 195),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", 50_000),
        ("CREATE TABLE #mine (id int)", 50_000),
        ("SELECT 'open", 105),
        ("SELECT @nothing", 137),
        ("SELECT 1; CREATE SCHEMA t", 111),
        ("CREATE SCHEMA s", 2714),
        ("CREATE TABLE s.kinds (id int)", 2714),
        ("CREATE TABLE nowhere.t (id int)", 2760),
        ("CREATE TABLE s.t (id integr)", 2715),
        ("DROP TABLE s.kinds", 3726),
        ("DROP TABLE s.nothing", 3701),
        ("DROP SCHEMA s", 3729),
        ("SELECT * FROM sys.dm_exec_sessions", 300),
        ("SELECT SUM(num_of_writes) FROM sys.dm_io_virtual_file_stats(DB_ID(), 2)", 300),
    ] {
        let outcome = ask(&mut client, text).await;
        let got = if wanted == 0 { outcome.map_or(1, |_| 0) } else { number(outcome) };
        assert_eq!(got, wanted, "{text}");
    }
}

#[tokio::test]
async fn rows_that_violate_a_constraint_are_rejected_with_its_number() {
    let double = TdsDouble::start();
    let mut client = with_tables(&double).await;
    ask(&mut client, "INSERT INTO s.people (kind, name) VALUES (1, 'first')").await.unwrap();
    for (text, wanted) in [
        ("INSERT INTO s.kinds VALUES (1, 'other')", 2627),
        ("INSERT INTO s.kinds VALUES (3, 'ONE  ')", 2627),
        ("INSERT INTO s.kinds VALUES (3, NULL)", 515),
        ("INSERT INTO s.kinds (id) VALUES (3)", 515),
        ("INSERT INTO s.kinds VALUES (3, 'longer')", 2628),
        ("INSERT INTO s.kinds VALUES (40000, 'x')", 220),
        ("INSERT INTO s.kinds VALUES ('x', 'x')", 245),
        ("INSERT INTO s.kinds VALUES (1)", 109),
        ("INSERT INTO s.kinds VALUES (1, 'x', 2)", 110),
        ("INSERT INTO s.people (kind, name) VALUES (9, 'x')", 547),
        ("INSERT INTO s.people (name, rate) VALUES ('x', -1)", 547),
        ("INSERT INTO s.people (name, rate) VALUES ('x', 1000)", 8115),
        ("INSERT INTO s.people (name, rate) VALUES ('x', 'y')", 8114),
        ("INSERT INTO s.people (name, since) VALUES ('x', 'soon')", 241),
        ("INSERT INTO s.people (name, since) VALUES ('x', CAST('1700-01-01' AS datetime2))", 242),
        ("INSERT INTO s.people (id, name) VALUES (7, 'x')", 544),
        ("INSERT INTO s.people (name, tail) VALUES ('x', 'y')", 271),
        ("UPDATE s.kinds SET id = 5 WHERE id = 1", 547),
        ("UPDATE s.kinds SET name = 'two' WHERE id = 1", 2627),
        ("UPDATE s.people SET name = NULL", 515),
        ("DELETE FROM s.kinds WHERE id = 1", 547),
    ] {
        assert_eq!(number(ask(&mut client, text).await), wanted, "{text}");
    }
    assert_eq!(ask(&mut client, "SELECT COUNT(*) FROM s.kinds").await.unwrap(), ["2"]);
    assert_eq!(ask(&mut client, "SELECT COUNT(*) FROM s.people").await.unwrap(), ["1"]);
    let duplicate = ask(&mut client, "INSERT INTO s.kinds VALUES (1, 'x')").await.unwrap_err();
    let duplicate = duplicate.to_string();
    assert!(duplicate.contains("'PK_kinds'") && duplicate.contains("(1)"), "{duplicate}");
}

#[tokio::test]
async fn a_unique_key_accepts_null_once() {
    let double = TdsDouble::start();
    let mut client = connect(&double).await;
    let table = "CREATE TABLE t (a int NOT NULL, b varchar(5) NULL, CONSTRAINT UQ UNIQUE (a, b))";
    ask(&mut client, table).await.unwrap();
    ask(&mut client, "INSERT INTO t VALUES (1, NULL), (2, NULL), (1, 'x')").await.unwrap();
    for values in ["(1, NULL)", "(1, 'X ')"] {
        let twice = ask(&mut client, &format!("INSERT INTO t VALUES {values}")).await;
        assert_eq!(number(twice), 2627, "{values}");
    }
    ask(&mut client, "CREATE UNIQUE INDEX ix ON t (b, a)").await.unwrap();
    ask(&mut client, "DROP INDEX ix ON t").await.unwrap();
    assert_eq!(number(ask(&mut client, "CREATE UNIQUE INDEX ix ON t (a)").await), 1505);
}

#[tokio::test]
async fn values_are_returned_in_the_form_of_their_column_type() {
    let double = TdsDouble::start();
    let mut client = with_tables(&double).await;
    let parameters: [&dyn tiberius::ToSql; 4] =
        [&2_i16, &"Wörld", &Numeric::new_with_scale(12_345, 3), &None::<bool>];
    let text = "INSERT INTO [s].[people] ([kind], [name], [rate], [on]) \
                VALUES (@P1, @P2, @P3, ISNULL(@P4, 1)), (DEFAULT, N'日本', CAST('1' AS decimal(5,2)), 0)";
    let inserted = client.execute(text, &parameters).await.unwrap();
    assert_eq!(inserted.rows_affected(), [2]);
    let all = "SELECT name, rate, tail, [on], id FROM s.people ORDER BY id DESC";
    let rows = client.query(all, &[]).await.unwrap().into_first_result().await.unwrap();
    let second: (&str, &str) = (rows[0].get(0).unwrap(), rows[0].get(2).unwrap());
    assert_eq!(second, ("??", "??"));
    let first: (&str, &str) = (rows[1].get(0).unwrap(), rows[1].get("tail").unwrap());
    assert_eq!(first, ("Wörld", "ld"));
    let rate: Numeric = rows[1].get(1).unwrap();
    assert_eq!(rate.to_string(), "12.35");
    assert_eq!((rows[1].get(3), rows[0].get(3)), (Some(true), Some(false)));
    assert_eq!(rows[1].get(4), Some(1_i32));
    for (text, wanted) in [
        ("SELECT name FROM s.people WHERE name = 'WÖRLD   '", vec!["Wörld"]),
        ("SELECT k.name FROM s.people p JOIN s.kinds k ON k.id = p.kind", vec!["two"]),
        ("SELECT TOP (1) name FROM s.kinds ORDER BY id DESC", vec!["two"]),
        ("SELECT name FROM s.kinds WHERE id IN (2, 7) OR name LIKE '%E'", vec!["one", "two"]),
        (
            "SELECT v.k FROM (VALUES (1), (9)) AS v(k) WHERE NOT EXISTS \
          (SELECT 1 FROM s.kinds AS t WHERE t.id = v.k)",
            vec!["9"],
        ),
        ("SELECT CAST('12.5' AS decimal(5,2)) UNION ALL SELECT 1", vec!["12.50", "1.00"]),
        ("SELECT -rate FROM (VALUES (CAST(1.5 AS decimal(5,2)))) AS v(rate)", vec!["-1.50"]),
        ("SELECT CASE WHEN MAX(id) > 1 THEN 'more' ELSE 'one' END FROM s.kinds", vec!["more"]),
        ("WITH c AS (SELECT id FROM s.kinds WHERE id > 1) SELECT COUNT(*) FROM c", vec!["1"]),
        ("SELECT kind FROM s.people WHERE kind IS NULL", vec!["null"]),
        ("SELECT id FROM s.kinds WHERE '2' = id", vec!["2"]),
        ("SELECT OBJECT_ID('s.kinds') - OBJECT_ID(N'[S].[Kinds]', 'U')", vec!["0"]),
        ("SELECT OBJECT_ID('s.nothing')", vec!["null"]),
        ("IF SCHEMA_ID('s') IS NULL EXEC('CREATE SCHEMA s'); SELECT 5", vec!["5"]),
        ("DECLARE @n int = 3; SET @n = @n + 1; SELECT @n", vec!["4"]),
        (
            "SELECT c.name FROM sys.columns c JOIN sys.tables t ON t.object_id = c.object_id \
          WHERE t.name = 'kinds' AND t.schema_id = SCHEMA_ID('s') ORDER BY c.column_id",
            vec!["id", "name"],
        ),
        (
            "SELECT DATA_TYPE FROM INFORMATION_SCHEMA.COLUMNS WHERE COLUMN_NAME = 'rate'",
            vec!["decimal"],
        ),
        ("INSERT INTO s.kinds OUTPUT inserted.id VALUES (8, 'h'), (9, 'i')", vec!["8", "9"]),
        (
            "UPDATE k SET name = 'X' FROM s.kinds AS k WHERE k.id > 7 AND k.name = 'h'; \
          SELECT name FROM s.kinds WHERE id = 8",
            vec!["X"],
        ),
        ("DELETE FROM s.kinds WHERE id > 7; SELECT @@ROWCOUNT", vec!["2"]),
    ] {
        assert_eq!(ask(&mut client, text).await.unwrap(), wanted, "{text}");
    }
}

#[tokio::test]
async fn explicit_identity_values_raise_the_identity() {
    let double = TdsDouble::start();
    let mut client = with_tables(&double).await;
    let text = "SET IDENTITY_INSERT s.people ON; INSERT INTO s.people (id, name) VALUES (7, 'x'); \
                SET IDENTITY_INSERT s.people OFF; INSERT INTO s.people (name) VALUES ('y'); \
                SELECT CAST(SCOPE_IDENTITY() AS int)";
    assert_eq!(ask(&mut client, text).await.unwrap(), ["8"]);
    ask(&mut client, "SET IDENTITY_INSERT s.people ON").await.unwrap();
    assert_eq!(number(ask(&mut client, "INSERT INTO s.people (name) VALUES ('z')").await), 545);
    assert_eq!(number(ask(&mut client, "SET IDENTITY_INSERT s.notes ON").await), 8107);
}

#[tokio::test]
async fn deletes_cascade_to_referring_rows() {
    let double = TdsDouble::start();
    let mut client = with_tables(&double).await;
    ask(&mut client, "INSERT INTO s.people (name) VALUES ('x'), ('y')").await.unwrap();
    ask(&mut client, "INSERT INTO s.notes VALUES (1, 'a'), (2, N'b')").await.unwrap();
    let deleted = client.execute("DELETE FROM s.people WHERE id = @P1", &[&1]).await.unwrap();
    assert_eq!(deleted.total(), 1);
    assert_eq!(ask(&mut client, "SELECT person FROM s.notes").await.unwrap(), ["2"]);
}

#[tokio::test]
async fn a_transaction_is_atomic_and_invisible_until_its_commit() {
    let double = TdsDouble::start();
    let mut client = with_tables(&double).await;
    let mut other = connect(&double).await;
    let count = "SELECT COUNT(*) FROM s.kinds";
    client.begin_transaction().await.unwrap();
    client.execute("INSERT INTO s.kinds VALUES (@P1, 'x')", &[&3_i16]).await.unwrap();
    ask(&mut client, "SAVE TRANSACTION [mark]").await.unwrap();
    ask(&mut client, "INSERT INTO s.kinds VALUES (4, 'y')").await.unwrap();
    ask(&mut client, "ROLLBACK TRANSACTION [mark]; SAVE TRANSACTION [mark]").await.unwrap();
    assert_eq!(ask(&mut client, count).await.unwrap(), ["3"]);
    assert_eq!(ask(&mut other, count).await.unwrap(), ["2"]);
    ask(&mut other, "SET LOCK_TIMEOUT 30").await.unwrap();
    assert_eq!(number(ask(&mut other, "INSERT INTO s.kinds VALUES (5, 'z')").await), 1222);
    client.commit_transaction().await.unwrap();
    assert_eq!(ask(&mut other, count).await.unwrap(), ["3"]);
    client.begin_transaction().await.unwrap();
    ask(&mut client, "CREATE TABLE s.more (id int); INSERT INTO s.more VALUES (1)").await.unwrap();
    assert_eq!(ask(&mut client, "SELECT @@TRANCOUNT + XACT_STATE()").await.unwrap(), ["2"]);
    client.rollback_transaction().await.unwrap();
    assert_eq!(number(ask(&mut client, "SELECT 1 FROM s.more").await), 208);
    assert_eq!(number(client.commit_transaction().await), 3902);
    // A disconnect within a transaction rolls it back.
    client.begin_transaction().await.unwrap();
    ask(&mut client, "DELETE FROM s.kinds WHERE id = 3").await.unwrap();
    drop(client);
    ask(&mut other, "SET LOCK_TIMEOUT -1; INSERT INTO s.kinds VALUES (6, 'w')").await.unwrap();
    assert_eq!(ask(&mut other, count).await.unwrap(), ["4"]);
}

#[tokio::test]
async fn an_error_ends_its_statement_or_the_transaction_under_xact_abort() {
    let double = TdsDouble::start();
    let mut client = with_tables(&double).await;
    let twice = "INSERT INTO s.kinds VALUES (5, 'e'); INSERT INTO s.kinds VALUES (5, 'e'); \
                 INSERT INTO s.kinds VALUES (6, 'f')";
    client.begin_transaction().await.unwrap();
    assert_eq!(number(ask(&mut client, twice).await), 2627);
    assert_eq!(ask(&mut client, "SELECT COUNT(*) FROM s.kinds").await.unwrap(), ["4"]);
    client.rollback_transaction().await.unwrap();
    ask(&mut client, "SET XACT_ABORT ON").await.unwrap();
    client.begin_transaction().await.unwrap();
    assert_eq!(number(ask(&mut client, twice).await), 2627);
    assert_eq!(ask(&mut client, "SELECT @@TRANCOUNT").await.unwrap(), ["0"]);
    assert_eq!(ask(&mut client, "SELECT COUNT(*) FROM s.kinds").await.unwrap(), ["2"]);
    ask(&mut client, "SET XACT_ABORT OFF").await.unwrap();
    // A failed conversion aborts the transaction.
    client.begin_transaction().await.unwrap();
    assert_eq!(number(ask(&mut client, "INSERT INTO s.kinds VALUES ('x', 'x')").await), 245);
    assert_eq!(ask(&mut client, "SELECT @@TRANCOUNT").await.unwrap(), ["0"]);
}

#[tokio::test]
async fn messages_of_many_packets_and_parameters_arrive_whole() {
    let double = TdsDouble::start();
    let mut client = with_tables(&double).await;
    ask(&mut client, "INSERT INTO s.people (name) VALUES ('x')").await.unwrap();
    let long = "ü".repeat(300_000);
    let text = "INSERT INTO s.notes VALUES (@P1, @P2)";
    client.execute(text, &[&1, &long.as_str()]).await.unwrap();
    assert_eq!(ask(&mut client, "SELECT text FROM s.notes").await.unwrap(), [long]);
    let message = double.messages().into_iter().find(|message| message.text == text).unwrap();
    assert!(message.packets > 100 && message.parameters == 4, "{message:?}");
    let numbers: Vec<i32> = (0..2_099).collect();
    let values = |count: usize| -> Vec<&dyn tiberius::ToSql> {
        numbers[..count].iter().map(|number| number as &dyn tiberius::ToSql).collect()
    };
    let count = |count: usize| {
        let list: Vec<_> = (1..=count).map(|place| format!("(@P{place})")).collect();
        format!("SELECT COUNT(*) FROM (VALUES {}) AS v(k)", list.join(","))
    };
    let rows = client.query(count(2_098), &values(2_098)).await.unwrap();
    assert_eq!(rows.into_row().await.unwrap().unwrap().get(0), Some(2_098_i32));
    let refused = client.execute(count(2_099), &values(2_099)).await;
    assert_eq!(number(refused), 8003);
}

#[tokio::test]
async fn a_view_of_the_server_state_returns_the_rows_that_a_test_supplies() {
    let double = TdsDouble::start();
    let columns = [("wait_type", Type::NVarChar(Some(60))), ("wait_time_ms", Type::BigInt)];
    let row = vec![Datum::Text("WRITELOG".to_owned()), Datum::Int(12)];
    double.fill_view("dm_exec_session_wait_stats", &columns, vec![row]);
    let mut client = connect(&double).await;
    let text = "SELECT [wait_time_ms] FROM [sys].[dm_exec_session_wait_stats]";
    assert_eq!(ask(&mut client, text).await.unwrap(), ["12"]);
}
