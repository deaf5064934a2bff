//! The data types: their names in T-SQL and their descriptions on the wire (`TYPE_INFO`).

use crate::data::errors::{Effect, Sql, SqlError};
use crate::data::wire::{Malformed, Read, Reader};

/// `SQL_Latin1_General_CP1_CI_AS`, the collation of every text column.
pub(crate) const COLLATION: [u8; 5] = [0x09, 0x04, 0xD0, 0x00, 0x34];

/// A declared length; none is `max`.
pub(crate) type Length = Option<u16>;

/// Data type of a column, variable or expression. Lengths are in characters or bytes, `None` is
/// `max`; scales are fractional digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the variants are named after the types of T-SQL")]
pub enum Type {
    /// Type of a parameter without a value; converts to any type.
    Null,
    Bit,
    TinyInt,
    SmallInt,
    Int,
    BigInt,
    Real,
    Float,
    SmallMoney,
    Money,
    Decimal {
        precision: u8,
        scale: u8,
    },
    Char(u16),
    VarChar(Length),
    NChar(u16),
    NVarChar(Length),
    Binary(u16),
    VarBinary(Length),
    Date,
    Time(u8),
    SmallDateTime,
    DateTime,
    DateTime2(u8),
    DateTimeOffset(u8),
    Guid,
    Xml,
}

/// Storage and comparison of the values of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Family {
    Whole,
    Approximate,
    Exact,
    Text,
    Bytes,
    Time,
    Guid,
    Null,
}

impl Type {
    pub(crate) fn family(self) -> Family {
        match self {
            Self::Null => Family::Null,
            Self::Bit | Self::TinyInt | Self::SmallInt | Self::Int | Self::BigInt => Family::Whole,
            Self::Real | Self::Float => Family::Approximate,
            Self::SmallMoney | Self::Money | Self::Decimal { .. } => Family::Exact,
            Self::Char(_) | Self::VarChar(_) | Self::NChar(_) | Self::NVarChar(_) | Self::Xml => {
                Family::Text
            }
            Self::Binary(_) | Self::VarBinary(_) => Family::Bytes,
            Self::Date
            | Self::Time(_)
            | Self::SmallDateTime
            | Self::DateTime
            | Self::DateTime2(_)
            | Self::DateTimeOffset(_) => Family::Time,
            Self::Guid => Family::Guid,
        }
    }

    /// The bare name, without lengths.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Null => "NULL",
            Self::Bit => "bit",
            Self::TinyInt => "tinyint",
            Self::SmallInt => "smallint",
            Self::Int => "int",
            Self::BigInt => "bigint",
            Self::Real => "real",
            Self::Float => "float",
            Self::SmallMoney => "smallmoney",
            Self::Money => "money",
            Self::Decimal { .. } => "numeric",
            Self::Char(_) => "char",
            Self::VarChar(_) => "varchar",
            Self::NChar(_) => "nchar",
            Self::NVarChar(_) => "nvarchar",
            Self::Binary(_) => "binary",
            Self::VarBinary(_) => "varbinary",
            Self::Date => "date",
            Self::Time(_) => "time",
            Self::SmallDateTime => "smalldatetime",
            Self::DateTime => "datetime",
            Self::DateTime2(_) => "datetime2",
            Self::DateTimeOffset(_) => "datetimeoffset",
            Self::Guid => "uniqueidentifier",
            Self::Xml => "xml",
        }
    }

    /// The type declared by a name and its arguments. The argument `None` is `max`. Texts without
    /// an argument have the length `unsaid`.
    pub(crate) fn declared(name: &str, arguments: &[Option<u16>], unsaid: u16) -> Sql<Self> {
        let small = |at: usize, or: u8| match arguments.get(at) {
            Some(Some(number)) => u8::try_from(*number).unwrap_or(u8::MAX),
            _ => or,
        };
        let fixed = || arguments.first().copied().flatten().unwrap_or(unsaid);
        let length = || arguments.first().copied().unwrap_or(Some(unsaid));
        let declared = match name.to_ascii_lowercase().as_str() {
            "bit" => Self::Bit,
            "tinyint" => Self::TinyInt,
            "smallint" => Self::SmallInt,
            "int" | "integer" => Self::Int,
            "bigint" => Self::BigInt,
            "real" => Self::Real,
            "float" if small(0, 53) <= 24 => Self::Real,
            "float" => Self::Float,
            "smallmoney" => Self::SmallMoney,
            "money" => Self::Money,
            "decimal" | "numeric" => Self::Decimal { precision: small(0, 18), scale: small(1, 0) },
            "char" => Self::Char(fixed()),
            "varchar" => Self::VarChar(length()),
            "nchar" => Self::NChar(fixed()),
            "sysname" => Self::NVarChar(Some(128)),
            "nvarchar" => Self::NVarChar(length()),
            "binary" => Self::Binary(fixed()),
            "varbinary" => Self::VarBinary(length()),
            "date" => Self::Date,
            "time" => Self::Time(small(0, 7)),
            "smalldatetime" => Self::SmallDateTime,
            "datetime" => Self::DateTime,
            "datetime2" => Self::DateTime2(small(0, 7)),
            "datetimeoffset" => Self::DateTimeOffset(small(0, 7)),
            "uniqueidentifier" => Self::Guid,
            "xml" => Self::Xml,
            _ => {
                let message =
                    format!("Column, parameter, or variable #1: Cannot find data type {name}.");
                return Err(SqlError::new(2715, 16, Effect::Compile, message));
            }
        };
        declared.checked(name)
    }

    fn checked(self, name: &str) -> Sql<Self> {
        let too_large = |size: u16, most: u16| {
            let message = format!(
                "The size ({size}) given to the type '{name}' exceeds the maximum allowed ({most})."
            );
            Err(SqlError::new(131, 15, Effect::Compile, message))
        };
        match self {
            Self::Char(n) | Self::Binary(n) | Self::VarChar(Some(n)) | Self::VarBinary(Some(n))
                if n > 8000 =>
            {
                too_large(n, 8000)
            }
            Self::NChar(n) | Self::NVarChar(Some(n)) if n > 4000 => too_large(n, 4000),
            Self::Decimal { precision, .. } if precision > 38 => too_large(precision.into(), 38),
            Self::Decimal { precision, scale } if scale > precision => {
                too_large(scale.into(), precision.into())
            }
            Self::Time(n) | Self::DateTime2(n) | Self::DateTimeOffset(n) if n > 7 => {
                too_large(n.into(), 7)
            }
            _ => Ok(self),
        }
    }

    /// Writes `TYPE_INFO`. A not-null column has the fixed form of its type.
    pub(crate) fn put_info(self, out: &mut Vec<u8>, nullable: bool) {
        let fixed = |code: u8, nullable_code: u8, length: u8| {
            if nullable { vec![nullable_code, length] } else { vec![code] }
        };
        match self {
            Self::Null => out.extend([0x26, 4]),
            Self::Bit => out.extend(fixed(0x32, 0x68, 1)),
            Self::TinyInt => out.extend(fixed(0x30, 0x26, 1)),
            Self::SmallInt => out.extend(fixed(0x34, 0x26, 2)),
            Self::Int => out.extend(fixed(0x38, 0x26, 4)),
            Self::BigInt => out.extend(fixed(0x7F, 0x26, 8)),
            Self::Real => out.extend(fixed(0x3B, 0x6D, 4)),
            Self::Float => out.extend(fixed(0x3E, 0x6D, 8)),
            Self::SmallMoney => out.extend(fixed(0x7A, 0x6E, 4)),
            Self::Money => out.extend(fixed(0x3C, 0x6E, 8)),
            Self::SmallDateTime => out.extend(fixed(0x3A, 0x6F, 4)),
            Self::DateTime => out.extend(fixed(0x3D, 0x6F, 8)),
            Self::Decimal { precision, scale } => {
                out.extend([0x6C, decimal_bytes(precision), precision, scale]);
            }
            Self::Char(n) => put_text_info(out, 0xAF, n),
            Self::VarChar(n) => put_text_info(out, 0xA7, n.unwrap_or(0xFFFF)),
            Self::NChar(n) => put_text_info(out, 0xEF, n * 2),
            Self::NVarChar(n) => put_text_info(out, 0xE7, n.map_or(0xFFFF, |n| n * 2)),
            Self::Binary(n) => put_length(out, 0xAD, n),
            Self::VarBinary(n) => put_length(out, 0xA5, n.unwrap_or(0xFFFF)),
            Self::Date => out.push(0x28),
            Self::Time(n) => out.extend([0x29, n]),
            Self::DateTime2(n) => out.extend([0x2A, n]),
            Self::DateTimeOffset(n) => out.extend([0x2B, n]),
            Self::Guid => out.extend([0x24, 16]),
            Self::Xml => out.extend([0xF1, 0]),
        }
    }
}

fn put_length(out: &mut Vec<u8>, code: u8, length: u16) {
    out.push(code);
    out.extend(length.to_le_bytes());
}

fn put_text_info(out: &mut Vec<u8>, code: u8, length: u16) {
    put_length(out, code, length);
    out.extend(COLLATION);
}

/// Bytes of a decimal including its sign.
pub(crate) fn decimal_bytes(precision: u8) -> u8 {
    match precision {
        0..=9 => 5,
        10..=19 => 9,
        20..=28 => 13,
        _ => 17,
    }
}

/// A type as the client describes it. Values of some types come with a length, which allows null.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct WireType {
    pub(crate) of: Type,
    pub(crate) fixed: bool,
}

impl WireType {
    /// Reads `TYPE_INFO`.
    pub(crate) fn read(reader: &mut Reader<'_>) -> Read<Self> {
        let code = reader.u8()?;
        let fixed = |of| Ok(Self { of, fixed: true });
        let of = match code {
            0x1F => return fixed(Type::Null),
            0x30 => return fixed(Type::TinyInt),
            0x32 => return fixed(Type::Bit),
            0x34 => return fixed(Type::SmallInt),
            0x38 => return fixed(Type::Int),
            0x7F => return fixed(Type::BigInt),
            0x3A => return fixed(Type::SmallDateTime),
            0x3D => return fixed(Type::DateTime),
            0x3B => return fixed(Type::Real),
            0x3E => return fixed(Type::Float),
            0x3C => return fixed(Type::Money),
            0x7A => return fixed(Type::SmallMoney),
            0x26 => by_size(
                reader,
                &[(1, Type::TinyInt), (2, Type::SmallInt), (4, Type::Int), (8, Type::BigInt)],
            )?,
            0x68 => by_size(reader, &[(1, Type::Bit)])?,
            0x6D => by_size(reader, &[(4, Type::Real), (8, Type::Float)])?,
            0x6E => by_size(reader, &[(4, Type::SmallMoney), (8, Type::Money)])?,
            0x6F => by_size(reader, &[(4, Type::SmallDateTime), (8, Type::DateTime)])?,
            0x24 => by_size(reader, &[(16, Type::Guid)])?,
            0x6A | 0x6C => {
                reader.u8()?;
                Type::Decimal { precision: reader.u8()?, scale: reader.u8()? }
            }
            0x28 => Type::Date,
            0x29 => Type::Time(reader.u8()?),
            0x2A => Type::DateTime2(reader.u8()?),
            0x2B => Type::DateTimeOffset(reader.u8()?),
            0xA5 => Type::VarBinary(max(reader.u16()?)),
            0xAD => Type::Binary(reader.u16()?),
            0xA7 => Type::VarChar(max(text_length(reader)?)),
            0xAF => Type::Char(text_length(reader)?),
            0xE7 => Type::NVarChar(max(text_length(reader)?).map(|bytes| bytes / 2)),
            0xEF => Type::NChar(text_length(reader)? / 2),
            0xF1 => {
                reader.u8()?;
                Type::Xml
            }
            other => return Err(Malformed(format!("data type {other:#04x} is unknown"))),
        };
        Ok(Self { of, fixed: false })
    }
}

fn by_size(reader: &mut Reader<'_>, sizes: &[(u8, Type)]) -> Read<Type> {
    let size = reader.u8()?;
    sizes
        .iter()
        .find(|(of, _)| *of == size)
        .map(|(_, of)| *of)
        .ok_or_else(|| Malformed(format!("a type of {size} bytes")))
}

fn max(length: u16) -> Length {
    (length != 0xFFFF).then_some(length)
}

fn text_length(reader: &mut Reader<'_>) -> Read<u16> {
    let length = reader.u16()?;
    reader.take(5)?;
    Ok(length)
}
