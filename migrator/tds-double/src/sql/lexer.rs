//! T-SQL text to tokens.

use crate::data::errors::{Effect, Sql, SqlError};

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token {
    /// A bare word: a keyword or a name.
    Word(String),
    /// A name in brackets or double quotes: never a keyword.
    Quoted(String),
    /// `@name` or `@@name`, in lower case.
    Variable(String),
    /// A text; true if it is `N'…'`.
    Text(String, bool),
    /// Digits, optionally with a decimal point or an exponent.
    Number(String),
    /// `0x…`.
    Bytes(Vec<u8>),
    /// An operator or punctuation mark.
    Mark(&'static str),
    End,
}

impl Token {
    /// The token as error messages show it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Word(text)
            | Self::Quoted(text)
            | Self::Variable(text)
            | Self::Text(text, _)
            | Self::Number(text) => text.clone(),
            Self::Bytes(_) => "0x".to_owned(),
            Self::Mark(mark) => (*mark).to_owned(),
            Self::End => String::new(),
        }
    }
}

const MARKS: [&str; 25] = [
    "<>", "!=", "<=", ">=", "+=", "-=", "(", ")", ",", ".", ";", "=", "<", ">", "+", "-", "*", "/",
    "%", "&", "|", "^", "~", "::", ":",
];

/// Maximum length of an identifier.
const NAME_CHARS_MAX: usize = 128;

/// The tokens of a text, followed by an `End`.
pub(crate) fn tokens(text: &str) -> Sql<Vec<Token>> {
    let mut lexer = Lexer { rest: text };
    let mut tokens = Vec::new();
    while let Some(token) = lexer.next()? {
        tokens.push(token);
    }
    tokens.push(Token::End);
    Ok(tokens)
}

struct Lexer<'a> {
    rest: &'a str,
}

fn starts_name(character: char) -> bool {
    character.is_alphabetic() || character == '_' || character == '#'
}

fn goes_on_name(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '#' | '$' | '@')
}

impl<'a> Lexer<'a> {
    fn skip_blanks(&mut self) -> Sql<()> {
        loop {
            self.rest = self.rest.trim_start();
            if let Some(comment) = self.rest.strip_prefix("--") {
                self.rest = comment.split_once('\n').map_or("", |(_, rest)| rest);
            } else if let Some(comment) = self.rest.strip_prefix("/*") {
                let (_, rest) = comment.split_once("*/").ok_or_else(|| {
                    SqlError::new(113, 15, Effect::Compile, "Missing end comment mark '*/'.")
                })?;
                self.rest = rest;
            } else {
                return Ok(());
            }
        }
    }

    fn next(&mut self) -> Sql<Option<Token>> {
        self.skip_blanks()?;
        let Some(first) = self.rest.chars().next() else { return Ok(None) };
        let token = match first {
            'N' | 'n' if self.rest[1..].starts_with('\'') => {
                self.rest = &self.rest[1..];
                Token::Text(self.delimited('\'', '\'')?, true)
            }
            '\'' => Token::Text(self.delimited('\'', '\'')?, false),
            '[' => Token::Quoted(self.delimited('[', ']')?),
            '"' => Token::Quoted(self.delimited('"', '"')?),
            '@' => {
                let name = self.while_true(goes_on_name);
                Token::Variable(name.to_lowercase())
            }
            '0' if self.rest[1..].starts_with(['x', 'X']) => self.bytes(),
            '0'..='9' => self.number(),
            '.' if self.rest[1..].starts_with(|c: char| c.is_ascii_digit()) => self.number(),
            other if starts_name(other) => Token::Word(self.while_true(goes_on_name).to_owned()),
            _ => self.mark()?,
        };
        if let Token::Quoted(name) | Token::Word(name) = &token
            && name.chars().count() > NAME_CHARS_MAX
        {
            let start: String = name.chars().take(NAME_CHARS_MAX).collect();
            let message = format!(
                "The identifier that starts with '{start}' is too long. Maximum length is 128."
            );
            return Err(SqlError::new(103, 15, Effect::Compile, message));
        }
        Ok(Some(token))
    }

    fn while_true(&mut self, goes_on: fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !goes_on(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest;
        word
    }

    /// A text up to its closing mark; a doubled closing mark stands for one.
    fn delimited(&mut self, open: char, close: char) -> Sql<String> {
        let mut text = String::new();
        let mut rest = &self.rest[open.len_utf8()..];
        loop {
            let Some((before, after)) = rest.split_once(close) else {
                let message = format!(
                    "Unclosed quotation mark after the character string '{}'.",
                    text.chars().take(20).collect::<String>()
                );
                return Err(SqlError::new(105, 15, Effect::Compile, message));
            };
            text.push_str(before);
            let Some(later) = after.strip_prefix(close) else {
                self.rest = after;
                return Ok(text);
            };
            text.push(close);
            rest = later;
        }
    }

    fn bytes(&mut self) -> Token {
        self.rest = &self.rest[2..];
        let digits = self.while_true(|c| c.is_ascii_hexdigit());
        let digits = if digits.len() % 2 == 1 { format!("0{digits}") } else { digits.to_owned() };
        let pairs = (0..digits.len()).step_by(2);
        Token::Bytes(
            pairs.filter_map(|at| u8::from_str_radix(&digits[at..at + 2], 16).ok()).collect(),
        )
    }

    fn number(&mut self) -> Token {
        let mut end = 0;
        let bytes = self.rest.as_bytes();
        while end < bytes.len() {
            let sign_of_exponent =
                matches!(bytes[end], b'+' | b'-') && matches!(bytes[end - 1], b'e' | b'E');
            if !matches!(bytes[end], b'0'..=b'9' | b'.' | b'e' | b'E') && !sign_of_exponent {
                break;
            }
            end += 1;
        }
        let (number, rest) = self.rest.split_at(end);
        self.rest = rest;
        Token::Number(number.to_owned())
    }

    fn mark(&mut self) -> Sql<Token> {
        let mark = MARKS.iter().find(|mark| self.rest.starts_with(**mark));
        let first = self.rest.chars().next().unwrap_or(' ').to_string();
        let mark = mark.ok_or_else(|| SqlError::syntax(&first))?;
        self.rest = &self.rest[mark.len()..];
        Ok(Token::Mark(mark))
    }
}
