//! Reading and writing the primitive parts of TDS: little-endian numbers and UTF-16 texts.

/// The bytes end too early or violate the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed(pub(crate) String);

pub(crate) type Read<T> = Result<T, Malformed>;

/// A position in the bytes of one message.
#[derive(Debug, Clone)]
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn take(&mut self, count: usize) -> Read<&'a [u8]> {
        if count > self.bytes.len() {
            return Err(Malformed(format!("{count} bytes wanted, {} left", self.bytes.len())));
        }
        let (now, later) = self.bytes.split_at(count);
        self.bytes = later;
        Ok(now)
    }

    fn array<const N: usize>(&mut self) -> Read<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    pub(crate) fn u8(&mut self) -> Read<u8> {
        Ok(self.array::<1>()?[0])
    }

    pub(crate) fn u16(&mut self) -> Read<u16> {
        Ok(u16::from_le_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Read<u32> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Read<u64> {
        Ok(u64::from_le_bytes(self.array()?))
    }

    /// A text of `bytes` bytes.
    pub(crate) fn utf16(&mut self, bytes: usize) -> Read<String> {
        utf16(self.take(bytes)?)
    }

    /// A text after its number of characters in one byte.
    pub(crate) fn b_varchar(&mut self) -> Read<String> {
        let characters = usize::from(self.u8()?);
        self.utf16(characters * 2)
    }

    pub(crate) fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.bytes)
    }
}

/// Text from UTF-16 code units.
pub(crate) fn utf16(bytes: &[u8]) -> Read<String> {
    let units: Vec<u16> =
        bytes.chunks_exact(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    if bytes.len() % 2 == 1 {
        return Err(Malformed("half a character".to_owned()));
    }
    String::from_utf16(&units).map_err(|_| Malformed("a text that is no UTF-16".to_owned()))
}

pub(crate) fn put_utf16(out: &mut Vec<u8>, text: &str) {
    out.extend(text.encode_utf16().flat_map(u16::to_le_bytes));
}

pub(crate) fn put_b_varchar(out: &mut Vec<u8>, text: &str) {
    out.push(u8::try_from(text.encode_utf16().count()).unwrap());
    put_utf16(out, text);
}

pub(crate) fn put_us_varchar(out: &mut Vec<u8>, text: &str) {
    out.extend(u16::try_from(text.encode_utf16().count()).unwrap().to_le_bytes());
    put_utf16(out, text);
}
