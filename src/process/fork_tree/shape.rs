//! What a tree of processes is to look like.

use crate::error::{Error, ErrorKind, Result};
use crate::escape::acts_on_a_terminal;

/// Most nodes: as many as Linux gives numbers to by default, twice.
pub const MOST_NODES: usize = 65_536;

/// Most generations below the root.
pub const MOST_DEPTH: usize = 1000;

/// One node of a shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Its own name.
    pub name: String,
    /// How many nodes are above it.
    pub depth: usize,
    /// The index of its parent; nothing for the root.
    pub parent: Option<usize>,
    /// The indexes of its children.
    pub children: Vec<usize>,
}

/// A tree: its nodes from the root on, each before those below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    nodes: Vec<Node>,
}

impl Shape {
    /// A tree in which every node but the deepest has `fanout` children, named
    /// by their numbers from 0 on.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when it has too many nodes or generations.
    pub fn regular(depth: usize, fanout: usize) -> Result<Shape> {
        let mut shape = Shape { nodes: Vec::new() };
        shape.grow(None, "0", depth, fanout)?;
        Ok(shape)
    }

    fn grow(
        &mut self,
        parent: Option<usize>,
        name: &str,
        below: usize,
        fanout: usize,
    ) -> Result<()> {
        let node = self.add(parent, name)?;
        if below > 0 {
            for child in 0..fanout {
                self.grow(Some(node), &child.to_string(), below - 1, fanout)?;
            }
        }
        Ok(())
    }

    /// Reads a shape such as `a(b,c(d))`.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] for anything else, two children of one name included.
    pub fn parse(text: &str) -> Result<Shape> {
        let mut shape = Shape { nodes: Vec::new() };
        let mut parents: Vec<usize> = Vec::new();
        let mut rest = text;
        loop {
            let length = rest.find(['(', ')', ',']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(length);
            let node = shape.add(parents.last().copied(), name.trim())?;
            rest = after;
            if let Some(inner) = rest.strip_prefix('(') {
                parents.push(node);
                rest = inner;
                continue;
            }
            while let Some(after) = rest.strip_prefix(')') {
                parents.pop().ok_or_else(|| refused("a ) too many"))?;
                rest = after.trim_start();
            }
            match rest.strip_prefix(',') {
                Some(next) if !parents.is_empty() => rest = next,
                Some(_) => return Err(refused("there is one root")),
                None if !rest.is_empty() => return Err(refused("after ) comes , or )")),
                None if parents.is_empty() => return Ok(shape),
                None => return Err(refused("a ) is missing")),
            }
        }
    }

    fn add(&mut self, parent: Option<usize>, name: &str) -> Result<usize> {
        let is_odd = |c: char| c == '/' || acts_on_a_terminal(c);
        if name.is_empty() || name.contains(is_odd) {
            return Err(refused("each node needs a name without a slash"));
        }
        let index = self.nodes.len();
        let depth = parent.map_or(0, |parent| self.nodes[parent].depth + 1);
        if index >= MOST_NODES || depth > MOST_DEPTH {
            return Err(Error::new(
                ErrorKind::Usage,
                format!("a tree has at most {MOST_NODES} nodes and a depth of {MOST_DEPTH}"),
            ));
        }
        if let Some(parent) = parent {
            let siblings = &self.nodes[parent].children;
            if siblings.iter().any(|one| self.nodes[*one].name == name) {
                return Err(refused("the children of a node need different names"));
            }
            self.nodes[parent].children.push(index);
        }
        self.nodes.push(Node {
            name: name.to_owned(),
            depth,
            parent,
            children: Vec::new(),
        });
        Ok(index)
    }

    /// The nodes, the root first, each before those below it.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The names from the root to a node, with slashes in between.
    pub fn path(&self, index: usize) -> String {
        let up = |index: &usize| self.nodes[*index].parent;
        let mut names: Vec<&str> = std::iter::successors(Some(index), up)
            .map(|index| self.nodes[index].name.as_str())
            .collect();
        names.reverse();
        names.join("/")
    }
}

fn refused(why: &str) -> Error {
    Error::new(
        ErrorKind::Usage,
        format!("a shape is like a(b,c(d)): {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(shape: &Shape) -> Vec<String> {
        (0..shape.nodes().len())
            .map(|one| shape.path(one))
            .collect()
    }

    #[test]
    fn a_shape_is_read_as_it_is_written() {
        let shape = Shape::parse("a(b, c(d),e)").unwrap();
        assert_eq!(paths(&shape), ["a", "a/b", "a/c", "a/c/d", "a/e"]);
        assert_eq!(shape.nodes()[3].depth, 2);
        assert_eq!(shape.nodes()[0].children, [1, 2, 4]);
        assert_eq!(paths(&Shape::parse("x").unwrap()), ["x"]);
    }

    #[test]
    fn what_is_no_shape_is_refused() {
        for text in [
            "",
            "a(",
            "a)",
            "a(b",
            "a(b))",
            "a,b",
            "a(b)c",
            "a()",
            "a(,b)",
            "a(b,b)",
            "a/b",
            "a(b\n,c)x",
            "(a)",
            "a(\u{1b})",
        ] {
            let error = Shape::parse(text).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Usage, "{text}");
        }
    }

    #[test]
    fn a_regular_tree_has_all_its_nodes() {
        let shape = Shape::regular(2, 3).unwrap();
        assert_eq!(shape.nodes().len(), 1 + 3 + 9);
        assert_eq!(shape.path(12), "0/2/2");
        assert_eq!(Shape::regular(0, 3).unwrap().nodes().len(), 1);
        assert_eq!(Shape::regular(1000, 1).unwrap().nodes().len(), 1001);
        assert!(Shape::regular(1001, 1).is_err());
        assert!(Shape::regular(17, 2).is_err());
    }
}
