//! Bicep, read by its grammar; and what the tests ask of a file.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use tree_sitter::{Node, Parser, Tree};

/// A Bicep file, parsed.
pub(crate) struct Source {
    pub(crate) path: PathBuf,
    pub(crate) text: String,
    tree: Tree,
}

/// A parameter that a file declares.
pub(crate) struct Parameter {
    pub(crate) name: String,
    pub(crate) has_default: bool,
}

/// A use of another file.
pub(crate) struct Module {
    /// As it is written.
    pub(crate) path: String,
    pub(crate) given: BTreeSet<String>,
    /// What there is one for each of, if there are several.
    pub(crate) each_of: Option<String>,
}

/// A property of an object.
pub(crate) struct Property<'a> {
    pub(crate) key: String,
    value: Node<'a>,
    text: &'a str,
}

impl Source {
    pub(crate) fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Self::of(path, text)
    }

    /// A file of parameters. The grammar knows no such file, and what stands in one are variables in all but name.
    pub(crate) fn parameters_file(path: PathBuf) -> Self {
        let Self { path, text, .. } = Self::read(path);
        let line = |line: &str| match line.strip_prefix("param ") {
            Some(rest) => format!("var {rest}\n"),
            None if line.starts_with("using ") => "\n".to_owned(),
            None => format!("{line}\n"),
        };
        Self::of(path, text.lines().map(line).collect())
    }

    pub(crate) fn of(path: PathBuf, text: String) -> Self {
        let mut parser = Parser::new();
        parser.set_language(&tree_sitter_bicep::LANGUAGE.into()).expect("a grammar that this parser reads");
        let tree = parser.parse(&text, None).expect("nothing limits how long parsing takes");
        Self { path, text, tree }
    }

    /// Where the file is no Bicep: `line:column`.
    pub(crate) fn mistakes(&self) -> Vec<String> {
        let wrong = self.nodes().into_iter().filter(|node| node.is_error() || node.is_missing());
        wrong
            .map(|node| {
                let place = node.start_position();
                format!("{}:{}:{}", self.path.display(), place.row + 1, place.column + 1)
            })
            .collect()
    }

    pub(crate) fn parameters(&self) -> Vec<Parameter> {
        let declared = self.of_kind("parameter_declaration");
        declared
            .map(|node| Parameter {
                name: self.first(node, "identifier"),
                has_default: children(node).iter().any(|child| child.kind() == "="),
            })
            .collect()
    }

    pub(crate) fn modules(&self) -> Vec<Module> {
        self.of_kind("module_declaration").map(|node| self.module(node)).collect()
    }

    fn module(&self, node: Node<'_>) -> Module {
        let inner = descendants(node);
        let params = inner.iter().find(|node| self.key(**node).as_deref() == Some("params"));
        let given = params.and_then(|params| params.named_child(1)).map(children).unwrap_or_default();
        let each = inner.iter().find(|node| node.kind() == "for_statement");
        Module {
            path: self.first(node, "string"),
            given: given.into_iter().filter_map(|property| self.key(property)).collect(),
            each_of: each.and_then(|each| self.looped_over(*each)),
        }
    }

    /// What stands between `in` and the colon.
    fn looped_over(&self, each: Node<'_>) -> Option<String> {
        let (_, rest) = self.text[each.byte_range()].split_once(" in ")?;
        rest.split_once(':').map(|(what, _)| what.trim().to_owned())
    }

    /// The files that are read into this one, as they are written.
    pub(crate) fn loaded(&self) -> Vec<String> {
        let calls = self.of_kind("call_expression");
        let loads = calls.filter(|call| self.text[call.byte_range()].starts_with("load"));
        loads
            .flat_map(descendants)
            .filter(|node| node.kind() == "string")
            .map(|node| self.plain(node))
            .collect()
    }

    pub(crate) fn properties(&self) -> impl Iterator<Item = Property<'_>> {
        self.of_kind("object_property").filter_map(move |node| {
            Some(Property { key: self.key(node)?, value: node.named_child(1)?, text: &self.text })
        })
    }

    /// The values of all properties with this name, as they are written.
    pub(crate) fn values_of(&self, key: &str) -> Vec<String> {
        self.properties().filter(|property| property.key == key).map(|property| property.value()).collect()
    }

    /// All texts, without their quotes.
    pub(crate) fn strings(&self) -> Vec<String> {
        self.of_kind("string").map(|node| self.plain(node)).collect()
    }

    fn nodes(&self) -> Vec<Node<'_>> {
        descendants(self.tree.root_node())
    }

    fn of_kind<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = Node<'a>> {
        self.nodes().into_iter().filter(move |node| node.kind() == kind)
    }

    /// The name of an object's property; a resource within another stands where a property might.
    fn key(&self, node: Node<'_>) -> Option<String> {
        let named = node.named_child(0).filter(|_| node.kind() == "object_property")?;
        matches!(named.kind(), "identifier" | "string").then(|| self.plain(named))
    }

    fn first(&self, node: Node<'_>, kind: &str) -> String {
        let child = children(node).into_iter().find(|child| child.kind() == kind);
        self.plain(child.unwrap_or_else(|| panic!("no {kind} in {}", node.kind())))
    }

    fn plain(&self, node: Node<'_>) -> String {
        unquoted(&self.text[node.byte_range()])
    }
}

impl Property<'_> {
    /// As it is written, without the quotes of a text.
    pub(crate) fn value(&self) -> String {
        unquoted(&self.text[self.value.byte_range()])
    }
}

/// All Bicep files of a folder and of those in it.
pub(crate) fn all_in(folder: &Path) -> Vec<Source> {
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().flat_map(at).collect()
}

fn at(path: PathBuf) -> Vec<Source> {
    if path.is_dir() {
        all_in(&path)
    } else if path.extension().is_some_and(|extension| extension == "bicep") {
        vec![Source::read(path)]
    } else {
        Vec::new()
    }
}

fn unquoted(text: &str) -> String {
    let inner = text.strip_prefix('\'').and_then(|rest| rest.strip_suffix('\''));
    inner.unwrap_or(text).replace("\\'", "'")
}

fn children(node: Node<'_>) -> Vec<Node<'_>> {
    (0..node.child_count()).filter_map(|index| node.child(index)).collect()
}

/// A node and everything in it, in the order of the text.
fn descendants(node: Node<'_>) -> Vec<Node<'_>> {
    let mut all = vec![node];
    all.extend(children(node).into_iter().flat_map(descendants));
    all
}
