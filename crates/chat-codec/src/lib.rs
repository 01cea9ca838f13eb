//! How messages and events are written down for other nodes and for the columns that hold JSON.
