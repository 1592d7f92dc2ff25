//! The SSH wire encoding: big-endian numbers and length-prefixed strings. Only slices: a lying length allocates nothing.

/// Bytes that end before what the format promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutShort;

/// Reads fields off the front of a byte string.
pub struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub fn take(&mut self, count: usize) -> Result<&'a [u8], CutShort> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or(CutShort)?;
        self.rest = rest;
        Ok(taken)
    }

    pub fn byte(&mut self) -> Result<u8, CutShort> {
        let (&byte, rest) = self.rest.split_first().ok_or(CutShort)?;
        self.rest = rest;
        Ok(byte)
    }

    pub fn number(&mut self) -> Result<u32, CutShort> {
        let (bytes, rest) = self.rest.split_first_chunk::<4>().ok_or(CutShort)?;
        self.rest = rest;
        Ok(u32::from_be_bytes(*bytes))
    }

    pub fn string(&mut self) -> Result<&'a [u8], CutShort> {
        let length = self.number()?;
        self.take(usize::try_from(length).map_err(|_| CutShort)?)
    }

    /// How many bytes nobody has read.
    pub fn left(&self) -> usize {
        self.rest.len()
    }
}

/// Appends `bytes` with their length before them.
///
/// No caller has a string near 4 GiB: documents end at 64 KiB and frames at 256 KiB; a longer one would only yield
/// bytes that no verifier accepts.
pub fn put_string(out: &mut Vec<u8>, bytes: &[u8]) {
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(bytes);
}
