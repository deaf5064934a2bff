//! Parser of T-SQL.

pub(crate) mod ast;
pub(crate) mod lexer;
pub(crate) mod parser;
pub(crate) mod parser_define;
pub(crate) mod parser_query;
