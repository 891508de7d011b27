//! The agent, room by room.
