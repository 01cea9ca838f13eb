//! What a store MUST do beyond `contract.rs` where several servers share it. Of the adapter's `House` this asks for
//! `second()`, another server on the same data, and `journal()`, from which servers learn what others committed.

mod journal;
mod nodes;
