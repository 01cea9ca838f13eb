//! Crashes at chosen points, power cuts, full and failing disks, pauses; and servers that are broken on purpose, to see
//! that the tests notice. What each measures stands in `docs/reliability.md`.

#[cfg(feature = "failpoints")]
mod broken;
mod failing;
mod feed;
mod paused;
#[cfg(feature = "failpoints")]
mod points;
mod power;
