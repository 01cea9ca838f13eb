//! What one node of a cluster tells the others and is told by them, in order and without gaps.
