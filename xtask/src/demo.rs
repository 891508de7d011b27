//! demo
pub(crate) fn run(_: lexopt::Parser) -> anyhow::Result<()> {
    anyhow::bail!("soon")
}
