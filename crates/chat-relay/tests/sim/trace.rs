//! The trace of a run, as a hash and optionally as text, and the seeded random numbers.

use std::cell::RefCell;
use std::fmt::Write;
use std::rc::Rc;

/// A generator whose numbers depend only on the seed.
#[derive(Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    pub(crate) fn new(seed: u64, of: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ of.wrapping_mul(0xD1B5_4A32_D192_ED03))
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, n: u64) -> u64 {
        self.number() % n
    }

    pub(crate) fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from)
    }

    pub(crate) fn one_of<'a, T>(&mut self, all: &'a [T]) -> &'a T {
        &all[usize::try_from(self.below(all.len() as u64)).unwrap()]
    }

    pub(crate) fn percent(&mut self, n: u64) -> bool {
        self.below(100) < n
    }
}

/// Records everything that happens. All hosts share it; it is not part of the simulation.
#[derive(Clone)]
pub(crate) struct Trace(Rc<RefCell<Noted>>);

struct Noted {
    hash: u64,
    line: String,
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn new(in_words: bool) -> Self {
        let lines = in_words.then(Vec::new);
        Self(Rc::new(RefCell::new(Noted { hash: 0xCBF2_9CE4_8422_2325, line: String::new(), lines })))
    }

    pub(crate) fn note(&self, what: std::fmt::Arguments<'_>) {
        let mut noted = self.0.borrow_mut();
        let at = turmoil::sim_elapsed().unwrap_or_default().as_millis();
        let mut line = std::mem::take(&mut noted.line);
        line.clear();
        write!(line, "{at} {what}").unwrap();
        for byte in line.bytes() {
            noted.hash = (noted.hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3);
        }
        if let Some(lines) = &mut noted.lines {
            lines.push(line.clone());
        }
        noted.line = line;
    }

    pub(crate) fn hash(&self) -> u64 {
        self.0.borrow().hash
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        self.0.borrow().lines.clone().unwrap_or_default()
    }
}
