//! Which file of `src/` imports which items of which other. Files are split into tokens, not compiled: an import is a
//! `use` or a path that begins with `crate`, `self`, `super`, a child module or a name that a `use` brought.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};

/// Re-exports followed until an item is found; more are a circle of re-exports.
const MAX_REEXPORTS: usize = 16;

/// A module, with a file of its own or in braces.
#[derive(Default)]
struct Module {
    path: Vec<String>,
    file: usize,
    children: BTreeMap<String, usize>,
    /// Items defined in it.
    items: BTreeSet<String>,
    /// Names that `use` brings, with their paths.
    names: BTreeMap<String, Vec<String>>,
    /// Paths from which `use` imports all names.
    globs: Vec<Vec<String>>,
}

/// A path to something in the crate, as it is written.
struct Reference {
    module: usize,
    path: Vec<String>,
    kind: Kind,
}

#[derive(PartialEq, Eq)]
enum Kind {
    /// `use`; the name under which it is known, `*` for all names.
    Use(String),
    /// The same with `pub`.
    Reexport(String),
    /// A path within code.
    Path,
}

/// What a path leads to: a module, and an item defined in it or the module itself.
struct Target {
    module: usize,
    item: Option<String>,
}

/// The files of a crate, their modules and what they refer to.
#[derive(Default)]
pub struct Sources {
    /// Names of the files, relative to the folder.
    files: Vec<String>,
    /// Names in the code of each file, `use` left out.
    words: Vec<BTreeSet<String>>,
    modules: Vec<Module>,
    references: Vec<Reference>,
}

impl Sources {
    /// Reads `lib.rs` of a folder and all modules below it, those for tests and fuzzing left out.
    pub fn read(folder: &Path) -> Self {
        let mut sources = Self::default();
        sources.read_file(folder, "lib.rs", Vec::new());
        sources
    }

    /// Reads a file and its children, and returns the number of its module.
    fn read_file(&mut self, folder: &Path, file: &str, path: Vec<String>) -> usize {
        let text = fs::read_to_string(folder.join(file)).unwrap_or_else(|e| panic!("{file}: {e}"));
        let tokens: TokenStream = text.parse().unwrap_or_else(|e| panic!("{file}: {e}"));
        let number = self.files.len();
        self.files.push(file.to_owned());
        self.words.push(BTreeSet::new());
        let module = self.add_module(path, number);
        let children = self.read_tokens(tokens, module, true);
        for (parent, name) in children {
            let path = [&self.modules[parent].path[..], std::slice::from_ref(&name)].concat();
            let place = path.join("/");
            let flat = format!("{place}.rs");
            let file = if folder.join(&flat).is_file() { flat } else { format!("{place}/mod.rs") };
            let child = self.read_file(folder, &file, path);
            self.modules[parent].children.insert(name, child);
        }
        module
    }

    fn add_module(&mut self, path: Vec<String>, file: usize) -> usize {
        self.modules.push(Module { path, file, ..Module::default() });
        self.modules.len() - 1
    }

    /// Reads tokens of a module; `items` distinguishes its own items from code within them. Returns children that are
    /// files of their own, with their parents.
    fn read_tokens(&mut self, tokens: TokenStream, module: usize, items: bool) -> Vec<(usize, String)> {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let mut children = Vec::new();
        let mut visible = false;
        let mut at = 0;
        while at < tokens.len() {
            let next = |offset: usize| tokens.get(at + offset);
            match &tokens[at] {
                TokenTree::Punct(p) if p.as_char() == '#' => {
                    let inner = usize::from(next(1).is_some_and(|token| is_punct(token, '!')));
                    if let Some(TokenTree::Group(attribute)) = next(1 + inner) {
                        at += 2 + inner;
                        if inner == 0 && is_left_out(attribute) {
                            at = after_item(&tokens, at);
                        }
                        continue;
                    }
                }
                TokenTree::Ident(word) => {
                    let word = word.to_string();
                    let name = next(1).and_then(identifier);
                    match (&word[..], name) {
                        ("use", _) if !next(1).is_some_and(|token| is_punct(token, '<')) => {
                            let end = (at..tokens.len()).find(|&i| is_punct(&tokens[i], ';')).unwrap_or(tokens.len());
                            self.read_use(&tokens[at + 1..end], module, Vec::new(), visible);
                            at = end;
                        }
                        ("mod", Some(name)) if items => match next(2) {
                            Some(TokenTree::Group(body)) => {
                                let path = [&self.modules[module].path[..], std::slice::from_ref(&name)].concat();
                                let child = self.add_module(path, self.modules[module].file);
                                self.modules[module].children.insert(name, child);
                                children.extend(self.read_tokens(body.stream(), child, true));
                                at += 2;
                            }
                            _ => {
                                children.push((module, name));
                                at += 1;
                            }
                        },
                        ("pub", _) => {
                            visible = true;
                            at += 1 + usize::from(matches!(next(1), Some(TokenTree::Group(_))));
                            continue;
                        }
                        _ => at = self.read_word(&tokens, at, module, items),
                    }
                }
                TokenTree::Group(group) => children.extend(self.read_tokens(group.stream(), module, false)),
                _ => {}
            }
            visible = false;
            at += 1;
        }
        children
    }

    /// Reads a keyword with the item that it defines, a path, or a single name; returns its last token.
    fn read_word(&mut self, tokens: &[TokenTree], at: usize, module: usize, items: bool) -> usize {
        const ITEMS: [&str; 8] = ["struct", "enum", "union", "fn", "trait", "type", "const", "static"];
        let word = identifier(&tokens[at]).unwrap_or_default();
        let name = |offset: usize| tokens.get(at + offset).and_then(identifier);
        if items && ITEMS.contains(&&word[..]) {
            let name = name(1).filter(|name| !["fn", "unsafe", "extern", "async", "mut"].contains(&&name[..]));
            self.modules[module].items.extend(name);
            return at + usize::from(word != "const");
        }
        if items && word == "macro_rules" {
            self.modules[module].items.extend(name(2));
            return at + 2;
        }
        let mut path = vec![word.clone()];
        let mut end = at;
        while is_path_separator(tokens, end + 1) {
            let Some(name) = tokens.get(end + 3).and_then(identifier) else { break };
            path.push(name);
            end += 3;
        }
        let is_field = at > 0 && is_punct(&tokens[at - 1], '.')
            || tokens.get(end + 1).is_some_and(|token| is_punct(token, ':')) && !is_path_separator(tokens, end + 1);
        if !is_field {
            let file = self.modules[module].file;
            self.words[file].insert(word);
        }
        if path.len() > 1 {
            self.references.push(Reference { module, path, kind: Kind::Path });
        }
        end
    }

    /// Reads what is behind `use`: a path that ends with a name, `*`, or a group of more.
    fn read_use(&mut self, tokens: &[TokenTree], module: usize, prefix: Vec<String>, visible: bool) {
        for tree in tokens.split(|token| is_punct(token, ',')) {
            let mut path = prefix.clone();
            let mut alias = None;
            let mut at = 0;
            while at < tree.len() {
                match &tree[at] {
                    TokenTree::Ident(word) if word == "as" => {
                        alias = tree.get(at + 1).and_then(identifier);
                        at += 1;
                    }
                    TokenTree::Ident(word) => path.push(word.to_string()),
                    TokenTree::Punct(p) if p.as_char() == '*' => path.push("*".to_owned()),
                    TokenTree::Group(group) => {
                        let inner: Vec<TokenTree> = group.stream().into_iter().collect();
                        self.read_use(&inner, module, std::mem::take(&mut path), visible);
                    }
                    _ => {}
                }
                at += 1;
            }
            if path.len() > 1 && path.last().is_some_and(|last| last == "self") {
                path.pop();
            }
            let Some(last) = path.last().cloned() else { continue };
            let name = alias.unwrap_or(last);
            if name == "*" {
                path.pop();
                self.modules[module].globs.push(path.clone());
            } else {
                self.modules[module].names.insert(name.clone(), path.clone());
            }
            let kind = if visible { Kind::Reexport(name) } else { Kind::Use(name) };
            self.references.push(Reference { module, path, kind });
        }
    }

    /// The module from which the first name of a path is looked up, and the names from there on.
    fn anchor<'a>(&self, module: usize, path: &'a [String]) -> Option<(usize, &'a [String])> {
        match path.first().map(String::as_str)? {
            "crate" => Some((0, &path[1..])),
            "self" => Some((module, &path[1..])),
            "super" => {
                let supers = path.iter().take_while(|name| *name == "super").count();
                let depth = self.modules[module].path.len().checked_sub(supers)?;
                let mut ancestor = 0;
                for name in &self.modules[module].path[..depth] {
                    ancestor = *self.modules[ancestor].children.get(name)?;
                }
                Some((ancestor, &path[supers..]))
            }
            _ => Some((module, path)),
        }
    }

    /// Follows a path of a module through children and re-exports; none if it leads out of the crate.
    fn resolve(&self, module: usize, path: &[String], reexports: usize) -> Option<Target> {
        if reexports > MAX_REEXPORTS {
            return None;
        }
        let (mut module, path) = self.anchor(module, path)?;
        for (at, name) in path.iter().enumerate() {
            let rest = &path[at + 1..];
            let here = &self.modules[module];
            let reexport = here.names.get(name).filter(|target| target[..] != path[at..]);
            match here.children.get(name) {
                // A module and an item may share a name; a path that ends with it means the item.
                Some(&child) if !rest.is_empty() || reexport.is_none() => module = child,
                _ if here.items.contains(name) => return Some(Target { module, item: Some(name.clone()) }),
                _ => {
                    if let Some(target) = reexport {
                        return self.resolve(module, &[&target[..], rest].concat(), reexports + 1);
                    }
                    let globs = here.globs.iter().filter(|glob| glob.first() != Some(name));
                    let mut found = globs.map(|glob| [&glob[..], &path[at..]].concat());
                    return found.find_map(|path| self.resolve(module, &path, reexports + 1));
                }
            }
        }
        Some(Target { module, item: None })
    }

    /// For each top-level module the others that it uses, each with an import that shows it.
    pub fn uses_of_modules(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let modules = self.modules[0].children.keys();
        let mut uses: BTreeMap<String, BTreeMap<String, String>> =
            modules.map(|module| (module.clone(), BTreeMap::new())).collect();
        for reference in &self.references {
            let Some(user) = self.modules[reference.module].path.first() else { continue };
            if let Some(used) = self.top_level(reference).filter(|used| used != user) {
                let import = format!("{} in {}", reference.path.join("::"), self.file_of(reference.module));
                uses.entry(user.clone()).or_default().entry(used).or_insert(import);
            }
        }
        uses
    }

    /// The top-level module that a path from the root names, or the one behind a re-export of the root.
    fn top_level(&self, reference: &Reference) -> Option<String> {
        let (anchor, rest) = self.anchor(reference.module, &reference.path)?;
        match self.modules[anchor].path.first() {
            // The first name of a path without `crate` or `super` is of this module or comes from a `use`.
            Some(_) if anchor == reference.module => None,
            Some(module) => Some(module.clone()),
            None => {
                let first = rest.first()?;
                if self.modules[0].children.contains_key(first) {
                    return Some(first.clone());
                }
                let target = self.resolve(0, &rest[..1], 0)?;
                self.modules[target.module].path.first().cloned()
            }
        }
    }

    fn file_of(&self, module: usize) -> &str {
        &self.files[self.modules[module].file]
    }

    /// For each file those from which it imports items, with the items.
    fn imports(&self) -> Vec<BTreeMap<usize, BTreeSet<String>>> {
        let mut imports = vec![BTreeMap::<usize, BTreeSet<String>>::new(); self.files.len()];
        for reference in &self.references {
            let Some(target) = self.resolve(reference.module, &reference.path, 0) else { continue };
            let here = &self.modules[reference.module];
            let from = self.modules[target.module].file;
            let item = match (&reference.kind, target.item) {
                // A module that hands on the items of its children does not need them.
                (Kind::Reexport(name), _)
                    if self.modules[target.module].path.starts_with(&here.path)
                        && !self.words[here.file].contains(name) =>
                {
                    continue;
                }
                (_, Some(item)) => item,
                (Kind::Use(name) | Kind::Reexport(name), None) if name == "*" => name.clone(),
                // A module alone: what is used of it has paths of its own.
                (_, None) => continue,
            };
            if from != here.file {
                imports[here.file].entry(from).or_default().insert(item);
            }
        }
        imports
    }

    /// Each set of files that import each other, directly or through others, with the items that tie them.
    pub fn circles(&self) -> Vec<String> {
        let imports = self.imports();
        let reached: Vec<BTreeSet<usize>> = (0..imports.len()).map(|file| reached_from(file, &imports)).collect();
        let mut circles = Vec::new();
        for (file, others) in reached.iter().enumerate() {
            let circle: Vec<usize> = others.iter().copied().filter(|&other| reached[other].contains(&file)).collect();
            if circle.first() != Some(&file) || circle.len() < 2 {
                continue;
            }
            let mut lines = Vec::new();
            for &file in &circle {
                for (from, items) in imports[file].iter().filter(|(from, _)| circle.contains(from)) {
                    let items: Vec<&str> = items.iter().map(String::as_str).collect();
                    lines.push(format!(
                        "  {} imports {} from {}",
                        self.files[file],
                        items.join(", "),
                        self.files[*from]
                    ));
                }
            }
            circles.push(lines.join("\n"));
        }
        circles
    }
}

/// The files that a file imports from, directly or through others.
fn reached_from(file: usize, imports: &[BTreeMap<usize, BTreeSet<String>>]) -> BTreeSet<usize> {
    let mut reached = BTreeSet::new();
    let mut open = vec![file];
    while let Some(file) = open.pop() {
        open.extend(imports[file].keys().filter(|from| reached.insert(**from)));
    }
    reached
}

fn identifier(token: &TokenTree) -> Option<String> {
    match token {
        TokenTree::Ident(word) => Some(word.to_string()),
        _ => None,
    }
}

fn is_punct(token: &TokenTree, letter: char) -> bool {
    matches!(token, TokenTree::Punct(p) if p.as_char() == letter)
}

fn is_path_separator(tokens: &[TokenTree], at: usize) -> bool {
    tokens.get(at..at + 2).is_some_and(|two| two.iter().all(|token| is_punct(token, ':')))
}

/// Whether an attribute compiles an item for tests or fuzzing only.
fn is_left_out(attribute: &Group) -> bool {
    fn words(tokens: TokenStream) -> Vec<String> {
        let words = |token| match token {
            TokenTree::Group(group) => words(group.stream()),
            token => vec![token.to_string()],
        };
        tokens.into_iter().flat_map(words).collect()
    }
    let words = words(attribute.stream());
    words.len() > 1
        && words[0] == "cfg"
        && words[1..].iter().all(|word| ["test", "fuzzing", "any", "all", ","].contains(&&word[..]))
}

/// The token after an item: behind its braces or its semicolon, or behind the comma of a field or variant.
fn after_item(tokens: &[TokenTree], start: usize) -> usize {
    const ITEMS: [&str; 13] =
        ["pub", "use", "mod", "fn", "struct", "enum", "impl", "trait", "const", "static", "type", "let", "unsafe"];
    let mut first = start;
    // More attributes of the same item.
    while tokens.get(first).is_some_and(|token| is_punct(token, '#')) {
        first += 2;
    }
    let is_item = tokens.get(first).and_then(identifier).is_some_and(|word| ITEMS.contains(&&word[..]));
    let ends = |token: &TokenTree| match token {
        TokenTree::Group(group) => is_item && group.delimiter() == Delimiter::Brace,
        token => is_punct(token, ';') || !is_item && is_punct(token, ','),
    };
    (first..tokens.len()).find(|&at| ends(&tokens[at])).map_or(tokens.len(), |at| at + 1)
}
