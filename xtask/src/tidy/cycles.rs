//! No import cycles between the modules of a crate: what two modules need of each other belongs into a third.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::sources;

type Graph = BTreeMap<String, BTreeSet<String>>;

/// Names the cycles among each crate's top-level modules.
pub(super) fn check(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut crates: BTreeMap<String, Graph> = BTreeMap::new();
    for (path, text) in sources::all(root)? {
        let Some((package, inside)) = path.split_once("/src/") else { continue };
        let module = inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs").to_owned();
        if !["lib", "main"].contains(&module.as_str()) {
            crates.entry(package.to_owned()).or_default().entry(module).or_default().extend(imports(&text));
        }
    }
    let cycles = crates.iter().flat_map(|(package, graph)| {
        first_cycle(graph)
            .map(|cycle| format!("{package}: modules import in a circle: {}", cycle.join(" → ")))
    });
    Ok(cycles.collect())
}

/// The top-level modules that a source names by `crate::…`; tests at the end of a file may look anywhere.
fn imports(text: &str) -> BTreeSet<String> {
    let production = text.split("#[cfg(test)]").next().unwrap_or_default();
    let code = production.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(|line| line.split("crate::").skip(1))
        .map(|rest| {
            rest.chars().take_while(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || *c == '_').collect()
        })
        .filter(|module: &String| !module.is_empty())
        .collect()
}

fn first_cycle(graph: &Graph) -> Option<Vec<String>> {
    let mut done = BTreeSet::new();
    graph.keys().find_map(|start| walk(graph, start, &mut Vec::new(), &mut done))
}

fn walk(graph: &Graph, at: &str, way: &mut Vec<String>, done: &mut BTreeSet<String>) -> Option<Vec<String>> {
    if let Some(seen) = way.iter().position(|module| module == at) {
        let mut cycle = way[seen..].to_vec();
        cycle.push(at.to_owned());
        return Some(cycle);
    }
    if done.contains(at) {
        return None;
    }
    way.push(at.to_owned());
    let next = graph.get(at).into_iter().flatten().filter(|to| graph.contains_key(*to) && *to != at);
    let found = next.into_iter().find_map(|to| walk(graph, to, way, done));
    way.pop();
    done.insert(at.to_owned());
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_of_three_is_found_and_a_tree_is_fine() {
        let graph = |edges: &[(&str, &str)]| {
            let mut graph = Graph::new();
            for (from, to) in edges {
                graph.entry((*from).to_owned()).or_default().insert((*to).to_owned());
                graph.entry((*to).to_owned()).or_default();
            }
            graph
        };
        assert!(first_cycle(&graph(&[("a", "b"), ("b", "c"), ("c", "a")])).is_some());
        assert_eq!(first_cycle(&graph(&[("a", "b"), ("a", "c"), ("b", "c")])), None);
    }

    #[test]
    fn imports_are_read_from_code_and_not_from_comments_or_tests() {
        let text = "use crate::one::Thing;\n// crate::two\nfn f() { crate::three::g() }\n#[cfg(test)]\nuse crate::four;";
        assert_eq!(imports(text), BTreeSet::from(["one".to_owned(), "three".to_owned()]));
    }
}
