//! The expression language as a whole, by tables of expression, context and value.

use proptest::prelude::*;

use super::*;
use crate::contract::case::lower;
use crate::contract::convert::{float_text, text_of};

/// Keys and values in the context's order.
struct Fields<'a> {
    names: &'a ExpressionNames,
    pairs: &'a [(&'a str, &'a str)],
    ordered: bool,
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
        self.find(name).filter(|_| self.ordered)
    }
}

fn evaluate(text: &str, fields: &[(&str, &str)]) -> Value {
    let mut names = ExpressionNames::new();
    let expression = Expression::compile(text, &mut names);
    expression.evaluate(&Fields { names: &names, pairs: fields, ordered: true })
}

/// Null as `-`, texts in quotes, doubles with a point.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::Text(text) => format!("'{text}'"),
        Value::Float(number) => float_text(*number),
        other => text_of(other).into_owned(),
    }
}

fn check(fields: &[(&str, &str)], cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(shown(&evaluate(text, fields)), *expected, "{text}");
    }
}

fn check_conditions(fields: &[(&str, &str)], cases: &[(&str, bool)]) {
    for (condition, expected) in cases {
        let text = format!("CASE WHEN {condition} THEN 1 ELSE 0 END");
        let expected = Value::Int((*expected).into());
        assert_eq!(evaluate(&text, fields), expected, "{condition}");
    }
}

#[test]
fn a_case_gives_the_first_branch_that_holds_even_if_its_value_is_empty_or_null() {
    check(
        &[("a", "1"), ("b", ""), ("t", "x")],
        &[
            ("CASE WHEN a = '1' THEN t WHEN a = '1' THEN 'y' END", "'x'"),
            ("CASE WHEN a = '1' THEN b ELSE 'y' END", "''"),
            ("CASE WHEN a = '1' THEN nosuch ELSE 'y' END", "-"),
            ("CASE WHEN a = '2' THEN 'x' ELSE 'y' END", "'y'"),
            ("CASE WHEN a = '2' THEN 'x' END", "-"),
            ("case\n  when a = '2' then 'x'\n  when a = '1'\n  then 'z'\nend", "'z'"),
        ],
    );
}

#[test]
fn a_branch_whose_value_fails_is_skipped() {
    check(
        &[("a", "1")],
        &[
            ("CASE WHEN a = '1' THEN a % 2 WHEN a = '1' THEN 'next' END", "'next'"),
            ("CASE WHEN a = '1' THEN a % 2 ELSE 'else' END", "'else'"),
            ("CASE WHEN a = '2' THEN 1 ELSE a % 2 END", "-"),
        ],
    );
}

#[test]
fn the_letters_case_start_a_case_and_keywords_are_removed_from_literals() {
    check(
        &[("lowercase", "5"), ("a", "THE "), ("b.end", "1"), ("b.", "2")],
        &[
            ("lowercase + 1", "-"),
            ("CASE WHEN a = 'THE END' THEN 'hit' END", "'hit'"),
            ("CASE WHEN a = 'THE END' THEN 'END' ELSE 1 END", "''"),
            ("CASE a WHEN 'x' THEN 1 END", "-"),
            ("CASE WHEN a = 'x' THEN 1", "-"),
            ("CASE WHEN a IS EMPTY THEN 1 ELSE ELSE END", "-"),
        ],
    );
}

#[test]
fn an_unquoted_number_in_a_condition_is_a_missing_field() {
    for (x, above, is, below) in
        [("5", true, false, false), ("0", true, false, false), ("-1", true, false, false)]
    {
        check_conditions(&[("x", x)], &[("x > 0", above), ("x = 0", is), ("x < 10", below)]);
    }
    check_conditions(&[("x", "")], &[("x > 0", false), ("x = 0", true), ("x <> 0", false)]);
}

#[test]
fn parentheses_in_conditions_are_parts_of_names() {
    let both = "CASE WHEN (months_at_residence > 0 OR years_at_residence > 0) \
                THEN (months_at_residence + (years_at_residence * 12)) END";
    for (months, years, expected) in
        [("5", "2", "29.0"), ("0", "0", "0.0"), ("5", "", "-"), ("", "2", "-"), ("x", "1", "12.0")]
    {
        let fields = [("months_at_residence", months), ("years_at_residence", years)];
        check(&fields, &[(both, expected)]);
    }
}

#[test]
fn compound_conditions_put_their_literals_into_upper_case() {
    check_conditions(
        &[("a", "Annum"), ("b", "1"), ("up", "ANNUM"), ("date", "2023-10-03")],
        &[
            ("a = 'Annum'", true),
            ("a = 'Annum' AND b = '1'", false),
            ("up = 'Annum' and B = '1'", true),
            ("A = 'x' OR b = '1'", true),
            ("a = 'x' OR b = '1' AND b = '2 OR c = 3'", false),
            ("a = 'x OR b' OR b = '1'", true),
            ("b = 'x AND y'", false),
            ("date > DATE('2023-01-01')", true),
            ("DATE(date) > '2023-01-01'", true),
            ("DATE(date) > '2023-01-01' AND b = '1'", false),
            ("DATE(Date) > '2023-01-01'", false),
        ],
    );
}

#[test]
fn empty_is_blank_and_null_is_missing_or_without_a_character() {
    check_conditions(
        &[("full", "x"), ("blank", " \t"), ("empty", "")],
        &[
            ("full IS EMPTY", false),
            ("blank is empty", true),
            ("empty IS EMPTY", true),
            ("nosuch IS EMPTY", true),
            ("FULL IS NOT EMPTY", true),
            ("blank IS NOT EMPTY", false),
            ("blank IS NULL", false),
            ("empty IS NULL", true),
            ("nosuch IS NULL", true),
            ("blank IS NOT NULL", true),
            ("full IS  EMPTY", false),
            ("full = 'a IS EMPTY'", true),
            ("full", false),
        ],
    );
}

#[test]
fn the_first_operator_of_the_list_splits_at_any_position() {
    check_conditions(
        &[("a", "x"), ("n", "7"), ("> 'y'", "z")],
        &[
            ("a != 'y'", true),
            ("a <> 'y'", false),
            ("a < 'b=c'", true),
            ("'x' = 'x'", false),
            ("n >= '7.0'", true),
            ("n <= '7'", true),
            ("n == '7'", false),
        ],
    );
}

#[test]
fn texts_compare_as_numbers_if_both_are_and_else_by_code_point() {
    check_conditions(
        &[("n", "007"), ("e", "1000"), ("big", "10"), ("t", "abc"), ("s", " 7 "), ("nan", "nan")],
        &[
            ("n = '7'", true),
            ("e = '1e3'", true),
            ("big > '9'", true),
            ("big > '9x'", false),
            ("t = 'abc '", false),
            ("t = 'ABC'", false),
            ("t < 'b'", true),
            ("s = '7'", true),
            ("nan = 'nan'", false),
            ("nan != 'nan'", true),
            ("n < big", true),
            ("'a' < t", true),
        ],
    );
}

#[test]
fn dates_compare_as_dates_only_where_one_side_says_date() {
    check_conditions(
        &[("d", "9/5/2019"), ("iso", "2023-12-05 10:00:00"), ("pm", "1/2/2023 4:05:06 PM")],
        &[
            ("d > '2020-01-01'", true),
            ("d > DATE('2020-01-01')", false),
            ("iso > DATE('2023-12-05')", true),
            ("iso = date( '2023-12-05 10:00:00.0' )", true),
            ("pm > DATE('2000-01-01')", false),
            ("pm != DATE('2000-01-01')", false),
            ("nosuch < DATE('2000-01-01')", false),
            ("DATE(iso) >= DATE(d)", true),
            ("DATE('nonsense') = ''", true),
            ("iso > DATE('nonsense')", true),
        ],
    );
}

#[test]
fn patterns_are_matched_whole_in_any_case_with_regular_expression_syntax() {
    let fields =
        [("m", "BoatMate X"), ("p", "a(b"), ("l", "ab\ncd"), ("k", "A+B"), ("z", "ZOË"), ("e", "")];
    check_conditions(
        &fields,
        &[
            ("m LIKE '%boat%'", true),
            ("m LIKE 'boat'", false),
            ("m LIKE 'B___MATE%'", true),
            ("m like \"%x\"", true),
            ("m LIKE 'B..t%'", true),
            ("m LIKE '(boat|car)%'", true),
            ("m LIKE '%[X-Z]'", true),
            ("p LIKE 'a(b'", true),
            ("p LIKE 'A(b'", false),
            ("p LIKE '%('", false),
            ("l LIKE 'ab%'", false),
            ("l LIKE 'ab%\ncd'", true),
            ("k LIKE 'A+B'", false),
            ("k LIKE '%+'", true),
            ("k LIKE '%+B'", false),
            ("k LIKE '%*'", false),
            ("z LIKE 'zoë'", true),
            ("z LIKE '__%'", true),
            ("z LIKE 'zo%'", true),
            ("e LIKE '%'", true),
            ("nosuch LIKE ''", true),
            ("nosuch LIKE '_%'", false),
            ("m LIKE '%{2}'", false),
            ("p LIKE 'a{b'", false),
        ],
    );
}

#[test]
fn values_are_fields_in_exact_case_or_literals_or_formulas() {
    let fields = [("a", "12"), ("A.b", "x"), ("e", ""), ("day", "2")];
    let value =
        |text: &str| shown(&evaluate(&format!("CASE WHEN a = '12' THEN {text} END"), &fields));
    let cases = [
        ("a", "'12'"),
        ("A.b", "'x'"),
        ("a.b", "-"),
        ("e", "''"),
        ("'a'", "'a'"),
        ("\"it's\"", "'it's'"),
        ("'a' + 'b'", "'a' + 'b'"),
        ("640", "640"),
        ("-5", "-5"),
        ("1_0", "10"),
        ("2.50", "2.5"),
        ("a / 12", "1.0"),
        ("(a)", "12.0"),
        ("nosuch + 1", "-"),
        ("5 // 2", "2"),
    ];
    for (text, expected) in cases {
        // The literal with quotes inside is shown as it is.
        assert_eq!(value(text), expected, "{text}");
    }
}

#[test]
fn date_arithmetic_is_in_days_and_drops_the_time() {
    let fields = [
        ("n", "2.9"),
        ("m", "-1"),
        ("none", ""),
        ("bad", "x"),
        ("d", "12/31/2023"),
        ("t", "2023-10-03 23:59:59.5"),
        ("iso", "2023-10-03T10:00"),
    ];
    let cases = [
        ("DATEADD(day, 1, d)", "'2024-01-01'"),
        ("dateadd(DAY, -3, t)", "'2023-09-30'"),
        ("DATEADD(day, n, d)", "'2024-01-02'"),
        ("DATEADD(day, m, DATE('2024-03-01'))", "'2024-02-29'"),
        ("DATEADD(day, none, DATE(d))", "'2023-12-31'"),
        ("DATEADD(day, nosuch, d)", "'2023-12-31'"),
        ("DATEADD(day, N, d)", "'2023-12-31'"),
        ("DATEADD(day, bad, d)", "-"),
        ("DATEADD(day, 1, iso)", "-"),
        ("DATEADD(day, 1, D)", "-"),
        ("DATEADD(day, 1, '2023-10-03')", "-"),
        ("DATEADD(month, 1, d)", "-"),
        ("DATEADD(day, 1)", "-"),
        ("DATEADD(day, 99999999, d)", "-"),
        ("DATEADD(day, -99999999999999999999, d)", "-"),
    ];
    for (text, expected) in cases {
        let text = format!("CASE WHEN n = n THEN {text} ELSE 'else' END");
        check(&fields, &[(&text, expected)]);
    }
}

#[test]
fn arithmetic_needs_every_name_and_takes_texts_that_are_no_numbers_for_zero() {
    check(
        &[("a", "7"), ("b", "2"), ("t", "1,200"), ("blank", " "), ("d.x", "3"), ("in", "4")],
        &[
            ("a", "7.0"),
            ("a + b * 2", "11.0"),
            ("(a + b) * 2", "18.0"),
            ("t / 12", "0.0"),
            ("a + blank", "-"),
            ("a + A", "-"),
            ("a * d.x", "21.0"),
            ("a + 'b'", "-"),
            ("a + 'nosuch' * 0", "-"),
            ("a / (b - 2)", "-"),
            ("a // b", "3.0"),
            ("-a // b", "-4.0"),
            ("-b ** 2", "-4.0"),
            ("2 ** 3 ** 2", "512"),
            ("b ** -1", "0.5"),
            ("(0 - a) ** 0.5", "-"),
            ("b ** 5000", "-"),
            ("0 ** -1", "-"),
            ("7 / 2", "3.5"),
            ("-7 // 2", "-4"),
            ("99999999999999999999 * 10", "999999999999999999990"),
            ("1e3 + .5 + 5.", "1005.5"),
            ("a % b", "-"),
            ("DATE(a)", "-"),
            ("'7'", "-"),
            ("a b", "-"),
            ("a(b)", "-"),
            ("2a", "-"),
            ("007", "-"),
            ("in + 1", "-"),
            ("(a\n + b)", "9.0"),
            ("a\n + b", "-"),
            ("a +", "-"),
            ("", "-"),
            ("--a + +b", "9.0"),
        ],
    );
}

#[test]
fn integer_literals_stay_integers_until_a_field_occurs() {
    let fields = [("a", "2")];
    check(
        &fields,
        &[
            ("3 * 4", "12"),
            ("3 * a", "6.0"),
            ("4 / 2", "2.0"),
            ("2 ** 70", "1180591620717411303424"),
        ],
    );
}

#[test]
fn a_dotted_key_inside_another_one_makes_the_formula_null_if_it_comes_first() {
    let formula = "x.ab + x.abc";
    check(&[("x.ab", "1"), ("x.abc", "2")], &[(formula, "-")]);
    check(&[("x.abc", "2"), ("x.ab", "1")], &[(formula, "3.0")]);
}

#[test]
fn keys_that_the_formula_does_not_name_interfere_too() {
    check(&[("app.n", "5"), ("IL_app.n", "2")], &[("IL_app.n * 2", "-")]);
    check(&[("IL_app.n", "2"), ("app.n", "5")], &[("IL_app.n * 2", "4.0")]);
    check(&[("IL_app.n", "2")], &[("IL_app.n * 2", "4.0")]);
    // The hyphenated key takes the place of the difference.
    check(&[("a", "5"), ("b", "3"), ("a-b", "100")], &[("a-b", "100.0"), ("a - b", "2.0")]);
    // Two keys with one name in the formula: the later one counts for both.
    check(&[("x.a", "1"), ("x_a", "5")], &[("x.a * 10", "50.0"), ("x.a + x_a", "10.0")]);
}

#[test]
fn without_positions_the_shorter_key_counts_as_the_earlier_one() {
    let mut names = ExpressionNames::new();
    let expression = Expression::compile("x.ab + x.abc", &mut names);
    let fields = [("x.abc", "2"), ("x.ab", "1")];
    let context = Fields { names: &names, pairs: &fields, ordered: false };
    assert_eq!(expression.evaluate(&context), Value::Null);
}

#[test]
fn folded_look_ups_take_the_first_key_in_the_contexts_order() {
    let fields = [("Name", "first"), ("name", "second")];
    check(
        &fields,
        &[
            ("CASE WHEN NAME = 'first' THEN name END", "'second'"),
            ("CASE WHEN name = 'second' THEN 1 ELSE 2 END", "2"),
        ],
    );
}

#[test]
fn names_are_interned_once_and_impossible_ones_not_at_all() {
    let mut names = ExpressionNames::new();
    let text = "CASE WHEN Amount > 0 AND AMOUNT < 'x' THEN Amount ELSE '1' END";
    let _ = Expression::compile(text, &mut names);
    let _ = Expression::compile(text, &mut names);
    let seen: Vec<_> = names.iter().map(|(_, name)| (&*name.text, name.matching)).collect();
    assert_eq!(seen, [("amount", Match::Folded), ("Amount", Match::Exact)]);
    assert_eq!((names.len(), names.is_empty()), (2, false));
}

/// Taken from contracts in use, shortened where they repeat themselves.
#[test]
fn expressions_of_real_contracts_give_the_intended_values() {
    let factor = "CASE WHEN app_product.adverse_actn1_type_cd IS NOT EMPTY AND \
        application.population_assignment = 'BL' THEN '00Q88' WHEN \
        app_product.adverse_actn1_type_cd IS NOT EMPTY AND application.app_receive_date > \
        DATE('2023-10-11 00:00:00') AND application.population_assignment = 'CM' THEN 'AJ' WHEN \
        app_product.adverse_actn1_type_cd LIKE 'V4_%' AND application.app_type_code = 'SECURE' \
        THEN 'V4' ELSE '' END";
    let code = ("app_product.adverse_actn1_type_cd", "V4_11");
    let kind = ("application.population_assignment", "CM");
    let late = ("application.app_receive_date", "2023-10-12 01:02:03");
    let early = ("application.app_receive_date", "2023-10-10");
    check(&[code, ("application.population_assignment", "BL")], &[(factor, "'00Q88'")]);
    check(&[code, kind, late], &[(factor, "'AJ'")]);
    check(&[code, kind, early], &[(factor, "''")]);
    check(&[code, early, ("application.app_type_code", "SECURE")], &[(factor, "'V4'")]);

    let salary = "CASE WHEN salary_basis_type_code = 'ANNUM' THEN (salary / 12) WHEN \
        salary_basis_type_code = 'MONTH' THEN salary ELSE salary END";
    let basis = |value| ("salary_basis_type_code", value);
    check(&[basis("ANNUM"), ("salary", "1,200")], &[(salary, "0.0")]);
    check(&[basis("ANNUM"), ("salary", "36000")], &[(salary, "3000.0")]);
    check(&[basis("MONTH"), ("salary", "1,200")], &[(salary, "'1,200'")]);
    check(&[basis("annum")], &[(salary, "-")]);

    let end = "CASE WHEN IL_app_decision_info.regb_closed_days_num > 0 AND \
        IL_application.app_entry_date IS NOT EMPTY THEN DATEADD(day, \
        IL_app_decision_info.regb_closed_days_num, IL_application.app_entry_date) END";
    let days = ("IL_app_decision_info.regb_closed_days_num", "30");
    check(&[days, ("IL_application.app_entry_date", "12/5/2023")], &[(end, "'2024-01-04'")]);
    check(&[days], &[(end, "-")]);

    let officer = "CASE WHEN chk_requested_by LIKE '%OFFICER01%' OR chk_requested_by LIKE \
        '%OFFICER02%' THEN 'user050@example.com' END";
    check(&[("chk_requested_by", "by officer02")], &[(officer, "'user050@example.com'")]);
}

#[test]
fn formulas_beyond_the_size_limit_are_null_and_harmless() {
    let fields = [("a", "1")];
    for (repeats, expected) in [(99, Some(100.0)), (100_000, None)] {
        let sum = evaluate(&format!("a{}", "+a".repeat(repeats)), &fields);
        assert_eq!(sum, expected.map_or(Value::Null, Value::Float));
    }
    for nested in ["(", "-", "a**"] {
        assert_eq!(evaluate(&format!("{}a", nested.repeat(100_000)), &fields), Value::Null);
    }
}

proptest! {
    #[test]
    fn any_text_compiles_and_evaluates(
        text in "[ab.()'+*/%<=>0-9 -]{0,24}( AND | OR | LIKE | IS EMPTY)?[ab.()'+*/%{0-9-]{0,12}",
        value in "[a0-9. ]{0,4}",
    ) {
        let fields = [("a", &*value), ("b", "2"), ("a.b", "3")];
        let _ = evaluate(&text, &fields);
        let _ = evaluate(&format!("CASE WHEN {text} THEN {text} ELSE a END"), &fields);
    }
}
