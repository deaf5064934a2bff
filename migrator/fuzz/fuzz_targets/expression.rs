//! Any text as an expression over any fields: a value, the same each time. A line `$name=value` is
//! a field; all other lines together are the expression.
#![no_main]

use libfuzzer_sys::fuzz_target;
use migrator::contract::case::lower;
use migrator::contract::expr::{Context, Expression, Match, NameId, ExpressionNames};

struct Fields<'a> {
    names: &'a ExpressionNames,
    pairs: &'a [(&'a str, &'a str)],
}

impl Fields<'_> {
    fn find(&self, id: NameId) -> Option<usize> {
        let name = self.names.get(id)?;
        self.pairs.iter().position(|(key, _)| match name.matching {
            Match::Exact => **key == *name.text,
            Match::Folded => *lower(key) == *name.text,
        })
    }
}

impl Context for Fields<'_> {
    fn get(&self, name: NameId) -> Option<&str> {
        self.find(name).map(|at| self.pairs[at].1)
    }

    fn position(&self, name: NameId) -> Option<usize> {
        self.find(name)
    }
}

fuzz_target!(|text: &str| {
    let is_field = |line: &&str| line.starts_with('$');
    let pairs: Vec<_> =
        text.lines().filter(is_field).filter_map(|line| line[1..].split_once('=')).collect();
    let lines: Vec<_> = text.lines().filter(|line| !is_field(line)).collect();
    let mut names = ExpressionNames::new();
    let expression = Expression::compile(&lines.join("\n"), &mut names);
    let fields = Fields { names: &names, pairs: &pairs };
    let value = format!("{:?}", expression.evaluate(&fields));
    assert_eq!(value, format!("{:?}", expression.evaluate(&fields)));
    let _ = expression.selected_branch(&fields);
    assert!(expression.fields().len() <= names.len());
});
