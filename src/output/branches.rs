//! Trees: as lines of text, and in the language of Graphviz.

use std::fmt::Write;

/// What stands before each node of a tree, so that the lines show its branches.
///
/// `parents` has the index of each node's parent, and nothing for a root; each
/// node stands before those below it.
pub fn branches(parents: &[Option<usize>]) -> Vec<String> {
    let mut last_child = vec![None; parents.len()];
    for (index, parent) in parents.iter().enumerate() {
        if let Some(parent) = parent {
            last_child[*parent] = Some(index);
        }
    }
    let mut shown: Vec<String> = Vec::with_capacity(parents.len());
    // What the children of a node have before their own branch.
    let mut inherited: Vec<String> = Vec::with_capacity(parents.len());
    for (index, parent) in parents.iter().enumerate() {
        let Some(parent) = *parent else {
            shown.push(String::new());
            inherited.push(String::new());
            continue;
        };
        let is_last = last_child[parent] == Some(index);
        let above = &inherited[parent];
        let (branch, below) = if is_last {
            ("└─ ", "   ")
        } else {
            ("├─ ", "│  ")
        };
        shown.push(format!("{above}{branch}"));
        inherited.push(format!("{above}{below}"));
    }
    shown
}

/// A directed graph of processes in the language of Graphviz.
#[derive(Debug)]
pub struct Dot {
    text: String,
}

impl Dot {
    /// An empty graph of this name.
    pub fn new(name: &str) -> Dot {
        Dot {
            text: format!("digraph {name} {{\n  node [shape=box];\n"),
        }
    }

    /// Adds a node; the label may have several lines.
    pub fn node(&mut self, id: impl std::fmt::Display, label: &str) {
        let label = label.replace('\\', "\\\\").replace('"', "\\\"");
        let label = label.replace('\n', "\\n");
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "  \"{id}\" [label=\"{label}\"];");
    }

    /// Adds an arrow.
    pub fn edge(&mut self, from: impl std::fmt::Display, to: impl std::fmt::Display) {
        let _ = writeln!(self.text, "  \"{from}\" -> \"{to}\";");
    }

    /// The whole text, without a line end.
    pub fn finish(mut self) -> String {
        self.text.push('}');
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_show_who_is_below_whom() {
        let parents = [None, Some(0), Some(1), Some(0), Some(3), Some(3)];
        assert_eq!(
            branches(&parents),
            ["", "├─ ", "│  └─ ", "└─ ", "   ├─ ", "   └─ "]
        );
        assert_eq!(branches(&[None, None]), ["", ""]);
    }

    #[test]
    fn labels_of_graphviz_are_quoted() {
        let mut dot = Dot::new("tree");
        dot.node(1, "a\"b\\c\nd");
        dot.edge(1, 2);
        assert_eq!(
            dot.finish(),
            "digraph tree {\n  node [shape=box];\n  \"1\" [label=\"a\\\"b\\\\c\\nd\"];\n  \"1\" -> \"2\";\n}"
        );
    }
}
