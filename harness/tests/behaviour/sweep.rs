//! `harness sweep` from the outside: files, exit codes and output, with a stand-in for the
//! migrator.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::Value;

use crate::common::{Fake, TWO_SIZES, dies, harness, read};

fn json(path: &Path) -> Value {
    serde_json::from_str(&read(path)).unwrap()
}

fn ledger(folder: &Path) -> Vec<Value> {
    let text = read(&folder.join("ledger.jsonl"));
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_sweep_writes_every_file_and_prints_a_table() {
    let fake = Fake::new("");
    let output = fake.sweep(TWO_SIZES, &[]).assert().code(0).get_output().clone();
    let stdout = text(&output.stdout);
    assert!(stdout.contains("median"), "{stdout}");
    // Of equal settings the current one is chosen, because it has the smaller memory.
    assert!(stdout.contains("Nothing to confirm: the current batch_size=100"), "{stdout}");
    let words = stdout.lines().filter(|line| !line.contains('/'));
    assert!(words.clone().count() > 6 && words.clone().all(|line| line.len() <= 100), "{stdout}");
    let folder = fake.results("two-sizes");
    for name in ["report.md", "charts/rec-per-min.svg", "charts/insert-prepare.svg"] {
        assert!(!read(&folder.join(name)).is_empty(), "{name}");
    }
    assert_eq!(ledger(&folder).len(), 3 + 4 + 1);
    assert_eq!(json(&folder.join("analysis.json"))["settings"].as_array().unwrap().len(), 2);
    assert_eq!(json(&folder.join("identity.json"))["store"]["version"], "mock 1");
    assert_eq!(json(&folder.join("metrics.json"))[0]["confidence"], "none");
    assert_eq!(fs::read_dir(fake.out().join(".trials")).unwrap().count(), 0);
}

#[test]
fn a_shipped_scenario_runs_by_name_from_any_folder() {
    let fake = Fake::new("");
    let sweep = |arguments: &[&str], out: &str| {
        let mut command = harness();
        command.current_dir(fake.path("")).args(arguments).args(["--quick", "--quiet", "--out"]);
        command.arg(out).arg("--migrator").arg(fake.program()).assert().code(0);
        let folder = fs::read_dir(fake.path(out).join("batch-size")).unwrap().next().unwrap();
        ledger(&folder.unwrap().path())
    };
    let named = sweep(&["sweep", "batch-size"], "named");
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/batch-size.toml");
    assert_eq!(named[0], sweep(&["sweep", file], "file")[0]);
    assert_eq!(named.len(), 3 + 6 * 3 + 1);
}

/// A program that is a quarter faster with batches of 200.
fn fast_fake() -> Fake {
    let fake = Fake::new("");
    let script = read(&fake.program());
    let fast = script.replace(
        "cat > \"$report\" <<END",
        "[ $batch_size = 200 ] && rate=75000.$(($$ % 97)) || rate=60000.$(($$ % 89))
cat > \"$report\" <<END",
    );
    let fast = fast.replace("\"rec_per_min\":60000.0", "\"rec_per_min\":$rate");
    assert_ne!(script, fast);
    let program = fake.write("fast.txt", &fast);
    let mut install = Command::new("install");
    install.args(["-m", "755"]).arg(program).arg(fake.program());
    assert!(install.status().unwrap().success());
    fake
}

#[test]
fn merged_shards_report_that_no_setting_is_confirmed_and_the_next_step() {
    let fake = fast_fake();
    let scenario = TWO_SIZES.replace("runs = 2", "runs = 8");
    for shard in ["0/2", "1/2"] {
        fake.sweep(&scenario, &["--quiet", "--shard", shard]).assert().code(0);
    }
    let mut report = harness();
    report.arg("report").args(fake.all_results("two-sizes"));
    let merged = text(&report.assert().code(0).get_output().stdout);
    assert!(
        merged.contains("**NOT CONFIRMED.** batch_size=200 had the highest median"),
        "{merged}"
    );
    assert!(
        merged.contains("so nothing is confirmed. To confirm a choice, run this on one machine")
    );
    // The whole plan would confirm it.
    assert!(merged.contains("\nharness sweep ") && !merged.contains("--shard"), "{merged}");
}

#[test]
fn a_faster_setting_is_confirmed_and_reported_with_the_confirmation_figures() {
    let fake = fast_fake();
    let output = fake.sweep(TWO_SIZES, &[]).assert().code(0).get_output().clone();
    let stdout = text(&output.stdout);
    assert!(
        stdout.contains("IMPROVED: batch_size=200 beats batch_size=100 in 10 confirmation"),
        "{stdout}"
    );
    let stderr = text(&output.stderr);
    assert!(stderr.contains("confirmation: pair 10 of 10 done"), "{stderr}");
    let folder = fake.results("two-sizes");
    // Session, two steps, records, end; four runs and ten pairs.
    assert_eq!(ledger(&folder).len(), 5 + 4 + 20);
    let metrics = json(&folder.join("metrics.json"));
    assert_eq!((&metrics[0]["verdict"], &metrics[0]["kept"]), (&"IMPROVED".into(), &true.into()));
    assert_eq!(metrics[0]["runs"], 10);
    let again = harness().arg("report").arg(&folder).assert().code(0).get_output().stdout.clone();
    assert_eq!(text(&again), read(&folder.join("report.md")));
}

#[test]
fn quick_runs_are_reported_as_not_testable() {
    let fake = Fake::new("");
    let output = fake.sweep(TWO_SIZES, &["--quick"]).assert().code(0).get_output().clone();
    assert!(text(&output.stdout).contains("Not testable"));
    let metrics = json(&fake.results("two-sizes").join("metrics.json"));
    assert_eq!(metrics[0]["verdict"], "not testable");
    assert!(metrics[0]["notes"].as_str().unwrap().contains("not testable"));
}

#[test]
fn json_prints_the_metrics_and_quiet_prints_nothing() {
    let fake = Fake::new("");
    let output =
        fake.sweep(TWO_SIZES, &["--json", "--quiet"]).assert().code(0).get_output().clone();
    let folder = fake.results("two-sizes");
    assert_eq!(text(&output.stdout), read(&folder.join("metrics.json")));
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn in_a_pipe_there_is_a_line_per_block_and_no_escape_code() {
    let fake = Fake::new("");
    let output = fake.sweep(TWO_SIZES, &[]).assert().code(0).get_output().clone();
    let stderr = text(&output.stderr);
    assert!(stderr.contains("block 1 of 2 done") && stderr.contains("block 2 of 2 done"));
    assert!(!(stderr + &text(&output.stdout)).contains('\u{1b}'));
}

#[test]
fn another_seed_gives_another_order_and_is_in_the_reproduce_command() {
    let order = |seed: &str| {
        let fake = Fake::new("");
        let scenario = TWO_SIZES.replace("[100, 200]", "[100, 200, 300, 400, 500]");
        fake.sweep(&scenario, &["--seed", seed, "--quiet"]).assert().code(0);
        let folder = fake.results("two-sizes");
        assert!(read(&folder.join("report.md")).contains(&format!("--seed {seed}")));
        ledger(&folder)[1]["plan"].clone()
    };
    let (one, two) = (order("1"), order("2"));
    assert_eq!((&one["seed"], &two["seed"]), (&1.into(), &2.into()));
    assert_ne!(one["blocks"], two["blocks"]);
}

#[test]
fn a_source_is_generated_once_and_reused() {
    let fake = Fake::new("");
    fake.sweep(TWO_SIZES, &["--quiet"]).assert().code(0);
    fake.sweep(TWO_SIZES, &["--quiet"]).assert().code(0);
    assert_eq!(read(&fake.path("generated")).lines().count(), 1);
}

#[test]
fn automatic_record_counts_come_from_a_baseline_run_and_are_recorded() {
    let fake = Fake::new("");
    let scenario = TWO_SIZES.replace("records = 500", "records = \"auto\"\nrun_seconds = 1.5");
    fake.sweep(&scenario, &["--quiet"]).assert().code(0);
    let ledger = ledger(&fake.results("two-sizes"));
    // 60,000 records a minute for 1.5 s.
    assert_eq!(ledger[2]["records"], 1500);
    assert_eq!(ledger[2]["pilot"]["report"]["settings"]["batch_size"], 100);
    assert_eq!(read(&fake.path("generated")).lines().count(), 2);
}

#[test]
fn runs_that_stored_different_rows_are_rejected_by_name() {
    let fake = Fake::new("[ $batch_size = 200 ] && checksum=ffffffffffffffffffffffffffffffff");
    let output = fake.sweep(TWO_SIZES, &[]).assert().code(5).get_output().clone();
    let stderr = text(&output.stderr);
    assert!(stderr.contains("runs stored different rows"), "{stderr}");
    assert!(stderr.contains("batch_size=200 (trial "), "{stderr}");
    assert!(stderr.contains("checksum ffffffffffffffffffffffffffffffff instead of 0011"));
    assert!(stderr.contains("ledger.jsonl"), "{stderr}");
    assert_eq!(text(&output.stdout), "");
    let folder = fake.results("two-sizes");
    assert!(!folder.join("metrics.json").exists());
    // The sweep stops at the end of the block in which they differ.
    assert_eq!(ledger(&folder).len(), 3 + 2 + 1);
}

#[test]
fn a_failed_run_is_a_row_with_its_reason_and_the_sweep_continues() {
    let fake = Fake::new(
        "if [ $batch_size = 200 ] && [ ! -e $here/failed ]; then
            touch $here/failed; echo 'migrator: no such luck' >&2; exit 3
        fi",
    );
    let output = fake.sweep(TWO_SIZES, &[]).assert().code(0).get_output().clone();
    assert!(text(&output.stderr).contains("(batch_size=200) failed: exit code 3: migrator: no"));
    let folder = fake.results("two-sizes");
    let lines = ledger(&folder);
    let failed: Vec<_> = lines.iter().filter(|line| line.get("failure").is_some()).collect();
    assert_eq!(lines.len(), 3 + 4 + 1);
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0]["failure"]["cause"]["exit"]["code"], 3);
    let metrics = json(&folder.join("metrics.json"));
    assert!(
        metrics[0]["notes"]
            .as_str()
            .unwrap()
            .contains("batch_size=200 cannot be chosen: 1 of 2 runs failed")
    );
}

#[test]
fn a_setting_that_never_finishes_exits_with_2_and_the_others_are_compared() {
    let fake = Fake::new("[ $batch_size = 200 ] && kill -9 $$");
    let output = fake.sweep(TWO_SIZES, &[]).assert().code(2).get_output().clone();
    let stderr = text(&output.stderr);
    assert!(stderr.contains("no run of batch_size=200 finished: ended by signal 9"), "{stderr}");
    let metrics = json(&fake.results("two-sizes").join("metrics.json"));
    assert_eq!(metrics[0]["settings_optimized"]["batch_size"], 100);
}

#[test]
fn a_baseline_that_fails_is_repeated_once_and_then_ends_the_sweep_as_invalid() {
    for fails in ["[ $batch_size = 100 ] && exit 1", "echo 'migrator: out of luck' >&2; exit 1"] {
        let fake = Fake::new(fails);
        let five = TWO_SIZES.replace("runs = 2", "runs = 5");
        let output = fake.sweep(&five, &[]).assert().code(4).get_output().clone();
        let stderr = text(&output.stderr);
        assert!(
            stderr.contains("repeated at the end: the baseline failed: exit code 1"),
            "{stderr}"
        );
        let words = "invalid: the baseline failed, was repeated and failed again: exit code 1";
        assert!(stderr.contains(words), "{stderr}");
        let folder = fake.results("two-sizes");
        assert!(!folder.join("metrics.json").exists());
        // Two blocks of the five, and the end.
        let lines = ledger(&folder);
        assert_eq!(lines.len(), 3 + 2 * 2 + 1);
        assert_eq!(lines.last().unwrap()["ending"], "invalid");
    }
}

#[test]
fn a_baseline_that_fails_once_is_repeated_and_its_block_counts_whole() {
    let fake = Fake::new(
        "if [ $batch_size = 100 ] && [ ! -e $here/failed ]; then touch $here/failed; exit 3; fi",
    );
    fake.sweep(TWO_SIZES, &[]).assert().code(0);
    let folder = fake.results("two-sizes");
    assert_eq!(ledger(&folder).len(), 3 + 2 + 4 + 1);
    let analysis = json(&folder.join("analysis.json"));
    let runs = analysis["settings"].as_array().unwrap().iter().map(|setting| &setting["runs"]);
    assert_eq!(runs.collect::<Vec<_>>(), [2, 2]);
    let notes = json(&folder.join("metrics.json"))[0]["notes"].as_str().unwrap().to_owned();
    let words = "a block was repeated, because the baseline failed: exit code 3";
    assert!(notes.contains(words) && !notes.contains("cannot be chosen"), "{notes}");
}

#[test]
fn a_run_without_a_usable_report_is_a_failed_run() {
    for (before_report, reason) in [
        ("exit 0", "no usable report"),
        ("echo '{\"format\": 99}' > $report; exit 0", "its format is 99, newer than"),
        ("batch_size=7", "it ran under"),
    ] {
        let fake = Fake::new(before_report);
        let output = fake.sweep(TWO_SIZES, &[]).assert().code(4).get_output().clone();
        let stderr = text(&output.stderr);
        assert!(stderr.contains(reason), "{before_report}: {stderr}");
    }
}

#[test]
fn network_settings_reach_the_migrator_and_a_report_without_them_is_rejected() {
    let scenario = format!("{TWO_SIZES}[link]\nconnect_ms = 150\n");
    let fake = Fake::new(
        "link='\"simulated_link\":{\"connect_ms\":'$connect_ms',\"round_trip_ms\":'$round_trip_ms',\"connects\":5,\"wire_messages\":9},'",
    );
    let output = fake.sweep(&scenario, &[]).assert().code(0).get_output().clone();
    let link = "simulated link (connect 150 ms, round trip 0 ms)";
    assert!(text(&output.stdout).contains(link) && text(&output.stderr).contains(link));
    let deaf = Fake::new("");
    let output = deaf.sweep(&scenario, &[]).assert().code(4).get_output().clone();
    let stderr = text(&output.stderr);
    assert!(stderr.contains("instead of a simulated link (connect 150 ms"), "{stderr}");
}

#[test]
fn shards_together_run_every_block_once() {
    let fake = Fake::new("");
    let scenario = TWO_SIZES.replace("runs = 2", "runs = 5");
    let mut blocks = Vec::new();
    for shard in ["0/2", "1/2"] {
        fake.sweep(&scenario, &["--quiet", "--shard", shard]).assert().code(0);
        let folder = fake.all_results("two-sizes").pop().unwrap();
        let lines = ledger(&folder);
        assert_eq!(lines[0]["shard"]["index"].to_string(), shard[..1]);
        blocks.extend(
            lines.iter().filter(|line| line["slot"] == 1).map(|line| line["block"].clone()),
        );
        let metrics = json(&folder.join("metrics.json"));
        let notes = metrics[0]["notes"].as_str().unwrap();
        assert!(notes.contains(&format!("only shard {shard} of the plan")), "{notes}");
    }
    assert_eq!(blocks, [1, 3, 5, 2, 4]);
    let report = |folders: &[PathBuf], format: &str| {
        let mut report = harness();
        report.arg("report").args(folders).args(["--format", format]);
        report.assert()
    };
    let shards = fake.all_results("two-sizes");
    let whole = report(&shards, "json").code(0).get_output().stdout.clone();
    let whole: Value = serde_json::from_slice(&whole).unwrap();
    assert_eq!(
        (&whole["settings"][0]["runs"], &whole["settings"][1]["runs"]),
        (&5.into(), &5.into())
    );
    let same = report(&shards[..1], "markdown").code(0).get_output().stdout.clone();
    assert_eq!(text(&same), read(&shards[0].join("report.md")));
    let twice = [shards[0].clone(), shards[0].clone()];
    let refused = report(&twice, "markdown").code(2).get_output().stderr.clone();
    assert!(text(&refused).contains("are not parts of one plan: shard 0/2 twice"));
    let nothing = report(&[fake.path("nowhere")], "json").code(2).get_output().stderr.clone();
    assert!(text(&nothing).contains("nowhere/ledger.jsonl"));
    let auto = scenario.replace("records = 500", "records = \"auto\"");
    let output = fake.sweep(&auto, &["--shard", "0/2"]).assert().code(2).get_output().clone();
    assert!(text(&output.stderr).contains("--shard 0/2 needs a number in [workload] records"));
}

/// Starts a process that outlives its parent, writes its id to a file and waits for it.
const HANG: &str = "sleep 60 & echo $! > $here/child; mv $here/child $here/pid; wait";

#[test]
fn memory_and_cpu_time_belong_to_the_trial_alone() {
    // A shell that fills 60 MB, and one that computes for a while.
    let fake = Fake::new(
        "[ $batch_size = 200 ] && x=$(head -c 60000000 /dev/zero | tr '\\0' x)
        [ $batch_size = 100 ] && i=0 && while [ $i -lt 200000 ]; do i=$((i + 1)); done",
    );
    fake.sweep(TWO_SIZES, &["--quiet"]).assert().code(0);
    let folder = fake.results("two-sizes");
    for line in ledger(&folder).iter().filter(|line| line["kind"] == "trial") {
        let usage = &line["usage"];
        let large = line["report"]["settings"]["batch_size"] == 200;
        assert_eq!(usage["peak_rss_bytes"].as_u64().unwrap() > 60_000_000, large, "{usage}");
        assert!(large || usage["cpu_user_s"].as_f64().unwrap() > 0.05, "{usage}");
    }
    let metrics = &json(&folder.join("analysis.json"))["settings"][0]["metrics"];
    assert!(metrics["peak_rss_bytes"]["max"].as_f64().unwrap() < 60_000_000.0);
}

#[test]
fn any_program_that_writes_a_report_can_be_measured() {
    let fake = Fake::new("");
    let runner = fake.write(
        "runner.sh",
        r#"[ -s "${2#sqlite:}" ] || exit 9
        echo "{\"format\": 1, \"settings\": {\"batch_size\": $1}, \"books\": {\"read\": 20},
            \"rec_per_min\": 5$1}" > "$3""#,
    );
    let command = format!(
        "[runner]\ncommand = [\"sh\", \"{}\", \"{{batch_size}}\", \"{{source}}\", \"{{report}}\"]\n",
        runner.display()
    );
    let scenario = fake.write(
        "runner.toml",
        &TWO_SIZES
            .replace("[baseline]", &(command + "[baseline]"))
            .replace("records = 500", "records = 20"),
    );
    let sweep = |flags: &[&str]| {
        let mut sweep = harness();
        sweep.arg("sweep").arg(&scenario).arg("--out").arg(fake.out()).args(flags);
        sweep.assert()
    };
    let output = sweep(&[]).code(0).get_output().clone();
    let stdout = text(&output.stdout);
    assert!(stdout.contains("5,200") && stdout.contains("unverified"), "{stdout}");
    let folder = fake.results("two-sizes");
    assert!(read(&folder.join("report.md")).contains("runner.sh {batch_size}"));
    assert!(!folder.join("charts/insert-prepare.svg").exists());
    let metrics = &json(&folder.join("analysis.json"))["settings"][0]["metrics"];
    assert!(metrics["peak_rss_bytes"]["median"].as_f64().unwrap() > 0.0);
    let refused = sweep(&["--migrator", "x"]).code(2).get_output().clone();
    assert!(text(&refused.stderr).contains("--migrator would be ignored"));
}

#[test]
fn a_measurement_disturbed_by_another_program_is_invalid_and_not_resumed() {
    let fake = Fake::new("sleep 0.3");
    // Any other load on this machine exceeds the limit.
    let strict = TWO_SIZES.replace("cpu_share_max = 1.0", "cpu_share_max = 0.0");
    // Ends by itself if this test does not reach its end.
    let mut busy = Command::new("timeout");
    busy.args(["20", "sh", "-c", "while :; do :; done"]);
    let mut busy = busy.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let output = fake.sweep(&strict, &[]).assert().code(4).get_output().clone();
    fake.sweep(&strict, &["--quiet"]).assert().code(4);
    fake.sweep(&strict, &["--quick", "--quiet"]).assert().code(0);
    // `timeout` forwards the signal.
    kill(Pid::from_raw(i32::try_from(busy.id()).unwrap()), Signal::SIGTERM).unwrap();
    busy.wait().unwrap();
    let stderr = text(&output.stderr);
    assert!(
        stderr.contains("discarded, will be repeated at the end: other programs took"),
        "{stderr}"
    );
    assert!(stderr.contains("invalid: more than a fifth of the blocks were discarded"), "{stderr}");
    assert_eq!(fake.all_results("two-sizes").len(), 3);
}

#[test]
fn processes_left_by_a_run_are_killed() {
    let fake = Fake::new("sleep 60 & echo $! > $here/child");
    fake.sweep(TWO_SIZES, &["--quiet"]).assert().code(0);
    assert!(dies(&read(&fake.path("child"))));
}

#[test]
fn a_run_over_its_time_limit_is_killed_with_its_children() {
    let fake =
        Fake::new(&format!("if [ $batch_size = 200 ] && [ ! -e $here/pid ]; then {HANG}; fi"));
    let scenario = format!("{TWO_SIZES}[limits]\ntimeout_s = 2\n");
    let output = fake.sweep(&scenario, &[]).assert().code(0).get_output().clone();
    assert!(text(&output.stderr).contains("(batch_size=200) failed: ended after 2 s"));
    assert!(dies(&read(&fake.path("pid"))));
    let metrics = json(&fake.results("two-sizes").join("metrics.json"));
    assert!(
        metrics[0]["notes"]
            .as_str()
            .unwrap()
            .contains("batch_size=200 cannot be chosen: 1 of 2 runs failed")
    );
}

#[test]
fn ctrl_c_stops_the_run_keeps_the_ledger_and_exits_with_130() {
    // The first run succeeds, the second hangs until the user interrupts it.
    let fake = Fake::new(&format!("if [ -e $here/second ]; then {HANG}; fi; touch $here/second"));
    let scenario = fake.write("s.toml", TWO_SIZES);
    let child = Command::new(assert_cmd::cargo::cargo_bin!("harness"))
        .arg("sweep")
        .arg(scenario)
        .arg("--migrator")
        .arg(fake.program())
        .arg("--out")
        .arg(fake.out())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let start = Instant::now();
    while !fake.path("pid").exists() && start.elapsed() < Duration::from_secs(30) {
        sleep(Duration::from_millis(5));
    }
    kill(Pid::from_raw(i32::try_from(child.id()).unwrap()), Signal::SIGINT).unwrap();
    let output = child.wait_with_output().unwrap();
    let stderr = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{stderr}");
    assert!(stderr.contains("interrupted") && stderr.contains("ledger.jsonl"), "{stderr}");
    assert!(dies(&read(&fake.path("pid"))));
    let folder = fake.results("two-sizes");
    assert_eq!(ledger(&folder).len(), 3 + 1);
    assert!(folder.join("identity.json").exists());
    assert!(!folder.join("metrics.json").exists());
}

#[test]
fn errors_of_the_command_and_the_scenario_are_reported_with_their_place() {
    let fake = Fake::new("");
    let faulty = fake.write("faulty.toml", &TWO_SIZES.replace("batch_size = [", "batchsize = ["));
    let faulty = faulty.display().to_string();
    for (arguments, expected) in [
        (vec!["sweep", &faulty], "line 16: unknown key `batchsize` in [sweep]; the nearest"),
        (vec!["plan", "nowhere.toml"], "no file and no shipped scenario; shipped are phase2"),
        (vec!["sweep", "batch-size", "--migrator", "/nonexistent"], "reading /nonexistent"),
        (vec!["sweep"], "SCENARIO"),
        (vec!["--resume"], "unexpected argument '--resume'"),
    ] {
        let output = harness()
            .current_dir(fake.path(""))
            .args(arguments)
            .assert()
            .code(2)
            .get_output()
            .clone();
        let stderr = text(&output.stderr);
        assert!(stderr.contains(expected), "{stderr}");
    }
}

#[test]
fn plan_prints_the_order_that_the_ledger_will_have() {
    let fake = Fake::new("");
    fake.sweep(TWO_SIZES, &["--quiet"]).assert().code(0);
    let scenario = fake.path("scenario.toml");
    let planned = harness().arg("plan").arg(&scenario).arg("--json").assert().code(0);
    let planned: Value = serde_json::from_slice(&planned.get_output().stdout).unwrap();
    let mut ledger = ledger(&fake.results("two-sizes"));
    assert_eq!(planned["plan_hash"], ledger[0]["plan_hash"]);
    assert_eq!(planned["session"], ledger[0]["session"]);
    ledger[1].as_object_mut().unwrap().remove("kind");
    assert_eq!(planned["step"], ledger[1]);
    let shown = harness().arg("plan").arg(&scenario).assert().code(0).get_output().clone();
    assert!(text(&shown.stdout).contains("2 settings of batch_size in 2 blocks"));
}

#[test]
fn the_hidden_verb_is_the_migrator() {
    let output = harness().args(["migrator", "--version"]).assert().code(0).get_output().clone();
    assert!(text(&output.stdout).starts_with("migrator "));
}
