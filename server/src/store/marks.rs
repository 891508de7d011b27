//! How far what agents had spooled is in the store: `(agent, run) → seq`, written as one with what it stands for.
//!
//! The events' store and the history each have such a table, for what each holds.

use pilotfish_protocol::AgentId;
use pilotfish_protocol::extension::{RUNS, RunId, Spooled};
use redb::{ReadableTable as _, TableDefinition, WriteTransaction};

use crate::store::{Store, StoreError};

/// Agent, run → the last sequence number, and the order in which the agent's runs came.
const TABLE: TableDefinition<'_, (&str, u64), (u64, u64)> = TableDefinition::new("spool_marks");

pub(super) fn prepare(transaction: &WriteTransaction) -> Result<(), StoreError> {
    transaction.open_table(TABLE)?;
    Ok(())
}

/// Gives a run's mark as part of a transaction.
///
/// # Errors
///
/// The store's.
pub fn find_in(
    transaction: &WriteTransaction,
    agent: &AgentId,
    run: RunId,
) -> Result<Option<u64>, StoreError> {
    let marks = transaction.open_table(TABLE)?;
    let mark = marks.get((agent.as_str(), run.0))?;
    Ok(mark.map(|mark| mark.value().0))
}

/// Gives all marks of an agent, of the newest run last.
///
/// # Errors
///
/// The store's.
pub fn list(store: &Store, agent: &AgentId) -> Result<Vec<Spooled>, StoreError> {
    store.read(|transaction| {
        let marks = transaction.open_table(TABLE)?;
        let mut found = Vec::new();
        for entry in marks.range((agent.as_str(), 0)..=(agent.as_str(), u64::MAX))? {
            let (key, mark) = entry?;
            let (seq, order) = mark.value();
            let run = RunId(key.value().1);
            found.push((order, Spooled { run, seq }));
        }
        found.sort_unstable_by_key(|(order, _)| *order);
        Ok(found.into_iter().map(|(_, spooled)| spooled).collect())
    })
}

/// Moves a run's mark to `seq` as part of a transaction; answers `false`, and changes nothing, when it is there or beyond already.
/// Of the agent's runs [`RUNS`] are remembered; the mark of the oldest goes.
///
/// # Errors
///
/// The store's.
pub fn advance_in(
    transaction: &WriteTransaction,
    agent: &AgentId,
    run: RunId,
    seq: u64,
) -> Result<bool, StoreError> {
    let mut marks = transaction.open_table(TABLE)?;
    let key = (agent.as_str(), run.0);
    let before = marks.get(key)?.map(|mark| mark.value());
    if let Some((reached, order)) = before {
        if reached >= seq {
            return Ok(false);
        }
        marks.insert(key, (seq, order))?;
        return Ok(true);
    }
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for entry in marks.range((agent.as_str(), 0)..=(agent.as_str(), u64::MAX))? {
        let (key, mark) = entry?;
        runs.push((mark.value().1, key.value().1));
    }
    runs.sort_unstable();
    let order = runs.last().map_or(0, |(order, _)| order + 1);
    marks.insert(key, (seq, order))?;
    for (_, oldest) in runs.iter().take((runs.len() + 1).saturating_sub(RUNS)) {
        marks.remove((agent.as_str(), *oldest))?;
    }
    Ok(true)
}

/// Gives a run's mark.
///
/// # Errors
///
/// The store's.
pub fn find(store: &Store, agent: &AgentId, run: RunId) -> Result<Option<u64>, StoreError> {
    store.read(|transaction| {
        let marks = transaction.open_table(TABLE)?;
        Ok(marks
            .get((agent.as_str(), run.0))?
            .map(|mark| mark.value().0))
    })
}

/// Forgets an agent's marks as part of a transaction.
///
/// # Errors
///
/// The store's.
pub fn remove_in(transaction: &WriteTransaction, agent: &AgentId) -> Result<(), StoreError> {
    let mut marks = transaction.open_table(TABLE)?;
    let all = (agent.as_str(), 0)..=(agent.as_str(), u64::MAX);
    marks.retain_in(all, |_, _| false)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::tests::Scratch;

    fn advance(store: &Store, agent: &AgentId, run: u64, seq: u64) -> bool {
        let advance =
            |transaction: &WriteTransaction| advance_in(transaction, agent, RunId(run), seq);
        store.write(advance).unwrap()
    }

    #[test]
    fn a_mark_only_moves_forward() {
        let Scratch { store, .. } = &Scratch::new();
        let agent = AgentId::new("a").unwrap();
        assert_eq!(find(store, &agent, RunId(7)).unwrap(), None);
        assert!(advance(store, &agent, 7, 3));
        assert!(!advance(store, &agent, 7, 3));
        assert!(!advance(store, &agent, 7, 2));
        assert!(advance(store, &agent, 7, 4));
        assert_eq!(find(store, &agent, RunId(7)).unwrap(), Some(4));
    }

    #[test]
    fn the_oldest_run_of_an_agent_is_forgotten_and_others_stay() {
        let Scratch { store, .. } = &Scratch::new();
        let (agent, other) = (AgentId::new("a").unwrap(), AgentId::new("b").unwrap());
        advance(store, &other, 1, 1);
        // Runs are random numbers: their order is the one in which they came.
        for run in (0..=RUNS as u64).rev() {
            advance(store, &agent, run, 1);
        }
        let is_known = |run| find(store, &agent, RunId(run)).unwrap().is_some();
        assert!(!is_known(RUNS as u64));
        assert!((0..RUNS as u64).all(is_known));
        store
            .write(|transaction| remove_in(transaction, &agent))
            .unwrap();
        assert!(!is_known_now(store, &agent));
        assert_eq!(find(store, &other, RunId(1)).unwrap(), Some(1));
    }

    fn is_known_now(store: &Store, agent: &AgentId) -> bool {
        (0..=RUNS as u64).any(|run| find(store, agent, RunId(run)).unwrap().is_some())
    }
}
