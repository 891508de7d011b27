//! Links between the documents lead somewhere.

use super::Fault;
use super::tree::Tree;

pub(super) fn faults(tree: &Tree) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (path, text) in tree.files().filter(|(path, _)| path.ends_with(".md")) {
        for (index, line) in text.lines().enumerate() {
            for target in targets(line) {
                if !leads_somewhere(tree, path, target) {
                    faults.push(Fault::at(
                        path,
                        index + 1,
                        format!("`{target}` leads nowhere"),
                    ));
                }
            }
        }
    }
    faults
}

/// What stands in the round brackets of `[text](target)`.
fn targets(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("](").filter_map(|(index, mark)| {
        let rest = &line[index + mark.len()..];
        Some(&rest[..rest.find(')')?])
    })
}

fn leads_somewhere(tree: &Tree, from: &str, target: &str) -> bool {
    let path = target.split('#').next().unwrap_or(target);
    if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
        return true;
    }
    let mut parts: Vec<&str> = from.split('/').collect();
    parts.pop();
    for part in path.trim_end_matches('/').split('/') {
        match part {
            "." => {}
            ".." => {
                if parts.pop().is_none() {
                    return false;
                }
            }
            part => parts.push(part),
        }
    }
    tree.has(&parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::super::tree::check;
    use super::*;

    #[track_caller]
    fn check_link(link: &str, expected: &[&str]) {
        let text = format!("see [here]({link}) and [there](https://example.org)");
        check(
            faults,
            &Tree::of(&[("docs/a.md", &text), ("agent/src/x.rs", "")]),
            expected,
        );
    }

    #[test]
    fn files_directories_and_anchors_are_found() {
        for link in [
            "a.md",
            "./a.md#top",
            "#top",
            "../agent/src/x.rs",
            "../agent/src/",
            "mailto:me",
        ] {
            check_link(link, &[]);
        }
    }

    #[test]
    fn a_link_to_nowhere_is_a_fault() {
        for link in ["b.md", "../a.md", "../../a.md", "../agent/sr"] {
            check_link(link, &[&format!("docs/a.md:1: `{link}` leads nowhere")]);
        }
    }
}
