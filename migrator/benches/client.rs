//! CPU time of the SQL Server client for a row, including the kernel time of its sockets. The rows
//! go to the test double in a process of its own, which only reads and answers; its time does not
//! count. The bench does not measure a server.
//!
//! Insert methods and encryption alternate within a round. The bench prints medians. `-- --quick`
//! for a short one.
#![expect(clippy::unwrap_used, reason = "a bench panics where something is missing")]
#![expect(clippy::print_stdout, reason = "a bench prints what it measured")]

#[path = "support/median.rs"]
mod median;
mod support;
#[path = "support/typed.rs"]
mod typed;

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use migrator::config::InsertMethod;
use migrator::store::Store;
use migrator::store::mssql::MssqlStore;
use migrator::store::mssql::url::{Password, ServerUrl};
use migrator::store::schema::Tables;
use migrator::telemetry::metrics::Usage;

use median::median;
use tds_double::{Options, TdsDouble};
use typed::Typed;

const BATCH_SIZE: usize = 1_000;
/// Arguments with which this program becomes the double: without encryption, or with it.
const DOUBLE: [&str; 2] = ["--double-plain", "--double-encrypted"];

fn main() {
    let has = |flag: &str| std::env::args().any(|argument| argument == flag);
    if let Some(tls) = DOUBLE.iter().position(|flag| has(flag)) {
        return serve(tls == 1);
    }
    let (batches, rounds) = if has("--quick") { (1, 1) } else { (4, 5) };
    let typed = Typed::new(batches, BATCH_SIZE);
    let cases = [InsertMethod::Values, InsertMethod::Bulk]
        .into_iter()
        .flat_map(|method| DOUBLE.map(|double| (method, double)));
    let mut cases: Vec<_> = cases.map(|case| (case, Vec::new(), Vec::new())).collect();
    for round in 0..=rounds {
        for ((method, double), user, system) in &mut cases {
            let used = Server::start(double).cost(&typed, *method);
            // The first round warms up and does not count.
            if round > 0 {
                user.push(used.user_s);
                system.push(used.system_s);
            }
        }
    }
    let rows = typed.rows() as f64;
    println!("{rows} rows of staged records, {BATCH_SIZE} records a batch, {rounds} rounds");
    for ((method, double), user, system) in cases {
        let [user, system] = [user, system].map(|seconds| 1e6 * median(seconds) / rows);
        let name = format!("{method:?}").to_lowercase();
        let encryption = double.trim_start_matches("--double-");
        let rate = 1e6 / (user + system);
        println!(
            "{name:>6}, {encryption:9} {user:5.2} µs a row, {system:5.2} in the kernel: {rate:7.0} \
             rows/s a processor"
        );
    }
}

/// Runs the double until its input is closed.
fn serve(tls: bool) {
    let double = TdsDouble::start_with(Options { tls, ..Options::default() });
    println!("{}{}", double.url(), if tls { "&trust_cert=true" } else { "" });
    let _ = std::io::stdin().read(&mut [0]);
}

/// A double in a process of its own.
struct Server {
    process: Child,
    url: ServerUrl,
}

impl Server {
    fn start(double: &str) -> Self {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .arg(double)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut url = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut url).unwrap();
        Self { process, url: ServerUrl::parse(url.trim_end()).unwrap() }
    }

    /// CPU time of this process for inserting all rows into empty tables.
    fn cost(mut self, typed: &Typed, method: InsertMethod) -> Usage {
        let (catalogue, tables) = (&typed.catalogue, Tables::new(&typed.catalogue).unwrap());
        let password = Password::new(Options::default().password.as_str());
        let url = self.url.clone();
        let store = MssqlStore::new(url, password, &catalogue.schema, tables).unwrap();
        store.create_missing().unwrap();
        let before = Usage::now().unwrap();
        typed.insert_into(&store, method);
        let used = Usage::now().unwrap().since(&before);
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
        used
    }
}
