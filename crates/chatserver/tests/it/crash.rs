//! Crashes at chosen points, power cuts, full and failing disks, pauses; and servers that are broken on purpose, to
//! prove that the tests notice. `docs/reliability.md` says what each test measures.

#[cfg(feature = "failpoints")]
mod broken;
mod failing;
mod feed;
mod paused;
#[cfg(feature = "failpoints")]
mod points;
mod power;
