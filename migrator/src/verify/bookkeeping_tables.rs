//! Checks the bookkeeping tables against the log. Every run has the id of its start second. Every
//! logged record is covered by a batch of its session. Every batch has as many records as it
//! counts.

use crate::error::Result;
use crate::store::StoredValue;
use crate::store::schema::{BATCH_TABLE, RUN_TABLE};

use super::claims::{BatchCheck, BatchClaim};
use super::finding::{Discrepancy, Finding, Findings};
use super::state::{Sessions, VerifyState};

/// Checks `migration_run` and `migration_batch`, after the walk has noted the logged records.
pub(crate) fn check(state: &mut VerifyState<'_>) -> Result<()> {
    runs(&state.sessions, &mut state.findings);
    read_batches(state)?;
    let VerifyState { claims, findings, sessions, .. } = state;
    claims.batches(&mut |batch| {
        if let Some(why) = inconsistency(batch) {
            add_batch(findings, session_id(sessions, batch.batch.session), &batch.batch, why);
        }
        Ok(())
    })?;
    let (named, count) = claims.uncovered(findings.room(BATCH_TABLE))?;
    let unnamed = count.saturating_sub(named.len() as u64);
    for record in named {
        let fault =
            Discrepancy::Inconsistent { why: "no batch of its session covers it".to_owned() };
        let table = BATCH_TABLE.to_owned();
        findings.add(Finding { table, record: Some(record), key: None, fault });
    }
    findings.add_unnamed(BATCH_TABLE, unnamed);
    Ok(())
}

fn runs(sessions: &Sessions, findings: &mut Findings) {
    for session in sessions.all() {
        if !session.is_named_after_its_second() {
            findings.add(Finding {
                table: RUN_TABLE.to_owned(),
                record: None,
                key: Some(format!("session_id {}", session.id)),
                fault: Discrepancy::Inconsistent { why: format!("now is {}", session.now) },
            });
        }
    }
}

fn read_batches(state: &mut VerifyState<'_>) -> Result<()> {
    let VerifyState { connection, tables, sessions, claims, findings, .. } = state;
    connection.scan(tables.batch, &[0, 1, 2, 3, 4], None, &mut |row| {
        let [StoredValue::Text(id), StoredValue::Int(number), StoredValue::Int(first), rest @ ..] =
            row
        else {
            return Ok(());
        };
        let [StoredValue::Int(last), StoredValue::Int(records)] = *rest else { return Ok(()) };
        let (first, number) = (*first, *number);
        let batch = |session| BatchClaim { session, first, last, number, records };
        if let Some(session) = sessions.find(id) {
            return claims.batch(batch(session));
        }
        add_batch(findings, id, &batch(0), "its session is not in migration_run".to_owned());
        Ok(())
    })
}

/// Contradiction between a batch and the log. The batch may count records that another session has
/// logged, after a retry or a lost race.
fn inconsistency(check: &BatchCheck) -> Option<String> {
    let BatchCheck { batch, ends_logged, in_order, logged_here, logged } = *check;
    if !ends_logged {
        return Some("its first or its last record is not logged".to_owned());
    }
    if !in_order {
        return Some("it does not follow the batch before it".to_owned());
    }
    let records = batch.records;
    (records < logged_here || records > logged)
        .then(|| format!("it counts {records} records, of which the log has {logged_here}"))
}

fn session_id(sessions: &Sessions, number: usize) -> &str {
    sessions.all().get(number).map_or("", |session| &session.id)
}

fn add_batch(findings: &mut Findings, session: &str, batch: &BatchClaim, why: String) {
    findings.add(Finding {
        table: BATCH_TABLE.to_owned(),
        record: None,
        key: Some(format!("session_id {session}, batch {}", batch.number)),
        fault: Discrepancy::Inconsistent { why },
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_counts_what_is_logged_in_its_range() {
        let batch = |records| BatchClaim { session: 0, first: 1, last: 9, number: 0, records };
        let fits = BatchCheck {
            batch: batch(3),
            ends_logged: true,
            in_order: true,
            logged_here: 3,
            logged: 5,
        };
        for (check, part) in [
            (fits, None),
            // Two were logged by others: retried later, or lost in a race.
            (BatchCheck { batch: batch(5), ..fits }, None),
            (BatchCheck { batch: batch(6), ..fits }, Some("counts 6 records")),
            (BatchCheck { batch: batch(2), ..fits }, Some("counts 2 records")),
            (BatchCheck { ends_logged: false, ..fits }, Some("is not logged")),
            (BatchCheck { in_order: false, ..fits }, Some("does not follow")),
        ] {
            let why = inconsistency(&check);
            assert!(why.as_deref().unwrap_or("").contains(part.unwrap_or("")), "{why:?}");
            assert_eq!(why.is_some(), part.is_some());
        }
    }
}
