//! The lab: real programs, started and stopped by whoever needs them.
