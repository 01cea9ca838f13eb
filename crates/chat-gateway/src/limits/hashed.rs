//! Maps whose keys are hashes already, made under a key of this process: to hash them once more would tell nothing more.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// By a hash that nobody outside can foresee.
pub(super) type ByHash<T> = HashMap<u64, T, BuildHasherDefault<AsItIs>>;

/// Takes the one number that it is given for the hash.
#[derive(Default)]
pub(super) struct AsItIs(u64);

impl Hasher for AsItIs {
    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }

    /// Not of use here: keys are numbers.
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
