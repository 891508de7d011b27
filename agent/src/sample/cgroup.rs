//! Readings of containers from cgroup files, version 1, 2 and both side by side.
//!
//! The formats are pure ([`text`], [`v1`], [`v2`], [`pressure`], [`net_dev`]), and so is where to look ([`mounts`], [`membership`]) and how the
//! values of several files become one reading ([`gather`]). [`place`] finds a container's directories, [`files`] reads what is in them.

pub mod budget;
pub mod diagnosis;
pub mod files;
pub mod gather;
pub mod membership;
pub mod mounts;
pub mod net_dev;
pub mod place;
pub mod pressure;
pub mod process;
pub mod text;
pub mod v1;
pub mod v2;

#[cfg(test)]
mod tests;
