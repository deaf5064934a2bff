//! Execution of statements: catalogue, query plans, changes, transactions.

pub(crate) mod bulk;
pub(crate) mod catalog;
pub(crate) mod change;
pub(crate) mod database;
pub(crate) mod define;
pub(crate) mod functions;
pub(crate) mod plan;
pub(crate) mod plan_calls;
pub(crate) mod plan_expr;
pub(crate) mod session;
pub(crate) mod views;
