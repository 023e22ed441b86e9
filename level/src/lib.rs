//! Ordered bytes to bytes, behind one small trait.
