//! The NATS adapter: the bus between nodes.
