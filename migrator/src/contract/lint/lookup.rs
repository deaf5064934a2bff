//! Warnings about values that are never found, or found elsewhere than the mapping says
//! (contract.md 6.2, 8, 9.3).

use super::pair::{CompiledMapping, ContractPair};
use crate::contract::check::rule;
use crate::contract::diagnostic::{Code, Diagnostic};
use crate::contract::model::{
    ChildKind, ContactRole, LITERAL_ADDRESS, LastValid, Lookup, Procedure,
};
use crate::contract::syntax::{ContractSyntax, last_segment};

/// Fixed element name in two mapping types, independent of the contract's contact element (9.3).
const LITERAL_CONTACT: &str = "contact";

/// Root of every record that is not rejected (contract.md 4).
const ROOT: &str = "Provenir";

/// Warns about the look-ups of mappings.
pub(super) fn warn(pair: ContractPair<'_>, found: &mut Vec<Diagnostic>) {
    for compiled in pair.compiled() {
        literal_names(pair.draft, &compiled, found);
        second_role(pair, &compiled, found);
        path(pair, &compiled, found);
    }
    rules(pair.draft, found);
    without_rule(pair, found);
}

/// Name of the elements of a filter rule.
fn element<'d>(draft: &'d ContractSyntax, element_type: &str) -> &'d str {
    rule(draft, element_type).map_or("", |rule| last_segment(&rule.value.xml_child_path))
}

/// Reports mapping types with fixed element names, which work for one product line only.
fn literal_names(
    draft: &ContractSyntax,
    compiled: &CompiledMapping<'_>,
    found: &mut Vec<Diagnostic>,
) {
    for step in &compiled.written.value.types {
        let wanted = match step.name.as_str() {
            "authu_contact" => &[(LITERAL_CONTACT, "contact")][..],
            "curr_address_only" => {
                &[(LITERAL_CONTACT, "contact"), (LITERAL_ADDRESS, "address")][..]
            }
            _ => continue,
        };
        let other = wanted.iter().find(|(name, kind)| element(draft, kind) != *name);
        if let Some((name, kind)) = other {
            let message = format!(
                "{} is never found: {} looks for elements named {name}, but this \
                 contract names them {}",
                compiled.name(),
                step.name,
                element(draft, kind)
            );
            let path = format!("{}.mapping_type", compiled.written.path);
            found.push(Diagnostic::new(Code::NeverFound, path, step.span, message));
        }
    }
}

/// Reports a second type that the contact rule does not have.
fn second_role(
    pair: ContractPair<'_>,
    compiled: &CompiledMapping<'_>,
    found: &mut Vec<Diagnostic>,
) {
    let asks = matches!(
        compiled.mapping.lookup,
        Lookup::Authorized { .. } | Lookup::LastValid(LastValid { role: ContactRole::Second, .. })
    );
    if asks && pair.contract.contacts.types.len() < 2 {
        let message =
            format!("{} is never found: the rule for contacts has no second type", compiled.name());
        found.push(compiled.written.diagnostic(Code::NeverFound, "mapping_type", message));
    }
}

fn path(pair: ContractPair<'_>, compiled: &CompiledMapping<'_>, found: &mut Vec<Diagnostic>) {
    let (written, name) = (compiled.written, compiled.name());
    let path = written.value.path();
    let message = match &compiled.mapping.lookup {
        Lookup::Path { .. } if !can_be(path) => {
            format!("{name} is never found: paths must start with /{ROOT} and end with a name")
        }
        Lookup::Nothing => format!("{name} is never found: no contact has an element {path}"),
        Lookup::Child(_) => {
            let own = match &pair.contract.procedures[compiled.table] {
                Procedure::Children(plan) if plan.kind == ChildKind::Employment => "employment",
                _ => "address",
            };
            let own = element(pair.draft, own);
            if own.is_empty() || last_segment(path) == own {
                return;
            }
            let message =
                format!("xml_path has no effect: {name} is looked up in the row's own {own}");
            let help = format!("use the path of {own}, where the attribute is looked up");
            found.push(written.diagnostic(Code::IgnoredKey, "xml_path", message).with_help(help));
            return;
        }
        _ => return,
    };
    found.push(written.diagnostic(Code::NeverFound, "xml_path", message));
}

/// True if a record that is not rejected can have an element at this path.
fn can_be(path: &str) -> bool {
    let mut segments = path.split('/');
    segments.next() == Some("")
        && segments.next() == Some(ROOT)
        && segments.all(|segment| !segment.is_empty())
}

/// Reports rules for elements that no record can have.
fn rules(draft: &ContractSyntax, found: &mut Vec<Diagnostic>) {
    for rule in draft.rules.iter().filter(|rule| !can_be(&rule.value.xml_child_path)) {
        let message = format!(
            "no {} is found: paths must start with /{ROOT} and end with a name",
            rule.value.element_type
        );
        found.push(rule.diagnostic(Code::NeverFound, "xml_child_path", message));
    }
}

/// Reports a missing employment rule. The rule is optional, but without it there are no rows.
fn without_rule(pair: ContractPair<'_>, found: &mut Vec<Diagnostic>) {
    let employment = pair.contract.procedures.iter().position(|procedure| {
        matches!(procedure, Procedure::Children(plan) if plan.kind == ChildKind::Employment)
    });
    let Some(table) = employment.filter(|_| pair.contract.contacts.employment.is_none()) else {
        return;
    };
    if let Some(first) = pair.compiled().into_iter().find(|compiled| compiled.table == table) {
        let message = format!(
            "{} gets no row: there is no filter rule for employment",
            first.written.value.table()
        );
        found.push(
            first
                .written
                .diagnostic(Code::MakesNoRow, "target_table", message)
                .with_help("add the rule to element_filtering.filter_rules"),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_starts_at_the_root_and_has_no_gap() {
        for (path, expected) in [
            ("/Provenir", true),
            ("/Provenir/Request", true),
            ("Provenir/Request", false),
            ("/provenir/Request", false),
            ("/Provenir/Request/", false),
            ("/Provenir//Request", false),
            ("", false),
            ("/", false),
        ] {
            assert_eq!(can_be(path), expected, "{path}");
        }
    }
}
