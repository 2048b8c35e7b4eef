//! The program of the stage provider.

fn main() {}
