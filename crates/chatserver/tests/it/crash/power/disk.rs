//! A disk with a volatile cache: of the writes since a file's last sync, a power cut keeps none, all, the first ones,
//! or any sectors. Synced data stays.

use std::collections::{BTreeMap, HashMap};

use super::trace::Step;

const SECTOR: usize = 512;

/// Files by name.
pub type Image = BTreeMap<String, Vec<u8>>;
/// Names and the files that they refer to.
type Names = BTreeMap<String, usize>;

#[derive(Default)]
pub struct Disk {
    files: Vec<File>,
    /// The folder as programs see it, and as it is on the disk.
    names: Names,
    synced_names: Names,
    /// The folder after each change since its last sync.
    later_names: Vec<Names>,
    /// What each running sync makes durable when it ends: a file, and the calls that had ended before the sync began.
    syncing: HashMap<usize, (usize, Vec<usize>)>,
    syncing_folder: Option<(usize, Names)>,
}

#[derive(Default)]
struct File {
    synced: Vec<u8>,
    pending: Vec<Pending>,
}

/// A change that is only in the cache.
struct Pending {
    call: usize,
    has_ended: bool,
    change: Change,
}

enum Change {
    Write { offset: usize, data: Vec<u8> },
    Truncate(usize),
}

/// What a power cut leaves of the cache.
#[derive(Clone, Copy)]
enum Leaves {
    Nothing,
    All,
    /// The first changes, and some sectors of the next one.
    Beginning,
    AnySectors,
}

impl Disk {
    pub fn step(&mut self, step: &Step) {
        match step {
            Step::Write { call, file, offset, data } => {
                self.change(*call, file, Change::Write { offset: *offset, data: data.clone() });
            }
            Step::Truncate { call, file, length } => self.change(*call, file, Change::Truncate(*length)),
            Step::Sync { call, file } => {
                let file = self.names[file];
                let ended = self.files[file].pending.iter().filter(|pending| pending.has_ended);
                let covered = ended.map(|pending| pending.call).collect();
                self.syncing.insert(*call, (file, covered));
            }
            Step::SyncFolder { call } => self.syncing_folder = Some((*call, self.names.clone())),
            Step::Done { call, ok } => self.done(*call, *ok),
            Step::Create(name) if self.names.contains_key(name) => {}
            Step::Create(name) => {
                self.files.push(File::default());
                self.names.insert(name.clone(), self.files.len() - 1);
                self.later_names.push(self.names.clone());
            }
            Step::Rename(from, to) => {
                let file = self.names.remove(from).unwrap();
                self.names.insert(to.clone(), file);
                self.later_names.push(self.names.clone());
            }
            Step::Unlink(name) => {
                self.names.remove(name);
                self.later_names.push(self.names.clone());
            }
            Step::Announced(_) => {}
        }
    }

    fn change(&mut self, call: usize, name: &str, change: Change) {
        let file = &mut self.files[self.names[name]];
        file.pending.push(Pending { call, has_ended: false, change });
    }

    fn done(&mut self, call: usize, ok: bool) {
        if let Some((file, covered)) = self.syncing.remove(&call) {
            if ok {
                self.files[file].sync(&covered);
            }
        } else if self.syncing_folder.as_ref().is_some_and(|(sync, _)| *sync == call) {
            if let Some((_, names)) = self.syncing_folder.take().filter(|_| ok) {
                self.synced_names = names;
                self.later_names.clear();
            }
        } else {
            let all = self.files.iter_mut().flat_map(|file| &mut file.pending);
            for pending in all.filter(|pending| pending.call == call) {
                pending.has_ended = true;
            }
        }
    }

    /// Returns the files as programs see them.
    pub fn now(&self) -> Image {
        let content = |file: &usize| self.files[*file].after(Leaves::All, &mut Dice::new(0));
        self.names.iter().map(|(name, file)| (name.clone(), content(file))).collect()
    }

    /// Returns the files that are on the disk when the power returns.
    pub fn after_power_cut(&self, seed: u64) -> Image {
        let mut dice = Dice::new(seed);
        // Folders are journalled: their changes become durable in order.
        let lasting = dice.below(self.later_names.len() + 1);
        let names = lasting.checked_sub(1).map_or(&self.synced_names, |last| &self.later_names[last]);
        let mut image = Image::new();
        for (name, file) in names {
            let leaves = [Leaves::Nothing, Leaves::All, Leaves::Beginning, Leaves::AnySectors][dice.below(4)];
            image.insert(name.clone(), self.files[*file].after(leaves, &mut dice));
        }
        image
    }
}

impl File {
    /// Makes durable what these calls have changed.
    fn sync(&mut self, covered: &[usize]) {
        let (done, left) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|pending: &Pending| covered.contains(&pending.call));
        self.pending = left;
        for pending in done {
            pending.change.apply(&mut self.synced, |_| true);
        }
    }

    fn after(&self, leaves: Leaves, dice: &mut Dice) -> Vec<u8> {
        let mut bytes = self.synced.clone();
        let whole = match leaves {
            Leaves::Nothing | Leaves::AnySectors => 0,
            Leaves::All => self.pending.len(),
            Leaves::Beginning => dice.below(self.pending.len() + 1),
        };
        for pending in &self.pending[..whole] {
            pending.change.apply(&mut bytes, |_| true);
        }
        let torn = match leaves {
            Leaves::Nothing => &[],
            Leaves::AnySectors => &self.pending[..],
            Leaves::All | Leaves::Beginning => &self.pending[whole..self.pending.len().min(whole + 1)],
        };
        for pending in torn {
            pending.change.apply(&mut bytes, |_| dice.below(2) == 0);
        }
        bytes
    }
}

impl Change {
    /// Applies the sectors for which `lasts` returns true.
    fn apply(&self, bytes: &mut Vec<u8>, mut lasts: impl FnMut(usize) -> bool) {
        match self {
            Self::Truncate(length) => {
                if lasts(0) {
                    bytes.resize(*length, 0);
                }
            }
            Self::Write { offset, data } => {
                let mut from = 0;
                while from < data.len() {
                    let at = offset + from;
                    let to = data.len().min(from + SECTOR - at % SECTOR);
                    if lasts(at / SECTOR) {
                        let end = offset + to;
                        bytes.resize(bytes.len().max(end), 0);
                        bytes[at..end].copy_from_slice(&data[from..to]);
                    }
                    from = to;
                }
            }
        }
    }
}

/// Reproducible random numbers (SplitMix64).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Returns a number from 0 to `bound - 1`.
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        usize::try_from((mixed ^ (mixed >> 31)) % bound as u64).unwrap()
    }
}
