//! Contract JSON to typed pieces, each with its place in the file; nothing is checked across them.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use serde_json::{Map, Value as Json};

/// Something that is wrong with a contract, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Line of the piece, from 1.
    pub line: usize,
    /// The piece, such as `mappings[12].target_column`.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "line {}, {}: {}", self.line, self.path, self.message)
    }
}

/// A piece of the contract and where it stands.
#[derive(Debug, Clone)]
pub struct Placed<T> {
    /// Line of its first character, from 1.
    pub line: usize,
    /// Such as `mappings[12]`.
    pub path: String,
    /// The piece.
    pub value: T,
}

impl<T> Placed<T> {
    /// A fault in one key of this piece.
    pub fn fault(&self, key: &str, message: impl Into<String>) -> Fault {
        let path = if key.is_empty() { self.path.clone() } else { format!("{}.{key}", self.path) };
        Fault { line: self.line, path, message: message.into() }
    }
}

/// A contract as written.
#[derive(Debug)]
pub struct Draft {
    /// `source_table`, `source_column`, … as written; empty where absent.
    pub head: Head,
    /// `element_filtering.filter_rules`.
    pub rules: Vec<Placed<FilterRule>>,
    /// `relationships`.
    pub relationships: Vec<Placed<Relationship>>,
    /// `mappings`.
    pub mappings: Vec<Placed<FieldMapping>>,
}

/// The keys of the top level that are no lists of pieces.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Head {
    /// Table with the texts.
    pub source_table: String,
    /// Column with the text.
    pub source_column: String,
    /// Table that the source is joined to.
    pub source_application_table: String,
    /// Name of the root element; required, of no meaning when records are mapped.
    pub xml_root_element: String,
    /// Schema of all tables.
    pub target_schema: Option<String>,
    /// Tables, parents first.
    pub table_insertion_order: Vec<String>,
    /// Enumeration name → {text → value}.
    pub enum_mappings: Map<String, Json>,
    /// `char_to_bit` and `boolean_to_bit`.
    pub bit_conversions: BitConversions,
}

/// Texts that become bits.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct BitConversions {
    /// Exact or upper-case text.
    pub char_to_bit: Map<String, Json>,
    /// Lower-case text.
    pub boolean_to_bit: Map<String, Json>,
}

/// One rule of `element_filtering`.
#[derive(Debug, Clone, Deserialize)]
pub struct FilterRule {
    /// `contact`, `address` or `employment`.
    #[serde(default)]
    pub element_type: String,
    /// Absolute path of the elements.
    #[serde(default)]
    pub xml_child_path: String,
    /// Attribute → `true` or a list of values.
    #[serde(default)]
    pub required_attributes: Map<String, Json>,
}

/// One entry of `relationships`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Relationship {
    /// The table referred to.
    pub parent_table: Option<String>,
    /// The table that refers.
    pub child_table: Option<String>,
    /// The column that refers.
    pub foreign_key_column: Option<String>,
    /// Path of the parent's elements.
    pub xml_parent_path: Option<String>,
    /// Path of the child's elements.
    pub xml_child_path: Option<String>,
}

/// One entry of `mappings`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct FieldMapping {
    /// Absolute element path.
    pub xml_path: Option<String>,
    /// Attribute name.
    pub xml_attribute: Option<String>,
    /// Table.
    pub target_table: Option<String>,
    /// Column.
    pub target_column: Option<String>,
    /// Data type by name.
    pub data_type: Option<String>,
    /// A number, usually.
    pub data_length: Option<Json>,
    /// The chain.
    pub mapping_type: Option<Chain>,
    /// Anything.
    pub default_value: Option<Json>,
    /// Of a calculated field.
    pub expression: Option<String>,
    /// Explicit enumeration.
    pub enum_name: Option<String>,
    /// Absent counts as not nullable.
    pub nullable: Option<bool>,
}

/// `mapping_type`: a list, or one text with commas.
#[derive(Debug, Clone, Deserialize)]
#[serde(untagged)]
pub enum Chain {
    /// A list of types.
    List(Vec<String>),
    /// Types with commas between them.
    Text(String),
}

/// A mapping type: its name and the trimmed text in its parentheses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TypeName {
    /// Such as `add_score`.
    pub name: String,
    /// Such as `EX_DIE`.
    pub parameter: Option<String>,
}

impl TypeName {
    fn parse(text: &str) -> Self {
        let text = text.trim();
        match text.split_once('(') {
            None => Self { name: text.to_owned(), parameter: None },
            Some((name, rest)) => {
                let parameter = rest.rsplit_once(')').map_or(rest, |(inside, _)| inside);
                Self { name: name.trim().to_owned(), parameter: Some(parameter.trim().to_owned()) }
            }
        }
    }
}

impl FieldMapping {
    /// The chain's types in order; empty without a mapping type.
    pub fn types(&self) -> Vec<TypeName> {
        let parts: Vec<&str> = match &self.mapping_type {
            None => Vec::new(),
            Some(Chain::List(list)) => list.iter().map(String::as_str).collect(),
            Some(Chain::Text(text)) => text.split(',').collect(),
        };
        let filled = parts.into_iter().filter(|part| !part.trim().is_empty());
        filled.map(TypeName::parse).collect()
    }

    /// The table's name, empty where absent.
    pub fn table(&self) -> &str {
        self.target_table.as_deref().unwrap_or_default()
    }

    /// The column's name, empty where absent.
    pub fn column(&self) -> &str {
        self.target_column.as_deref().unwrap_or_default()
    }

    /// The element path, empty where absent.
    pub fn path(&self) -> &str {
        self.xml_path.as_deref().unwrap_or_default()
    }

    /// The attribute's name, empty where absent.
    pub fn attribute(&self) -> &str {
        self.xml_attribute.as_deref().unwrap_or_default()
    }
}

/// The last segment of an absolute path.
pub fn last_segment(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[derive(Deserialize)]
struct Document<'a> {
    #[serde(borrow, default)]
    mappings: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    relationships: Vec<&'a RawValue>,
    #[serde(borrow, default)]
    element_filtering: Filtering<'a>,
}

#[derive(Deserialize, Default)]
struct Filtering<'a> {
    #[serde(borrow, default)]
    filter_rules: Vec<&'a RawValue>,
}

impl Draft {
    /// Reads a contract's text.
    ///
    /// # Errors
    /// Every piece that has the wrong shape; one fault for the whole where it is no JSON.
    pub fn parse(text: &str) -> Result<Self, Vec<Fault>> {
        let whole = |error: serde_json::Error| {
            vec![Fault { line: error.line(), path: "contract".into(), message: error.to_string() }]
        };
        let head: Head = serde_json::from_str(text).map_err(whole)?;
        let document: Document<'_> = serde_json::from_str(text).map_err(whole)?;
        let mut faults = Vec::new();
        let draft = Self {
            head,
            rules: pieces(
                text,
                "element_filtering.filter_rules",
                &document.element_filtering.filter_rules,
                &mut faults,
            ),
            relationships: pieces(text, "relationships", &document.relationships, &mut faults),
            mappings: pieces(text, "mappings", &document.mappings, &mut faults),
        };
        if faults.is_empty() { Ok(draft) } else { Err(faults) }
    }
}

fn pieces<T: DeserializeOwned>(
    text: &str,
    list: &str,
    raw: &[&RawValue],
    faults: &mut Vec<Fault>,
) -> Vec<Placed<T>> {
    let mut lines = Lines::new(text);
    let mut placed = Vec::with_capacity(raw.len());
    for (index, piece) in raw.iter().enumerate() {
        let line = lines.of(piece.get());
        let path = format!("{list}[{index}]");
        match serde_json::from_str(piece.get()) {
            Ok(value) => placed.push(Placed { line, path, value }),
            Err(error) => faults.push(Fault {
                line: line + error.line().saturating_sub(1),
                path,
                message: error.to_string(),
            }),
        }
    }
    placed
}

/// Line numbers of slices of one text, asked for in ascending order.
struct Lines<'a> {
    text: &'a str,
    offset: usize,
    line: usize,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str) -> Self {
        Self { text, offset: 0, line: 1 }
    }

    fn of(&mut self, slice: &str) -> usize {
        let offset = (slice.as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize);
        let passed = self.text.as_bytes().get(self.offset..offset).unwrap_or_default();
        self.line += memchr::memchr_iter(b'\n', passed).count();
        self.offset = offset;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_piece_knows_its_line() {
        let text = "{\n \"mappings\": [\n  {\"xml_path\": \"/a\"},\n\n  {\"xml_path\": \"/b\"}]}";
        let draft = Draft::parse(text).unwrap();
        let lines: Vec<_> = draft.mappings.iter().map(|m| (m.line, m.path.as_str())).collect();
        assert_eq!(lines, [(3, "mappings[0]"), (5, "mappings[1]")]);
    }

    #[test]
    fn a_piece_of_the_wrong_shape_is_named_with_its_line() {
        let text = "{\n \"mappings\": [\n  {\"xml_path\":\n 7}]}";
        let faults = Draft::parse(text).unwrap_err();
        assert_eq!((faults[0].line, faults[0].path.as_str()), (4, "mappings[0]"));
    }

    #[test]
    fn a_chain_is_a_list_or_a_text_with_commas() {
        let list = FieldMapping {
            mapping_type: Some(Chain::List(vec!["enum".into(), "add_score( X )".into()])),
            ..FieldMapping::default()
        };
        let text = FieldMapping {
            mapping_type: Some(Chain::Text("enum , add_score(X)".into())),
            ..FieldMapping::default()
        };
        assert_eq!(list.types(), text.types());
        assert_eq!(list.types()[1].parameter.as_deref(), Some("X"));
    }
}
