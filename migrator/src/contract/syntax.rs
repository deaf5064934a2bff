//! Contract as written: typed pieces with their spans. Nothing is checked across pieces.

use std::ops::Range;

use serde_json::{Map, Value as Json};

use super::diagnostic::{Code, Diagnostic};
use super::json::{Node, NodeKind, Span};

/// A piece of the contract and its span.
#[derive(Debug, Clone)]
pub struct Spanned<T> {
    /// Path, e.g. `mappings[12]`.
    pub path: String,
    /// JSON of the piece.
    pub node: Node,
    /// Parsed piece.
    pub value: T,
}

impl<T> Spanned<T> {
    /// Span of a key's value; the whole piece if the key is absent.
    pub fn span(&self, key: &str) -> Span {
        self.node.get(key).map_or(self.node.span, |value| value.span)
    }

    /// Diagnostic about a key of this piece.
    pub fn diagnostic(&self, code: Code, key: &str, message: impl Into<String>) -> Diagnostic {
        Diagnostic::new(code, format!("{}.{key}", self.path), self.span(key), message)
    }

    /// True if a key is absent, null or blank.
    pub fn is_missing(&self, key: &str) -> bool {
        is_missing(&self.node, key)
    }
}

/// A contract as written.
#[derive(Debug)]
pub struct ContractSyntax {
    /// Whole text.
    pub text: Box<str>,
    /// Whole JSON tree.
    pub root: Node,
    /// Keys of the top level; empty if absent.
    pub head: Head,
    /// `element_filtering.filter_rules`.
    pub rules: Vec<Spanned<FilterRule>>,
    /// `relationships`.
    pub relationships: Vec<Spanned<Relationship>>,
    /// `mappings`.
    pub mappings: Vec<Spanned<FieldMapping>>,
    /// Values of the wrong JSON type. In the pieces they count as absent.
    pub type_errors: Vec<Diagnostic>,
}

/// Keys of the top level that are not lists of pieces.
#[derive(Debug, Clone)]
pub struct Head {
    /// Table that holds the texts.
    pub source_table: String,
    /// Column that holds the text.
    pub source_column: String,
    /// Table that the source is joined with.
    pub source_application_table: String,
    /// Schema of all tables.
    pub target_schema: Option<String>,
    /// Tables in the order of insertion, parents first.
    pub table_insertion_order: Vec<String>,
    /// Enumerations: name → {text → value}.
    pub enum_mappings: Map<String, Json>,
    /// `char_to_bit` and `boolean_to_bit`.
    pub bit_conversions: BitConversions,
}

/// Tables that convert texts to bits.
#[derive(Debug, Clone)]
pub struct BitConversions {
    /// Exact or upper-case text → bit.
    pub char_to_bit: Map<String, Json>,
    /// Lower-case text → bit.
    pub boolean_to_bit: Map<String, Json>,
}

/// One rule of `element_filtering`.
#[derive(Debug, Clone)]
pub struct FilterRule {
    /// `contact`, `address` or `employment`.
    pub element_type: String,
    /// Absolute path of the elements.
    pub xml_child_path: String,
    /// Attribute → `true` or a list of values.
    pub required_attributes: Map<String, Json>,
}

/// One entry of `relationships`.
#[derive(Debug, Clone)]
pub struct Relationship {
    /// Referring table.
    pub child_table: Option<String>,
    /// Path of the child elements.
    pub xml_child_path: Option<String>,
}

/// One entry of `mappings`.
#[derive(Debug, Clone)]
pub struct FieldMapping {
    /// Index of the entry, from 0.
    pub index: usize,
    /// Absolute element path.
    pub xml_path: Option<String>,
    /// Attribute name.
    pub xml_attribute: Option<String>,
    /// Target table.
    pub target_table: Option<String>,
    /// Target column.
    pub target_column: Option<String>,
    /// Name of the data type.
    pub data_type: Option<String>,
    /// Usually a number.
    pub data_length: Option<Json>,
    /// Mapping types in order; empty without a mapping type.
    pub types: Vec<TypeName>,
    /// Default; any JSON value.
    pub default_value: Option<Json>,
    /// Expression of a calculated field.
    pub expression: Option<String>,
    /// Name of the enumeration, if given.
    pub enum_name: Option<String>,
    /// True if null is allowed; absent means false.
    pub nullable: Option<bool>,
}

/// A mapping type: its name and the trimmed text in its parentheses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeName {
    /// Name, e.g. `add_score`.
    pub name: String,
    /// Parameter, e.g. `EX_DIE`.
    pub parameter: Option<String>,
    /// Span of the type.
    pub span: Span,
}

impl TypeName {
    fn parse(text: &str, span: Span) -> Self {
        let text = text.trim();
        match text.split_once('(') {
            None => Self { name: text.to_owned(), parameter: None, span },
            Some((name, rest)) => {
                let inside = rest.rsplit_once(')').map_or(rest, |(inside, _)| inside);
                let parameter = Some(inside.trim().to_owned());
                Self { name: name.trim().to_owned(), parameter, span }
            }
        }
    }

    /// The type as written, without insignificant blanks.
    pub fn shown(&self) -> String {
        match &self.parameter {
            None => self.name.clone(),
            Some(parameter) => format!("{}({parameter})", self.name),
        }
    }
}

impl FieldMapping {
    /// True if the chain has a type of this name.
    pub fn has_type(&self, name: &str) -> bool {
        self.types.iter().any(|step| step.name == name)
    }

    /// Name of the table; empty if absent.
    pub fn table(&self) -> &str {
        self.target_table.as_deref().unwrap_or_default()
    }

    /// Name of the column; empty if absent.
    pub fn column(&self) -> &str {
        self.target_column.as_deref().unwrap_or_default()
    }

    /// Element path; empty if absent.
    pub fn path(&self) -> &str {
        self.xml_path.as_deref().unwrap_or_default()
    }

    /// Name of the attribute; empty if absent.
    pub fn attribute(&self) -> &str {
        self.xml_attribute.as_deref().unwrap_or_default()
    }
}

/// Last segment of an absolute path.
pub fn last_segment(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

fn is_missing(node: &Node, key: &str) -> bool {
    node.get(key).is_none_or(|value| {
        value.is_null() || value.text().is_some_and(|text| text.trim().is_empty())
    })
}

impl ContractSyntax {
    /// Parses the text of a contract. Values of the wrong type are collected in `type_errors`.
    ///
    /// # Errors
    /// Text that is not a JSON object.
    pub fn parse(text: &str) -> Result<Self, Box<Diagnostic>> {
        let root = Node::parse(text).map_err(|error| Box::new(syntax(text, &error)))?;
        if !matches!(root.kind, NodeKind::Object(_)) {
            let message = format!("a contract must be a JSON object, not {}", root.describe());
            return Err(Box::new(Diagnostic::new(Code::Syntax, "contract", root.span, message)));
        }
        let mut type_errors = Vec::new();
        let mut top =
            SyntaxReader { text, path: String::new(), node: &root, errors: &mut type_errors };
        let head = top.head();
        let rules = top
            .within("element_filtering")
            .map_or_else(Vec::new, |mut inner| inner.pieces("filter_rules", filter_rule));
        let relationships = top.pieces("relationships", relationship);
        let mappings = top.pieces("mappings", field_mapping);
        let text = text.into();
        Ok(Self { text, root, head, rules, relationships, mappings, type_errors })
    }

    /// True if a key of the top level is absent, null or blank.
    pub fn is_missing(&self, key: &str) -> bool {
        is_missing(&self.root, key)
    }

    /// Span of the value at a path of keys, or of the deepest existing key.
    pub fn span(&self, keys: &[&str]) -> Span {
        let mut node = &self.root;
        for key in keys {
            match node.get(key) {
                Some(inner) => node = inner,
                None => break,
            }
        }
        node.span
    }

    /// Span of a part of a string, by bytes of the decoded string.
    pub fn inside(&self, span: Span, part: Range<usize>) -> Span {
        span.inside(&self.text, part)
    }
}

fn syntax(text: &str, error: &serde_json::Error) -> Diagnostic {
    let (line, column) = (error.line().max(1), error.column().max(1));
    let line_start = text.split_inclusive('\n').take(line - 1).map(str::len).sum::<usize>();
    let mut start = (line_start + column - 1).min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let end = start + text[start..].chars().next().map_or(0, char::len_utf8);
    let column = text[line_start.min(start)..start].chars().count() + 1;
    let message = error.to_string();
    let cause = message.rsplit_once(" at line ").map_or(message.as_str(), |(cause, _)| cause);
    // A byte order mark is invisible, so the message names it.
    let cause =
        if text.starts_with('\u{feff}') { "the text starts with a byte order mark" } else { cause };
    Diagnostic::new(Code::Syntax, "contract", Span { start, end, line, column }, cause)
}

/// Reads typed values from one object and collects those of the wrong type.
struct SyntaxReader<'a> {
    text: &'a str,
    path: String,
    node: &'a Node,
    errors: &'a mut Vec<Diagnostic>,
}

impl<'a> SyntaxReader<'a> {
    /// Value of a key. Null counts as absent.
    fn value(&self, key: &str) -> Option<&'a Node> {
        let node: &'a Node = self.node;
        node.get(key).filter(|value| !value.is_null())
    }

    fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    fn wrong(&mut self, path: String, node: &Node, wanted: &str) {
        let key = path.rsplit('.').next().unwrap_or_default();
        let message = format!("`{key}` must be {wanted}, not {}", node.describe());
        let help = format!("use {wanted}");
        self.errors
            .push(Diagnostic::new(Code::WrongType, path, node.span, message).with_help(help));
    }

    fn text(&mut self, key: &str) -> Option<String> {
        let node = self.value(key)?;
        let text = node.text().map(str::to_owned);
        if text.is_none() {
            self.wrong(self.path_of(key), node, "a string");
        }
        text
    }

    fn flag(&mut self, key: &str) -> Option<bool> {
        let node = self.value(key)?;
        if let NodeKind::Scalar(Json::Bool(flag)) = node.kind {
            return Some(flag);
        }
        self.wrong(self.path_of(key), node, "true or false");
        None
    }

    fn list(&mut self, key: &str) -> &'a [Node] {
        let Some(node) = self.value(key) else { return &[] };
        if let NodeKind::List(items) = &node.kind {
            return items;
        }
        self.wrong(self.path_of(key), node, "an array");
        &[]
    }

    fn texts(&mut self, key: &str) -> Vec<String> {
        let mut texts = Vec::new();
        for (index, item) in self.list(key).iter().enumerate() {
            match item.text() {
                Some(text) => texts.push(text.to_owned()),
                None => self.wrong(format!("{}[{index}]", self.path_of(key)), item, "a string"),
            }
        }
        texts
    }

    /// Reader of an inner object, if there is one.
    fn within(&mut self, key: &str) -> Option<SyntaxReader<'_>> {
        let node = self.value(key)?;
        if !matches!(node.kind, NodeKind::Object(_)) {
            self.wrong(self.path_of(key), node, "an object");
            return None;
        }
        Some(SyntaxReader { text: self.text, path: self.path_of(key), node, errors: self.errors })
    }

    fn map(&mut self, key: &str) -> Map<String, Json> {
        let json = self.within(key).map(|inner| inner.node.to_json());
        match json {
            Some(Json::Object(map)) => map,
            _ => Map::new(),
        }
    }

    /// Value of a key, which must not be a list or an object.
    fn scalar(&mut self, key: &str) -> Option<Json> {
        let node = self.value(key)?;
        if let NodeKind::Scalar(scalar) = &node.kind {
            return Some(scalar.clone());
        }
        self.wrong(self.path_of(key), node, "a string, a number or a boolean");
        None
    }

    fn types(&mut self, key: &str) -> Vec<TypeName> {
        let Some(node) = self.value(key) else { return Vec::new() };
        if let Some(text) = node.text() {
            return types_of_text(self.text, text, node.span);
        }
        if !matches!(node.kind, NodeKind::List(_)) {
            self.wrong(self.path_of(key), node, "an array of types, or one string with commas");
            return Vec::new();
        }
        self.texts(key);
        let texts = node.items().iter().filter_map(|item| Some((item.text()?, item.span)));
        let filled = texts.filter(|(text, _)| !text.trim().is_empty());
        filled.map(|(text, span)| TypeName::parse(text, span)).collect()
    }

    fn pieces<T>(
        &mut self,
        key: &str,
        read: fn(usize, &mut SyntaxReader<'_>) -> T,
    ) -> Vec<Spanned<T>> {
        let mut pieces = Vec::new();
        for (index, node) in self.list(key).iter().enumerate() {
            let path = format!("{}[{index}]", self.path_of(key));
            if !matches!(node.kind, NodeKind::Object(_)) {
                self.wrong(path, node, "an object");
                continue;
            }
            let mut inner =
                SyntaxReader { text: self.text, path: path.clone(), node, errors: self.errors };
            let value = read(index, &mut inner);
            pieces.push(Spanned { path, node: node.clone(), value });
        }
        pieces
    }

    fn head(&mut self) -> Head {
        self.text("xml_root_element");
        Head {
            source_table: self.text("source_table").unwrap_or_default(),
            source_column: self.text("source_column").unwrap_or_default(),
            source_application_table: self.text("source_application_table").unwrap_or_default(),
            target_schema: self.text("target_schema"),
            table_insertion_order: self.texts("table_insertion_order"),
            enum_mappings: self.map("enum_mappings"),
            bit_conversions: self.bit_conversions(),
        }
    }

    fn bit_conversions(&mut self) -> BitConversions {
        let mut inner = self.within("bit_conversions");
        let mut map = |key: &str| inner.as_mut().map(|inner| inner.map(key)).unwrap_or_default();
        BitConversions { char_to_bit: map("char_to_bit"), boolean_to_bit: map("boolean_to_bit") }
    }
}

/// Mapping types of one comma-separated text, each with its own span.
fn types_of_text(source: &str, text: &str, span: Span) -> Vec<TypeName> {
    let mut start = 0;
    let mut types = Vec::new();
    for part in text.split(',') {
        let blanks = part.len() - part.trim_start().len();
        let trimmed = part.trim();
        let first = start + blanks;
        if !trimmed.is_empty() {
            let span = span.inside(source, first..first + trimmed.len());
            types.push(TypeName::parse(trimmed, span));
        }
        start += part.len() + 1;
    }
    types
}

fn filter_rule(_: usize, reader: &mut SyntaxReader<'_>) -> FilterRule {
    FilterRule {
        element_type: reader.text("element_type").unwrap_or_default(),
        xml_child_path: reader.text("xml_child_path").unwrap_or_default(),
        required_attributes: reader.map("required_attributes"),
    }
}

fn relationship(_: usize, reader: &mut SyntaxReader<'_>) -> Relationship {
    for key in ["parent_table", "foreign_key_column", "xml_parent_path"] {
        // Not used for mapping, but required to be strings.
        reader.text(key);
    }
    Relationship {
        child_table: reader.text("child_table"),
        xml_child_path: reader.text("xml_child_path"),
    }
}

fn field_mapping(index: usize, reader: &mut SyntaxReader<'_>) -> FieldMapping {
    FieldMapping {
        index,
        xml_path: reader.text("xml_path"),
        xml_attribute: reader.text("xml_attribute"),
        target_table: reader.text("target_table"),
        target_column: reader.text("target_column"),
        data_type: reader.text("data_type"),
        data_length: reader.scalar("data_length"),
        types: reader.types("mapping_type"),
        default_value: reader.scalar("default_value"),
        expression: reader.text("expression"),
        enum_name: reader.text("enum_name"),
        nullable: reader.flag("nullable"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spans(text: &str) -> Vec<(usize, usize, String)> {
        let type_errors = ContractSyntax::parse(text).unwrap().type_errors;
        let of = |diagnostic: Diagnostic| {
            (diagnostic.span.line, diagnostic.span.column, diagnostic.path)
        };
        type_errors.into_iter().map(of).collect()
    }

    #[test]
    fn every_key_of_a_piece_has_a_span() {
        let text = "{\n \"mappings\": [\n  {\"xml_path\": \"/a\"},\n\n  {\"xml_path\": \"/b\"}]}";
        let draft = ContractSyntax::parse(text).unwrap();
        let span = |index: usize, key| {
            let span = draft.mappings[index].span(key);
            (draft.mappings[index].path.as_str(), span.line, span.column)
        };
        assert_eq!(span(0, "xml_path"), ("mappings[0]", 3, 16));
        assert_eq!(span(1, "xml_path"), ("mappings[1]", 5, 16));
        assert_eq!(span(1, "target_table"), ("mappings[1]", 5, 3));
    }

    #[test]
    fn all_values_of_the_wrong_type_are_listed_with_their_places() {
        let text = "{\"source_table\": 1, \"table_insertion_order\": [\"a\", 2],\n\
             \"bit_conversions\": {\"char_to_bit\": []},\n\
             \"element_filtering\": [],\n\
             \"mappings\": [7, {\"nullable\": \"yes\",\n\
             \"mapping_type\": [\"enum\", 1], \"default_value\": {}}]}";
        let expected = [
            (1, 18, "source_table"),
            (1, 52, "table_insertion_order[1]"),
            (2, 36, "bit_conversions.char_to_bit"),
            (3, 22, "element_filtering"),
            (4, 14, "mappings[0]"),
            (5, 26, "mappings[1].mapping_type[1]"),
            (5, 47, "mappings[1].default_value"),
            (4, 30, "mappings[1].nullable"),
        ];
        let expected = expected.map(|(line, column, path)| (line, column, path.to_owned()));
        assert_eq!(spans(text), expected);
    }

    #[test]
    fn a_value_that_is_not_an_object_is_one_error_with_its_place() {
        let cases = [
            ("{\n \"a\": 1,\n}", 3, 1, "trailing comma"),
            ("[]", 1, 1, "a contract must be a JSON object, not an array"),
            ("", 1, 1, "EOF while parsing a value"),
        ];
        for (text, line, column, message) in cases {
            let error = ContractSyntax::parse(text).unwrap_err();
            assert_eq!((error.span.line, error.span.column), (line, column), "{text:?}");
            assert_eq!(error.message, message);
        }
    }

    #[test]
    fn a_chain_is_a_list_or_a_text_with_commas() {
        let text = "{\"mappings\": [{\"mapping_type\": [\"enum\", \"add_score( X )\"]},\n\
             {\"mapping_type\": \"enum , add_score(X),\"}]}";
        let draft = ContractSyntax::parse(text).unwrap();
        let shown = |index: usize| -> Vec<String> {
            draft.mappings[index].value.types.iter().map(TypeName::shown).collect()
        };
        assert_eq!(shown(0), ["enum", "add_score(X)"]);
        assert_eq!(shown(0), shown(1));
        let span = draft.mappings[1].value.types[1].span;
        assert_eq!(&text[span.start..span.end], "add_score(X)");
        assert_eq!((span.line, span.column), (2, 26));
    }
}
