//! Reads the modules of a crate from its files, and what each of them imports from the others.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};
use syn::{Attribute, Item, ItemMod, ItemUse, UseTree, Visibility};

/// Names from the crate's root: `["order", "Line"]`.
pub(crate) type Names = Vec<String>;

/// A module that is a file, or is inside one.
pub(crate) struct Module {
    /// Its file's path within the crate.
    pub(crate) file: String,
    pub(crate) syntax: Vec<Item>,
    /// Its re-exports: a name, and its source. `*` is everything of a module.
    exports: Vec<(String, Names)>,
}

/// A crate's modules by their names, without tests.
pub(crate) struct Crate {
    pub(crate) modules: BTreeMap<Names, Module>,
}

impl Crate {
    /// Reads a crate from its root file.
    pub(crate) fn read(root: &Path) -> Self {
        let mut files = Self { modules: BTreeMap::new() };
        files.read_file(root, root.parent().unwrap(), Vec::new());
        files
    }

    fn read_file(&mut self, path: &Path, folder: &Path, name: Names) {
        let text = std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let syntax = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let file = path.strip_prefix(folder).unwrap_or(path).display().to_string();
        let is_root = name.is_empty() || path.ends_with("mod.rs");
        let children = if is_root { path.parent().unwrap().to_owned() } else { path.with_extension("") };
        self.add(name, file, syntax.items, folder, &children);
    }

    fn add(&mut self, name: Names, file: String, items: Vec<Item>, folder: &Path, children: &Path) {
        let mut exports = Vec::new();
        for item in &items {
            match item {
                Item::Mod(module) if !is_test(&module.attrs) => {
                    let child: Names = name.iter().cloned().chain([module.ident.to_string()]).collect();
                    let here = children.join(module.ident.to_string());
                    if let Some((_, inner)) = &module.content {
                        self.add(child, file.clone(), inner.clone(), folder, &here);
                    } else if let Some(path) = file_of(&here) {
                        self.read_file(&path, folder, child);
                    }
                }
                Item::Use(used) if !matches!(used.vis, Visibility::Inherited) && !is_test(&used.attrs) => {
                    named(&used.tree, &mut Vec::new(), &mut |path, as_name| {
                        exports.extend(absolute(&name, path).map(|from| (as_name.to_owned(), from)));
                    });
                }
                _ => {}
            }
        }
        self.modules.insert(name, Module { file, syntax: items, exports });
    }

    /// The file that defines what a path names; `None` if it is not in this crate.
    pub(crate) fn home_of(&self, path: &Names) -> Option<String> {
        self.home_within(path, 0)
    }

    fn home_within(&self, path: &[String], depth: usize) -> Option<String> {
        let known = (0..=path.len()).rev().find(|len| self.modules.contains_key(&path[..*len]))?;
        let module = &self.modules[&path[..known]];
        let Some(wanted) = path.get(known).filter(|_| depth < 8) else {
            // A module's name alone does not show what is used of it.
            return None;
        };
        if wanted == "*" || module.defines(wanted) {
            return Some(module.file.clone());
        }
        let onward = |(name, from): &(String, Names)| {
            let mut from = from.clone();
            if name == "*" {
                from.last_mut()?.clone_from(wanted);
            } else if name != wanted {
                return None;
            }
            self.home_within(&from, depth + 1)
        };
        module.exports.iter().find_map(onward)
    }
}

impl Module {
    fn defines(&self, wanted: &str) -> bool {
        self.syntax.iter().any(|item| {
            let ident = match item {
                Item::Const(item) => &item.ident,
                Item::Enum(item) => &item.ident,
                Item::Fn(item) => &item.sig.ident,
                Item::Static(item) => &item.ident,
                Item::Struct(item) => &item.ident,
                Item::Trait(item) => &item.ident,
                Item::Type(item) => &item.ident,
                Item::Macro(item) => return item.ident.as_ref().is_some_and(|ident| ident == wanted),
                _ => return false,
            };
            ident == wanted
        })
    }
}

/// `name.rs`, or `name/mod.rs`.
fn file_of(module: &Path) -> Option<PathBuf> {
    [module.with_extension("rs"), module.join("mod.rs")].into_iter().find(|path| path.exists())
}

fn is_test(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        let list = attribute.meta.require_list().ok().filter(|list| list.path.is_ident("cfg"));
        list.is_some_and(|list| list.tokens.to_string().contains("test"))
    })
}

/// Everything that a `use` names, each with its local name.
fn named(tree: &UseTree, path: &mut Names, found: &mut impl FnMut(&[String], &str)) {
    match tree {
        UseTree::Path(one) => {
            path.push(one.ident.to_string());
            named(&one.tree, path, found);
            path.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| named(tree, path, found)),
        UseTree::Name(name) if name.ident == "self" => {
            let own = path.last().cloned().unwrap_or_default();
            found(path, &own);
        }
        UseTree::Name(name) => with(path, &name.ident.to_string(), |path, last| found(path, last)),
        UseTree::Rename(name) => {
            with(path, &name.ident.to_string(), |path, _| found(path, &name.rename.to_string()));
        }
        UseTree::Glob(_) => with(path, "*", |path, last| found(path, last)),
    }
}

fn with(path: &mut Names, last: &str, found: impl FnOnce(&[String], &str)) {
    path.push(last.to_owned());
    found(path, last);
    path.pop();
}

/// A path in a module, resolved from the crate's root. A path of another crate is resolved as if in this module, where
/// nothing has its name.
fn absolute(module: &[String], path: &[String]) -> Option<Names> {
    let (mut at, mut rest) = match path.first()?.as_str() {
        "crate" => (Vec::new(), &path[1..]),
        "self" => (module.to_vec(), &path[1..]),
        // One that begins with `super` is resolved below.
        _ => (module.to_vec(), path),
    };
    while rest.first().is_some_and(|first| first == "super") {
        at.pop()?;
        rest = &rest[1..];
    }
    at.extend(rest.iter().cloned());
    Some(at)
}

/// Collects what a module names of its crate: in `use`, and in paths that begin with `crate`, `self`, `super` or a name
/// that it imported.
pub(crate) struct Imports<'a> {
    module: &'a [String],
    imported: BTreeMap<String, Names>,
    found: Vec<Names>,
}

impl<'a> Imports<'a> {
    pub(crate) fn of(module: &'a [String], items: &[Item]) -> Vec<Names> {
        let mut all = Self { module, imported: BTreeMap::new(), found: Vec::new() };
        for item in items {
            if let Item::Use(used) = item {
                named(&used.tree, &mut Vec::new(), &mut |path, name| {
                    all.imported.extend(absolute(module, path).map(|path| (name.to_owned(), path)));
                });
            }
        }
        for item in items {
            all.visit_item(item);
        }
        all.found
    }
}

impl<'ast> Visit<'ast> for Imports<'_> {
    fn visit_item_mod(&mut self, _: &'ast ItemMod) {
        // It is a separate module.
    }

    fn visit_item_use(&mut self, used: &'ast ItemUse) {
        // A re-export is not a use.
        if matches!(used.vis, Visibility::Inherited) && !is_test(&used.attrs) {
            named(&used.tree, &mut Vec::new(), &mut |path, _| self.found.extend(absolute(self.module, path)));
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Names = path.segments.iter().map(|segment| segment.ident.to_string()).collect();
        let through = names.first().and_then(|first| self.imported.get(first));
        let through = through.map(|from| from.iter().chain(&names[1..]).cloned().collect());
        self.found.extend(through.or_else(|| absolute(self.module, &names)));
        visit::visit_path(self, path);
    }
}
