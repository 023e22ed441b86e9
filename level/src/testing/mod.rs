//! Levels that fail or crash on purpose, and the promises that every level keeps.
