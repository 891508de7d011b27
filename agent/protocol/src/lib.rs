//! The wire that a pilotfish-agent and a pilotfish-server speak.
