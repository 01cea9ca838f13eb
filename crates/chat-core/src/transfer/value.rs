//! Values that all stores can represent, and checksums of rows.

/// A value of a column.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// No value.
    Null,
    /// A boolean.
    Flag(bool),
    /// A number.
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// The values of a row, in the order of the table's columns.
pub type Row = Vec<Value>;

/// Consecutive rows in the order of their keys.
#[derive(Debug, Default)]
pub struct Batch {
    pub rows: Vec<Row>,
    /// Number of texts in them that were mended.
    pub n_mended: u64,
    /// Whether a mended text is part of a key: then the target would sort the rows differently.
    pub has_mended_key: bool,
}

/// Replaces what not every store can hold: invalid UTF-8 and U+0000 become U+FFFD. Returns whether the text changed.
#[must_use]
pub fn mended(text: &[u8]) -> (String, bool) {
    match std::str::from_utf8(text) {
        Ok(text) if !text.contains('\0') => (text.to_owned(), false),
        _ => (String::from_utf8_lossy(text).replace('\0', "\u{fffd}"), true),
    }
}

/// Number of rows, and a checksum of them that does not depend on their order or on how they are divided into ranges.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Digest {
    /// Number of rows.
    pub rows: u64,
    /// Sum of the checksums of the rows.
    pub sum: u128,
}

impl Digest {
    /// Computes the digest of rows.
    #[must_use]
    pub fn of(rows: &[Row]) -> Self {
        let mut digest = Self::default();
        rows.iter().for_each(|row| digest.add(Self { rows: 1, sum: checksum(row) }));
        digest
    }

    /// Adds the digest of further rows.
    pub fn add(&mut self, other: Self) {
        self.rows += other.rows;
        self.sum = self.sum.wrapping_add(other.sum);
    }
}

/// Returns the checksum of a row. Each value is encoded with its kind and length, so no two rows have the same
/// encoding.
fn checksum(row: &[Value]) -> u128 {
    let mut hash = Fnv::new();
    for value in row {
        match value {
            Value::Null => hash.take(&[0]),
            Value::Flag(flag) => hash.take(&[1, u8::from(*flag)]),
            Value::Integer(number) => hash.take_long(2, &number.to_le_bytes()),
            Value::Text(text) => hash.take_long(3, text.as_bytes()),
            Value::Bytes(bytes) => hash.take_long(4, bytes),
        }
    }
    hash.finished()
}

/// FNV-1a with 128 bits, which protects against accidents but not against forgery.
struct Fnv(u128);

impl Fnv {
    const PRIME: u128 = (1 << 88) + 0x13b;

    fn new() -> Self {
        Self(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d)
    }

    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u128::from(*byte)).wrapping_mul(Self::PRIME);
        }
    }

    fn take_long(&mut self, kind: u8, bytes: &[u8]) {
        self.take(&[kind]);
        self.take(&(bytes.len() as u64).to_le_bytes());
        self.take(bytes);
    }

    /// Mixes the hash: without this, two rows that have exchanged their last bytes would have the same sum.
    fn finished(self) -> u128 {
        let mut hash = self.0;
        for _ in 0..2 {
            hash ^= hash >> 67;
            hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
        }
        hash ^ (hash >> 61)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(key: i64, text: &str, flag: bool) -> Row {
        vec![Value::Integer(key), Value::Text(text.into()), Value::Flag(flag)]
    }

    #[test]
    fn the_hash_is_fnv_1a() {
        // From the published test vectors: 128 bits of "", "a" and "foobar".
        let raw = |text: &str| {
            let mut hash = Fnv::new();
            hash.take(text.as_bytes());
            hash.0
        };
        assert_eq!(raw(""), 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d);
        assert_eq!(raw("a"), 0xd228_cb69_6f1a_8caf_7891_2b70_4e4a_8964);
        assert_eq!(raw("foobar"), 0x343e_1662_793c_64bf_6f0d_3597_ba44_6f18);
    }

    #[test]
    fn order_and_ranges_do_not_change_a_digest() {
        let rows: Vec<Row> = (0..10).map(|key| row(key, "text", key % 2 == 0)).collect();
        let mut backwards = rows.clone();
        backwards.reverse();
        assert_eq!(Digest::of(&rows), Digest::of(&backwards));
        let mut parts = Digest::of(&rows[..3]);
        parts.add(Digest::of(&rows[3..]));
        assert_eq!(parts, Digest::of(&rows));
        assert_eq!(parts.rows, 10);
    }

    #[test]
    fn every_value_changes_a_digest() {
        let digest = |rows: &[Row]| Digest::of(rows);
        for (key, other) in [(1, 2), (7, 1 << 40)] {
            // Rows that have exchanged values.
            let before = digest(&[row(key, "a", true), row(other, "b", false)]);
            assert_ne!(before, digest(&[row(key, "b", true), row(other, "a", false)]));
            assert_ne!(before, digest(&[row(key, "a", false), row(other, "b", true)]));
        }
        // Values that could have the same encoding.
        let texts = |one: &str, two: &str| vec![Value::Text(one.into()), Value::Text(two.into())];
        assert_ne!(digest(&[texts("ab", "")]), digest(&[texts("a", "b")]));
        assert_ne!(digest(&[vec![Value::Text("a".into())]]), digest(&[vec![Value::Bytes(b"a".to_vec())]]));
        assert_ne!(digest(&[vec![Value::Null]]), digest(&[vec![Value::Text(String::new())]]));
        assert_ne!(digest(&[vec![Value::Integer(0)]]), digest(&[vec![Value::Flag(false)]]));
        assert_ne!(digest(&[vec![]]), digest(&[]));
    }

    #[test]
    fn a_text_is_mended_only_where_it_has_to_be() {
        assert_eq!(mended("käse 🧀 \u{fffd}".as_bytes()), ("käse 🧀 \u{fffd}".into(), false));
        assert_eq!(mended(b"a\0b\0"), ("a\u{fffd}b\u{fffd}".into(), true));
        assert_eq!(mended(b"a\xffb"), ("a\u{fffd}b".into(), true));
    }
}
