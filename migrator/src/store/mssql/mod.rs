//! SQL Server.

pub mod ddl;
pub mod fault;
pub mod sql;
pub mod url;
pub mod value;
